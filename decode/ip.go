package decode

import (
	"encoding/binary"
	"net/netip"
)

// ipv4 reads an IPv4 packet.
func (p *Packet) ipv4(off, wire int) error {
	if p.usual(off) {
		return nil
	}
	return p.anyIPv4(off, wire)
}

// anyIPv4 reads an IPv4 header (RFC 791, section 3.1) and what follows.
func (p *Packet) anyIPv4(off, wire int) error {
	h := p.Data[off:]
	if len(h) < 20 {
		if len(h) > 0 && h[0]>>4 != 4 {
			return p.network(off, wire, ErrMalformed)
		}
		return p.network(off, wire, ErrTruncated)
	}
	n := int(h[0]&0xf) * 4
	if h[0]>>4 != 4 || n < 20 {
		return p.network(off, wire, ErrMalformed)
	}
	length := int(binary.BigEndian.Uint16(h[2:]))
	frag := binary.BigEndian.Uint16(h[6:])
	proto := h[9]
	if length < n {
		if length != 0 {
			return p.network(off, wire, ErrMalformed)
		}
		p.NoLength = true
		if length = max(wire, len(p.Data)) - off; length < n {
			return p.network(off, wire, ErrTruncated)
		}
	}
	if n > len(h) {
		return p.network(off, wire, ErrTruncated)
	}
	if length < len(h) {
		h = h[:length] // the rest is padding
	}
	p.IPVersion = 4
	p.NetworkOffset = off
	p.IPLength = length
	var err error
	if proto == ProtoAH && frag&0x3fff == 0 {
		proto, n, err = p.extensions(h, proto, n, length)
	}
	p.Proto = proto
	p.TransportOffset = off + n

	var src, dst uint16
	if (proto == ProtoTCP || proto == ProtoUDP) && frag&0x1fff == 0 && len(h) >= n+4 && err == nil {
		src = binary.BigEndian.Uint16(h[n:])
		dst = binary.BigEndian.Uint16(h[n+2:])
	}
	p.SrcPort, p.DstPort = src, dst

	h = h[n:]
	if frag&0x3fff != 0 {
		p.Fragment = true
		p.MoreFragments = frag&0x2000 != 0
		p.FragmentID = uint32(binary.BigEndian.Uint16(p.Data[off+4:]))
		p.FragmentOffset = int(frag&0x1fff) * 8
		p.Payload, p.PayloadLen = h, length-n
		return nil
	}
	if err != nil || p.Fragment { // an IPv6 fragment header behind the authentication header
		p.Payload, p.PayloadLen = h, length-n
		return err
	}
	return p.transport(h, length-n)
}

// ipv6 reads an IPv6 header (RFC 8200, section 3) and what follows.
func (p *Packet) ipv6(off, wire int) error {
	h := p.Data[off:]
	if len(h) < 40 {
		if len(h) > 0 && h[0]>>4 != 6 {
			return p.network(off, wire, ErrMalformed)
		}
		return p.network(off, wire, ErrTruncated)
	}
	if h[0]>>4 != 6 {
		return p.network(off, wire, ErrMalformed)
	}
	length := 40 + int(binary.BigEndian.Uint16(h[4:]))
	next := h[6]
	if length == 40 && next != ProtoNoNext {
		length = max(wire, len(p.Data)) - off
		if next == ProtoHopByHop {
			if n := jumboLength(h); n > 0 {
				length = 40 + n
			} else {
				p.NoLength = true
			}
		} else {
			p.NoLength = true
		}
	}
	if length < len(h) {
		h = h[:length]
	}
	p.IPVersion = 6
	p.NetworkOffset = off
	p.IPLength = length

	n := 40
	var err error
	if next != ProtoTCP && next != ProtoUDP {
		next, n, err = p.extensions(h, next, n, length)
	}
	p.Proto = next
	p.TransportOffset = off + n

	var src, dst uint16
	if (next == ProtoTCP || next == ProtoUDP) && (!p.Fragment || p.FragmentOffset == 0) && len(h) >= n+4 && err == nil {
		src = binary.BigEndian.Uint16(h[n:])
		dst = binary.BigEndian.Uint16(h[n+2:])
	}
	p.SrcPort, p.DstPort = src, dst

	h = h[n:]
	if p.Fragment || err != nil {
		p.Payload, p.PayloadLen = h, length-n
		return err
	}
	return p.transport(h, length-n)
}

// extensions walks the extension headers (RFC 8200, section 4) of h from offset
// n on, up to an upper-layer protocol or a fragment's data. length is that of
// the packet; h is less where it was cut. It returns the protocol, and where it
// stopped, with an error the header that it could not read.
func (p *Packet) extensions(h []byte, next uint8, n, length int) (uint8, int, error) {
	for {
		size := 2
		switch next {
		case ProtoHopByHop, ProtoRouting, ProtoDestination, ProtoMobility, ProtoHIP, ProtoShim6:
			if len(h) >= n+2 {
				size = 8 + int(h[n+1])*8
			}
		case ProtoAH: // counts 4-byte units, minus 2 (RFC 4302, section 2.2)
			if len(h) >= n+2 {
				size = 8 + int(h[n+1])*4
			}
		case ProtoFragment:
			size = 8
		default:
			return next, n, nil
		}
		if n+size > length {
			return next, n, ErrMalformed
		}
		if n+size > len(h) {
			return next, n, ErrTruncated
		}
		header := next
		next = h[n]
		if header == ProtoFragment {
			off := binary.BigEndian.Uint16(h[n+2:])
			// An atomic fragment is a whole datagram (RFC 6946).
			if off&0xfff9 != 0 {
				p.Fragment = true
				p.MoreFragments = off&1 != 0
				p.FragmentID = binary.BigEndian.Uint32(h[n+4:])
				p.FragmentOffset = int(off &^ 7)
				return next, n + size, nil
			}
		}
		n += size
	}
}

// jumboLength returns the jumbo payload length (RFC 2675, section 2) of the
// hop-by-hop options that follow the IPv6 header h, or 0.
func jumboLength(h []byte) int {
	if len(h) < 48 {
		return 0
	}
	end := min(len(h), 48+int(h[41])*8)
	for i := 42; i+2 <= end; {
		switch h[i] {
		case 0: // Pad1
			i++
			continue
		case 0xc2:
			if h[i+1] == 4 && i+6 <= end {
				if n := binary.BigEndian.Uint32(h[i+2:]); n > 0xffff && n <= 1<<30 {
					return int(n)
				}
			}
			return 0
		}
		i += 2 + int(h[i+1])
	}
	return 0
}

// Src returns the sender's address and SrcPort; the zero AddrPort if the packet is
// not IP. An IPv6 address that holds an IPv4 one stays IPv6. It is read from Data,
// so ask while that is there.
func (p *Packet) Src() netip.AddrPort { return netip.AddrPortFrom(p.addr(12, 8), p.SrcPort) }

// Dst returns the receiver's address and DstPort, as Src does.
func (p *Packet) Dst() netip.AddrPort { return netip.AddrPortFrom(p.addr(16, 24), p.DstPort) }

// addr returns the address at an offset in the header, which depends on the version.
func (p *Packet) addr(v4, v6 int) netip.Addr {
	switch p.IPVersion {
	case 4:
		return netip.AddrFrom4([4]byte(p.Data[p.NetworkOffset+v4:]))
	case 6:
		return netip.AddrFrom16([16]byte(p.Data[p.NetworkOffset+v6:]))
	}
	return netip.Addr{}
}

// IPHeader returns the IP header with its options and extension headers, of
// which IPv4 has the authentication header alone. nil if the packet is not IP.
func (p *Packet) IPHeader() []byte {
	if p.IPVersion == 0 {
		return nil
	}
	return p.Data[p.NetworkOffset:p.TransportOffset]
}

// TTL returns the time to live (IPv4) or hop limit (IPv6); 0 if not IP.
func (p *Packet) TTL() uint8 {
	switch p.IPVersion {
	case 4:
		return p.Data[p.NetworkOffset+8]
	case 6:
		return p.Data[p.NetworkOffset+7]
	}
	return 0
}

// TOS returns the type of service (IPv4) or traffic class (IPv6): the DSCP and,
// in its two low bits, ECN; 0 if not IP.
func (p *Packet) TOS() uint8 {
	switch p.IPVersion {
	case 4:
		return p.Data[p.NetworkOffset+1]
	case 6:
		return uint8(binary.BigEndian.Uint16(p.Data[p.NetworkOffset:]) >> 4)
	}
	return 0
}

// ID returns the identification of an IPv4 header; 0 if not IPv4.
func (p *Packet) ID() uint16 {
	if p.IPVersion != 4 {
		return 0
	}
	return binary.BigEndian.Uint16(p.Data[p.NetworkOffset+4:])
}

// DF returns the don't-fragment bit of an IPv4 header.
func (p *Packet) DF() bool {
	return p.IPVersion == 4 && p.Data[p.NetworkOffset+6]&0x40 != 0
}

// FlowLabel returns that of an IPv6 header; 0 if not IPv6.
func (p *Packet) FlowLabel() uint32 {
	if p.IPVersion != 6 {
		return 0
	}
	return binary.BigEndian.Uint32(p.Data[p.NetworkOffset:]) & 0xfffff
}

// IPOptions returns the options of an IPv4 header, empty if it has none.
func (p *Packet) IPOptions() Options {
	if p.IPVersion != 4 {
		return nil
	}
	return Options(p.ipv4Header()[20:])
}

// ipv4Header returns an IPv4 header with its options.
func (p *Packet) ipv4Header() []byte {
	h := p.Data[p.NetworkOffset:]
	return h[:int(h[0]&0xf)*4]
}

// Trailer returns what the frame carries after the IP packet, such as the
// padding of a short Ethernet frame. Empty if the packet is not IP.
func (p *Packet) Trailer() []byte {
	if p.IPVersion == 0 || p.NetworkOffset+p.IPLength >= len(p.Data) {
		return nil
	}
	return p.Data[p.NetworkOffset+p.IPLength:]
}
