package reassembly

import (
	"github.com/wstap/wstap/decode"
)

// begins says whether p may be the first packet of a flow: a SYN, or data of a
// connection whose handshake was not seen. An acknowledgment alone, such as the
// last one of a connection that has ended, begins nothing.
func begins(p *decode.Packet) bool {
	if p.Flags&decode.RST != 0 {
		return false
	}
	if p.Flags&decode.SYN != 0 {
		return p.Flags&decode.FIN == 0
	}
	return p.PayloadLen > 0
}

// begin makes a flow of its first packet.
func (a *Assembler) begin(p *decode.Packet, l *lookup) {
	for a.table.count >= a.cfg.MaxFlows {
		a.evict()
	}
	f, index := a.table.insert(&l.key, l.hash)
	f.first = l.from
	f.last = a.clock.now
	place := &a.table.aside(index).place
	place[0] = a.place(p)
	a.stats.Flows++
	a.stats.Segments++
	if p.Flags&decode.SYN != 0 {
		a.enter(f, index, halfOpen)
		if p.Flags&decode.ACK != 0 {
			f.flags |= clientIsB
		}
		a.syn(f, index, 0, p)
		return
	}
	a.stats.Midstream++
	f.flags |= midstream
	a.guessClient(f, p)
	for i := range f.half {
		f.half[i].scale = maxScale // not known: assume the most
		f.half[i].flags |= lossy
	}
	place[1] = a.opposite(p)
	a.enter(f, index, fresh)
	h := &f.half[0]
	h.begin(p.Seq)
	if p.PayloadLen == 1 && len(p.Payload) == 1 && p.Payload[0] == 0 && p.Flags&decode.PSH == 0 {
		h.next++ // a keep-alive probe: its byte is not of the stream
	}
	if o, ok := mptcp(p); ok && o.dss {
		a.newConnection(f, index, 1)
		a.mapped(f, index, 0, p)
	}
	a.urgentIf(f, 0, p)
	a.ordinary(f, index, 0, p)
	a.fin(f, index, 0, p)
}

// unusual takes a packet of f that is more than data and acknowledgment, or
// finds f in an unusual state. It returns false if the packet is of another
// connection.
func (a *Assembler) unusual(f *Flow, index uint32, side int, p *decode.Packet) bool {
	if (p.Flags&decode.SYN != 0 || f.flags&reopening != 0) && a.renewed(f, side, p) {
		return false
	}
	n := uint64(len(p.Payload))
	switch {
	case f.state == closed:
		a.stats.Late += n
	case p.Flags&decode.RST != 0:
		a.stats.Skipped += n
		switch f.judge(side, p) {
		case certain:
			f.half[side].closes = closesByReset
			a.end(f, index, RST)
		case doubtful:
			f.half[side].reset = true
			a.needRest(f).mark[side] = p.Seq
			f.half[side].flags &^= urgent
			a.move(f, index, closing)
		}
	case p.Flags&decode.SYN != 0:
		if f.state == halfOpen {
			a.syn(f, index, side, p)
		} else {
			a.stats.Duplicate += n
		}
	default:
		if f.state == halfOpen && !a.establish(f, index, side, p) {
			a.stats.Outside += n
			return true
		}
		if f.state == fresh {
			if place := &a.table.aside(index).place[side]; *place == 0 {
				*place = a.place(p)
			}
			a.move(f, index, established)
		}
		if f.half[0].reset || f.half[1].reset {
			a.goesOn(f, index, side, p)
		}
		switch {
		case f.flags&ignored != 0:
			a.skip(f, index, side, p)
		case f.flags&mpSubflow != 0 && a.mapped(f, index, side, p):
			same := a.ordinary(f, index, side, p)
			a.settle()
			if !same {
				return false
			}
		default:
			a.urgentIf(f, side, p)
			if !a.ordinary(f, index, side, p) {
				return false
			}
		}
		a.fin(f, index, side, p)
	}
	return true
}

// goesOn takes back a reset that was not certain if p speaks against it: its
// sender goes on behind it, or the other side answers it with a challenge ACK
// (RFC 5961, section 3.2), which acknowledges nothing new.
func (a *Assembler) goesOn(f *Flow, index uint32, side int, p *decode.Packet) {
	h, o := &f.half[side], &f.half[side^1]
	switch {
	case h.reset && before(f.mark(side), p.Seq+uint32(p.PayloadLen)):
		h.reset = false
	case !o.reset || p.Flags&decode.ACK == 0 || p.Seq != f.reach(side):
		return
	case before(f.mark(side^1), p.Ack) && !before(o.next, p.Ack): // it was behind that number already
		o.reset = false
	case p.PayloadLen == 0 && p.Flags&decode.FIN == 0 && h.flags&acks != 0 && p.Ack == h.ack && p.Ack != f.mark(side^1):
		o.reset = false
	default:
		return
	}
	if !h.reset && !o.reset && f.state == closing && (h.flags|o.flags)&finDone == 0 {
		a.move(f, index, established)
	}
}

func (a *Assembler) urgentIf(f *Flow, side int, p *decode.Packet) {
	if p.Flags&decode.URG != 0 {
		a.urgentByte(f, side, p)
	}
}

// skip follows a flow that nobody wants just enough to know its end.
func (a *Assembler) skip(f *Flow, index uint32, side int, p *decode.Packet) {
	if f.state != unwanted {
		for i := range f.half {
			if q := f.queue(i); q != nil {
				a.dropQueue(q, &a.stats.Skipped)
			}
		}
		a.move(f, index, unwanted)
	}
	a.stats.Skipped += uint64(len(p.Payload))
	h := &f.half[side]
	if end := p.Seq + uint32(p.PayloadLen); h.flags&seen == 0 || before(h.next, end) {
		h.next = end
		h.flags |= seen
	}
	if p.Flags&decode.ACK != 0 {
		h.ack, h.edge = p.Ack, p.Ack+uint32(p.Window)<<h.scale
		h.flags |= acks
	}
}

// fin notes a FIN.
func (a *Assembler) fin(f *Flow, index uint32, side int, p *decode.Packet) {
	h := &f.half[side]
	if p.Flags&decode.FIN == 0 || h.flags&fin != 0 || f.state == closed || f.state == free {
		return
	}
	n := p.Seq + uint32(p.PayloadLen)
	if h.flags&seen == 0 {
		h.begin(n)
	}
	if before(n, h.next) || !f.inWindow(side, n) {
		return
	}
	h.flags |= fin
	a.needRest(f).fin[side] = n
	h.closes = closesFirst
	if f.half[side^1].flags&fin != 0 {
		h.closes = closesSecond
	}
	a.drain(f, index, side)
}

// finish sees whether a side's stream, or both, have come to their end, after a
// hole or at a FIN.
func (a *Assembler) finish(f *Flow, index uint32, side int) {
	if f.state == closed {
		return
	}
	h, o := &f.half[side], &f.half[side^1]
	if f.queue(0) == nil && f.queue(1) == nil && (h.reset && !before(h.next, f.mark(side)) || o.reset && !before(o.next, f.mark(side^1))) {
		a.end(f, index, RST)
		return
	}
	if h.flags&(fin|finDone) != fin || before(h.next, f.fin(side)) {
		return
	}
	h.flags |= finDone
	if q := f.queue(side); q != nil {
		a.dropQueue(q, &a.stats.Outside)
	}
	if o.flags&finDone != 0 {
		a.end(f, index, FIN)
	} else if f.state != unwanted {
		a.move(f, index, closing)
	}
}

// renewed says whether p proves that the ports of f are in use for a new
// connection. A SYN alone does not prove it while f lives: anybody can send
// one. Its answer does, or data that follows it.
func (a *Assembler) renewed(f *Flow, side int, p *decode.Packet) bool {
	h, o := &f.half[side], &f.half[side^1]
	first := h.flags&seen == 0 || p.Seq != h.isn // not a SYN sent again
	switch {
	case p.Flags&decode.RST != 0:
		return false
	case p.Flags&(decode.SYN|decode.ACK) == decode.SYN:
		if !first {
			return false
		}
		if f.state == closed || f.flags&ignored != 0 || h.flags&fin != 0 || f.state == halfOpen && h.flags&synced != 0 {
			return true
		}
		if f.state != halfOpen {
			f.flags = f.flags&^reopeningB | reopening
			if side == 1 {
				f.flags |= reopeningB
			}
			a.needRest(f).reopen = p.Seq
		}
		return false
	case p.Flags&decode.SYN != 0:
		return first && (f.state == closed ||
			f.flags&reopening != 0 && f.reopener() != side && p.Ack-f.reopen()-1 <= maxOnSYN ||
			f.state == halfOpen && h.flags&synced != 0 && o.flags&synced == 0)
	case f.state == closed:
		return false
	case f.flags&reopening != 0:
		return f.reopener() == side && p.PayloadLen > 0 && p.Seq == f.reopen()+1 && p.Seq != h.next
	}
	return false
}

func (f *Flow) reopener() int {
	if f.flags&reopeningB != 0 {
		return 1
	}
	return 0
}

// syn takes a SYN, with or without ACK, of a half-open flow.
func (a *Assembler) syn(f *Flow, index uint32, side int, p *decode.Packet) {
	h, o := &f.half[side], &f.half[side^1]
	if p.Flags&decode.ACK != 0 {
		switch held := f.queue(side ^ 1); {
		case o.flags&seen == 0:
			o.begin(p.Ack)
		case held != nil && before(o.next, p.Ack) && !before(held.units.last().end, p.Ack): // the data on the SYN is accepted
			held.held = false
			defer a.drain(f, index, side^1)
		case p.Ack != o.next:
			a.stats.Outside += uint64(len(p.Payload))
			return // not the answer to this SYN
		case held != nil:
			a.dropQueue(held, &a.stats.Discarded)
		}
		h.ack, h.edge = p.Ack, p.Ack+uint32(p.Window) // not scaled (RFC 7323, section 2.2)
		h.flags |= acks
	}
	if h.flags&synced != 0 {
		if p.Flags&decode.ACK != 0 && p.Seq != h.isn {
			f.flags |= answered // the one that the other side acknowledges counts
			a.needRest(f).reopen = p.Seq
		}
		a.stats.Duplicate += uint64(len(p.Payload))
		return
	}
	h.begin(p.Seq + 1)
	h.flags |= synced
	a.handshakeOption(f, index, side, p)
	if place := &a.table.aside(index).place[side]; *place == 0 {
		*place = a.place(p)
	}
	if p.Flags&decode.ACK != 0 {
		a.servers.add(f.endpoint(side, &a.seed))
	}
	h.scale = windowScale(p.Options)
	if o.flags&synced != 0 && (h.scale == noScale || o.scale == noScale) {
		h.scale, o.scale = 0, 0 // both sides must offer it
	}
	if p.PayloadLen > 0 {
		q := a.newQueue(f, index, side)
		q.held = true
		a.queueData(q, h.next, o.next, p.Payload, p.PayloadLen)
		a.limit(f, side)
	}
}

// establish ends the handshake at the first packet without SYN.
func (a *Assembler) establish(f *Flow, index uint32, side int, p *decode.Packet) bool {
	h, o := &f.half[side], &f.half[side^1]
	if f.flags&answered != 0 && p.Flags&decode.ACK != 0 && o.flags&synced != 0 && p.Ack-o.next > maxOnSYN {
		f.secondAnswer(side, p)
	}
	if h.flags&seen != 0 && (before(p.Seq, h.next-1) || p.Seq-h.next > maxAhead && p.Seq != h.next-1) {
		return false
	}
	if p.Flags&decode.ACK != 0 && o.flags&seen != 0 && (before(p.Ack, o.next-1) || p.Ack-o.next > maxAhead && p.Ack != o.next-1) {
		return false
	}
	for i := range f.half {
		h := &f.half[i]
		if h.scale == noScale {
			h.scale = 0
		}
		if h.flags&synced == 0 {
			h.scale = maxScale
		}
		if q := f.queue(i); q != nil && q.held {
			if i == side && p.Seq == h.next { // sent again: the data on the SYN was refused
				a.dropQueue(q, &a.stats.Discarded)
				continue
			}
			q.held = false
			a.drain(f, index, i)
		}
	}
	if f.state == halfOpen {
		if o.flags&synced == 0 { // the answer to the SYN was not captured
			a.handshakeOption(f, index, side, p)
		}
		a.move(f, index, established)
	}
	return true
}

// secondAnswer makes the second answer to the SYN of side the one that counts, if
// that is what p acknowledges (RFC 9293, section 3.10.7.3).
func (f *Flow) secondAnswer(side int, p *decode.Packet) {
	h, o := &f.half[side], &f.half[side^1]
	if p.Seq-h.next <= maxOnSYN && p.Ack-f.reopen()-1 <= maxOnSYN && f.queue(side^1) == nil {
		o.begin(f.reopen() + 1)
		h.flags &^= acks
		f.flags &^= answered
	}
}

// What a reset is worth.
const (
	void = iota
	doubtful
	certain
)

// judge judges a reset from side. In answer to a SYN it has to acknowledge it
// (RFC 9293, section 3.10.7.3). Otherwise it counts if its number is exactly the
// next one; within the window it makes the receiver ask back (RFC 5961, section
// 3), and whether the sender goes on behind it decides. A number that was
// acknowledged is as good as the next one.
func (f *Flow) judge(side int, p *decode.Packet) int {
	h, o := &f.half[side], &f.half[side^1]
	exact := h.flags&seen == 0 || p.Seq == h.next || o.flags&acks != 0 && p.Seq == o.ack
	if f.state == halfOpen {
		if p.Flags&decode.ACK != 0 && o.flags&seen != 0 {
			exact = p.Ack == o.next
		}
		if !exact || h.flags&seen == 0 && p.Flags&decode.ACK == 0 {
			return void
		}
		return certain
	}
	switch {
	case exact && p.Seq != h.next && f.flags&ignored == 0:
		return doubtful // what followed may not have come; if it has, a challenge ACK answers
	case exact && f.queue(0) == nil && f.queue(1) == nil:
		return certain
	case exact:
		return doubtful // what is missing may have been captured late
	case before(p.Seq, h.next) || o.flags&acks != 0 && before(o.edge, p.Seq) || p.Seq-h.next > maxAhead:
		return void
	}
	return doubtful
}

// end tells the end of f. After FIN and RST its ports are remembered.
func (a *Assembler) end(f *Flow, index uint32, r Reason) {
	if f.state == closed {
		if r != Reused {
			a.remove(f, index)
		}
		return
	}
	a.move(f, index, closed)
	if f.flags&waiting != 0 {
		a.flush(f)
	}
	told := r
	switch {
	case r == RST || r == Reused:
	case f.half[0].reset || f.half[1].reset:
		told = RST // nothing has spoken against it
	case f.half[0].flags&f.half[1].flags&fin != 0:
		told = FIN // both have closed, and only holes have kept it open
	}
	for side := range f.half {
		if h := &f.half[side]; told == RST && h.reset {
			h.closes = closesByReset
		}
	}
	a.stats.Ended[told]++
	c := f.consumer
	f.consumer = nil
	f.flags |= ignored
	if c != nil {
		a.closing = f
		c.Closed(told, a.time)
		a.closing = nil
	}
	if f.flags&(multi|mpSubflow) != 0 {
		a.multipathEnded(f, index, told)
	}
	if r != FIN && r != RST && r != Reused {
		a.remove(f, index)
		return
	}
	a.dropRest(f)
}

// remove forgets f, which has ended.
func (a *Assembler) remove(f *Flow, index uint32) {
	a.leave(f, a.table.aside(index))
	k := f.key()
	a.table.remove(index, k.hash(&a.seed))
}

const (
	maxOnSYN = 1460 // bytes of data on a SYN (RFC 7413), for what is acknowledged only
	maxScale = 14   // RFC 7323, section 2.3
	noScale  = 0xff // no window scale option on the SYN
)

// windowScale reads the shift from the options of a SYN.
func windowScale(options decode.Options) uint8 {
	if b, ok := options.Find(decode.OptionWindowScale); ok && len(b) == 1 {
		return min(b[0], maxScale)
	}
	return noScale
}
