// Package decode reads the Ethernet, Linux cooked, null/loop, raw, VLAN, IPv4,
// IPv6 and TCP headers of a frame into one flat value. It does no I/O, keeps
// no state and allocates nothing.
package decode

import (
	"errors"
	"net/netip"
)

// Errors of Decode. They are preallocated: compare them with errors.Is.
var (
	// ErrTruncated: the frame ends inside a header (a snapshot length cut it).
	ErrTruncated = errors.New("decode: frame ends inside a header")
	// ErrMalformed: a length or version field contradicts itself.
	ErrMalformed = errors.New("decode: malformed header")
	// ErrLinkType: the frame's link type is not one that Decode knows.
	ErrLinkType = errors.New("decode: unknown link type")
)

// TCPFlags are the control bits of a TCP header (RFC 9293, section 3.1).
type TCPFlags uint16

// The control bits, AE among them (RFC 9768).
const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE
)

// A Packet is the decoded form of one frame. The zero value is ready for use,
// and one value serves any number of frames. All slices borrow from the data
// given to Decode.
type Packet struct {
	Link      LinkType
	EtherType uint16         // of the innermost VLAN tag's payload; 0 where the link type has none and the payload is not IP
	IPVersion uint8          // 4, 6, or 0: not IP
	Proto     uint8          // the upper-layer protocol: IPv4 protocol or the last IPv6 next header; valid iff IPVersion != 0
	Src, Dst  netip.AddrPort // addresses valid iff IPVersion != 0; ports iff TCP or UDP and not a later fragment

	// Fragment fields, valid iff Fragment. Payload is then the fragment's data.
	Fragment       bool
	FragmentID     uint32
	FragmentOffset int // bytes
	MoreFragments  bool

	// TCP, valid iff TCP.
	TCP     bool
	Flags   TCPFlags
	Seq     uint32
	Ack     uint32
	Window  uint16
	Urgent  uint16
	Options []byte

	// Payload is what follows the last decoded header, without padding of the
	// link layer. PayloadLen is its length on the wire; len(Payload) is less
	// where the frame was cut.
	Payload    []byte
	PayloadLen int
}

// Decode reads the headers of one frame.
func (p *Packet) Decode(link LinkType, data []byte) error {
	return ErrLinkType
}
