package reassembly

import (
	"encoding/binary"

	"github.com/wstap/wstap/decode"
)

// A tunnel reads the headers of one packet. Its methods return false where they
// find no tunnel, or one with nothing inside that could be read.
type tunnel struct {
	encapsulation
	b     []byte         // what the IP or UDP header carries
	wire  int            // its length on the wire
	inner *decode.Packet // scratch
}

// is notes what is inside, n bytes on.
func (t *tunnel) is(kind Tunnels, link decode.LinkType, n int) bool {
	t.kind, t.link, t.n = kind, link, n
	t.ends = kind&(GRE|IPIP|MPLS|L2TP|EtherIP|GUE|CAPWAP) != 0
	return n <= len(t.b)
}

// of gives an encapsulation that another header's reader noted its kind.
func (t *tunnel) of(kind Tunnels) bool { return t.is(kind, t.link, t.n) }

func (t *tunnel) u16(at int) uint16 { return binary.BigEndian.Uint16(t.b[at:]) }
func (t *tunnel) u32(at int) uint32 { return binary.BigEndian.Uint32(t.b[at:]) }

// etherType notes what an EtherType names, n bytes on.
func (t *tunnel) etherType(kind Tunnels, etherType uint16, n int) bool {
	switch etherType {
	case decode.EtherTypeIPv4:
		return t.is(kind, decode.LinkIPv4, n)
	case decode.EtherTypeIPv6:
		return t.is(kind, decode.LinkIPv6, n)
	case decode.EtherTypeTEB: // transparent Ethernet bridging
		return t.is(kind, decode.LinkEthernet, n)
	case 0x8847, 0x8848:
		return t.mpls(n) && t.of(kind)
	case 0x880b:
		return t.ppp(n) && t.of(kind)
	case 0x894f:
		return t.nsh(n) && t.of(kind)
	case 0x883e: // WCCP: with version 2 a header of four bytes, whose first is no version of IP
		return (t.ip(n) || t.ip(n+4)) && t.of(kind)
	}
	return false
}

// ip notes the IP packet that begins n bytes on, as its version says.
func (t *tunnel) ip(n int) bool {
	if n >= len(t.b) {
		return false
	}
	switch t.b[n] >> 4 {
	case 4:
		t.link, t.n = decode.LinkIPv4, n
	case 6:
		t.link, t.n = decode.LinkIPv6, n
	default:
		return false
	}
	return true
}

// fits says whether what begins n bytes on is, beyond doubt, a packet of link:
// IP with right lengths, and under IPv4 with a right checksum, that carries TCP,
// a piece of it, or another tunnel. It is for headers that say too little.
func (t *tunnel) fits(link decode.LinkType, n int) bool {
	if n >= len(t.b) {
		return false
	}
	p, b := t.inner, t.b[n:]
	if link == decode.LinkEthernet {
		if len(b) < 34 {
			return false
		}
		switch binary.BigEndian.Uint16(b[12:]) { // most that is no frame ends here
		case 0x0800, 0x86dd, 0x8100, 0x88a8, 0x8847, 0x8864:
		default:
			return false
		}
	}
	if p.DecodeCut(link, b, t.wire-n) != nil || p.IPVersion == 0 || p.NoLength || !p.IPChecksumOK() {
		return false
	}
	if !p.TCP && !p.Fragment && tunnelOf(p.Proto) == 0 {
		return false
	}
	// Behind IP there is the padding of a short frame, and perhaps its checksum.
	trailer := t.wire - n - p.NetworkOffset - p.IPLength
	return trailer >= 0 && (trailer <= 4 || t.wire-n <= 64 && link == decode.LinkEthernet)
}

// sound says whether the IP header inside is none by chance: what has a tunnel's
// port need not be one.
func (t *tunnel) sound() bool {
	p := t.inner
	return p.IPVersion != 0 && p.IPChecksumOK() && (p.NoLength || p.NetworkOffset+p.IPLength <= t.wire-t.n)
}

// frame notes the Ethernet frame n bytes on if it is one beyond doubt.
func (t *tunnel) frame(n int) bool {
	if !t.fits(decode.LinkEthernet, n) {
		return false
	}
	t.link, t.n = decode.LinkEthernet, n
	return true
}

// byForm reads a tunnel whose port says nothing: its header has to be one with
// nothing unusual, and what is inside IP beyond doubt.
func (t *tunnel) byForm(kind Tunnels) bool {
	if len(t.b) < 8+20 {
		return false
	}
	switch first := t.b[0]; {
	case first == 8 && kind&VXLAN != 0 && t.u32(0) == 8<<24 && t.b[7] == 0 && t.vxlan() && t.fits(t.link, t.n):
		return true
	case first <= 63 && kind&Geneve != 0 && t.b[1] == 0 && t.b[7] == 0 && t.geneve() && t.fits(t.link, t.n):
		return true
	case first>>4 == 3 && kind&GTP != 0 && t.gtp() && t.fits(t.link, t.n):
		return true
	case first == 1 && kind&TZSP != 0 && t.tzsp() && t.fits(t.link, t.n):
		return true
	}
	return false
}
