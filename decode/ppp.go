package decode

import "encoding/binary"

// Protocols of PPP (https://www.iana.org/assignments/ppp-numbers).
const (
	pppIPv4          = 0x0021
	pppBridging      = 0x0031
	pppMultilink     = 0x003d
	pppIPv6          = 0x0057
	pppMPLS          = 0x0281
	pppMPLSMulticast = 0x0283
)

// pppoe reads a PPPoE session header (RFC 2516, section 4) and what is in it.
func (p *Packet) pppoe(off, wire int) error {
	if !p.has(off + 7) {
		return p.network(off, wire, ErrTruncated)
	}
	if p.Data[off] != 0x11 {
		return p.network(off, wire, ErrMalformed)
	}
	if p.Data[off+1] != 0 { // discovery
		return p.network(off, wire, nil)
	}
	return p.pppProtocol(off+6, off, wire)
}

// serial reads PPP with or without the framing of HDLC, or what Cisco made of it.
func (p *Packet) serial(off, wire int) error {
	const unicast, broadcast = 0x0f, 0x8f
	if !p.has(off + 2) {
		return p.network(off, wire, ErrTruncated)
	}
	if a := p.Data[off]; (a == unicast || a == broadcast) && p.Data[off+1] == 0 {
		return p.hdlc(off, wire)
	}
	return p.ppp(off, wire)
}

// pppd reads PPP of Linux: a direction in place of HDLC's address.
func (p *Packet) pppd(off, wire int) error {
	if !p.has(off + 2) {
		return p.network(off, wire, ErrTruncated)
	}
	if p.Data[off+1] == 3 { // HDLC's control field
		return p.pppProtocol(off+2, off, wire)
	}
	return p.ppp(off+1, wire)
}

// hdlc reads Cisco's HDLC: an address, a control field and an EtherType.
func (p *Packet) hdlc(off, wire int) error {
	if !p.has(off + 4) {
		return p.network(off, wire, ErrTruncated)
	}
	h := p.Data[off:]
	if h[0] == 0xff && h[1] == 3 {
		return p.ppp(off, wire)
	}
	if t := binary.BigEndian.Uint16(h[2:]); t > MaxLength8023 {
		return p.ether(t, off+4, wire)
	}
	return p.network(off+4, wire, nil)
}

// ppp skips the address and control fields of HDLC-like framing (RFC 1662,
// section 3.1), if they are there.
func (p *Packet) ppp(off, wire int) error {
	if !p.has(off + 2) {
		return p.network(off, wire, ErrTruncated)
	}
	if p.Data[off] == 0xff && p.Data[off+1] == 3 {
		return p.pppProtocol(off+2, off, wire)
	}
	return p.pppProtocol(off, off, wire)
}

// pppProtocol reads the protocol field, which may be compressed to one byte
// (RFC 1661, section 6.5), and what it names; start is where PPP began.
func (p *Packet) pppProtocol(off, start, wire int) error {
	if !p.has(off + 1) {
		return p.network(start, wire, ErrTruncated)
	}
	proto := uint16(p.Data[off])
	off++
	if proto&1 == 0 {
		if !p.has(off + 1) {
			return p.network(start, wire, ErrTruncated)
		}
		proto = proto<<8 | uint16(p.Data[off])
		off++
	}
	switch proto {
	case pppIPv4:
		return p.known(EtherTypeIPv4, off, wire)
	case pppIPv6:
		return p.known(EtherTypeIPv6, off, wire)
	case pppMPLS, pppMPLSMulticast:
		if p.EtherType == 0 {
			p.EtherType = EtherTypeMPLS
		}
		return p.mpls(off, wire)
	case pppMultilink:
		return p.multilink(off, start, wire)
	case pppBridging:
		return p.bridging(off, start, wire)
	}
	return p.network(start, wire, nil)
}

// multilink reads a packet that is whole in one fragment (RFC 1990, section 3).
// Its number has 12 or 24 bits: so it was agreed, and one goes by what follows.
func (p *Packet) multilink(off, start, wire int) error {
	const whole = 0xc0
	if !p.has(off + 4) {
		return p.network(start, wire, ErrTruncated)
	}
	if p.Data[off]&whole != whole || !p.deeper() {
		return p.network(start, wire, nil)
	}
	if b := p.Data[off+2:]; b[0] == pppIPv4 || b[0] == pppIPv6 || b[0] == 0 && (b[1] == pppIPv4 || b[1] == pppIPv6) {
		return p.pppProtocol(off+2, start, wire)
	}
	return p.pppProtocol(off+4, start, wire)
}

// bridging reads a bridged frame (RFC 3518, section 4.2).
func (p *Packet) bridging(off, start, wire int) error {
	if !p.has(off + 2) {
		return p.network(start, wire, ErrTruncated)
	}
	if p.Data[off+1] != 1 { // not 802.3
		return p.network(start, wire, nil)
	}
	return p.bridged(off+2, wire)
}

// frameRelay reads an address of Q.922 and the protocol behind it (RFC 2427), or
// the EtherType that Cisco writes there.
func (p *Packet) frameRelay(off, wire int) error {
	start := off
	for last := false; !last; off++ {
		if !p.has(off + 1) {
			return p.network(start, wire, ErrTruncated)
		}
		if off == start+4 {
			return p.network(start, wire, ErrMalformed)
		}
		last = p.Data[off]&1 != 0
	}
	if off == start+1 { // addresses have two bytes or more
		return p.network(start, wire, ErrMalformed)
	}
	if !p.has(off + 2) {
		return p.network(start, wire, ErrTruncated)
	}
	const unnumbered = 3
	if p.Data[off] != unnumbered {
		if t := binary.BigEndian.Uint16(p.Data[off:]); t > MaxLength8023 {
			return p.ether(t, off+2, wire)
		}
		return p.network(start, wire, nil)
	}
	off++
	if p.Data[off] == 0 { // padding
		off++
	}
	return p.nlpid(off, start, wire)
}
