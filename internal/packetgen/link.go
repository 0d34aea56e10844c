// Package packetgen builds the frames that the tests of this module read:
// plain data in, bytes out, with right lengths and checksums. It does no I/O.
package packetgen

import (
	"encoding/binary"
	"net/netip"

	"github.com/wstap/wstap/decode"
)

// A VLAN is one 802.1Q or 802.1ad tag.
type VLAN struct {
	Type uint16 // the tag's own EtherType; 0 means 0x8100
	TCI  uint16 // priority, drop eligibility and VLAN ID
}

// A Link is what stands before the network header. The zero value of a field
// means the plain case; fields that the link type does not have are ignored.
type Link struct {
	Type       decode.LinkType // 0 is LinkNull; the builders of this package start from LinkEthernet
	Src, Dst   [6]byte         // Ethernet; SLL and SLL2 carry Src
	VLANs      []VLAN          // outermost first
	Interface  uint32          // SLL2
	PacketType uint8           // SLL, SLL2: PACKET_HOST … of packet(7)
	ARPHRD     uint16          // SLL, SLL2; 0 means Ethernet (1)
	BigEndian  bool            // LinkNull
	Pad        bool            // Ethernet: pad to 60 bytes
}

// Ethernet is a Link with two addresses, fit for most tests.
func Ethernet() Link {
	return Link{
		Type: decode.LinkEthernet,
		Src:  [6]byte{0x02, 0, 0, 0, 0, 1},
		Dst:  [6]byte{0x02, 0, 0, 0, 0, 2},
	}
}

// Append appends a frame with the given payload, whose type is etherType.
func (l *Link) Append(b []byte, etherType uint16, payload []byte) []byte {
	start := len(b)
	be := binary.BigEndian
	first := etherType // what the link header names: the outermost tag, or the payload
	if len(l.VLANs) > 0 {
		first = l.VLANs[0].etherType()
	}
	tags := true
	switch l.Type {
	case decode.LinkEthernet:
		b = append(b, l.Dst[:]...)
		b = append(b, l.Src[:]...)
		b = be.AppendUint16(b, first)
	case decode.LinkSLL:
		b = be.AppendUint16(b, uint16(l.PacketType))
		b = be.AppendUint16(b, l.arphrd())
		b = be.AppendUint16(b, 6)
		b = append(b, l.Src[:]...)
		b = append(b, 0, 0)
		b = be.AppendUint16(b, first)
	case decode.LinkSLL2:
		b = be.AppendUint16(b, first)
		b = append(b, 0, 0)
		b = be.AppendUint32(b, l.Interface)
		b = be.AppendUint16(b, l.arphrd())
		b = append(b, l.PacketType, 6)
		b = append(b, l.Src[:]...)
		b = append(b, 0, 0)
	case decode.LinkNull, decode.LinkLoop:
		family := uint32(2) // AF_INET
		if etherType == decode.EtherTypeIPv6 {
			family = 30 // AF_INET6 of Darwin
		}
		if l.Type == decode.LinkLoop || l.BigEndian {
			b = be.AppendUint32(b, family)
		} else {
			b = binary.LittleEndian.AppendUint32(b, family)
		}
		tags = false
	default: // raw: nothing
		tags = false
	}
	if tags {
		for i, v := range l.VLANs {
			b = be.AppendUint16(b, v.TCI)
			if i+1 < len(l.VLANs) {
				b = be.AppendUint16(b, l.VLANs[i+1].etherType())
			} else {
				b = be.AppendUint16(b, etherType)
			}
		}
	}
	b = append(b, payload...)
	if l.Type == decode.LinkEthernet && l.Pad {
		for len(b)-start < 60 {
			b = append(b, 0)
		}
	}
	return b
}

func (v VLAN) etherType() uint16 {
	if v.Type == 0 {
		return decode.EtherTypeVLAN
	}
	return v.Type
}

func (l *Link) arphrd() uint16 {
	if l.ARPHRD == 0 {
		return 1
	}
	return l.ARPHRD
}

// EtherTypeOf returns the EtherType of packets to or from a.
func EtherTypeOf(a netip.Addr) uint16 {
	if a.Is4() {
		return decode.EtherTypeIPv4
	}
	return decode.EtherTypeIPv6
}
