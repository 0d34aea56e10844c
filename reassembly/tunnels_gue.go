package reassembly

import "github.com/wstap/wstap/decode"

const (
	guePort    = 6080
	greUDPPort = 4754
	teredoPort = 3544
)

// gue reads a header of generic UDP encapsulation (draft-ietf-intarea-gue,
// section 3), or the bare IP packet that its version 1 is.
func (t *tunnel) gue() bool {
	const control = 0x20
	if len(t.b) < 4 {
		return false
	}
	switch t.b[0] >> 6 {
	case 1:
		return t.ip(0) && t.of(GUE)
	case 0:
	default:
		return false
	}
	n := 4 + 4*int(t.b[0]&0x1f)
	if t.b[0]&control != 0 || n > len(t.b) {
		return false
	}
	switch t.b[1] {
	case decode.ProtoIPv4, decode.ProtoIPv6:
		return t.ip(n) && t.of(GUE)
	case protoMPLS:
		return t.mpls(n) && t.of(GUE)
	case protoEtherIP, protoEthernet:
		if t.b[1] == protoEtherIP {
			n += 2
		}
		return t.is(GUE, decode.LinkEthernet, n)
	case decode.ProtoGRE:
		t.b, t.wire = t.b[n:], t.wire-n
		return t.gre() && t.of(GUE)
	}
	return false
}

// teredo skips what may stand before the IPv6 packet: the indicators of
// authentication and origin (RFC 4380, section 5.1.1).
func (t *tunnel) teredo() bool {
	n := 0
	if len(t.b) >= 13 && t.u16(0) == 1 {
		n = 13 + int(t.b[2]) + int(t.b[3])
	}
	if len(t.b) >= n+8 && t.u16(n) == 0 {
		n += 8
	}
	return t.ip(n) && t.link == decode.LinkIPv6 && t.of(IPIP)
}
