package reassembly

import "github.com/wstap/wstap/decode"

// Protocols of IP that carry packets.
const (
	protoEtherIP  = 97
	protoL2TP     = 115
	protoMPLS     = 137
	protoEthernet = 143
)

const mplsPort = 6635

// etherIP reads an EtherIP header (RFC 3378, section 3).
func (t *tunnel) etherIP() bool {
	return len(t.b) >= 2 && t.b[0]>>4 == 3 && t.is(EtherIP, decode.LinkEthernet, 2)
}

// mpls skips a label stack (RFC 3032, section 2.1). Under it is IP, told by its
// first half byte (RFC 4928), or the frame of a pseudowire, with a control word
// (RFC 4448, section 4.6) or without.
func (t *tunnel) mpls(n int) bool {
	for {
		if len(t.b) < n+4 {
			return false
		}
		n += 4
		if t.b[n-2]&1 != 0 {
			break
		}
	}
	if t.ip(n) && t.fits(t.link, t.n) || t.frame(n+4) || t.frame(n) {
		return true
	}
	return t.ip(n)
}
