package filter

import "github.com/wstap/wstap/decode"

// A linkLayout says where a link type has what filters ask for, as libpcap's
// init_linktype does. Offsets are from the frame's beginning, but for nl and
// noSNAP, which are from the end of the link header.
type linkLayout struct {
	header   uint32 // where the link header begins, behind what devices put there
	typ      uint32 // the field that names the network protocol
	payload  uint32 // the end of the link header, where LLC may begin
	nl       uint32 // the network header behind LLC and SNAP
	noSNAP   uint32 // the same without SNAP
	dst, src uint32 // hardware addresses, from the header; the same: there are none
	varying  bool   // payload is what a prologue computes
	behind   bool   // so is header
}

// layouts are the link types of files beside those that Linux captures.
var layouts = map[decode.LinkType]linkLayout{
	decode.LinkPPP:         {typ: 2, payload: 4},
	decode.LinkPPPSerial:   {typ: 2, payload: 4},
	decode.LinkPPPPPPD:     {typ: 2, payload: 4},
	decode.LinkPPPoE:       {typ: 6, payload: 8},
	decode.LinkHDLC:        {typ: 2, payload: 4},
	decode.LinkFrameRelay:  {typ: 2, payload: 4},
	decode.LinkTokenRing:   {typ: 14, payload: 14, nl: 8, noSNAP: 3, dst: 2, src: 8},
	decode.LinkFDDI:        {typ: 13, payload: 13, nl: 8, noSNAP: 3, dst: 1, src: 7},
	decode.LinkATM:         {nl: 8, noSNAP: 3},
	decode.LinkSunATM:      {typ: 4, payload: 4, nl: 8, noSNAP: 3},
	decode.LinkIPFC:        {typ: 16, payload: 16, nl: 8, noSNAP: 3, dst: 2, src: 10},
	decode.LinkFirewire:    {typ: 16, payload: 18},
	decode.LinkENC:         {payload: 12},
	decode.LinkIPNET:       {typ: 1, payload: 24},
	decode.LinkNetAnalyzer: {header: 4, typ: 16, payload: 18, noSNAP: 3, dst: 0, src: 6},
	decode.LinkPFLog:       {varying: true},
	decode.LinkDot11:       {nl: 8, noSNAP: 3, varying: true},
	decode.LinkRadiotap:    {nl: 8, noSNAP: 3, varying: true, behind: true},
	decode.LinkPrism:       {nl: 8, noSNAP: 3, varying: true, behind: true},
	decode.LinkAVS:         {nl: 8, noSNAP: 3, varying: true, behind: true},
	decode.LinkPPI:         {nl: 8, noSNAP: 3, varying: true, behind: true},
}

// Registers that hold varying offsets are taken when one is first asked for.
const (
	regHeader  = -1
	regPayload = -2
)

// layOut makes the offsets those of a link type. Of one that libpcap knows
// nothing of, bytes and lengths can be asked for, and no protocol.
func (g *generator) layOut(l decode.LinkType) {
	lay, ok := layouts[l]
	if !ok {
		g.linkType.k = unset
		return
	}
	g.linkHdr = offset{k: lay.header, variable: lay.behind, reg: regHeader}
	g.linkType = offset{k: lay.typ}
	g.payload = offset{k: lay.payload, variable: lay.varying, reg: regPayload}
	g.nl, g.nlNoSNAP = lay.nl, lay.noSNAP
	g.opaque = l == decode.LinkPrism // whose prologue always has branches
}

// register returns the register of a varying offset.
func (g *generator) register(reg int) int {
	if reg >= 0 {
		return reg
	}
	if reg == regPayload && layouts[g.t.Link].behind {
		g.register(regHeader) // the prologue begins with it
	}
	if reg == regPayload && g.t.Link != decode.LinkPFLog {
		g.opaque = true // the optimizer does not see what a prologue of several blocks leaves in X
	}
	p := &g.varying[-1-reg]
	if *p == nil {
		r := g.alloc(everywhere)
		*p = &r
	}
	return **p
}

// prologue puts before root what computes the varying offsets that it uses.
func (g *generator) prologue(root, no *block) *block {
	header, payload := g.varying[-1-regHeader], g.varying[-1-regPayload]
	switch g.t.Link {
	case decode.LinkPFLog: // the header's length, rounded up
		if payload != nil {
			root = first(root, stmt{code: opLD | modeABS | sizeB}, stmt{code: opALU | aluADD, k: 3},
				stmt{code: opALU | aluAND, k: ^uint32(3)}, stmt{code: opST, k: uint32(*payload)}, stmt{code: tax})
		}
		return root
	case decode.LinkDot11:
		if payload != nil {
			root = first(g.dot11Length(uint32(*payload), root), stmt{code: ldxImm})
		}
		return root
	}
	if payload != nil {
		root = g.dot11Length(uint32(*payload), root)
	}
	if header != nil {
		root = prefixLength(g.t.Link, uint32(*header), root)
	}
	if g.t.Link == decode.LinkPPI { // which carries other link types, too
		root = &block{stmts: []stmt{{code: opLD | modeABS | sizeW, k: 4}}, code: opJMP | jmpEQ,
			k: uint32(decode.LinkDot11) << 24, succ: [2]*block{root, no}}
	}
	return root
}

// first puts statements before those of the root: the optimizer takes no block
// of their own there.
func first(root *block, s ...stmt) *block {
	root.stmts = append(s, root.stmts...)
	return root
}

// prefixLength computes the length of what stands before an 802.11 header, into
// a register and X.
func prefixLength(l decode.LinkType, reg uint32, next *block) *block {
	next = first(next, stmt{code: opST, k: reg}, stmt{code: tax})
	word := func(k uint32) stmt { return stmt{code: opLD | modeABS | sizeW, k: k} }
	switch l {
	case decode.LinkAVS:
		return first(next, word(4))
	case decode.LinkPrism: // or AVS
		const prismLen, avs = 144, 0x80211000
		return &block{stmts: []stmt{word(0), {code: opALU | aluAND, k: 0xfffff000}}, code: opJMP | jmpEQ, k: avs,
			succ: [2]*block{step([]stmt{word(4)}, next), step([]stmt{{code: ldImm, k: prismLen}}, next)}}
	}
	return first(next, stmt{code: opLD | modeABS | sizeB, k: 3}, stmt{code: opALU | aluLSH, k: 8}, stmt{code: tax},
		stmt{code: opLD | modeABS | sizeB, k: 2}, stmt{code: opALU | aluOR | srcX})
}

// dot11Length computes where an 802.11 header at X ends, into a register: data
// frames may have QoS control and, as radiotap's flags say, padding. As in libpcap,
// padding is up to a multiple of 4 of the whole frame, which is right only behind
// radiotap headers of such a length, and four addresses are not reckoned with.
func (g *generator) dot11Length(reg uint32, next *block) *block {
	jump := func(s []stmt, bits uint32, yes, no *block) *block {
		return &block{stmts: s, code: opJMP | jmpSET, k: bits, succ: [2]*block{yes, no}}
	}
	plus := func(n uint32, next *block, more ...stmt) *block {
		s := append([]stmt{{code: ldMem, k: reg}, {code: opALU | aluADD, k: n}}, more...)
		return step(append(s, stmt{code: opST, k: reg}), next)
	}
	padding := next
	if g.t.Link == decode.LinkRadiotap {
		const flags, tsft, more = 0x02000000, 0x01000000, 0x80 // of the little-endian word, as read
		const padded = 0x20
		pad := plus(3, next, stmt{code: opALU | aluAND, k: ^uint32(3)})
		at := func(k uint32) *block {
			return jump([]stmt{{code: opLD | modeABS | sizeB, k: k}}, padded, pad, next)
		}
		padding = jump([]stmt{{code: opLD | modeABS | sizeW, k: 4}}, flags,
			jump(nil, more, next, jump(nil, tsft, at(16), at(8))), next)
	}
	const data, control, qos = 8, 4, 0x80
	s := []stmt{{code: txa}, {code: opALU | aluADD, k: 24}, {code: opST, k: reg}, {code: opLD | modeIND | sizeB}}
	return jump(s, data, jump(nil, control, next, jump(nil, qos, plus(2, padding), padding)), next)
}

// isDot11 reports whether the header now looked at is 802.11's.
func (g *generator) isDot11() bool {
	switch g.link {
	case decode.LinkDot11, decode.LinkRadiotap, decode.LinkPrism, decode.LinkAVS, decode.LinkPPI:
		return true
	}
	return false
}

// isEther reports whether the header now looked at is Ethernet's.
func (g *generator) isEther() bool {
	return g.link == decode.LinkEthernet || g.link == decode.LinkNetAnalyzer
}

// bit tests bits of a byte of the link header.
func (g *generator) bit(off, bits uint32) *cond {
	return g.test(atLink, off, sizeB, 0xffffffff, jmpSET, bits)
}

// dot11Data tests for data frames.
func (g *generator) dot11Data() *cond { return and(not(g.bit(0, 4)), g.bit(0, 8)) }

// rareProtocol is protocol for the link types of layouts.
func (g *generator) rareProtocol(at span, p uint32) *cond {
	switch g.link {
	case decode.LinkPPPSerial, decode.LinkPPPPPPD, decode.LinkPPPoE:
		return g.cmp(atType, 0, sizeH, pppProtocol(p))
	case decode.LinkHDLC:
		if p == sapISO {
			p |= p << 8
		}
		return g.cmp(atType, 0, sizeH, p)
	case decode.LinkFirewire:
		return g.cmp(atType, 0, sizeH, p)
	case decode.LinkTokenRing, decode.LinkFDDI, decode.LinkATM, decode.LinkIPFC:
		return g.llcProtocol(p)
	case decode.LinkSunATM:
		return and(g.sunLLC(), g.llcProtocol(p))
	case decode.LinkENC:
		return g.familyProtocol(p)
	case decode.LinkIPNET:
		return g.familyByte(p, 26)
	case decode.LinkPFLog:
		return g.familyByte(p, 10, 24, 28, 30) // libpcap knows that of its own system
	case decode.LinkFrameRelay:
		return g.frameRelay(at, p)
	}
	if g.isDot11() {
		return and(g.dot11Data(), g.llcProtocol(p))
	}
	fail(at, "link type %s has no filter for protocols, addresses and ports", g.linkName())
	return nil
}

// familyProtocol tests the address family of a BSD header.
func (g *generator) familyProtocol(p uint32) *cond {
	switch p {
	case etherIP:
		return g.family(2)
	case etherIPv6:
		// Each BSD has its own AF_INET6.
		return anyOf(g.family(24), g.family(28), g.family(30))
	}
	return always(false)
}

// familyByte tests an address family in the second byte; six are AF_INET6.
func (g *generator) familyByte(p uint32, six ...uint32) *cond {
	switch p {
	case etherIP:
		return g.cmp(atLink, 1, sizeB, 2)
	case etherIPv6:
		var c []*cond
		for _, af := range six {
			c = append(c, g.cmp(atLink, 1, sizeB, af))
		}
		return anyOf(c...)
	}
	return always(false)
}

// frameRelay tests the protocol behind an address of two bytes. libpcap's
// programs do that, too, but then look for IP at the beginning of the frame.
func (g *generator) frameRelay(at span, p uint32) *cond {
	const unnumbered = 0x0300
	switch p {
	case etherIP:
		return g.cmp(atLink, 2, sizeH, unnumbered|0xcc)
	case etherIPv6:
		return g.cmp(atLink, 2, sizeH, unnumbered|0x8e)
	case sapISO:
		return g.cmp(atLink, 2, sizeH, unnumbered|0x83)
	}
	return always(false)
}

// sunLLC tests for LLC in the header of SunATM.
func (g *generator) sunLLC() *cond {
	const llc, kinds = 2, 0x0f
	return g.masked(atLink, 0, sizeB, llc, kinds)
}

// llcProtocol is etherProtocol where LLC always follows.
func (g *generator) llcProtocol(p uint32) *cond {
	switch p {
	case sapISO, sapIP, sapNetBEUI:
		return g.cmp(atLLC, 0, sizeH, p<<8|p)
	case sapIPX:
		return g.cmp(atLLC, 0, sizeB, sapIPX)
	case etherAtalk:
		return g.snap(0x080007, p)
	}
	if p <= etherMax8023 {
		return g.cmp(atLLC, 0, sizeB, p)
	}
	return g.cmp(atLLC, 6, sizeH, p)
}

// hasAddresses reports whether the header now looked at has hardware addresses
// that can be asked for.
func (g *generator) hasAddresses() bool {
	lay := layouts[g.link]
	return g.isEther() || g.isDot11() || lay.dst != lay.src
}

// addressOffsets are those of the hardware addresses in the header.
func (g *generator) addressOffsets() (dst, src uint32) {
	if lay, ok := layouts[g.link]; ok {
		return lay.dst, lay.src
	}
	return 0, 6
}

// dot11Src tests the sender's address, whose place depends on where a frame comes
// from and goes to.
func (g *generator) dot11Src(test func(off uint32) *cond) *cond {
	from := func(clear, set uint32) *cond {
		return or(and(g.bit(1, 2), test(set)), and(not(g.bit(1, 2)), test(clear)))
	}
	data := and(g.bit(0, 8), or(and(g.bit(1, 1), from(10, 24)), and(not(g.bit(1, 1)), from(10, 16))))
	return and(not(g.bit(0, 4)), or(data, and(not(g.bit(0, 8)), test(10))))
}

// dot11Dst tests the receiver's address.
func (g *generator) dot11Dst(test func(off uint32) *cond) *cond {
	data := and(g.bit(0, 8), or(and(g.bit(1, 1), test(16)), and(not(g.bit(1, 1)), test(4))))
	return and(not(g.bit(0, 4)), or(data, and(not(g.bit(0, 8)), test(4))))
}
