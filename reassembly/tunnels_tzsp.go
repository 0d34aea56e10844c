package reassembly

import "github.com/wstap/wstap/decode"

const tzspPort = 37008

// tzsp reads a TZSP header, as sniffers and routers send it: version 1, type,
// what is inside, and tagged fields up to an end tag. All that comes to the
// receiver is one network.
func (t *tunnel) tzsp() bool {
	const received, transmit, padding, end = 0, 1, 0, 1
	if len(t.b) < 5 || t.b[0] != 1 || t.b[1] != received && t.b[1] != transmit {
		return false
	}
	link := decode.LinkEthernet
	switch t.u16(2) {
	case 1:
	case 18:
		link = 105 // 802.11
	case 119:
		link = 119 // 802.11 after a Prism header
	case 127:
		link = 163 // 802.11 after an AVS header
	default:
		return false
	}
	for n := 4; n < len(t.b); {
		switch t.b[n] {
		case end:
			return t.is(TZSP, link, n+1)
		case padding:
			n++
		default:
			if n+1 >= len(t.b) {
				return false
			}
			n += 2 + int(t.b[n+1])
		}
	}
	return false
}
