package reassembly

import "time"

// A clock makes of the times of packets a time that never goes back, for the
// time-outs. Packets come a little out of order, clocks of machines are set, and
// the interfaces of a capture may have clocks of their own.
type clock struct {
	now    int64 // nanoseconds since some packet, never less than 0
	offset int64 // from the packets' time to now
	behind bool  // packets are behind now by more than jitter, the first of them at back, on the scale of now
	back   int64
}

const (
	// leap is more than any silence: a packet later by more was stamped by a
	// clock that had been set, and for the time-outs no time has passed.
	leap = uint64(30 * 24 * time.Hour)
	// jitter is how much out of order packets come by themselves.
	jitter = time.Second
	// settled is how long packets have to be behind, by their own time, and
	// none at the front, for the clock to have been set back. As long as that
	// is open the time stands still.
	settled = 2 * time.Second
)

// set makes now the time of a packet stamped t, in Unix nanoseconds.
func (c *clock) set(t int64) {
	t += c.offset
	if uint64(t-c.now) > leap || c.behind { // where t is before now, it is a huge number
		t = c.odd(t)
	}
	c.now = t
}

// odd returns what now becomes by a packet at t, on the scale of now: before now, far
// ahead, as the first one is, or behind one before now. Where int64 overflows, over
// centuries, some number results, which will do.
func (c *clock) odd(t int64) int64 {
	switch d := t - c.now; {
	case uint64(d) <= leap:
		c.behind = false
		return t
	case d >= 0:
		c.offset -= d
		c.behind = false
	case d >= -int64(jitter):
		c.behind = false
	case !c.behind || t < c.back:
		c.behind, c.back = true, t
	case t-c.back >= int64(settled):
		set := c.now - c.back
		c.offset += set
		c.behind = false
		return c.odd(t + set)
	}
	return c.now
}
