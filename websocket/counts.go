package websocket

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"
)

// Counts tell what one side of a connection, or of all connections, sent.
type Counts struct {
	Text, Binary, Close, Ping, Pong, Other uint64 // messages by opcode

	Frames    uint64 // of these messages
	Bytes     uint64 // of payload as delivered, inflated
	WireBytes uint64 // of payload as sent
	Largest   int    // payload as delivered

	First, Last time.Time // when the first and the last message ended

	LostBytes uint64 // told as gaps

	Compressed, Truncated, Undecoded, Conflicts, InvalidUTF8 uint64 // messages flagged so

	// Round trips from this side's pings to the other side's pongs, as the
	// capture saw them.
	RoundTrips                      uint64
	RoundTripSum, RoundTripMax, RTT time.Duration // RTT is the last one
}

// Messages returns the number of messages, control frames included.
func (c *Counts) Messages() uint64 {
	return c.Text + c.Binary + c.Close + c.Ping + c.Pong + c.Other
}

// Rate returns messages a second between the first and the last; 0 where there
// are not two moments.
func (c *Counts) Rate() float64 {
	n, d := c.Messages(), c.Last.Sub(c.First)
	if n < 2 || d <= 0 {
		return 0
	}
	return float64(n-1) / d.Seconds()
}

// Add adds what o counts. Times become the earliest and the latest.
func (c *Counts) Add(o *Counts) {
	c.Text += o.Text
	c.Binary += o.Binary
	c.Close += o.Close
	c.Ping += o.Ping
	c.Pong += o.Pong
	c.Other += o.Other
	c.Frames += o.Frames
	c.Bytes += o.Bytes
	c.WireBytes += o.WireBytes
	c.Largest = max(c.Largest, o.Largest)
	c.LostBytes += o.LostBytes
	c.Compressed += o.Compressed
	c.Truncated += o.Truncated
	c.Undecoded += o.Undecoded
	c.Conflicts += o.Conflicts
	c.InvalidUTF8 += o.InvalidUTF8
	if c.First.IsZero() || !o.First.IsZero() && o.First.Before(c.First) {
		c.First = o.First
	}
	if o.Last.After(c.Last) {
		c.Last, c.RTT = o.Last, o.RTT
	}
	c.RoundTrips += o.RoundTrips
	c.RoundTripSum += o.RoundTripSum
	c.RoundTripMax = max(c.RoundTripMax, o.RoundTripMax)
}

// A Closing is a side's first close frame.
type Closing struct {
	Time   time.Time
	From   Direction
	Code   int    // StatusNone where the frame carries none
	Reason string // its first 123 bytes: longer ones are not allowed
}

// traffic is what is counted of a connection. Idle ones have none.
type traffic struct {
	counts [2]Counts
	closed []Closing
	pings  [2][]ping // by the side that pings, the oldest first
}

// A ping waits for its pong.
type ping struct {
	hash uint64
	t    time.Time
}

// maxReason is the length of the longest reason that fits a control frame.
const maxReason = 123

// maxPings bounds how many pings without an answer are remembered.
const maxPings = 8

var pingSeed = maphash.MakeSeed()

// counts are those of a side.
func (c *conn) counts(dir Direction) *Counts {
	if c.traffic == nil {
		c.traffic = &traffic{}
	}
	return &c.traffic.counts[dir&1]
}

// count counts a message and, for a pong, finds its ping.
func (c *conn) count(m *Message) {
	n := c.counts(m.From)
	n.message(m.Opcode, m.Frames, len(m.Payload), m.WireLength, m.Time)
	if m.Opcode.Control() {
		c.traffic.control(n, m)
	}
	if m.Compressed || m.Truncated || m.Undecoded || m.Conflict || m.InvalidUTF8 {
		n.flag(m)
	}
}

// message counts what all messages have.
func (n *Counts) message(o Opcode, frames, length int, wire int64, t time.Time) {
	switch o {
	case Text:
		n.Text++
	case Binary:
		n.Binary++
	case Close:
		n.Close++
	case Ping:
		n.Ping++
	case Pong:
		n.Pong++
	default:
		n.Other++
	}
	if n.Frames == 0 {
		n.First = t
	}
	n.Last = t
	n.Frames += uint64(frames)
	n.Bytes += uint64(length)
	n.WireBytes += uint64(wire)
	n.Largest = max(n.Largest, length)
}

func (n *Counts) flag(m *Message) {
	for _, f := range []struct {
		set bool
		n   *uint64
	}{{m.Compressed, &n.Compressed}, {m.Truncated, &n.Truncated}, {m.Undecoded, &n.Undecoded}, {m.Conflict, &n.Conflicts}, {m.InvalidUTF8, &n.InvalidUTF8}} {
		if f.set {
			*f.n++
		}
	}
}

// control notes what a control frame, counted already, says.
func (tr *traffic) control(n *Counts, m *Message) {
	switch m.Opcode {
	case Close:
		if n.Close == 1 {
			code, reason := m.CloseStatus()
			reason = strings.Clone(reason[:min(len(reason), maxReason)])
			tr.closed = append(tr.closed, Closing{Time: m.Time, From: m.From, Code: code, Reason: reason})
		}
	case Ping:
		p := &tr.pings[m.From&1]
		if len(*p) == maxPings {
			*p = slices.Delete(*p, 0, 1)
		}
		*p = append(*p, ping{maphash.Bytes(pingSeed, m.Payload), m.Time})
	case Pong:
		// A pong answers the most recent ping that it equals, and those before
		// (RFC 6455, section 5.5.3).
		pings := tr.pings[m.From&1^1]
		if len(pings) == 0 {
			return
		}
		hash := maphash.Bytes(pingSeed, m.Payload)
		for i := len(pings) - 1; i >= 0; i-- {
			if pings[i].hash == hash {
				m.RoundTrip = max(0, m.Time.Sub(pings[i].t))
				o := &tr.counts[m.From&1^1]
				o.RoundTrips++
				o.RTT = m.RoundTrip
				o.RoundTripSum += m.RoundTrip
				o.RoundTripMax = max(o.RoundTripMax, m.RoundTrip)
				tr.pings[m.From&1^1] = slices.Delete(pings, 0, i+1)
				return
			}
		}
	}
}
