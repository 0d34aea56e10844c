package websocket

import (
	"slices"
	"sync"
)

// A coverage knows which messages of one direction were given out, of a connection
// and its copies together. A message is named by its place in the stream, which
// is the same in all of them. It is safe for concurrent use.
type coverage struct {
	mu    sync.Mutex
	top   int64            // where the last message ends that was given out
	holes []hole           // before top, in no order
	lapse int64            // where the last hole ends that was forgotten: before it nobody knows
	told  [checked]printed // the last messages, a ring
	count int              // of those that were put there
	apart bool             // these are different conversations
}

// A hole is a part of the stream of which no message was given out, or, where it
// is dim, none that is whole and decoded.
type hole struct {
	span
	dim bool
}

// A printed is the place of a message and a hash of what it says.
type printed struct {
	to   int64
	hash uint64
	late bool // others behind it were given out before
}

const (
	// maxHoles bounds the holes remembered of a direction.
	maxHoles = 32
	// checked is how many messages back copies are compared in what they say, for
	// handshakes may be alike where conversations are not.
	checked = 16
)

// again says whether the message at a place was given out before, and notes that
// it is now. clear says that it is whole and decoded, and hash is of its payload.
func (c *coverage) again(at span, clear bool, hash uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apart {
		return false
	}
	if !clear && at.from < c.top { // where it ends is not known for sure: its beginning names it
		i := slices.IndexFunc(c.holes, func(h hole) bool { return h.from <= at.from && at.from < h.to })
		if i < 0 {
			return true
		}
		at.to = min(at.to, c.holes[i].to)
	}
	late := at.to <= c.top
	switch i := slices.IndexFunc(c.holes, func(h hole) bool { return h.from < at.to && at.to <= h.to }); {
	case !late:
		if at.from > c.top {
			c.add(hole{span: span{c.top, at.from}})
		}
		c.top = at.to
	case i >= 0 && (clear || !c.holes[i].dim):
	default:
		c.apart = i < 0 && clear && c.differs(at.to, hash)
		return !c.apart
	}
	c.fill(at)
	if !clear {
		c.add(hole{at, true})
		return false
	}
	c.told[c.count%checked] = printed{at.to, hash, late}
	c.count++
	return false
}

// differs says that a message is none of those that were given out.
func (c *coverage) differs(to int64, hash uint64) bool {
	oldest := c.top
	for _, p := range c.told[:min(c.count, checked)] {
		if p.to == to {
			return p.hash != hash
		}
		if !p.late {
			oldest = min(oldest, p.to)
		}
	}
	return to > max(oldest, c.lapse)
}

// fill takes a span out of the holes.
func (c *coverage) fill(at span) {
	for i := len(c.holes) - 1; i >= 0; i-- { // add appends, behind i
		h := c.holes[i]
		if h.to <= at.from || at.to <= h.from {
			continue
		}
		c.holes = slices.Delete(c.holes, i, i+1)
		for _, left := range [2]span{{h.from, at.from}, {at.to, h.to}} {
			if left.from < left.to {
				c.add(hole{left, h.dim})
			}
		}
	}
}

// add adds a hole. Where there are too many, the first dim one goes, for it was
// told; otherwise two are made one, and what lies between may be told twice.
func (c *coverage) add(h hole) {
	if len(c.holes) == maxHoles {
		i := slices.IndexFunc(c.holes, func(h hole) bool { return h.dim })
		if i < 0 {
			i = 0
			h.from, h.to = min(h.from, c.holes[0].from), max(h.to, c.holes[0].to)
			h.dim = false
		}
		c.lapse = max(c.lapse, c.holes[i].to)
		c.holes = slices.Delete(c.holes, i, i+1)
	}
	c.holes = append(c.holes, h)
}
