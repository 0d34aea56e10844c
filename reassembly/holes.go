package reassembly

import (
	"bytes"
	"time"

	"github.com/wstap/wstap/decode"
)

const (
	// slack is how far beyond the window data and acknowledgments may lie, as
	// the capture may show the packet that opened the window later, or never.
	slack = 1 << 17
	// stale is how far before the next byte a retransmission cannot be.
	stale = 1 << 24
)

// acknowledge takes an acknowledgment of what side sends.
func (a *Assembler) acknowledge(f *Flow, index uint32, side int, p *decode.Packet, t time.Time, now int64) {
	h := &f.half[side]
	ack := p.Ack
	if h.flags&seen == 0 {
		h.flags |= seen
		h.next = ack
	}
	if h.flags&acked != 0 && before(ack, h.ack) {
		return
	}
	window := uint32(p.Window) << f.half[side^1].scale
	ahead := int32(ack - h.next)
	if ahead > 0 && !h.inWindow(ack) {
		return
	}
	if h.flags&acked == 0 || before(h.right, ack+window) {
		h.right = ack + window
	}
	h.ack = ack
	h.flags |= acked
	if ahead > 0 && (h.flags&fin == 0 || before(h.next, h.fin)) {
		a.ackedPast(f, index, side, t, now)
	}
}

// inWindow says whether n, which is not before the next byte, can be in or at
// the end of the receiver's window, as far as that is known.
func (h *half) inWindow(n uint32) bool {
	if h.flags&acked == 0 {
		return n-h.next <= 1<<30
	}
	return int64(int32(n-h.ack)) <= 2*int64(h.right-h.ack)+slack
}

// ackedPast notes that the other side has what is behind next.
func (a *Assembler) ackedPast(f *Flow, index uint32, side int, t time.Time, now int64) {
	q := f.half[side].queue
	if q == nil {
		q = a.newQueue(f, index, side, now)
	}
	if !q.acked {
		a.setAcked(q, true, now)
	}
	a.waited(q, t, now)
}

// waited counts a packet that did not fill the hole of q.
func (a *Assembler) waited(q *queue, t time.Time, now int64) {
	if !q.acked {
		return
	}
	if q.packets++; q.packets >= a.cfg.AckedHolePackets {
		a.giveUp(q, t, now)
	}
}

// setAcked starts the wait for the hole of q anew.
func (a *Assembler) setAcked(q *queue, acked bool, now int64) {
	a.holes(q).remove(q)
	q.acked, q.packets, q.since = acked, 0, now
	a.holes(q).push(q)
}

func (a *Assembler) holes(q *queue) *fifo {
	if q.acked {
		return &a.acked
	}
	return &a.open
}

// data takes payload that is out of order, cut, or follows a hole.
func (a *Assembler) data(f *Flow, index uint32, side int, seq uint32, b []byte, wire int, t time.Time, now int64) {
	h := &f.half[side]
	if h.flags&seen == 0 {
		h.flags |= seen
		h.next = seq
	}
	if h.flags&finDone != 0 {
		a.stats.Outside += uint64(len(b))
		return
	}
	if h.flags&fin != 0 && before(h.fin, seq+uint32(wire)) {
		keep := int32(h.fin - seq)
		if keep <= 0 {
			a.stats.Outside += uint64(len(b))
			return
		}
		if len(b) > int(keep) {
			a.stats.Outside += uint64(len(b) - int(keep))
			b = b[:keep]
		}
		wire = int(keep)
	}
	end := seq + uint32(wire)
	if !before(h.next, end) { // nothing new
		if h.lost {
			a.stats.Late += uint64(len(b))
		} else {
			a.stats.Duplicate += uint64(len(b))
		}
		return
	}
	if before(seq, h.next) {
		old := min(int(h.next-seq), len(b))
		a.stats.Duplicate += uint64(old)
		b = b[old:]
		seq = h.next
	}
	if seq == h.next {
		if q := h.queue; q != nil {
			q.overlapping(seq, end, func(p *piece) { a.compare(f, side, seq, b, p, t) })
		}
		if len(b) > 0 {
			h.next += uint32(len(b))
			a.deliver(f, side, b, t)
		}
		if n := end - h.next; n > 0 {
			a.gap(f, side, n, t)
		}
		a.drain(f, index, side, t, now)
		return
	}
	if !h.inWindow(end) && (h.flags&strange == 0 || h.odd != seq) {
		h.flags |= strange
		h.odd = end
		a.stats.Outside += uint64(len(b))
		return
	}
	q := h.queue
	if q == nil {
		q = a.newQueue(f, index, side, now)
	}
	a.queueData(q, seq, b, int(end-seq), t)
	a.waited(q, t, now)
	for q == h.queue && q.memory > a.cfg.MaxFlowBytes {
		a.giveUp(q, t, now)
	}
	for a.stats.Memory > a.cfg.MaxBytes {
		oldest := a.acked.head
		if oldest == nil {
			oldest = a.open.head
		}
		a.giveUp(oldest, t, now)
	}
}

// compare tells where b, sent from seq on, contradicts the queued piece p.
func (a *Assembler) compare(f *Flow, side int, seq uint32, b []byte, p *piece, t time.Time) {
	end := seq + uint32(len(b))
	from, to := seq, p.seq+uint32(len(p.data))
	if before(from, p.seq) {
		from = p.seq
	}
	if before(end, to) {
		to = end
	}
	if !before(from, to) {
		return
	}
	x, y := b[from-seq:to-seq], p.data[from-p.seq:to-p.seq]
	if bytes.Equal(x, y) {
		return
	}
	for x[0] == y[0] {
		x, y, from = x[1:], y[1:], from+1
	}
	n := len(x)
	for x[n-1] == y[n-1] {
		n--
	}
	if c := a.consumerOf(f); c != nil {
		h := &f.half[side]
		a.stats.Conflict += uint64(n)
		c.Conflict(f.direction(side), h.offset+int64(int32(from-h.next)), int64(n), t)
	}
}

// drain delivers what has become contiguous, and sees to the FIN.
func (a *Assembler) drain(f *Flow, index uint32, side int, t time.Time, now int64) {
	h := &f.half[side]
	if q := h.queue; q != nil {
		for len(q.units) > 0 && !before(h.next, q.units[0].start) {
			u := q.units[0]
			q.units[0] = nil
			q.units = q.units[1:]
			a.deliverUnit(f, side, u)
			a.dropUnit(q, u, &a.stats.Duplicate)
		}
		past := h.flags&acked != 0 && before(h.next, h.ack) && (h.flags&fin == 0 || before(h.next, h.fin))
		if len(q.units) == 0 && !past || f.flags&ignored != 0 {
			a.dropQueue(q, &a.stats.Skipped)
		} else {
			a.setAcked(q, past, now)
		}
	}
	a.finish(f, index, side, t, now)
}

// deliverUnit tells what of u is new.
func (a *Assembler) deliverUnit(f *Flow, side int, u *unit) {
	h := &f.half[side]
	for i := range u.pieces {
		p := &u.pieces[i]
		if !before(h.next, p.end()) {
			continue
		}
		old := h.next - p.seq
		h.next = p.end()
		if p.data == nil {
			h.next -= uint32(p.n) - old
			a.gap(f, side, uint32(p.n)-old, p.t)
			continue
		}
		a.stats.Queued -= uint64(len(p.data)) - uint64(old)
		b := p.data[old:]
		p.data = p.data[:old]
		a.deliver(f, side, b, p.t)
	}
}

// giveUp tells the first hole of q as a gap and delivers what is behind it.
func (a *Assembler) giveUp(q *queue, t time.Time, now int64) {
	f, side := q.flow, int(q.side)
	h := &f.half[side]
	if q.held {
		a.dropQueue(q, &a.stats.Discarded)
		return
	}
	to := h.ack
	if h.flags&fin != 0 && before(h.fin, to) {
		to = h.fin
	}
	if len(q.units) > 0 && (!q.acked || before(q.units[0].start, to)) {
		to = q.units[0].start
	}
	if before(h.next, to) {
		a.gap(f, side, to-h.next, t)
	}
	a.drain(f, q.index, side, t, now)
}
