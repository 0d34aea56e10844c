package reassembly

import "github.com/wstap/wstap/decode"

const capwapPort = 5247

// capwap reads the header of a CAPWAP data packet (RFC 5415, section 4.3) between
// an access point and its controller. What DTLS protects is not read, nor what is
// in fragments.
func (t *tunnel) capwap() bool {
	const native, fragment, keepAlive, ieee80211 = 0x01, 0x80, 0x08, 1
	if len(t.b) < 8 || t.b[0] != 0 || t.b[3]&(fragment|keepAlive) != 0 {
		return false
	}
	n := 4 * int(t.b[1]>>3)
	switch {
	case n < 8:
		return false
	case t.b[2]&native == 0:
		return t.is(CAPWAP, decode.LinkEthernet, n)
	case t.b[2]>>1&0x1f == ieee80211:
		return t.is(CAPWAP, 105, n)
	}
	return false
}
