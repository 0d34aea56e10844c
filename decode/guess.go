package decode

import (
	"encoding/binary"
	"net/netip"
)

// guess reads a frame that is said to be Ethernet and begins with an IP header:
// tunnels' devices and some converters write such. err is what reading it as
// Ethernet gave, which stands unless the header proves itself.
func (p *Packet) guess(off, wire int, err error) error {
	if off > len(p.Data) || p.TCP || p.UDP {
		return err
	}
	b := p.Data[off:]
	if len(b) < 20 || !bareIP(b, wire-off) {
		return err
	}
	p.reset()
	p.LinkGuessed = true
	p.EtherType = 0
	return p.version(off, wire)
}

// bareIP reports whether a frame of length bytes, of which b was captured, is an
// IP packet beyond reasonable doubt: its length is the frame's, and what can be
// checked is right.
func bareIP(b []byte, length int) bool {
	switch b[0] >> 4 {
	case 4:
		return soundIPv4(b) && fills(b, int(binary.BigEndian.Uint16(b[2:])), length)
	case 6:
		return soundIPv6(b, length) && fills(b, 40+int(binary.BigEndian.Uint16(b[4:])), length) && soundTransport(b)
	}
	return false
}

// fills reports whether a packet of n bytes is all of a frame but for zeros that
// fill a short one.
func fills(b []byte, n, length int) bool {
	const shortest = 60
	if n == length {
		return true
	}
	if n > length || length > shortest {
		return false
	}
	for _, x := range b[min(n, len(b)):] {
		if x != 0 {
			return false
		}
	}
	return true
}

// soundIPv4 reports whether b begins with an IPv4 header whose checksum is right.
func soundIPv4(b []byte) bool {
	if len(b) < 20 || b[0]>>4 != 4 {
		return false
	}
	n := int(b[0]&0xf) * 4
	return n >= 20 && len(b) >= n && int(binary.BigEndian.Uint16(b[2:])) >= n && Checksum(b[:n]) == 0
}

// soundIPv6 reports whether b, of length bytes on the wire, begins with an IPv6
// header that says nothing impossible.
func soundIPv6(b []byte, length int) bool {
	if len(b) < 40 || b[0]>>4 != 6 || b[7] == 0 || 40+int(binary.BigEndian.Uint16(b[4:])) > length {
		return false
	}
	switch b[6] {
	case ProtoTCP, ProtoUDP, ProtoHopByHop, ProtoRouting, ProtoFragment, ProtoDestination, ProtoIPv4, ProtoIPv6, ProtoGRE, ProtoICMPv6:
		return true
	}
	return false
}

// soundTransport looks at what follows an IPv6 header, which has no checksum of
// its own. That of TCP is not asked for: senders leave it to their devices.
func soundTransport(b []byte) bool {
	n := 40 + int(binary.BigEndian.Uint16(b[4:]))
	if n > len(b) { // cut: the lengths have to do
		return true
	}
	h := b[40:n]
	switch b[6] {
	case ProtoTCP:
		return len(h) >= 20 && h[12]>>4 >= 5 && len(h) >= int(h[12]>>4)*4 && h[12]&0xe == 0
	case ProtoUDP:
		return len(h) >= 8 && int(binary.BigEndian.Uint16(h[4:])) == len(h)
	case ProtoICMPv6:
		src, dst := netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
		return TransportChecksum(src, dst, ProtoICMPv6, h) == 0
	}
	return true
}
