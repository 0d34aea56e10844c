// Package decode reads the headers of a frame into one flat value: the link layer
// (see [LinkType]), VLAN tags and the other shims that stand behind it (see the
// EtherType constants), IPv4, IPv6, TCP and UDP. It does no I/O, keeps no state and
// allocates nothing.
package decode

import (
	"encoding/binary"
	"errors"
	"time"
)

// Errors of Decode. They are preallocated: compare them with errors.Is.
var (
	// ErrTruncated: the captured bytes end inside a header although the packet
	// went on (a snapshot length cut it), or the frame ends there.
	ErrTruncated = errors.New("decode: frame ends inside a header")
	// ErrMalformed: a length or version field contradicts itself or what is
	// around it.
	ErrMalformed = errors.New("decode: malformed header")
	// ErrLinkType: the frame's link type is not one that Decode knows.
	ErrLinkType = errors.New("decode: unknown link type")
)

// IP protocol numbers that Decode looks at.
const (
	ProtoHopByHop    = 0
	ProtoIPv4        = 4
	ProtoTCP         = 6
	ProtoUDP         = 17
	ProtoIPv6        = 41
	ProtoRouting     = 43
	ProtoFragment    = 44
	ProtoGRE         = 47
	ProtoESP         = 50
	ProtoAH          = 51
	ProtoICMPv6      = 58
	ProtoNoNext      = 59
	ProtoDestination = 60
	ProtoMobility    = 135
	ProtoHIP         = 139
	ProtoShim6       = 140
)

// A Packet is the decoded form of one frame. The zero value is ready for use,
// and one value serves any number of frames. All slices borrow from the data
// given to Decode.
//
// A field is valid if its condition below holds, also when Decode returned an
// error: the layers before the failing one are there. Where the condition does
// not hold the field has no meaning and may be left from an earlier frame.
type Packet struct {
	Data      []byte   // what was given to Decode
	Link      LinkType // as given to Decode
	Interface int      // where it was captured: the caller's, Decode leaves it alone
	EtherType uint16   // the innermost one, behind VLAN tags and shims; 0 where the link type has none and the payload is not IP
	IPVersion uint8    // 4, 6, or 0: not IP
	Proto     uint8    // the upper-layer protocol: IPv4 protocol or the last IPv6 next header; valid iff IPVersion != 0

	Fragment      bool // a piece of a datagram: neither TCP nor UDP is decoded
	MoreFragments bool // valid iff Fragment
	NoLength      bool // the IP length field is 0, as in offloaded sends (TSO, BIG TCP): IPLength is the frame's
	TCP           bool // the fixed TCP header was read
	UDP           bool // the UDP header was read
	// LinkGuessed says that the frame is said to be LinkEthernet but begins with an
	// IP header, and was read as LinkRaw.
	LinkGuessed bool
	several     bool // Next has another packet
	tags        uint8

	// Ports valid iff TCP or UDP, or in a first fragment that holds them; otherwise
	// 0 if IPVersion != 0. Src and Dst return them with the addresses.
	SrcPort, DstPort uint16

	NetworkOffset   int // where Data's network header begins; what is before it is the link layer
	TransportOffset int // where Data goes on after the IP headers; valid iff IPVersion != 0
	IPLength        int // of the IP packet with its headers, on the wire; valid iff IPVersion != 0

	FragmentID     uint32 // valid iff Fragment
	FragmentOffset int    // bytes; valid iff Fragment

	// TCP, valid iff TCP.
	Seq     uint32
	Ack     uint32
	Flags   TCPFlags
	Window  uint16
	Urgent  uint16
	Options Options // less than the header says iff Decode returned ErrTruncated

	// Payload is what follows the last decoded header, without padding of the
	// link layer; of a fragment its whole data. PayloadLen is its length on the
	// wire; len(Payload) is less where the frame was cut.
	Payload    []byte
	PayloadLen int

	// Time is when the frame was captured: the caller's, as Interface is.
	Time time.Time

	rest
}

// rest is what the usual Ethernet frame has no need of: its parts are valid where
// Link is another type, or as they say.
type rest struct {
	layer        LinkType // the innermost link type
	layers       uint8    // link layers and shims, bounded by maxLayers
	hwLen        uint8    // of hardware addresses; 0: none
	base         int32    // where layer begins
	hwSrc, hwDst int32    // where they are in Data
	next, last   int32    // where the next packet begins, and where they all end; valid iff several
	vlans        [maxVLANs]VLAN
}

// Decode reads the headers of one frame that was captured whole, or whose
// length on the wire is not known. Where a frame carries several packets it reads
// the first: see [Packet.Next]. It returns [ErrTruncated], [ErrMalformed] or
// [ErrLinkType].
func (p *Packet) Decode(link LinkType, data []byte) error {
	return p.DecodeCut(link, data, len(data))
}

// DecodeCut reads the headers of a frame of which data was captured. wire is its
// length on the wire; it counts only where headers do not tell the length.
func (p *Packet) DecodeCut(link LinkType, data []byte, wire int) error {
	p.Data = data
	p.Link = link
	p.reset()
	p.layers, p.hwLen = 0, 0
	if link == LinkEthernet && len(data) >= ethernetLen+usualLen {
		h := (*[ethernetLen + usualLen]byte)(data)
		if binary.BigEndian.Uint16(h[12:]) == EtherTypeIPv4 && p.headers(data, ethernetLen, (*[usualLen]byte)(h[ethernetLen:])) {
			p.EtherType = EtherTypeIPv4
			return nil
		}
	}
	return p.decode(wire)
}

// decode is DecodeCut for what is not usual.
func (p *Packet) decode(wire int) error {
	link, data := p.Link, p.Data
	switch {
	case link == LinkEthernet && len(data) >= ethernetLen:
		var err error
		switch t := binary.BigEndian.Uint16(data[12:]); t {
		case EtherTypeIPv4:
			p.EtherType = t
			err = p.anyIPv4(ethernetLen, wire)
		case EtherTypeIPv6:
			p.EtherType = t
			err = p.ipv6(ethernetLen, wire)
		default:
			err = p.ether(t, ethernetLen, max(wire, len(data)))
		}
		if err == nil && p.IPVersion != 0 {
			return nil
		}
		return p.guess(0, max(wire, len(data)), err)
	case link == LinkSLL2 && len(data) >= sll2Len:
		p.layer, p.base = link, 0
		return p.cooked(binary.BigEndian.Uint16(data[8:]), binary.BigEndian.Uint16(data), sll2Len, max(wire, len(data)))
	}
	p.EtherType = 0
	p.layer, p.base = link, 0
	return p.link(link, 0, max(wire, len(data)))
}

// reset makes the fields not valid that their own value says to be so.
func (p *Packet) reset() {
	p.IPVersion = 0
	p.Fragment, p.MoreFragments, p.NoLength, p.TCP, p.UDP = false, false, false, false, false
	p.LinkGuessed, p.several, p.tags = false, false, 0
}

// Next reads the next packet of a frame that carries several, as an A-MSDU of
// IEEE 802.11 does, into p. It returns false, and leaves p as it is, if there is
// none. The error is that of this packet, as Decode's.
//
//	err := p.Decode(link, data)
//	for more := true; more; more, err = p.Next() {
//		...
//	}
func (p *Packet) Next() (bool, error) {
	if !p.several {
		return false, nil
	}
	p.reset()
	p.EtherType = 0
	p.layers = 0
	return true, p.subframe(int(p.next), int(p.last))
}

// More reports whether Next has another packet.
func (p *Packet) More() bool { return p.several }

// Aggregates reports whether frames of this kind may carry several packets: then
// one of them says nothing about whose the others are.
func (p *Packet) Aggregates() bool {
	switch p.innermost() {
	case LinkDot11, LinkRadiotap, LinkPrism, LinkAVS:
		return true
	}
	return false
}

// network makes everything from off on the payload, and reports err.
func (p *Packet) network(off, wire int, err error) error {
	off = min(off, len(p.Data))
	p.NetworkOffset = off
	p.Payload = p.Data[off:]
	p.PayloadLen = max(wire-off, len(p.Payload))
	return err
}
