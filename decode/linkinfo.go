package decode

import "encoding/binary"

// A VLAN is one 802.1Q or 802.1ad tag.
type VLAN struct {
	Type uint16 // the tag's own EtherType, such as 0x8100
	TCI  uint16 // tag control information
}

// ID returns the VLAN identifier.
func (v VLAN) ID() uint16 { return v.TCI & 0xfff }

// Priority returns the priority code point, 0 to 7.
func (v VLAN) Priority() uint8 { return uint8(v.TCI >> 13) }

// DropEligible returns the drop eligible indicator.
func (v VLAN) DropEligible() bool { return v.TCI&0x1000 != 0 }

// VLANs returns how many VLAN tags the frame carries.
func (p *Packet) VLANs() int { return int(p.tags) }

// VLAN returns the i-th tag, 0 being the outermost. i must be less than VLANs.
func (p *Packet) VLAN(i int) VLAN {
	if i < 0 || i >= int(p.tags) {
		panic("decode: VLAN tag out of range")
	}
	return p.vlans[i]
}

// innermost returns the last link type: that in PKTAP or PPI, or Link itself.
func (p *Packet) innermost() LinkType {
	if p.Link == LinkEthernet {
		return LinkEthernet
	}
	return p.layer
}

// SrcMAC returns the sender's hardware address, borrowed from Data: 6 bytes of
// Ethernet, IEEE 802.11 and other LANs, up to 8 of cooked frames. nil where the
// frame has none. Of frames in frames it is the outer one.
func (p *Packet) SrcMAC() []byte {
	switch l := p.innermost(); l {
	case LinkEthernet:
		if at := p.start(); len(p.Data) >= at+12 && !p.LinkGuessed {
			return p.Data[at+6 : at+12]
		}
	case LinkSLL, LinkSLL2:
		at := p.start()
		if l == LinkSLL && len(p.Data) >= at+sllLen {
			return p.Data[at+6 : at+6+min(8, int(binary.BigEndian.Uint16(p.Data[at+4:])))]
		}
		if l == LinkSLL2 && len(p.Data) >= at+sll2Len {
			return p.Data[at+12 : at+12+min(8, int(p.Data[at+11]))]
		}
	default:
		if p.hwLen > 0 {
			return p.Data[p.hwSrc : p.hwSrc+int32(p.hwLen)]
		}
	}
	return nil
}

// DstMAC returns the receiver's hardware address as SrcMAC does the sender's;
// nil for cooked frames, which do not have it.
func (p *Packet) DstMAC() []byte {
	switch p.innermost() {
	case LinkEthernet:
		if at := p.start(); len(p.Data) >= at+6 && !p.LinkGuessed {
			return p.Data[at : at+6]
		}
	case LinkSLL, LinkSLL2:
	default:
		if p.hwLen > 0 {
			return p.Data[p.hwDst : p.hwDst+int32(p.hwLen)]
		}
	}
	return nil
}

// start returns where the innermost link type begins.
func (p *Packet) start() int {
	if p.Link == LinkEthernet {
		return 0
	}
	return int(p.base)
}

// Cooked is what a Linux cooked header says of the packet.
type Cooked struct {
	PacketType uint8  // PACKET_HOST … of packet(7)
	ARPHRD     uint16 // the device's type
	Interface  uint32 // the device's index; 0 in LinkSLL, which does not tell it
	Protocol   uint16 // as in the header: an EtherType on most devices
}

// Cooked returns the fields of a LinkSLL or LinkSLL2 header; false for other
// link types and cut headers.
func (p *Packet) Cooked() (Cooked, bool) {
	be, b := binary.BigEndian, p.Data
	switch {
	case p.Link == LinkSLL && len(b) >= sllLen:
		return Cooked{PacketType: uint8(be.Uint16(b)), ARPHRD: be.Uint16(b[2:]), Protocol: be.Uint16(b[14:])}, true
	case p.Link == LinkSLL2 && len(b) >= sll2Len:
		return Cooked{b[10], be.Uint16(b[8:]), be.Uint32(b[4:]), be.Uint16(b)}, true
	}
	return Cooked{}, false
}
