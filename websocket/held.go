package websocket

import "time"

// What an opening holds, because the other side has to be read on first.

// A mark says when the bytes from an offset on came, or that a gap is there.
type mark struct {
	offset int
	gap    int64
	t      time.Time
}

// hold keeps b for later.
func (o *opening) hold(dir Direction, b []byte, t time.Time) {
	s := &o.sides[dir]
	s.offset += int64(len(b))
	s.marks = append(s.marks, mark{offset: len(s.held), t: t})
	s.held = append(s.held, b...)
	o.p.counts.HeldBytes += uint64(len(b))
	if len(s.held) > maxHeld || len(s.marks) > maxHeld/16 || !o.fits() {
		o.release(dir)
	}
}

// release reads what is held although what it waits for did not come.
func (o *opening) release(dir Direction) {
	o.lossy = true
	if dir == FromClient {
		o.sides[dir].state = searching
	}
	o.resume(dir)
}

// resume reads on with what is held for a direction.
func (o *opening) resume(dir Direction) {
	if o.sides[dir].sniffer != nil {
		o.unsniff(dir)
		return
	}
	held := o.takeHeld(dir)
	held.replay(dir, o.data, o.gap)
}

// heldBytes are what was held for a direction, with what the marks say of them.
type heldBytes struct {
	bytes []byte
	marks []mark
}

// takeHeld takes what is held for a direction. It counts as not yet seen.
func (o *opening) takeHeld(dir Direction) heldBytes {
	s := &o.sides[dir]
	if len(s.marks) == 0 { // nothing is held
		return heldBytes{}
	}
	held := heldBytes{s.held, s.marks}
	s.held, s.marks = nil, nil
	o.p.counts.HeldBytes -= uint64(len(held.bytes))
	s.offset -= int64(len(held.bytes))
	for _, m := range held.marks {
		s.offset -= m.gap
	}
	return held
}

// replay gives out what was held, as it came.
func (b heldBytes) replay(dir Direction, data func(Direction, []byte, time.Time), gap func(Direction, int64, time.Time)) {
	var both [2]heldBytes
	both[dir] = b
	replayBoth(both, data, gap)
}

// replayBoth gives out what was held for both directions, in the order in which it
// came.
func replayBoth(held [2]heldBytes, data func(Direction, []byte, time.Time), gap func(Direction, int64, time.Time)) {
	for len(held[0].marks)+len(held[1].marks) > 0 {
		dir := FromClient
		if c, s := held[0].marks, held[1].marks; len(c) == 0 || len(s) > 0 && s[0].t.Before(c[0].t) {
			dir = FromServer
		}
		b := &held[dir]
		m, end := b.marks[0], len(b.bytes)
		if b.marks = b.marks[1:]; len(b.marks) > 0 {
			end = b.marks[0].offset
		}
		if m.gap > 0 {
			gap(dir, m.gap, m.t)
		} else {
			data(dir, b.bytes[m.offset:end], m.t)
		}
	}
}
