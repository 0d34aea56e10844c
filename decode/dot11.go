package decode

import (
	"bytes"
	"encoding/binary"
)

// dot11 reads an IEEE 802.11 MAC header (clause 9.2) and what a data frame
// carries. padded says that it is filled up to a multiple of 4 bytes. Encrypted
// frames are passed over, unless what they carry shows to be in clear: some
// drivers leave the flag where they have decrypted.
func (p *Packet) dot11(off, wire int, padded bool) error {
	const (
		kinds, data, null, qos   = 0x0f, 0x08, 0x40, 0x80 // of the first byte
		toDS, fromDS, order      = 0x01, 0x02, 0x80       // of the second
		protected                = 0x40
		mesh, aggregated, header = 0x01, 0x80, 24
	)
	if !p.has(off + header) {
		if p.has(off+1) && p.Data[off]&kinds != data {
			return p.network(off, wire, nil) // control frames are short
		}
		return p.network(off, wire, ErrTruncated)
	}
	h := p.Data[off:]
	if h[0]&kinds != data || h[0]&null != 0 {
		return p.network(off, wire, nil)
	}
	n := header
	four := h[1]&(toDS|fromDS) == toDS|fromDS
	if four {
		n += 6
	}
	var control [2]byte
	if h[0]&qos != 0 {
		if !p.has(off + n + 2) {
			return p.network(off, wire, ErrTruncated)
		}
		control = [2]byte(h[n:])
		n += 2
		if h[1]&order != 0 { // HT control
			n += 4
		}
	}
	switch {
	case four:
		p.addresses(off+16, off+24, 6)
	case h[1]&toDS != 0:
		p.addresses(off+16, off+10, 6)
	case h[1]&fromDS != 0:
		p.addresses(off+4, off+16, 6)
	default:
		p.addresses(off+4, off+10, 6)
	}
	if padded {
		n = (n + 3) &^ 3
	}
	start := off
	off += n
	if !p.has(off + 1) {
		return p.network(start, wire, ErrTruncated)
	}
	if binary.LittleEndian.Uint16(h[22:])&0xf != 0 { // a later fragment
		return p.network(off, wire, nil)
	}
	if h[1]&protected != 0 {
		return p.inClear(off, wire)
	}
	if control[0]&aggregated != 0 {
		return p.subframe(off, wire)
	}
	if control[1]&mesh != 0 && !p.isLLC(off) { // a mesh control field, with up to two addresses
		at := off + 6 + 6*int(p.Data[off]&3)
		switch {
		case p.isLLC(at):
			off = at
		case !p.has(at+len(llcSNAP)) && wire >= at+len(llcSNAP):
			return p.network(off, wire, ErrTruncated)
		}
	}
	return p.llc(off, wire, 0)
}

// isLLC reports whether headers of 802.2 and SNAP stand at off.
func (p *Packet) isLLC(off int) bool {
	return p.has(off+len(llcSNAP)) && bytes.HasPrefix(p.Data[off:], llcSNAP)
}

// inClear reads what a frame carries that is said to be encrypted, if it is IP,
// perhaps behind the header of the cipher.
func (p *Packet) inClear(off, wire int) error {
	for _, n := range [...]int{0, 4, 8} { // none, WEP's, TKIP's and CCMP's
		at := off + n
		if !p.isLLC(at) || !p.has(at+snapLen+1) {
			continue
		}
		t, v := binary.BigEndian.Uint16(p.Data[at+6:]), p.Data[at+snapLen]>>4
		if t == EtherTypeIPv4 && v == 4 || t == EtherTypeIPv6 && v == 6 {
			return p.llc(at, wire, 0)
		}
	}
	return p.network(off, wire, nil)
}

// subframe reads a subframe of an A-MSDU (IEEE 802.11, clause 9.3.2.2.2): two
// addresses, a length, and a packet, filled up to a multiple of 4 bytes.
func (p *Packet) subframe(off, wire int) error {
	if !p.has(off + ethernetLen) {
		return p.network(off, wire, ErrTruncated)
	}
	end := off + ethernetLen + int(binary.BigEndian.Uint16(p.Data[off+12:]))
	if end > wire {
		return p.network(off, wire, ErrMalformed)
	}
	p.addresses(off, off+6, 6)
	whole, last := p.end(end, wire)
	err := p.llc(off+ethernetLen, last, 0)
	p.Data = whole
	if next := off + (end-off+3)&^3; next+ethernetLen <= min(wire, len(p.Data)) {
		p.several, p.next, p.last = true, int32(next), int32(wire)
	}
	return err
}

// radiotap reads a radiotap header (https://www.radiotap.org) and the frame
// behind it.
func (p *Packet) radiotap(off, wire int) error {
	const header = 8
	const tsft, flags, more = 1 << 0, 1 << 1, 1 << 31 // of the words that say what is present
	const padded, bad = 0x20, 0x40                    // flags
	if !p.has(off + header) {
		return p.network(off, wire, ErrTruncated)
	}
	le := binary.LittleEndian
	n := int(le.Uint16(p.Data[off+2:]))
	if p.Data[off] != 0 || n < header {
		return p.network(off, wire, ErrMalformed)
	}
	if !p.has(off + n) {
		return p.network(off, wire, ErrTruncated)
	}
	h := p.Data[off : off+n]
	present := le.Uint32(h[4:])
	at := header
	for word := present; word&more != 0; at += 4 {
		if at+4 > n {
			return p.network(off, wire, ErrMalformed)
		}
		word = le.Uint32(h[at:])
	}
	if present&tsft != 0 {
		at = (at+7)&^7 + 8
	}
	var f byte
	if present&flags != 0 && at < n {
		f = h[at]
	}
	return p.received(off+n, wire, f&padded != 0, f&bad != 0)
}

// received reads the 802.11 frame at off, with what its receiver says of it: the
// header is padded, the frame check sequence was wrong. Of the latter, which a
// real receiver drops, those are read whose checksums say that what matters is
// right. A frame check sequence behind the packet does no harm.
func (p *Packet) received(off, wire int, padded, bad bool) error {
	p.layer, p.base = LinkDot11, int32(off)
	err := p.dot11(off, wire, padded)
	if bad && (err != nil || !p.IPChecksumOK() || !p.TransportChecksumOK()) {
		p.reset() // and no further packets of it
		return p.network(off, wire, ErrMalformed)
	}
	return err
}

// prism reads a Prism or AVS header and the 802.11 frame behind it. The link
// types of both are found with either.
func (p *Packet) prism(off, wire int) error {
	const prismLen, avsMagic, avsLen = 144, 0x80211000, 28
	if !p.has(off + 8) {
		return p.network(off, wire, ErrTruncated)
	}
	be, n := binary.BigEndian, prismLen
	switch h := p.Data[off:]; {
	case be.Uint32(h)&^0xfff == avsMagic:
		n = int(min(be.Uint32(h[4:]), 1<<16))
	case binary.LittleEndian.Uint32(h)&^0xfff == avsMagic:
		n = int(min(binary.LittleEndian.Uint32(h[4:]), 1<<16))
	}
	if n < avsLen {
		return p.network(off, wire, ErrMalformed)
	}
	if !p.has(off + n) {
		return p.network(off, wire, ErrTruncated)
	}
	return p.received(off+n, wire, false, false)
}

// ppi reads a per-packet information header, which names a link type.
func (p *Packet) ppi(off, wire int) error {
	const header = 8
	if !p.has(off + header) {
		return p.network(off, wire, ErrTruncated)
	}
	le := binary.LittleEndian
	n := int(le.Uint16(p.Data[off+2:]))
	if p.Data[off] != 0 || n < header {
		return p.network(off, wire, ErrMalformed)
	}
	if !p.has(off + n) {
		return p.network(off, wire, ErrTruncated)
	}
	link := LinkType(min(le.Uint32(p.Data[off+4:]), 0xffff))
	if link != LinkDot11 {
		return p.within(link, off+n, wire)
	}
	bad := false
	aligned := p.Data[off+1]&1 != 0
	for h := p.Data[off+header : off+n]; len(h) >= 4; {
		const common = 2 // the field of that name, whose flags follow a time stamp
		size := int(le.Uint16(h[2:]))
		if le.Uint16(h) == common && size >= 10 && len(h) >= 4+10 {
			bad = le.Uint16(h[4+8:])&4 != 0
		}
		if aligned {
			size = (size + 3) &^ 3
		}
		h = h[min(4+size, len(h)):]
	}
	return p.received(off+n, wire, false, bad)
}
