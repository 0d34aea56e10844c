package decode

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Checksum returns the internet checksum (RFC 1071) of b. Over a header that
// carries its own right checksum it is 0.
func Checksum(b []byte) uint16 { return ^fold(sum(0, b)) }

// TransportChecksum returns the checksum of a TCP, UDP or ICMPv6 segment with
// its pseudo-header (RFC 9293, section 3.1; RFC 8200, section 8.1). Over a
// segment that carries its own right checksum it is 0.
func TransportChecksum(src, dst netip.Addr, proto uint8, segment []byte) uint16 {
	s := uint64(proto) + uint64(len(segment))
	for _, a := range [2]netip.Addr{src, dst} {
		if a.Is4() {
			b := a.As4()
			s = sum(s, b[:])
		} else {
			b := a.As16()
			s = sum(s, b[:])
		}
	}
	return ^fold(sum(s, segment))
}

// IPChecksumOK says that an IPv4 header's checksum is right. Frames of a host's
// own sends may carry none yet (offload): do not drop on it. IPv6 has none.
func (p *Packet) IPChecksumOK() bool {
	return p.IPVersion == 6 || p.IPVersion == 4 && Checksum(p.ipv4Header()) == 0
}

// TransportChecksumOK says that the checksum of a TCP segment or UDP datagram,
// captured whole, is right. Frames of a host's own sends and of loopback may
// carry none yet (offload): do not drop on it. It does not serve after
// DecodeTransport: see TransportChecksum.
func (p *Packet) TransportChecksumOK() bool {
	end := p.NetworkOffset + p.IPLength
	if !p.TCP && !p.UDP || end > len(p.Data) {
		return false
	}
	segment := p.Data[p.TransportOffset:end]
	if p.UDP {
		segment = segment[:8+p.PayloadLen]
		if p.IPVersion == 4 && binary.BigEndian.Uint16(segment[6:]) == 0 {
			return true // the sender computed none
		}
	}
	return TransportChecksum(p.Src().Addr(), p.Dst().Addr(), p.Proto, segment) == 0
}

// sum adds b to a ones' complement sum, eight bytes at a time.
func sum(s uint64, b []byte) uint64 {
	var carry uint64
	for len(b) >= 8 {
		s, carry = bits.Add64(s, binary.BigEndian.Uint64(b), carry)
		b = b[8:]
	}
	var tail [8]byte
	copy(tail[:], b)
	s, carry = bits.Add64(s, binary.BigEndian.Uint64(tail[:]), carry)
	s, carry = bits.Add64(s, 0, carry)
	return s + carry
}

// fold reduces a sum to 16 bits.
func fold(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return uint16(s)
}
