package filter

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

// primitive compiles an address, port or protocol with its qualifiers. As in libpcap's
// grammar the kind of token decides which code is generated.
func (g *generator) primitive(n *primitive) *cond {
	if n.q.none {
		if n.id.kind == tName {
			fail(n.id.at, "%s stands alone: say what it is, such as host or port", quote(n.id))
		}
		fail(n.id.at, "%s stands alone: say what it is, such as host %s or port %s", quote(n.id), n.id.text, n.id.text)
	}
	switch n.id.kind {
	case tName:
		return g.name(n)
	case tIPv4:
		return g.ipv4(n)
	case tIPv6:
		return g.ipv6(n)
	case tMAC:
		if n.q.proto != "ether" || n.q.addr != "" && n.q.addr != "host" {
			fail(n.id.at, "a MAC address needs \"ether host\", \"ether src\" or \"ether dst\"")
		}
		if !g.hasAddresses() {
			fail(n.id.at, "there are no MAC addresses on %s", g.linkName())
		}
		return and(g.inner(), g.mac(n, macBytes(n.id.text)))
	case tARCnet:
		fail(n.id.at, "ARCnet addresses work on no link type here")
	}
	return g.numbered(n)
}

func (g *generator) linkName() string { return g.link.String() }

// numbered compiles a primitive whose id is a number (gen_ncode).
func (g *generator) numbered(n *primitive) *cond {
	v, q := n.id.num, n.q
	switch q.addr {
	case "", "host", "net":
		switch q.proto {
		case "decnet":
			return g.decnet(n, v)
		case "ether":
			fail(n.id.at, "%q is no MAC address", n.id.text)
		}
		mask := uint32(0xffffffff)
		if q.addr == "net" {
			for v != 0 && v&0xff000000 == 0 {
				v, mask = v<<8, mask<<8
			}
		}
		return g.address(n, v, mask)
	case "port", "portrange":
		proto := g.portProto(n)
		g.checkPort(n, v)
		if q.addr == "port" {
			return g.ports(n, proto, v, v, false)
		}
		return g.ports(n, proto, v, v, true)
	case "gateway":
		fail(q.at, "gateway is not supported, as in libpcap with IPv6")
	case "proto":
		return g.proto(n.q.proto, v, n)
	case "protochain":
		return g.protochain(n, v)
	}
	panic("filter: unknown qualifier " + q.addr)
}

// ipv4 compiles a primitive whose id is a dotted IPv4 address (gen_ncode), perhaps with
// a mask (gen_mcode).
func (g *generator) ipv4(n *primitive) *cond {
	q := n.q
	if n.mask.kind != tEnd {
		addr, bits := g.dotted(n.id)
		addr <<= 32 - bits
		var mask uint32
		if n.mask.kind == tNum {
			if n.mask.num > 32 {
				fail(n.mask.at, "a mask has at most 32 bits")
			}
			mask = uint32(0xffffffff << (32 - uint64(n.mask.num)))
		} else {
			m, mbits := g.dotted(n.mask)
			mask = m << (32 - mbits)
		}
		at := n.id.at.to(n.mask.at)
		if addr&^mask != 0 {
			fail(at, "%s has bits set outside of its mask", n.id.text)
		}
		if q.addr != "net" {
			fail(at, "masks are for net only")
		}
		return g.address(n, addr, mask)
	}
	switch q.addr {
	case "port", "portrange", "proto", "protochain":
		fail(n.id.at, "%q applied to the IPv4 address %s", q.addr, n.id.text)
	case "gateway":
		fail(q.at, "gateway is not supported, as in libpcap with IPv6")
	}
	if q.proto == "decnet" {
		if !allDigits(n.id.text[:strings.IndexByte(n.id.text, '.')]) {
			fail(n.id.at, "%q is no DECnet address: 1.2 is one", n.id.text)
		}
		area, node := decnetNumber(n.id)
		return g.decnet(n, area<<10&0xfc00|node&0x03ff)
	}
	addr, bits := g.dotted(n.id)
	if q.proto == "ether" {
		fail(n.id.at, "%q is no MAC address", n.id.text)
	}
	return g.address(n, addr<<(32-bits), 0xffffffff<<(32-bits))
}

// dotted reads two to four dotted decimal numbers, and how many bits they are.
func (g *generator) dotted(t token) (addr uint32, bits uint) {
	for part := range strings.SplitSeq(t.text, ".") {
		v := uint32(0)
		for i := range len(part) {
			if v > 25 || !isDigit(part[i]) {
				fail(t.at, "%q is no IPv4 address", t.text)
			}
			v = v*10 + uint32(part[i]-'0')
		}
		if v > 255 {
			fail(t.at, "%q is no IPv4 address", t.text)
		}
		addr, bits = addr<<8|v, bits+8
	}
	return addr, bits
}

// ipv6 compiles a primitive whose id is an IPv6 address (gen_mcode6).
func (g *generator) ipv6(n *primitive) *cond {
	addr := netip.MustParseAddr(n.id.text).As16()
	prefix := uint32(128)
	at := n.id.at
	if n.mask.kind != tEnd {
		prefix = n.mask.num
		at = at.to(n.mask.at)
	}
	if prefix > 128 {
		fail(n.mask.at, "an IPv6 prefix has at most 128 bits")
	}
	p := netip.PrefixFrom(netip.AddrFrom16(addr), int(prefix))
	if p.Masked().Addr() != p.Addr() {
		fail(at, "%s has bits set outside of its mask", n.id.text)
	}
	switch n.q.addr {
	case "", "host":
		if prefix != 128 {
			fail(at, "masks are for net only")
		}
	case "net":
	default:
		fail(n.id.at, "%q applied to the IPv6 address %s", n.q.addr, n.id.text)
	}
	return g.address6(n, addr, prefix)
}

// kindOf names what is compiled, for errors.
func (n *primitive) kindOf() string {
	if n.q.addr == "net" {
		return "net"
	}
	return "host"
}

// address tests for an IPv4 host or network, in IP, ARP and RARP (gen_host). Behind
// MPLS labels there is no ARP.
func (g *generator) address(n *primitive, addr, mask uint32) *cond {
	ip := func() *cond { return g.addressIn(n, etherIP, 12, 16, addr, mask) }
	arp := func() *cond { return g.addressIn(n, etherARP, 14, 24, addr, mask) }
	rarp := func() *cond { return g.addressIn(n, etherRARP, 14, 24, addr, mask) }
	switch n.q.proto {
	case "":
		c := ip()
		if g.labels == 0 {
			c = or(or(c, arp()), rarp())
		}
		return c
	case "ip":
		return ip()
	case "arp":
		return arp()
	case "rarp":
		return rarp()
	case "decnet":
		return g.decnet(n, addr)
	}
	fail(n.q.at, "%q cannot qualify an IPv4 %s", n.q.proto, n.kindOf())
	return nil
}

// directed combines tests of the source and the destination.
func (g *generator) directed(n *primitive, src, dst func() *cond) *cond {
	switch n.q.dir {
	case "src":
		return src()
	case "dst":
		return dst()
	case "src and dst":
		return and(src(), dst())
	case "", "src or dst":
		return or(src(), dst())
	}
	fail(n.q.at, "%q is about 802.11 and not supported", n.q.dir)
	return nil
}

// addressIn tests for it at the offsets of one protocol (gen_hostop). Each side tests
// for the protocol again: the optimizer sees that it need not.
func (g *generator) addressIn(n *primitive, proto, src, dst, addr, mask uint32) *cond {
	at := func(off uint32) func() *cond {
		return func() *cond {
			return and(g.protocol(n.id.at, proto), g.masked(atNet, off, sizeW, addr, mask))
		}
	}
	return g.directed(n, at(src), at(dst))
}

// address6 tests for an IPv6 host or network (gen_host6, gen_hostop6).
func (g *generator) address6(n *primitive, addr [16]byte, prefix uint32) *cond {
	if n.q.proto != "" && n.q.proto != "ip6" {
		fail(n.q.at, "%q cannot qualify an IPv6 %s", n.q.proto, n.kindOf())
	}
	at := func(off uint32) func() *cond {
		return func() *cond {
			c := g.protocol(n.id.at, etherIPv6)
			for i := uint32(0); i < 4; i++ {
				mask := uint32(0)
				if prefix > 32*i {
					mask = uint32(0xffffffff << (32 - min(uint64(prefix-32*i), 32)))
				}
				word := binary.BigEndian.Uint32(addr[4*i:])
				c = and(c, g.masked(atNet, off+4*i, sizeW, word, mask))
			}
			return c
		}
	}
	return g.directed(n, at(8), at(24))
}

// mac tests for a hardware address (gen_ehostop and its like for other links).
func (g *generator) mac(n *primitive, addr []byte) *cond {
	test := func(off uint32) *cond { return g.bytes(atLink, off, addr) }
	if g.isDot11() {
		return g.directed(n, func() *cond { return g.dot11Src(test) }, func() *cond { return g.dot11Dst(test) })
	}
	dst, src := g.addressOffsets()
	return g.directed(n, func() *cond { return test(src) }, func() *cond { return test(dst) })
}

// macDst tests the receiver's hardware address.
func (g *generator) macDst(test func(off uint32) *cond) *cond {
	if g.isDot11() {
		return g.dot11Dst(test)
	}
	dst, _ := g.addressOffsets()
	return test(dst)
}

// macBytes reads a token of the form that the lexer takes for a MAC address.
func macBytes(s string) []byte {
	var b []byte
	for i := 0; i < len(s); {
		if !isHex(s[i]) {
			i++
		}
		n := hexRun(s[i:], 2)
		v := byte(0)
		for _, c := range []byte(s[i : i+n]) {
			d := c - '0'
			if !isDigit(c) {
				d = (c | 0x20) - 'a' + 10
			}
			v = v<<4 | d
		}
		b = append(b, v)
		i += n
	}
	return b
}

// inner tests that a header that something else carries is there at all
// (gen_prevlinkhdr_check).
func (g *generator) inner() *cond {
	if g.geneve {
		return g.geneveEther()
	}
	return nil
}

// decnetNumber reads "area.node".
func decnetNumber(t token) (area, node uint32) {
	parts := strings.Split(t.text, ".")
	for i, p := range []*uint32{&area, &node} {
		for _, c := range []byte(parts[i]) {
			if !isDigit(c) {
				break
			}
			*p = *p*10 + uint32(c-'0')
		}
	}
	return area, node
}

// decnet tests for a DECnet node in data packets, whose header is long or
// short and may be padded by one byte (gen_dnhostop).
func (g *generator) decnet(n *primitive, addr uint32) *cond {
	swapped := addr<<8&0xff00 | addr>>8&0xff
	at := func(long, short uint32) func() *cond {
		return func() *cond {
			flags := func(off uint32, size uint16, v, mask, addrOff uint32) *cond {
				return and(g.masked(atNet, off, size, v, mask), g.cmp(atNet, addrOff, sizeH, swapped))
			}
			c := anyOf(
				flags(2, sizeB, 0x02, 0x07, 2+short),
				anyOf(flags(2, sizeH, 0x8102, 0xff07, 2+1+short),
					or(flags(2, sizeB, 0x06, 0x07, 2+long),
						flags(2, sizeH, 0x8106, 0xff07, 2+1+long))))
			return and(g.protocol(n.id.at, etherDECnet), c)
		}
	}
	return g.directed(n, at(15, 3), at(7, 1))
}

func (g *generator) portProto(n *primitive) uint32 {
	switch n.q.proto {
	case "":
		return 0
	case "tcp":
		return protoTCP
	case "udp":
		return protoUDP
	case "sctp":
		return protoSCTP
	}
	fail(n.q.at, "%q cannot qualify a port: tcp, udp and sctp can", n.q.proto)
	return 0
}

func (g *generator) checkPort(n *primitive, v uint32) {
	if v > 65535 {
		fail(n.id.at, "port %d is greater than 65535", v)
	}
}

// ports tests for a port, or a range of them, of a protocol, or of TCP, UDP
// and SCTP where proto is 0. IPv6 is tested first (gen_port6, then gen_port).
func (g *generator) ports(n *primitive, proto, lo, hi uint32, isRange bool) *cond {
	ip := g.port4(n, proto, lo, hi, isRange)
	return or(g.port6(n, proto, lo, hi, isRange), ip)
}

// port4 looks behind IPv4's header, whose length varies (gen_port, gen_portop).
func (g *generator) port4(n *primitive, proto, lo, hi uint32, isRange bool) *cond {
	return and(g.protocol(n.id.at, etherIP), eachPortProto(proto, func(p uint32) *cond {
		return and(and(g.cmp(atNet, 9, sizeB, p), g.firstFragment()),
			g.portAt(n, atTranIP, lo, hi, isRange))
	}))
}

// port6 looks behind IPv6's fixed header only, as gen_portop6 does: extension headers
// would need a loop.
func (g *generator) port6(n *primitive, proto, lo, hi uint32, isRange bool) *cond {
	return and(g.protocol(n.id.at, etherIPv6), eachPortProto(proto, func(p uint32) *cond {
		return and(g.cmp(atNet, 6, sizeB, p), g.portAt(n, atTranIP6, lo, hi, isRange))
	}))
}

// eachPortProto joins the protocols in libpcap's order.
func eachPortProto(proto uint32, of func(uint32) *cond) *cond {
	if proto != 0 {
		return of(proto)
	}
	tcpUDP := or(of(protoTCP), of(protoUDP))
	return or(of(protoSCTP), tcpUDP)
}

// portAt tests the ports in the transport header (gen_portatom, gen_portrangeatom).
func (g *generator) portAt(n *primitive, b base, lo, hi uint32, isRange bool) *cond {
	if lo > hi {
		lo, hi = hi, lo
	}
	port := func(off uint32) func() *cond {
		return func() *cond {
			if !isRange {
				return g.cmp(b, off, sizeH, lo)
			}
			return and(g.test(b, off, sizeH, 0xffffffff, jmpGE, lo),
				not(g.test(b, off, sizeH, 0xffffffff, jmpGT, hi)))
		}
	}
	return g.directed(n, port(0), port(2))
}

// firstFragment tests that an IPv4 packet is whole or the first fragment: others have
// no ports (gen_ipfrag).
func (g *generator) firstFragment() *cond {
	return not(g.test(atNet, 6, sizeH, 0xffffffff, jmpSET, 0x1fff))
}
