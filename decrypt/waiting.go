package decrypt

import (
	"time"

	"github.com/wstap/wstap/reassembly"
)

// A chunk is what came of one direction while that was blocked.
type chunk struct {
	dir  reassembly.Direction
	t    time.Time
	gap  int64 // bytes; 0: data
	data []byte
}

// chunkCost is what a chunk is counted with besides its data.
const chunkCost = 96

// waits says that something waits to be known.
func (c *Conn) waits() bool { return c.sides[0].blocked || c.sides[1].blocked }

// hold keeps data, or a gap, until the side is not blocked any more.
func (c *Conn) hold(k chunk, b []byte) {
	o := c.opener
	if c.over != living {
		c.count(c.over, len(b))
		return
	}
	k.data = append([]byte(nil), b...)
	c.held = append(c.held, k)
	c.heldSize += len(b)
	o.budget.Touch(&c.memory, c, 0)
	o.budget.Charge(&c.memory, c.cost())
	if !c.node.Linked() {
		o.waiting.PushBack(c, &c.node)
	}
	if c.cost() > o.maxWaiting/4 || !o.budget.Fits(0, &c.memory) {
		c.GiveUp()
	}
}

func (c *Conn) cost() int { return c.heldSize + len(c.held)*chunkCost }

// GiveUp implements budget.Owner: what waits is lost to what follows.
func (c *Conn) GiveUp() {
	if c.over != living {
		return
	}
	for i := range c.sides {
		if s := &c.sides[i]; s.blocked {
			s.blocked = false
			c.noKeys(len(s.buf))
			n := len(s.buf)
			s.buf = nil
			c.lose(s)
			s.hidden, s.tooLate = int64(n), true
		}
	}
	for _, k := range c.held {
		c.sides[k.dir].hidden += k.gap + int64(len(k.data))
		c.noKeys(len(k.data))
	}
	c.held, c.heldSize = nil, 0
	c.leave()
	if c.closed {
		c.finish()
	}
	c.measure()
}

// giveUp ends a connection that waits at the end of the source.
func (c *Conn) giveUp(t time.Time) {
	if !c.closed {
		c.closed, c.reason, c.end = true, reassembly.EOF, t
	}
	c.finish()
	c.leave()
}

// leave says that nothing waits any more.
func (c *Conn) leave() {
	c.node.Remove()
	c.opener.budget.Leave(&c.memory)
}

// dropHeld counts and drops what waits.
func (c *Conn) dropHeld() {
	for _, k := range c.held {
		why := c.over
		if why == ended {
			why = keyless
		}
		c.count(why, len(k.data))
	}
	c.held, c.heldSize = nil, 0
	c.leave()
}

// retry goes on with what may be known by now.
func (c *Conn) retry() {
	if c.opener.keys != nil {
		c.version = c.opener.keys.version.Load()
	}
	for i := range c.sides {
		if s := &c.sides[i]; s.search != nil && len(s.search.attempts) == 0 {
			s.search = nil // there may be some now
		}
	}
	if !c.waits() {
		return
	}
	c.wake(true, true)
	if c.over == living && c.closed && !c.waits() {
		c.finish()
	}
	c.measure()
}

// tellNews has the other side go on, if it may have waited for what was learnt.
func (c *Conn) tellNews(dir reassembly.Direction) {
	if !c.news || c.replaying {
		return
	}
	c.news = false
	other := dir.Reverse()
	c.sides[other].search = nil
	if c.sides[other].blocked {
		c.wake(other == reassembly.FromClient, other == reassembly.FromServer)
	}
}

// wake reads on with what was held, in the order in which it came.
func (c *Conn) wake(client, server bool) {
	c.replaying = true
	defer func() { c.replaying = false }()
	woken := [2]bool{client, server}
	for again := true; again; {
		again = false
		for i := range c.sides {
			s := &c.sides[i]
			if woken[i] && s.blocked {
				s.blocked = false
				if len(s.buf) > 0 {
					c.gathered(reassembly.Direction(i), s, c.time(reassembly.Direction(i)))
				}
			}
		}
		c.replay()
		if c.news && c.over == living && c.waits() {
			c.news, again = false, true
			woken = [2]bool{true, true}
		}
	}
	c.news = false
}

// replay reads the chunks of sides that are not blocked.
func (c *Conn) replay() {
	held := c.held
	c.held = nil
	n := 0
	for i := range held {
		k := &held[i]
		s := &c.sides[k.dir]
		size := len(k.data)
		switch {
		case c.over != living:
			c.count(c.over, size)
			k.data, k.gap = nil, 0
		case s.blocked:
		case k.gap > 0:
			c.gap(k.dir, s, k.gap, k.t)
			k.gap = 0
		default:
			k.data = c.feed(k.dir, k.data, k.t)
		}
		c.heldSize -= size - len(k.data)
		if k.gap > 0 || len(k.data) > 0 {
			held[n] = *k
			n++
		}
	}
	clear(held[n:])
	switch {
	case c.over != living:
		for i := range held[:n] {
			c.count(c.over, len(held[i].data))
		}
		c.heldSize = 0
	case n > 0:
		c.held = held[:n]
		c.opener.budget.Charge(&c.memory, c.cost())
	default:
		c.leave()
	}
}

// time returns when the first chunk of a direction came.
func (c *Conn) time(dir reassembly.Direction) time.Time {
	for i := range c.held {
		if c.held[i].dir == dir {
			return c.held[i].t
		}
	}
	return c.end
}
