package reassembly

import "github.com/wstap/wstap/decode"

const gpePort = 4790 // of VXLAN GPE

// vxlan reads a VXLAN header (RFC 7348, section 5). With the group policy option
// (draft-smith-vxlan-group-policy) it has more flags and an id for filters; the
// protocol extension (draft-ietf-nvo3-vxlan-gpe) says what is inside.
func (t *tunnel) vxlan() bool {
	const instance, protocol, oam, version = 8, 4, 1, 0x30
	if len(t.b) < 8 || t.b[0]&instance == 0 {
		return false
	}
	t.id = t.u32(4) >> 8
	if t.b[0]&protocol == 0 {
		return t.is(VXLAN, decode.LinkEthernet, 8)
	}
	if t.b[0]&(version|oam) != 0 {
		return false
	}
	return t.next(t.b[3], 8) && t.of(VXLAN)
}

// next notes what the protocol number of VXLAN GPE and NSH names.
func (t *tunnel) next(proto uint8, n int) bool {
	switch proto {
	case 1:
		t.link, t.n = decode.LinkIPv4, n
	case 2:
		t.link, t.n = decode.LinkIPv6, n
	case 3:
		t.link, t.n = decode.LinkEthernet, n
	case 4:
		return t.nsh(n)
	case 5:
		return t.mpls(n)
	default:
		return false
	}
	return true
}

// nsh skips a network service header (RFC 8300, section 2.2), under which there
// is no other.
func (t *tunnel) nsh(n int) bool {
	const oam, version = 0x20, 0xc0
	if len(t.b) < n+8 || t.b[n]&(version|oam) != 0 {
		return false
	}
	length := int(t.b[n+1]&0x3f) * 4
	proto := t.b[n+3]
	return length >= 8 && proto != 4 && t.next(proto, n+length)
}
