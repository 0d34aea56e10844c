package filter

import "github.com/wstap/wstap/decode"

// ipProtocols are the keywords for what IP carries: its number, and whether
// IPv4 alone, IPv6 alone or both are looked at.
var ipProtocols = map[string]struct {
	num uint32
	in  string
}{
	"sctp": {protoSCTP, ""}, "tcp": {protoTCP, ""}, "udp": {protoUDP, ""}, "icmp": {protoICMP, "ip"},
	"igmp": {protoIGMP, "ip"}, "igrp": {protoIGRP, "ip"}, "pim": {protoPIM, ""}, "vrrp": {protoVRRP, "ip"},
	"carp": {protoVRRP, "ip"}, "icmp6": {protoICMPv6, "ip6"}, "ah": {protoAH, ""}, "esp": {protoESP, ""},
}

// linkProtocols are the keywords for what the link carries.
var linkProtocols = map[string]uint32{
	"ip": etherIP, "arp": etherARP, "rarp": etherRARP, "atalk": etherAtalk, "aarp": etherAARP,
	"decnet": etherDECnet, "sca": etherSCA, "lat": etherLAT, "mopdl": etherMOPDL, "moprc": etherMOPRC,
	"ip6": etherIPv6, "iso": sapISO, "stp": sapSTP, "ipx": sapIPX, "netbeui": sapNetBEUI,
}

// osiProtocols are the keywords for what OSI's network layer carries.
var osiProtocols = map[string]uint32{"clnp": osiCLNP, "esis": osiESIS, "isis": osiISIS}

// isisTypes are the keywords for groups of IS-IS packets, by their types in
// the order in which they are tested.
var isisTypes = map[string][]uint32{
	"l1":   {26, 24, 18, 15, 17},
	"l2":   {27, 25, 20, 16, 17},
	"iih":  {17, 15, 16},
	"lsp":  {18, 20},
	"snp":  {27, 26, 24, 25},
	"csnp": {24, 25},
	"psnp": {26, 27},
}

// protoName compiles a protocol's keyword that stands for itself.
func (g *generator) protoName(t token) *cond {
	n := &primitive{id: t, q: qual{at: t.at}}
	if p, ok := ipProtocols[t.text]; ok {
		return g.proto(p.in, p.num, n)
	}
	if p, ok := linkProtocols[t.text]; ok {
		return g.protocol(t.at, p)
	}
	if p, ok := osiProtocols[t.text]; ok {
		return g.proto("iso", p, n)
	}
	if types, ok := isisTypes[t.text]; ok {
		var c []*cond
		for _, v := range types {
			c = append(c, g.proto("isis", v, n))
		}
		return anyOf(c...)
	}
	if t.text == "radio" {
		fail(t.at, "%q is about 802.11 and not supported", t.text)
	}
	fail(t.at, "%q alone is no test: add host, src, dst, proto, broadcast or multicast", t.text)
	return nil
}

// proto tests that in carries protocol v (gen_proto).
func (g *generator) proto(in string, v uint32, n *primitive) *cond {
	switch in {
	case "":
		ip := g.proto("ip", v, n)
		return or(ip, g.proto("ip6", v, n))
	case "ether":
		return g.protocol(n.id.at, v)
	case "ip":
		return and(g.protocol(n.id.at, etherIP), g.cmp(atNet, 9, sizeB, v))
	case "ip6":
		// Also behind a fragment header.
		return and(g.protocol(n.id.at, etherIPv6), or(g.cmp(atNet, 6, sizeB, v),
			and(g.cmp(atNet, 6, sizeB, protoFrag), g.cmp(atNet, 40, sizeB, v))))
	case "iso":
		switch g.link {
		case decode.LinkFrameRelay:
			return g.cmp(atLink, 2, sizeH, 0x0300|v)
		case decode.LinkHDLC: // with a byte of padding
			return and(g.protocol(n.id.at, sapISO), g.cmp(atNoSNAP, 1, sizeB, v))
		}
		return and(g.protocol(n.id.at, sapISO), g.cmp(atNoSNAP, 0, sizeB, v))
	case "isis":
		return and(g.proto("iso", osiISIS, n), g.cmp(atNoSNAP, 4, sizeB, v))
	}
	fail(n.q.at, "%q does not carry protocols that proto could name", in)
	return nil
}

// keyword compiles a test that one word names.
func (g *generator) keyword(n *keyword) *cond {
	switch n.word.text {
	case "broadcast":
		return g.broadcast(n)
	case "multicast":
		return g.multicast(n)
	case "less":
		return not(&cond{stmts: []stmt{{code: ldLen}}, test: jmpGT, k: n.arg.num})
	case "greater":
		return &cond{stmts: []stmt{{code: ldLen}}, test: jmpGE, k: n.arg.num}
	case "byte":
		return g.byteTest(n)
	case "inbound", "outbound":
		return g.direction(n)
	case "ifindex":
		return g.ifindex(n)
	case "vlan":
		return g.vlan(n)
	case "mpls":
		return g.mpls(n)
	case "pppoed":
		return g.protocol(n.at, etherPPPoED)
	case "pppoes":
		return g.pppoes(n)
	case "geneve":
		return g.geneveTest(n)
	case "llc":
		return g.llc(n)
	}
	return g.protoName(n.word)
}

// broadcast is libpcap's gen_broadcast.
func (g *generator) broadcast(n *keyword) *cond {
	switch n.proto.text {
	case "", "ether":
		if !g.hasAddresses() {
			fail(n.at, "%s has no broadcast", g.linkName())
		}
		return and(g.inner(), g.macDst(func(off uint32) *cond {
			return g.bytes(atLink, off, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		}))
	case "ip":
		host := ^g.t.Netmask
		return and(g.protocol(n.at, etherIP), or(g.masked(atNet, 16, sizeW, 0, host),
			g.masked(atNet, 16, sizeW, host, host)))
	}
	fail(n.proto.at, "%q has no broadcast: ether has", n.proto.text)
	return nil
}

// multicast is libpcap's gen_multicast.
func (g *generator) multicast(n *keyword) *cond {
	switch n.proto.text {
	case "", "ether":
		if !g.hasAddresses() {
			fail(n.at, "%s has no multicast", g.linkName())
		}
		return and(g.inner(), g.macDst(func(off uint32) *cond { return g.bit(off, 1) }))
	case "ip":
		return and(g.protocol(n.at, etherIP), g.test(atNet, 16, sizeB, 0xffffffff, jmpGE, 224))
	case "ip6":
		return and(g.protocol(n.at, etherIPv6), g.cmp(atNet, 24, sizeB, 255))
	}
	fail(n.proto.at, "%q has no multicast: ether, ip and ip6 have", n.proto.text)
	return nil
}

// byteTest tests a byte from the link header on (gen_byteop).
func (g *generator) byteTest(n *keyword) *cond {
	off, v := n.arg.num, n.arg2.num
	switch n.op.text {
	case "=":
		return g.cmp(atLink, off, sizeB, v)
	case "<":
		return not(g.test(atLink, off, sizeB, 0xffffffff, jmpGE, v))
	case ">":
		return g.test(atLink, off, sizeB, 0xffffffff, jmpGT, v)
	}
	// libpcap forgets to load the byte for these two, and tests what A holds.
	op := uint16(aluAND)
	if n.op.text == "|" {
		op = aluOR
	}
	return not(&cond{stmts: []stmt{{code: opALU | op, k: v}}, test: jmpEQ})
}

// direction tests which way the frame went (gen_inbound).
func (g *generator) direction(n *keyword) *cond {
	var out *cond
	switch {
	case g.link == decode.LinkSLL:
		out = g.cmp(atLink, 0, sizeH, sllOutgoing)
	case g.link == decode.LinkSLL2:
		out = g.cmp(atLink, 10, sizeB, sllOutgoing)
	case g.link == decode.LinkPPPPPPD:
		return g.told(n, 0, sizeB, 0, 1)
	case g.link == decode.LinkIPNET:
		return g.told(n, 2, sizeH, 2, 1)
	case g.link == decode.LinkPFLog:
		return g.told(n, 60, sizeB, 1, 2)
	case g.t.Live:
		out = &cond{stmts: []stmt{{code: ldExt, k: extPktType}}, test: jmpEQ, k: sllOutgoing}
	default:
		fail(n.at, "a file of link type %s does not tell the direction, so %q is not known", g.linkName(), n.word.text)
	}
	if n.word.text == "inbound" {
		return not(out)
	}
	return out
}

// told tests a field of the link header that tells the direction.
func (g *generator) told(n *keyword, off uint32, size uint16, in, out uint32) *cond {
	if n.word.text == "inbound" {
		return g.cmp(atLink, off, size, in)
	}
	return g.cmp(atLink, off, size, out)
}

// ifindex tests which interface the frame was captured on (gen_ifindex).
func (g *generator) ifindex(n *keyword) *cond {
	switch {
	case g.link == decode.LinkSLL2:
		return g.cmp(atLink, 4, sizeW, n.arg.num)
	case g.t.Live:
		return &cond{stmts: []stmt{{code: ldExt, k: extIfIndex}}, test: jmpEQ, k: n.arg.num}
	}
	fail(n.at, "a file of link type %s does not tell the interface", g.linkName())
	return nil
}

// vlan tests for a VLAN tag, and moves on behind it (gen_vlan_no_bpf_extensions). Live
// programs are generated alike; place finds the tag where the kernel put it.
func (g *generator) vlan(n *keyword) *cond {
	if g.labels > 0 {
		fail(n.at, "a VLAN tag behind mpls cannot be looked at")
	}
	if !g.isEther() && (!g.isDot11() || g.link == decode.LinkPPI) {
		fail(n.at, "there are no VLAN tags on %s", g.linkName())
	}
	c := anyOf(g.protocol(n.at, etherVLAN), g.protocol(n.at, etherVLANAD), g.protocol(n.at, etherVLANQinQ))
	if n.arg.kind != tEnd {
		if n.arg.num > 0xfff {
			fail(n.arg.at, "VLAN %d is greater than 4095", n.arg.num)
		}
		c = and(c, g.masked(atLLC, 0, sizeH, n.arg.num, 0xfff))
	}
	g.payload.k += 4
	g.linkType.k += 4
	return c
}

// mpls tests for an MPLS label, and moves on behind it (gen_mpls).
func (g *generator) mpls(n *keyword) *cond {
	var c *cond
	switch {
	case g.labels > 0: // the label before must not be the stack's bottom
		c = g.masked(atNet, ^uint32(1), sizeB, 0, 1)
	case g.isEther(), g.link == decode.LinkHDLC:
		c = g.protocol(n.at, etherMPLS)
	case g.link == linkPPP:
		c = g.protocol(n.at, 0x0281)
	default:
		fail(n.at, "there are no MPLS labels on %s", g.linkName())
	}
	if n.arg.kind != tEnd {
		if n.arg.num > 0xfffff {
			fail(n.arg.at, "MPLS label %d is greater than 1048575", n.arg.num)
		}
		c = and(c, g.masked(atNet, 0, sizeW, n.arg.num<<12, 0xfffff000))
	}
	g.nl += 4
	g.nlNoSNAP += 4
	g.labels++
	return c
}

// pppoes tests for a PPPoE session, and moves on to the PPP that it carries
// (gen_pppoes).
func (g *generator) pppoes(n *keyword) *cond {
	c := g.protocol(n.at, etherPPPoES)
	if n.arg.kind != tEnd {
		if n.arg.num > 0xffff {
			fail(n.arg.at, "PPPoE session %d is greater than 65535", n.arg.num)
		}
		c = and(c, g.masked(atNet, 0, sizeW, n.arg.num, 0xffff))
	}
	g.link = linkPPP
	g.geneve = false
	g.linkHdr = g.payload
	g.linkHdr.k += g.nl + 6
	g.linkType = g.linkHdr
	g.payload.k = g.linkHdr.k + 2
	g.nl, g.nlNoSNAP = 0, 0
	return c
}

// llcTypes are the names for LLC's supervisory and unnumbered frames.
var llcTypes = map[string]struct{ v, mask uint32 }{
	"s": {1, 3}, "u": {3, 3},
	"rr": {0x01, 0x0f}, "rnr": {0x05, 0x0f}, "rej": {0x09, 0x0f},
	"ui": {0x03, 0xef}, "ua": {0x63, 0xef}, "disc": {0x43, 0xef}, "dm": {0x0f, 0xef}, "sabme": {0x6f, 0xef},
	"test": {0xe3, 0xef}, "xid": {0xaf, 0xef}, "frmr": {0x87, 0xef},
}

// llc tests for LLC frames (gen_llc and its like).
func (g *generator) llc(n *keyword) *cond {
	c := g.hasLLC(n.at)
	name := lowerASCII(n.arg.text)
	if t, ok := llcTypes[name]; ok {
		return and(c, g.masked(atLLC, 2, sizeB, t.v, t.mask))
	}
	switch name {
	case "":
		if c == nil {
			c = always(true)
		}
		return c
	case "i":
		return and(c, not(g.test(atLLC, 2, sizeB, 0xffffffff, jmpSET, 1)))
	}
	fail(n.arg.at, "%q is no LLC type: i, s, u, rr, rnr, rej, ui, ua, disc, dm, sabme, test, xid and frmr are", n.arg.text)
	return nil
}

// hasLLC tests that an LLC header follows; nil: it always does.
func (g *generator) hasLLC(at span) *cond {
	switch g.link {
	case decode.LinkEthernet:
		// Novell's IPX without LLC begins with two bytes 0xff.
		return and(g.isLength(), not(g.cmp(atLLC, 0, sizeH, 0xffff)))
	case decode.LinkTokenRing, decode.LinkFDDI, decode.LinkATM:
		return nil
	case decode.LinkSunATM:
		return g.sunLLC()
	}
	if g.isDot11() {
		return g.dot11Data()
	}
	fail(at, "there is no LLC on %s", g.linkName())
	return nil
}
