package reassembly

import "time"

// A clock makes of the times of packets a time that never goes back, for the
// time-outs. Packets come a little out of order, clocks of machines are set, and
// the interfaces of a capture may have clocks of their own.
type clock struct {
	now    int64 // nanoseconds since some packet, never less than 0
	offset int64 // from the packets' time to now
	behind bool  // packets are behind now by more than jitter, the first of them at back
	back   int64 // packet time
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
	if d := uint64(t + c.offset - c.now); d <= leap { // behind now, it is a huge number
		c.now += int64(d)
		c.behind = false
	} else {
		c.odd(t)
	}
}

// odd takes a time that is before now or leaps ahead, as the first one does.
// Where int64 overflows, over centuries, some number results, which will do.
func (c *clock) odd(t int64) {
	switch d := t + c.offset - c.now; {
	case d >= 0:
		c.offset = c.now - t
		c.behind = false
	case d >= -int64(jitter):
		c.behind = false
	case !c.behind || t < c.back:
		c.behind, c.back = true, t
	case t-c.back >= int64(settled):
		c.offset = c.now - c.back
		c.behind = false
		c.set(t)
	}
}
