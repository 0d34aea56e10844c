package reassembly

// In which order the two sides are told. Without holes it is that of the packets.
// What a side sent after it had acknowledged data that was not captured waits for
// this data, or for its gap, so that answers come after their questions: see
// blocked. What was queued is told in the order in which it was captured.

// ready says that what is queued goes on where the stream stands: it does not wait
// for a hole before it.
func (q *queue) ready() bool {
	u := q.units.first()
	return u != nil && !before(q.flow.half[q.side].next, u.start)
}

// blocked says whether what side sent when it had the other side's before ack waits for
// a hole before that. It does not for one that is silent: perhaps this direction is not
// captured.
func (f *Flow) blocked(side int, ack uint32) bool {
	q := f.queue(side ^ 1)
	return q != nil && before(f.half[side^1].next, ack) && !q.held && !q.ready() && f.flags&mutes(side^1) == 0 && f.past(side^1)
}

// endWait lets segments go the short way again if nothing speaks against it.
func (f *Flow) endWait() {
	if f.queue(0) == nil && f.queue(1) == nil && f.flags&(mute|muteB) == 0 {
		f.flags &^= waiting
	}
}

// drain delivers what waits no longer after side has moved on, of both sides, and sees
// to their FINs.
func (a *Assembler) drain(f *Flow, index uint32, side int) {
	for f.flags&waiting != 0 {
		for s, u := f.earliest(); u != nil; s, u = f.earliest() {
			a.deliverPiece(f, index, s, u)
		}
		for s := range f.half {
			a.wait(f, s)
			a.finish(f, index, s)
		}
		if _, u := f.earliest(); u == nil {
			return
		}
	}
	a.finish(f, index, side)
}

// earliest returns, of what is queued and waits for nothing, the unit whose next piece
// comes first: the one that was captured first, unless it acknowledges the other.
func (f *Flow) earliest() (side int, u *unit) {
	var heads [2]*unit
	for i := range heads {
		if q := f.queue(i); q != nil && !q.held && q.ready() {
			if u := q.units.first(); !f.blocked(i, u.head().ack) {
				heads[i] = u
			}
		}
	}
	switch a, b := heads[0], heads[1]; {
	case b == nil:
		return 0, a
	case a == nil:
		return 1, b
	default:
		answers := [2]bool{before(f.half[1].next, a.head().ack), before(f.half[0].next, b.head().ack)}
		if answers[0] && !answers[1] || answers[0] == answers[1] && b.head().t.Before(a.head().t) {
			return 1, b
		}
		return 0, a
	}
}

// deliverPiece tells what is new of the next piece of u.
func (a *Assembler) deliverPiece(f *Flow, index uint32, side int, u *unit) {
	h := &f.half[side]
	p := u.head()
	u.told++
	if old := h.next - p.seq; before(h.next, p.end()) {
		if p.data == nil {
			a.gap(f, side, uint32(p.n)-old, p.t)
		} else {
			b := p.data[old:]
			p.data = p.data[:old]
			a.stats.Queued -= uint64(len(b))
			a.tell(f, index, side, b, p.t)
		}
	}
	if u.told == len(u.pieces) {
		a.dropUnit(f.queue(side), u, &a.stats.Duplicate)
	}
}

// wait has what is left of a queue wait for the hole that comes next.
func (a *Assembler) wait(f *Flow, side int) {
	q := f.queue(side)
	if q == nil || q.held {
		return
	}
	past := f.past(side)
	if q.units.root == nil && !past || f.flags&ignored != 0 {
		a.dropQueue(q, &a.stats.Skipped)
	} else if q.at != f.half[side].next {
		a.setAcked(q, past && !q.ready())
	}
}

// giveUp tells the first hole of q as a gap, and delivers what waits for it. Holes
// that were acknowledged past as early have waited as long.
func (a *Assembler) giveUp(q *queue) {
	if q.held {
		a.dropQueue(q, &a.stats.Discarded)
		return
	}
	f, side := q.flow, int(q.side)
	if q.ready() {
		side ^= 1 // that is what it waits for
		q = f.queue(side)
	}
	h := &f.half[side]
	for acked, upTo := q.acked, q.to; ; q = f.queue(side) {
		a.skipHole(q)
		if q := f.queue(side); q == nil || !acked || !q.acked || !before(h.next, upTo) {
			return
		}
	}
}

// skipHole is giveUp for one hole. The gap has the time of what comes next.
func (a *Assembler) skipHole(q *queue) {
	f, side := q.flow, int(q.side)
	h, o := &f.half[side], &f.half[side^1]
	to, t := o.ack, a.time
	if h.flags&fin != 0 && before(f.fin(side), to) {
		to = f.fin(side)
	}
	if u := q.units.first(); u == nil {
		f.flags |= waiting | mutes(side)
	} else if t = u.head().t; !q.acked || before(u.start, to) {
		to = u.start
	}
	if q := f.queue(side ^ 1); q != nil && q.units.root != nil {
		if first := q.units.first().head().t; first.Before(t) {
			t = first
		}
	}
	if before(h.next, to) {
		a.gap(f, side, to-h.next, t)
	}
	a.drain(f, q.index, side)
}

// flush gives up all that waits.
func (a *Assembler) flush(f *Flow) {
	for {
		var first *queue
		for i := range f.half {
			if q := f.queue(i); q != nil && (first == nil || q.before(first)) {
				first = q
			}
		}
		switch {
		case first == nil:
			return
		case f.flags&ignored != 0:
			a.dropQueue(first, &a.stats.Skipped)
		default:
			a.giveUp(first)
		}
	}
}

// before says that what q holds was captured before what o holds.
func (q *queue) before(o *queue) bool {
	u, v := q.units.first(), o.units.first()
	if u == nil || v == nil {
		return u == nil
	}
	return u.head().t.Before(v.head().t)
}
