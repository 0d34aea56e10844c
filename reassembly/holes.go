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
	// maxAhead is how much may be lost at a time: the largest window.
	maxAhead = 1 << 30
)

// acknowledge takes what a segment from side says of the other side's stream.
func (a *Assembler) acknowledge(f *Flow, index uint32, side int, p *decode.Packet) {
	h, o := &f.half[side], &f.half[side^1]
	ack := p.Ack
	exact := h.flags&seen != 0 && (p.Seq == h.next || f.queue(side) != nil && p.Seq == f.reach(side))
	if h.flags&seen != 0 && !exact && (int32(h.next-p.Seq) > stale || before(h.next, p.Seq) && !f.inWindow(side, p.Seq)) {
		return
	}
	if o.flags&seen == 0 {
		o.begin(ack)
	}
	if h.flags&acks != 0 && before(ack, h.ack) {
		return
	}
	ahead := int32(ack - o.next)
	// Whoever knows the exact number is trusted: much may be lost at a time.
	if ahead > maxAhead || -ahead > maxAhead || ahead > 0 && !exact && !f.inWindow(side^1, ack) {
		return
	}
	if edge := ack + uint32(p.Window)<<h.scale; h.flags&acks == 0 || before(h.edge, edge) {
		h.edge = edge
	}
	h.ack = ack
	h.flags |= acks
	if ahead > 0 && (o.flags&fin == 0 || before(o.next, f.fin(side^1))) {
		a.ackedPast(f, index, side^1)
	}
}

// inWindow says whether n, which is not before the next byte of side, can be in
// or at the end of the receiver's window, as far as that is known. What came in
// order may have been acknowledged where no acknowledgments are captured.
func (f *Flow) inWindow(side int, n uint32) bool {
	h, o := &f.half[side], &f.half[side^1]
	if o.flags&acks == 0 {
		return n-h.next <= maxAhead
	}
	room := 2*int64(o.edge-o.ack) + slack
	return n-h.next <= maxAhead && (int64(int32(n-o.ack)) <= room || int64(int32(n-f.reach(side))) <= room)
}

// past says whether the other side has acknowledged what is behind next.
func (f *Flow) past(side int) bool {
	h, o := &f.half[side], &f.half[side^1]
	return o.flags&acks != 0 && before(h.next, o.ack) && (h.flags&fin == 0 || before(h.next, f.fin(side)))
}

// ackedPast notes that the other side has what is behind next.
func (a *Assembler) ackedPast(f *Flow, index uint32, side int) {
	q := f.queue(side)
	if q == nil {
		q = a.newQueue(f, index, side)
	}
	if !q.acked && !q.ready() {
		a.setAcked(q, true)
	}
	a.waited(q)
}

// waited counts a packet that did not fill the hole of q.
func (a *Assembler) waited(q *queue) {
	if !q.acked {
		return
	}
	if q.packets++; q.packets >= a.cfg.AckedHolePackets {
		a.giveUp(q)
	}
}

// setAcked starts the wait for the hole of q anew.
func (a *Assembler) setAcked(q *queue, acked bool) {
	q.node.Remove()
	q.acked, q.packets, q.since = acked, 0, a.clock.now
	q.at, q.to = q.flow.half[q.side].next, q.flow.half[q.side^1].ack
	if acked {
		a.acked.PushBack(q, &q.node)
	} else {
		a.open.PushBack(q, &q.node)
	}
}

// data takes payload that is out of order, cut, or follows a hole, and of which the
// sender had the other side's before ack. It returns false if the data is of another
// connection.
func (a *Assembler) data(f *Flow, index uint32, side int, seq, ack uint32, b []byte, wire int) bool {
	h := &f.half[side]
	if h.flags&seen == 0 {
		h.begin(seq)
	}
	if f.flags&mutes(side) != 0 {
		f.flags &^= mutes(side)
		f.endWait()
	}
	if h.flags&fin != 0 {
		if b, wire = a.beforeFIN(f, side, seq, b, wire); wire <= 0 {
			return true
		}
	}
	end := seq + uint32(wire)
	if !before(h.next, end) { // nothing new
		if int32(h.next-end) > stale && h.flags&fin == 0 {
			return !a.outside(f, side, seq, end, b)
		}
		a.old(h, len(b))
		a.compareOld(f, index, side, seq, b)
		return true
	}
	if before(seq, h.next) {
		n := min(int(h.next-seq), len(b))
		a.old(h, n)
		a.compareOld(f, index, side, seq, b[:n])
		b = b[n:]
		seq = h.next
	}
	if seq == h.next && !f.blocked(side, ack) {
		if q := f.queue(side); q != nil {
			q.overlapping(seq, seq+uint32(len(b)), func(p *piece) { a.compare(f, side, seq, b, p.seq, p.data) })
		}
		a.tell(f, index, side, b, a.time)
		if n := end - h.next; n > 0 {
			a.gap(f, side, n, a.time)
		}
		a.drain(f, index, side)
		return true
	}
	if before(f.reach(side), seq) && !f.inWindow(side, end) {
		if h.flags&fin != 0 {
			a.stats.Outside += uint64(len(b))
			return true
		}
		if !a.outside(f, side, seq, end, b) {
			return true
		}
		if end-h.next > maxAhead {
			return false
		}
		// Much was lost: what is known of the window is out of date.
		f.half[side^1].flags &^= acks
		a.drain(f, index, side)
	}
	q := f.queue(side)
	if q == nil {
		q = a.newQueue(f, index, side)
	}
	a.queueData(q, seq, ack, b, int(end-seq))
	if q.acked && q.ready() {
		a.setAcked(q, false)
	}
	a.waited(q)
	a.limit(f, side)
	return true
}

// limit gives holes up until the budgets are kept, the oldest first.
func (a *Assembler) limit(f *Flow, side int) {
	if a.multi.nested {
		a.multi.over, a.multi.overSide = f, side
		return
	}
	for q := f.queue(side); q != nil && q.memory > a.cfg.MaxFlowBytes; q = f.queue(side) {
		a.giveUp(q)
	}
	for a.stats.Memory-a.fragments.Memory() > a.cfg.MaxBytes {
		oldest := a.acked.First()
		if oldest == nil {
			oldest = a.open.First()
		}
		a.giveUp(oldest)
	}
}

// old counts bytes that are not needed any more.
func (a *Assembler) old(h *half, n int) {
	if h.flags&lossy != 0 {
		a.stats.Late += uint64(n)
	} else {
		a.stats.Duplicate += uint64(n)
	}
}

// outside is asked about a segment that is not in the window. One alone is
// counted and left out. A second one that follows it says that the stream goes
// on there: then outside returns true.
func (a *Assembler) outside(f *Flow, side int, seq, end uint32, b []byte) bool {
	h := &f.half[side]
	if h.flags&strange != 0 && f.fin(side) == seq {
		h.flags &^= strange
		return true
	}
	h.flags |= strange
	a.needRest(f).fin[side] = end
	a.stats.Outside += uint64(len(b))
	return false
}

// beforeFIN cuts off what lies behind the FIN.
func (a *Assembler) beforeFIN(f *Flow, side int, seq uint32, b []byte, wire int) ([]byte, int) {
	n := int(int32(f.fin(side) - seq))
	if n >= wire {
		return b, wire
	}
	keep := b[:min(len(b), max(n, 0))]
	a.stats.Outside += uint64(len(b) - len(keep))
	return keep, n
}

// tell delivers the next bytes, without the urgent one if it is among them.
func (a *Assembler) tell(f *Flow, index uint32, side int, b []byte, t time.Time) {
	h := &f.half[side]
	if at := f.mark(side); h.flags&urgent != 0 && !before(at, h.next) && at-h.next < uint32(len(b)) {
		n := at - h.next
		if n > 0 {
			h.next += n
			a.deliver(f, index, side, b[:n], t)
		}
		h.flags &^= urgent
		h.next++
		a.stats.Urgent++
		b = b[n+1:]
	}
	if len(b) > 0 {
		h.next += uint32(len(b))
		a.deliver(f, index, side, b, t)
	}
}

// urgentByte notes the urgent byte that a segment points at (RFC 9293, section
// 3.8.5; RFC 6093: as everybody reads it, the pointer is behind the byte).
func (a *Assembler) urgentByte(f *Flow, side int, p *decode.Packet) {
	h := &f.half[side]
	n := p.Seq + uint32(p.Urgent) - 1
	if h.flags&seen != 0 && before(p.Seq+uint32(p.PayloadLen), h.next) {
		return // an old segment
	}
	if p.Urgent == 0 || a.cfg.UrgentInline || h.reset || h.flags&seen == 0 || before(n, h.next) || !f.inWindow(side, n) {
		return
	}
	if h.flags&urgent == 0 || before(f.mark(side), h.next) || before(f.mark(side), n) {
		h.flags |= urgent
		a.needRest(f).mark[side] = n
	}
}

// compare tells where b, sent from seq on, contradicts other, sent from at on.
func (a *Assembler) compare(f *Flow, side int, seq uint32, b []byte, at uint32, other []byte) {
	from, to, end := seq, at+uint32(len(other)), seq+uint32(len(b))
	if before(from, at) {
		from = at
	}
	if before(end, to) {
		to = end
	}
	if !before(from, to) {
		return
	}
	x, y := b[from-seq:to-seq], other[from-at:to-at]
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
		c.Conflict(f.direction(side), h.offset+int64(int32(from-h.next)), int64(n), a.time)
	}
}
