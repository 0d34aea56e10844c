package packetgen

import (
	"net/netip"
	"time"

	"github.com/wstap/wstap/decode"
)

// A Side is one end of a conversation. Its values are those of
// reassembly.Direction.
type Side uint8

// The sides.
const (
	Client Side = iota
	Server
)

// Other returns the other side.
func (s Side) Other() Side { return s ^ 1 }

// A Packet is one captured segment of a conversation. TCP made Frame: change a
// copy of it and call its Frame method for a variant.
type Packet struct {
	Time  time.Time
	From  Side
	TCP   TCP
	Frame []byte
}

// A Conversation writes a TCP session packet by packet. Set its fields, then
// call its methods; Packets grows.
type Conversation struct {
	Client, Server netip.AddrPort
	Link           *Link         // client to server; nil means Ethernet(). The other way swaps the addresses
	ISN            [2]uint32     // initial sequence numbers, by Side
	MSS            int           // 0 means 1460
	Time           time.Time     // of the next packet
	Step           time.Duration // between two packets; 0 means 1 ms
	NoAcks         bool          // data is not followed by an ACK of the other side
	Timestamps     bool          // every segment carries the timestamps option

	Packets []Packet

	next  [2]uint32 // sequence number of the next byte, by Side
	begun bool
	ids   [2]uint32 // last IP identification, by Side
}

// NewConversation returns a conversation between 10.0.0.1:40000 and
// 10.0.0.2:80 that starts at a fixed time.
func NewConversation() *Conversation {
	return &Conversation{
		Client: netip.MustParseAddrPort("10.0.0.1:40000"),
		Server: netip.MustParseAddrPort("10.0.0.2:80"),
		ISN:    [2]uint32{1000, 5000},
		Time:   time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC),
	}
}

// Next returns the sequence number of the next byte that a side sends.
func (c *Conversation) Next(from Side) uint32 {
	c.begin()
	return c.next[from]
}

// Open writes the three-way handshake.
func (c *Conversation) Open() {
	c.begin()
	c.next = c.ISN
	mss := uint16(c.mss())
	c.Segment(Client, decode.SYN, Options(MSS(mss), SACKPermitted(), NOP(), WindowScale(7)), nil)
	c.Segment(Server, decode.SYN|decode.ACK, Options(MSS(mss), SACKPermitted(), NOP(), WindowScale(7)), nil)
	c.Segment(Client, decode.ACK, nil, nil)
}

// Send writes data of one side, cut at the MSS, or where cuts are given into
// segments of those lengths, the rest again at the MSS. The other side
// acknowledges each segment.
func (c *Conversation) Send(from Side, data []byte, cuts ...int) {
	c.begin()
	for len(data) > 0 {
		n := c.mss()
		if len(cuts) > 0 {
			n, cuts = cuts[0], cuts[1:]
		}
		n = min(n, len(data))
		flags := decode.ACK
		if n == len(data) {
			flags |= decode.PSH
		}
		c.Segment(from, flags, nil, data[:n])
		data = data[n:]
		if !c.NoAcks {
			c.Segment(from.Other(), decode.ACK, nil, nil)
		}
	}
}

// Close writes a FIN of one side, the other side's FIN, and the last ACK.
func (c *Conversation) Close(from Side) {
	c.Segment(from, decode.FIN|decode.ACK, nil, nil)
	c.Segment(from.Other(), decode.FIN|decode.ACK, nil, nil)
	c.Segment(from, decode.ACK, nil, nil)
}

// Reset writes a RST of one side.
func (c *Conversation) Reset(from Side) {
	c.Segment(from, decode.RST|decode.ACK, nil, nil)
}

// Segment writes one segment with the next sequence number of its side, and
// advances it. Payload is not copied.
func (c *Conversation) Segment(from Side, flags decode.TCPFlags, options, payload []byte) *Packet {
	c.begin()
	t := c.template(from)
	if c.Timestamps {
		ms := uint32(c.Time.UnixMilli())
		options = Options(options, NOP(), NOP(), Timestamps(ms, ms-1))
	}
	t.Flags, t.Options, t.Payload = flags, options, payload
	t.Seq = c.next[from]
	if flags&decode.ACK != 0 {
		t.Ack = c.next[from.Other()]
	}
	c.next[from] += uint32(len(payload))
	if flags&decode.SYN != 0 {
		c.next[from]++
	}
	if flags&decode.FIN != 0 {
		c.next[from]++
	}
	return c.Add(from, t)
}

// Add appends any segment, such as a retransmission, and advances the time.
func (c *Conversation) Add(from Side, t TCP) *Packet {
	c.begin()
	p := Packet{Time: c.Time, From: from, TCP: t, Frame: t.Frame()}
	step := c.Step
	if step == 0 {
		step = time.Millisecond
	}
	c.Time = c.Time.Add(step)
	c.Packets = append(c.Packets, p)
	return &c.Packets[len(c.Packets)-1]
}

// template returns a segment with addresses, link and IP header filled in.
func (c *Conversation) template(from Side) TCP {
	link := Ethernet()
	if c.Link != nil {
		link = *c.Link
	}
	t := TCP{Link: &link, Src: c.Client, Dst: c.Server}
	if from == Server {
		t.Src, t.Dst = c.Server, c.Client
		link.Src, link.Dst = link.Dst, link.Src
	}
	c.ids[from]++
	t.IP.ID = c.ids[from]
	t.IP.DF = true
	return t
}

func (c *Conversation) begin() {
	if !c.begun {
		c.begun = true
		// A conversation joined midway starts at the first data byte.
		c.next = [2]uint32{c.ISN[0] + 1, c.ISN[1] + 1}
	}
}

func (c *Conversation) mss() int {
	if c.MSS == 0 {
		return 1460
	}
	return c.MSS
}
