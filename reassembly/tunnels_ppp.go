package reassembly

import "github.com/wstap/wstap/decode"

// ppp reads the header of a PPP frame (RFC 1661, section 2), whose address and
// control fields may be left out, and its protocol compressed to one byte.
func (t *tunnel) ppp(n int) bool {
	if len(t.b) >= n+2 && t.b[n] == 0xff && t.b[n+1] == 3 {
		n += 2
	}
	if len(t.b) < n+2 {
		return false
	}
	proto := uint16(t.b[n])
	if n++; proto&1 == 0 {
		proto = proto<<8 | uint16(t.b[n])
		n++
	}
	switch proto {
	case 0x0021:
		t.link, t.n = decode.LinkIPv4, n
	case 0x0057:
		t.link, t.n = decode.LinkIPv6, n
	case 0x0281:
		return t.mpls(n)
	default:
		return false
	}
	return true
}
