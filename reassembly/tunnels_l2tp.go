package reassembly

import "github.com/wstap/wstap/decode"

const l2tpPort = 1701

// l2tp reads an L2TP header over UDP, of version 2 (RFC 2661, section 3.1) with
// PPP, or of version 3 (RFC 3931, section 4.1.2.1).
func (t *tunnel) l2tp() bool {
	const control, length, sequence, offset = 0x8000, 0x4000, 0x0800, 0x0200
	if len(t.b) < 8 {
		return false
	}
	flags := t.u16(0)
	switch version := flags & 0xf; {
	case flags&control != 0:
		return false
	case version == 3:
		return t.l2tp3(4)
	case version != 2:
		return false
	}
	n := 2
	if flags&length != 0 {
		if int(t.u16(2)) > t.wire {
			return false
		}
		n += 2
	}
	n += 4 // tunnel and session
	if flags&sequence != 0 {
		n += 4
	}
	if flags&offset != 0 {
		if len(t.b) < n+2 {
			return false
		}
		n += 2 + int(t.u16(n))
	}
	return t.ppp(n) && t.of(L2TP)
}

// l2tp3 reads the session header of L2TPv3 data. Only its ends know how long the
// cookie is, whether a sublayer's header follows (RFC 3931, section 4.6) and what
// is inside: that is found by trying.
func (t *tunnel) l2tp3(n int) bool {
	if len(t.b) < n+4 || t.u32(n) == 0 { // session 0: control
		return false
	}
	n += 4
	for _, more := range [...]int{0, 4, 8, 12} { // cookies of 0, 4 and 8 bytes, sublayer of 0 or 4
		at := n + more
		if t.frame(at) || t.ip(at) && t.fits(t.link, at) || t.ppp(at) && t.fits(t.link, t.n) || t.hdlc(at) {
			return t.of(L2TP)
		}
	}
	return false
}

// hdlc notes the IP packet in a Cisco HDLC frame (RFC 4349).
func (t *tunnel) hdlc(n int) bool {
	if len(t.b) < n+4 || t.b[n] != 0x0f && t.b[n] != 0x8f || t.b[n+1] != 0 {
		return false
	}
	link := decode.LinkIPv4
	if t.u16(n+2) == 0x86dd {
		link = decode.LinkIPv6
	}
	if !t.fits(link, n+4) {
		return false
	}
	t.link, t.n = link, n+4
	return true
}
