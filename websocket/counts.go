package websocket

import (
	"hash/maphash"
	"math"
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

	First, Last time.Time // when the first and the last message ended, in UTC

	LostBytes uint64 // told as gaps

	Flawed uint64 // messages that are not Whole

	// Messages flagged so; of Partial ones bytes are Unknown.
	Compressed, Truncated, Undecoded, Partial, Conflicts, InvalidUTF8, Copies uint64

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
	c.Flawed += o.Flawed
	c.Compressed += o.Compressed
	c.Truncated += o.Truncated
	c.Undecoded += o.Undecoded
	c.Partial += o.Partial
	c.Conflicts += o.Conflicts
	c.InvalidUTF8 += o.InvalidUTF8
	c.Copies += o.Copies
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

// traffic is what is counted of a connection. Most see nothing but whole messages,
// and of ten thousand connections each packet's counters have to come from memory:
// those are few and stand together.
type traffic struct {
	more    *more    // nil as long as the tallies are all
	tallies [2]tally // by direction
}

// A tally counts what most messages have, in 64 bytes. What its narrow fields cannot
// hold more.counts have.
type tally struct {
	sums
	ended stamps
}

// sums are what a tally has of messages that came together. Text and binary have a
// frame each; more.counts have the others.
type sums struct {
	text, binary        uint64
	bytes               uint64
	extra               int64 // bytes on the wire beyond those: less than 0 where messages are compressed
	compressed, largest uint32
}

// more is what else is counted.
type more struct {
	counts [2]Counts // but for what tallies count
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

func (t *traffic) needMore() *more {
	if t.more == nil {
		t.more = &more{}
	}
	return t.more
}

// counts returns what a side sent.
func (t *traffic) counts(dir Direction) Counts { return t.both()[dir] }

// both returns what each side sent.
func (t *traffic) both() (n [2]Counts) {
	t.copyTo(&n)
	return n
}

// copyTo writes what each side sent to n, which is zero or what it wrote before.
func (t *traffic) copyTo(n *[2]Counts) {
	if t.more != nil {
		*n = t.more.counts
	}
	for dir := range n {
		c, a := &n[dir], &t.tallies[dir]
		c.Frames, c.Compressed, c.Largest = a.text+a.binary, uint64(a.compressed), int(a.largest)
		if t.more != nil {
			m := &t.more.counts[dir]
			c.Frames += m.Frames
			c.Compressed += m.Compressed
			c.Largest = max(c.Largest, m.Largest)
		}
		c.Text, c.Binary = a.text, a.binary
		c.Bytes, c.WireBytes = a.bytes, a.bytes+uint64(a.extra)
		c.First, c.Last = a.ended.first(), a.ended.last()
	}
}

// closed returns the close frames.
func (t *traffic) closed() []Closing {
	if t.more == nil {
		return nil
	}
	return t.more.closed
}

// count counts a message, for its connection and in all, and for a pong finds its
// ping.
func (k *socket) count(m *Message) {
	p, side := k.p, m.From&1
	size := len(m.Payload)
	if k.skips(m.Opcode) {
		size = int(m.WireLength)
	}
	s := sums{bytes: uint64(size), extra: m.WireLength - int64(size), largest: uint32(min(uint(size), math.MaxUint32))}
	frames := uint64(m.Frames)
	p.lock()
	tr := &k.traffic
	switch m.Opcode {
	case Text:
		s.text = 1
		frames--
	case Binary:
		s.binary = 1
		frames--
	default:
		tr.needMore().other(m, p.total.needMore())
	}
	if frames > 0 {
		tr.needMore().counts[side].Frames += frames
		p.total.needMore().counts[side].Frames += frames
	}
	tr.tallies[side].add(&s, m.Time)
	p.total.tallies[side].add(&s, m.Time)
	if m.Compressed {
		tr.countCompressed(side)
		p.total.countCompressed(side)
	}
	if s.largest == math.MaxUint32 {
		tr.countLarge(side, size)
		p.total.countLarge(side, size)
	}
	if m.Truncated || m.Undecoded || m.Unknown > 0 || m.Conflict || m.InvalidUTF8 || m.Copy {
		tr.needMore().counts[side].flag(m)
		p.total.needMore().counts[side].flag(m)
	}
	p.unlock()
}

// countLost counts bytes told as a gap.
func (k *socket) countLost(dir Direction, n int64) {
	p, side := k.p, dir&1
	p.counts.LostBytes += uint64(n)
	p.lock()
	k.needMore().counts[side].LostBytes += uint64(n)
	p.total.needMore().counts[side].LostBytes += uint64(n)
	p.unlock()
}

// add adds messages that ended at t.
func (n *tally) add(s *sums, t time.Time) {
	n.ended.add(t)
	n.text += s.text
	n.binary += s.binary
	n.bytes += s.bytes
	n.extra += s.extra
	n.largest = max(n.largest, s.largest)
}

// countCompressed counts a compressed message of a side.
func (t *traffic) countCompressed(side Direction) {
	a := &t.tallies[side]
	if a.compressed++; a.compressed == 0 {
		t.needMore().counts[side].Compressed += 1 << 32
	}
}

// countLarge counts a message of 4 GiB or more.
func (t *traffic) countLarge(side Direction, size int) {
	c := &t.needMore().counts[side]
	c.Largest = max(c.Largest, size)
}

// other counts a message that is neither text nor binary, also in total, over all
// connections.
func (r *more) other(m *Message, total *more) {
	n := &r.counts[m.From&1]
	n.kind(m.Opcode)
	total.counts[m.From&1].kind(m.Opcode)
	switch m.Opcode {
	case Close:
		if n.Close == 1 {
			code, reason := m.CloseStatus()
			reason = strings.Clone(reason[:min(len(reason), maxReason)])
			r.closed = append(r.closed, Closing{Time: m.Time, From: m.From, Code: code, Reason: reason})
		}
	case Ping:
		p := &r.pings[m.From&1]
		if len(*p) == maxPings {
			*p = slices.Delete(*p, 0, 1)
		}
		*p = append(*p, ping{maphash.Bytes(pingSeed, m.Payload), m.Time})
	case Pong:
		if r.answered(m) {
			r.counts[m.From&1^1].roundTrip(m.RoundTrip)
			total.counts[m.From&1^1].roundTrip(m.RoundTrip)
		}
	}
}

// kind counts an opcode other than those of text and binary.
func (c *Counts) kind(o Opcode) {
	switch o {
	case Close:
		c.Close++
	case Ping:
		c.Ping++
	case Pong:
		c.Pong++
	default:
		c.Other++
	}
}

// answered sets the RoundTrip of a pong. It answers the most recent ping that it
// equals, and those before (RFC 6455, section 5.5.3).
func (r *more) answered(m *Message) bool {
	pings := r.pings[m.From&1^1]
	if len(pings) == 0 {
		return false
	}
	hash := maphash.Bytes(pingSeed, m.Payload)
	for i := len(pings) - 1; i >= 0; i-- {
		if pings[i].hash == hash {
			m.RoundTrip = max(0, m.Time.Sub(pings[i].t))
			r.pings[m.From&1^1] = slices.Delete(pings, 0, i+1)
			return true
		}
	}
	return false
}

func (c *Counts) roundTrip(d time.Duration) {
	c.RoundTrips++
	c.RTT = d
	c.RoundTripSum += d
	c.RoundTripMax = max(c.RoundTripMax, d)
}

// flag counts the flags of a message, but for Compressed.
func (n *Counts) flag(m *Message) {
	if !m.Whole() {
		n.Flawed++
	}
	if m.Truncated {
		n.Truncated++
	}
	if m.Undecoded {
		n.Undecoded++
	}
	if m.Unknown > 0 {
		n.Partial++
	}
	if m.Conflict {
		n.Conflicts++
	}
	if m.InvalidUTF8 {
		n.InvalidUTF8++
	}
	if m.Copy {
		n.Copies++
	}
}
