package filter

import (
	"github.com/wstap/wstap/decode"
)

// EtherTypes, LLC service access points and the protocol numbers of OSI that
// the language knows by name.
const (
	etherIP       = decode.EtherTypeIPv4
	etherARP      = decode.EtherTypeARP
	etherRARP     = 0x8035
	etherTEB      = decode.EtherTypeTEB
	etherVLAN     = decode.EtherTypeVLAN
	etherVLANAD   = decode.EtherTypeQinQ
	etherVLANQinQ = decode.EtherTypeQinQ9100
	etherAtalk    = 0x809b
	etherAARP     = 0x80f3
	etherDECnet   = 0x6003
	etherLAT      = 0x6004
	etherSCA      = 0x6007
	etherMOPDL    = 0x6001
	etherMOPRC    = 0x6002
	etherIPv6     = decode.EtherTypeIPv6
	etherMPLS     = decode.EtherTypeMPLS
	etherPPPoED   = 0x8863
	etherPPPoES   = decode.EtherTypePPPoE
	etherLoopback = 0x9000
	etherIPX      = 0x8137
	etherNS       = 0x0600
	etherMax8023  = decode.MaxLength8023 // a greater "type" is a type, others are lengths

	sapIP      = 0x06
	sapSTP     = 0x42
	sapSNAP    = 0xaa
	sapIPX     = 0xe0
	sapNetBEUI = 0xf0
	sapISO     = 0xfe

	osiCLNP = 0x81
	osiESIS = 0x82
	osiISIS = 0x83

	protoICMP   = 1
	protoIGMP   = 2
	protoTCP    = decode.ProtoTCP
	protoIGRP   = 9
	protoUDP    = decode.ProtoUDP
	protoFrag   = decode.ProtoFragment
	protoESP    = decode.ProtoESP
	protoAH     = decode.ProtoAH
	protoICMPv6 = decode.ProtoICMPv6
	protoPIM    = 103
	protoVRRP   = 112
	protoSCTP   = 132
)

// linkPPP is also what follows a PPPoE session header: a PPP protocol field.
const linkPPP = decode.LinkPPP

const linkEthernet = decode.LinkEthernet

// An offset is where a header begins: a constant, plus what a register holds
// once it has become variable.
type offset struct {
	variable bool
	k        uint32
	reg      int
}

const unset = 0xffffffff

// A generator turns the syntax tree into a condition, as libpcap's gencode.c does.
// Its methods have their models there, named beside them, and emit the same loads and
// tests in the same order. That order is no matter of taste: a load out of bounds
// rejects the frame, so where one is cut another order would select other frames; and
// tcpdump -d shows the program to who compares the two.
//
// As in libpcap the words vlan, mpls, pppoes and geneve move the offsets for everything
// that follows them in the text, so the tree is walked from left to right.
type generator struct {
	t    Target
	host resolver

	link     decode.LinkType // of the header now looked at
	linkHdr  offset
	linkType offset // of the field that tells the network protocol
	payload  offset // end of the link header
	nl       uint32 // network header after payload
	nlNoSNAP uint32 // the same for LLC without SNAP
	labels   int    // MPLS labels so far
	geneve   bool   // linkHdr is what Geneve carries

	varying [2]*int // the registers of linkHdr and payload as the frame's header has them, once used

	used [memWords]bool
	cur  int

	// opaque is set by what libpcap does not optimise, so that it accepts
	// there expressions that can never match.
	opaque bool
}

// newGenerator sets the offsets for a link type (init_linktype).
func newGenerator(t Target, r resolver) *generator {
	g := &generator{t: t, host: r, link: t.Link}
	switch t.Link {
	case decode.LinkEthernet:
		g.linkType.k, g.payload.k, g.nlNoSNAP = 12, 14, 3
	case decode.LinkNull, decode.LinkLoop:
		g.payload.k = 4
	case decode.LinkRaw, decode.LinkIPv4, decode.LinkIPv6:
		g.linkType.k = unset
	case decode.LinkSLL:
		g.linkType.k, g.payload.k = 14, 16
	case decode.LinkSLL2:
		g.payload.k = 20
	default:
		g.layOut(t.Link)
	}
	return g
}

// node compiles the left side first: what it moves counts on the right.
func (g *generator) node(n node) *cond {
	switch n := n.(type) {
	case *logic:
		l := g.node(n.l)
		r := g.node(n.r)
		if n.and {
			return and(l, r)
		}
		return or(l, r)
	case *notNode:
		return not(g.node(n.x))
	case *primitive:
		return g.primitive(n)
	case *keyword:
		return g.keyword(n)
	case *relation:
		return g.relation(n)
	}
	panic("filter: unknown node")
}

// A base says what an offset is relative to (enum e_offrel).
type base uint8

const (
	atLink    base = iota // the link header
	atType                // the field that tells the network protocol
	atLLC                 // the end of the link header
	atNet                 // the network header
	atNoSNAP              // the network header after LLC without SNAP
	atTranIP              // behind the IPv4 header
	atTranIP6             // behind the fixed IPv6 header
)

// load returns statements that load size bytes at off after base into A (gen_load_a).
func (g *generator) load(b base, off uint32, size uint16) []stmt {
	o, extra := &g.payload, uint32(0)
	switch b {
	case atLink:
		o = &g.linkHdr
	case atType:
		o = &g.linkType
	case atNet:
		extra = g.nl
	case atNoSNAP:
		extra = g.nlNoSNAP
	case atTranIP:
		return append(g.ipHeaderLen(), stmt{code: opLD | modeIND | size, k: g.payload.k + g.nl + off})
	case atTranIP6:
		extra = g.nl + 40
	}
	if s := g.varPart(o); s != nil {
		return append(s, stmt{code: opLD | modeIND | size, k: o.k + extra + off})
	}
	return []stmt{{code: opLD | modeABS | size, k: o.k + extra + off}}
}

// varPart loads the variable part of o into X, if it has one (gen_abs_offset_varpart).
func (g *generator) varPart(o *offset) []stmt {
	if !o.variable {
		return nil
	}
	return []stmt{{code: ldxMem, k: uint32(g.register(o.reg)), far: true}}
}

// ipHeaderLen loads the length of the IPv4 header, and the variable part of
// its offset, into X (gen_loadx_iphdrlen). The one instruction that computes it takes
// no offset from X: where that varies five do.
func (g *generator) ipHeaderLen() []stmt {
	s := g.varPart(&g.payload)
	if s == nil {
		return []stmt{{code: ldxMsh, k: g.payload.k + g.nl}}
	}
	return append(s,
		stmt{code: opLD | modeIND | sizeB, k: g.payload.k + g.nl},
		stmt{code: opALU | aluAND, k: 0xf},
		stmt{code: opALU | aluLSH, k: 2},
		stmt{code: opALU | aluADD | srcX},
		stmt{code: tax, far: true})
}

// cmp, masked and test compare what is loaded with v (gen_cmp, gen_mcmp, gen_ncmp).
func (g *generator) cmp(b base, off uint32, size uint16, v uint32) *cond {
	return g.test(b, off, size, 0xffffffff, jmpEQ, v)
}

func (g *generator) masked(b base, off uint32, size uint16, v, mask uint32) *cond {
	return g.test(b, off, size, mask, jmpEQ, v)
}

func (g *generator) test(b base, off uint32, size uint16, mask uint32, jmp uint16, v uint32) *cond {
	s := g.load(b, off, size)
	if mask != 0xffffffff {
		s = append(s, stmt{code: opALU | aluAND, k: mask})
	}
	return &cond{stmts: s, test: jmp, k: v}
}

// bytes compares a run of bytes, its end first, in words as large as fit (gen_bcmp).
func (g *generator) bytes(b base, off uint32, v []byte) *cond {
	var c *cond
	for n := len(v); n > 0; {
		size, code := 1, uint16(sizeB)
		switch {
		case n >= 4:
			size, code = 4, sizeW
		case n >= 2:
			size, code = 2, sizeH
		}
		n -= size
		var k uint32
		for _, x := range v[n : n+size] {
			k = k<<8 | uint32(x)
		}
		c = and(c, g.cmp(b, off+uint32(n), code, k))
	}
	return c
}
