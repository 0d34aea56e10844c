package filter

import (
	"math/bits"

	"github.com/wstap/wstap/decode"
)

// The values that packet(7) and Linux's cooked headers use.
const (
	sll8023     = 0x0001 // raw 802.3, as Novell's IPX
	sll8022     = 0x0004 // an LLC header follows
	sllOutgoing = 4
)

// protocol tests for a network protocol: an EtherType, or an LLC service
// access point where it is at most etherMax8023 (gen_linktype).
func (g *generator) protocol(at span, p uint32) *cond {
	if g.labels > 0 {
		return g.behindLabels(at, p)
	}
	switch g.link {
	case decode.LinkEthernet, decode.LinkNetAnalyzer:
		return g.etherProtocol(p)
	case decode.LinkSLL:
		return g.cookedProtocol(p)
	case decode.LinkSLL2:
		return g.cmp(atType, 0, sizeH, p)
	case linkPPP:
		return g.cmp(atType, 0, sizeH, pppProtocol(p))
	case decode.LinkRaw:
		switch p {
		case etherIP:
			return g.masked(atLink, 0, sizeB, 0x40, 0xf0)
		case etherIPv6:
			return g.masked(atLink, 0, sizeB, 0x60, 0xf0)
		}
		return always(false)
	case decode.LinkIPv4:
		return always(p == etherIP)
	case decode.LinkIPv6:
		return always(p == etherIPv6)
	case decode.LinkNull, decode.LinkLoop:
		return g.familyProtocol(p)
	}
	return g.rareProtocol(at, p)
}

// family tests the address family of a BSD loopback header.
func (g *generator) family(af uint32) *cond {
	if g.link != decode.LinkLoop && !g.bigEndian() {
		af = bits.ReverseBytes32(af)
	}
	return g.cmp(atLink, 0, sizeW, af)
}

// isLength tests for an 802.3 frame, where a length stands for the type.
func (g *generator) isLength() *cond {
	return not(g.test(atType, 0, sizeH, 0xffffffff, jmpGT, etherMax8023))
}

// etherProtocol is protocol for Ethernet (gen_ether_linktype). What has several
// encapsulations is looked for in each.
func (g *generator) etherProtocol(p uint32) *cond {
	switch p {
	case sapISO, sapIP, sapNetBEUI:
		return and(g.isLength(), g.cmp(atLLC, 0, sizeH, p<<8|p))
	case sapIPX:
		// Ethernet II; or 802.3 with LLC, without (Novell), or with SNAP.
		return or(g.cmp(atType, 0, sizeH, etherIPX),
			and(g.isLength(), or(g.snap(0, etherIPX),
				or(g.cmp(atLLC, 0, sizeB, sapIPX), g.cmp(atLLC, 0, sizeH, 0xffff)))))
	case etherAtalk:
		return or(g.cmp(atType, 0, sizeH, p), and(g.isLength(), g.snap(0x080007, p)))
	case etherAARP:
		return or(g.cmp(atType, 0, sizeH, p), and(g.isLength(), g.snap(0, p)))
	}
	if p <= etherMax8023 {
		return and(g.isLength(), g.cmp(atType, 2, sizeB, p))
	}
	return g.cmp(atType, 0, sizeH, p)
}

// cookedProtocol is etherProtocol for the first cooked header (gen_linux_sll_linktype).
func (g *generator) cookedProtocol(p uint32) *cond {
	isLLC := func() *cond { return g.cmp(atType, 0, sizeH, sll8022) }
	switch p {
	case sapISO, sapIP, sapNetBEUI:
		return and(isLLC(), g.cmp(atLLC, 0, sizeH, p<<8|p))
	case sapIPX:
		return or(g.cmp(atType, 0, sizeH, etherIPX), or(g.cmp(atType, 0, sizeH, sll8023),
			and(isLLC(), or(g.cmp(atLLC, 0, sizeB, sapIPX), g.snap(0, etherIPX)))))
	case etherAtalk:
		return or(g.cmp(atType, 0, sizeH, p), and(isLLC(), g.snap(0x080007, p)))
	case etherAARP:
		return or(g.cmp(atType, 0, sizeH, p), and(isLLC(), g.snap(0, p)))
	}
	if p <= etherMax8023 {
		return and(isLLC(), g.cmp(atLink, g.payload.k, sizeB, p))
	}
	return g.cmp(atType, 0, sizeH, p)
}

// snap tests for LLC and SNAP headers with this organisation and protocol (gen_snap).
func (g *generator) snap(org, p uint32) *cond {
	return g.bytes(atLLC, 0, []byte{sapSNAP, sapSNAP, 3,
		byte(org >> 16), byte(org >> 8), byte(org), byte(p >> 8), byte(p)})
}

// pppProtocol is what PPP calls a protocol (ethertype_to_ppptype).
func pppProtocol(p uint32) uint32 {
	switch p {
	case etherIP:
		return 0x0021
	case etherIPv6:
		return 0x0057
	case etherDECnet:
		return 0x0027
	case etherAtalk:
		return 0x0029
	case etherNS:
		return 0x0025
	case sapISO:
		return 0x0023
	case sapSTP:
		return 0x0031
	case sapIPX:
		return 0x002b
	}
	return p
}

// behindLabels tests what follows MPLS labels: the last label must be the
// bottom of the stack, and the IP version tells the protocol.
func (g *generator) behindLabels(at span, p uint32) *cond {
	var version uint32
	switch p {
	case etherIP:
		version = 0x40
	case etherIPv6:
		version = 0x60
	default:
		fail(at, "behind mpls only ip and ip6 can be told apart")
	}
	bottom := g.masked(atNet, ^uint32(1), sizeB, 1, 1)
	return and(bottom, g.masked(atNet, 0, sizeB, version, 0xf0))
}

// bigEndian says that headers in the order of the machine are.
func (g *generator) bigEndian() bool { return g.t.Order != nil && g.t.Order.Uint16([]byte{0, 1}) == 1 }
