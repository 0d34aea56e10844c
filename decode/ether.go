package decode

import "encoding/binary"

// maxVLANs is how many VLAN tags are read in one frame.
const maxVLANs = 8

// ethernet reads the Ethernet header at off.
func (p *Packet) ethernet(off, wire int) error {
	if !p.has(off + ethernetLen) {
		return p.network(len(p.Data), wire, ErrTruncated)
	}
	return p.ether(binary.BigEndian.Uint16(p.Data[off+12:]), off+ethernetLen, wire)
}

// bridged reads an Ethernet frame that something else carries.
func (p *Packet) bridged(off, wire int) error {
	if !p.deeper() {
		return p.network(off, wire, ErrMalformed)
	}
	return p.ethernet(off, wire)
}

// ether goes on at off with what an EtherType names: it skips tags and shims,
// in whatever order they come.
func (p *Packet) ether(t uint16, off, wire int) error {
	data := p.Data
	for {
		p.EtherType = t
		switch t {
		case EtherTypeIPv4:
			return p.ipv4(off, wire)
		case EtherTypeIPv6:
			return p.ipv6(off, wire)
		case EtherTypeVLAN, EtherTypeQinQ, EtherTypeQinQ9100, EtherTypeQinQ9200:
			if len(data) < off+4 {
				return p.network(off, wire, ErrTruncated)
			}
			if p.tags == maxVLANs {
				return p.network(off, wire, ErrMalformed)
			}
			p.vlans[p.tags] = VLAN{t, binary.BigEndian.Uint16(data[off:])}
			p.tags++
			t = binary.BigEndian.Uint16(data[off+2:])
			off += 4
			continue
		}
		n := shim(t, data[off:])
		if n == 0 {
			return p.carried(t, off, wire)
		}
		if len(data) < off+n {
			return p.network(off, wire, ErrTruncated)
		}
		if !p.deeper() {
			return p.network(off, wire, ErrMalformed)
		}
		t = binary.BigEndian.Uint16(data[off+n-2:])
		off += n
	}
}

// shim returns the length of what stands between one EtherType and the next,
// that one included, b being what follows the first; 0 where t is no shim.
func shim(t uint16, b []byte) int {
	switch t {
	case EtherTypeVNTag, EtherTypeHSR, EtherTypeRTag:
		return 4 + 2
	case EtherTypeCMD, EtherTypeETag, EtherTypeEDSA:
		return 6 + 2
	case EtherTypePBB: // the service tag, and the customer's addresses
		return 4 + 12 + 2
	case EtherTypeArista:
		if len(b) < 4 {
			return 4
		}
		if binary.BigEndian.Uint16(b) != 1 {
			return 0
		}
		switch b[3] >> 4 { // the format of the time stamp
		case 1:
			return 4 + 8 + 2
		case 2:
			return 4 + 6 + 2
		}
	}
	return 0
}

// carried reads what else an EtherType names.
func (p *Packet) carried(t uint16, off, wire int) error {
	switch t {
	case EtherTypeMPLS, EtherTypeMPLSMulticast:
		return p.mpls(off, wire)
	case EtherTypePPPoE:
		return p.pppoe(off, wire)
	case EtherTypePPP:
		return p.ppp(off, wire)
	case EtherTypeTEB:
		return p.bridged(off, wire)
	case EtherTypeFabricPath: // a tag of 2 bytes
		return p.bridged(off+2, wire)
	case EtherTypeJumbo:
		return p.llc(off, wire, 0)
	case EtherTypeMACsec:
		return p.macsec(off, wire)
	case EtherTypeNSH:
		return p.nsh(off, wire)
	case EtherTypeTRILL:
		return p.trill(off, wire)
	}
	if t <= MaxLength8023 { // IEEE 802.3
		return p.llc(off, wire, 0)
	}
	return p.network(off, wire, nil)
}

// macsec reads a security tag (IEEE 802.1AE, clause 9) of a frame that is
// protected, but not encrypted. The integrity check value is behind the packet.
func (p *Packet) macsec(off, wire int) error {
	const version, sci, encrypted, changed = 0x80, 0x20, 0x08, 0x04
	if !p.has(off + 6) {
		return p.network(off, wire, ErrTruncated)
	}
	tci := p.Data[off]
	if tci&(version|encrypted|changed) != 0 {
		return p.network(off, wire, nil)
	}
	n := 6
	if tci&sci != 0 {
		n += 8
	}
	start := off
	off += n
	if !p.has(off + 2) {
		return p.network(start, wire, ErrTruncated)
	}
	if !p.deeper() {
		return p.network(start, wire, ErrMalformed)
	}
	return p.ether(binary.BigEndian.Uint16(p.Data[off:]), off+2, wire)
}

// nsh reads a network service header (RFC 8300, section 2).
func (p *Packet) nsh(off, wire int) error {
	if !p.has(off + 4) {
		return p.network(off, wire, ErrTruncated)
	}
	h := p.Data[off:]
	n := int(h[1]&0x3f) * 4
	if h[0]>>6 != 0 || n < 8 || !p.deeper() {
		return p.network(off, wire, ErrMalformed)
	}
	if !p.has(off + n) {
		return p.network(off, wire, ErrTruncated)
	}
	switch h[3] {
	case 1:
		return p.ether(EtherTypeIPv4, off+n, wire)
	case 2:
		return p.ether(EtherTypeIPv6, off+n, wire)
	case 3:
		return p.bridged(off+n, wire)
	case 4:
		return p.nsh(off+n, wire)
	case 5:
		return p.ether(EtherTypeMPLS, off+n, wire)
	}
	return p.network(off, wire, nil)
}

// trill reads a TRILL header (RFC 6325, section 3), behind which is a frame.
func (p *Packet) trill(off, wire int) error {
	if !p.has(off + 6) {
		return p.network(off, wire, ErrTruncated)
	}
	h := p.Data[off:]
	if h[0]>>6 != 0 {
		return p.network(off, wire, nil)
	}
	options := int(h[0]&7)<<2 | int(h[1]>>6)
	return p.bridged(off+6+options*4, wire)
}

// mpls skips a label stack (RFC 3032, section 2.1). What is under it is told by
// its first half byte, as routers do (RFC 4928): 4 and 6 are IP, 0 begins the
// control word of a pseudowire (RFC 4385). Pseudowires without one begin with an
// address, so 4 and 6 are theirs where what they say as IP is wrong.
func (p *Packet) mpls(off, wire int) error {
	start := off
	for {
		if !p.has(off + 4) {
			return p.network(start, wire, ErrTruncated)
		}
		bottom := p.Data[off+2]&1 != 0
		off += 4
		if bottom {
			break
		}
	}
	if !p.has(off + 1) {
		return p.network(start, wire, ErrTruncated)
	}
	b := p.Data[off:]
	switch v := b[0] >> 4; {
	case v == 4 && p.usual(off):
		return nil
	case v == 4 && (soundIPv4(b) || framesIP(b) != yes):
		return p.ipv4(off, wire)
	case v == 6 && (soundIPv6(b, wire-off) || framesIP(b) != yes):
		return p.ipv6(off, wire)
	}
	if b[0]>>4 == 0 {
		switch framesIP(b[min(4, len(b)):]) {
		case yes:
			return p.bridged(off+4, wire)
		case cut:
			if wire > len(p.Data) {
				return p.network(start, wire, ErrTruncated)
			}
		}
	}
	switch framesIP(b) {
	case yes:
		return p.bridged(off, wire)
	case cut:
		if wire > len(p.Data) {
			return p.network(start, wire, ErrTruncated)
		}
	}
	return p.network(start, wire, nil)
}

// An answer may need more bytes than there are.
type answer uint8

const (
	no answer = iota
	yes
	cut
)

// framesIP says whether b is an Ethernet frame with IP in it.
func framesIP(b []byte) answer {
	for at := 12; at < 12+4*maxVLANs; at += 4 {
		if len(b) < at+3 {
			return cut
		}
		switch t := binary.BigEndian.Uint16(b[at:]); {
		case t == EtherTypeIPv4 && b[at+2]>>4 == 4, t == EtherTypeIPv6 && b[at+2]>>4 == 6:
			return yes
		case t != EtherTypeVLAN && t != EtherTypeQinQ && t != EtherTypeQinQ9100 && t != EtherTypeQinQ9200:
			return no
		}
	}
	return no
}
