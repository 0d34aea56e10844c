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
	first, at := 12, ethernetLen // where the outermost type is, and the first tag
	switch p.Link {
	case LinkSLL:
		first, at = 14, sllLen
	case LinkSLL2:
		first, at = 0, sll2Len
	}
	if i > 0 {
		first = at + 4*i - 2
	}
	return VLAN{binary.BigEndian.Uint16(p.Data[first:]), binary.BigEndian.Uint16(p.Data[at+4*i:])}
}

// SrcMAC returns the sender's hardware address: of an Ethernet frame 6 bytes, of
// a cooked one up to 8, borrowed from Data. nil where the frame has none.
func (p *Packet) SrcMAC() []byte {
	switch {
	case p.Link == LinkEthernet && len(p.Data) >= 12:
		return p.Data[6:12]
	case p.Link == LinkSLL && len(p.Data) >= sllLen:
		return p.Data[6 : 6+min(8, int(binary.BigEndian.Uint16(p.Data[4:])))]
	case p.Link == LinkSLL2 && len(p.Data) >= sll2Len:
		return p.Data[12 : 12+min(8, int(p.Data[11]))]
	}
	return nil
}

// DstMAC returns the receiver's hardware address of an Ethernet frame; nil for
// other link types.
func (p *Packet) DstMAC() []byte {
	if p.Link == LinkEthernet && len(p.Data) >= 6 {
		return p.Data[:6]
	}
	return nil
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
