package reassembly

import (
	"time"

	"github.com/wstap/wstap/decode"
)

// begins says whether p may be the first packet of a flow: a SYN, or data of a
// connection whose opening was not seen. An acknowledgment alone, such as the
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
func (a *Assembler) begin(p *decode.Packet, k *key, hash uint32, t time.Time, now int64) {
	if a.table.count >= a.cfg.MaxFlows {
		a.evict(t, now)
	}
	f, index := a.table.insert(k, hash)
	f.last = now
	a.stats.Flows++
	a.stats.Segments++
	if p.Flags&decode.SYN != 0 {
		a.enter(f, index, halfOpen, now)
		if p.Flags&decode.ACK != 0 {
			f.flags |= clientIsB
		}
		a.syn(f, index, 0, p, t, now)
		return
	}
	a.stats.Midstream++
	f.flags |= midstream
	f.guessClient(p)
	f.half[0].scale, f.half[1].scale = maxScale, maxScale // not known: assume the most
	a.enter(f, index, established, now)
	h := &f.half[0]
	h.flags |= seen
	h.next = p.Seq
	if p.PayloadLen == 1 && len(p.Payload) == 1 && p.Payload[0] == 0 && p.Flags&decode.PSH == 0 {
		h.next++ // a keep-alive probe: its byte is not of the stream
	}
	a.ordinary(f, index, 0, p, t, now)
	a.fin(f, index, 0, p, t, now)
}

// unusual takes a packet of f that is more than data and acknowledgment, or
// finds f in an unusual state.
func (a *Assembler) unusual(f *Flow, index uint32, side int, p *decode.Packet, k *key, hash uint32, t time.Time, now int64) {
	if a.renewed(f, side, p) {
		a.end(f, index, Reused, t)
		if f.state == closed {
			a.remove(f, index)
		}
		a.begin(p, k, hash, t, now)
		return
	}
	a.stats.Segments++
	switch {
	case f.state == closed:
		a.stats.Late += uint64(len(p.Payload))
	case p.Flags&decode.RST != 0:
		a.stats.Skipped += uint64(len(p.Payload))
		if f.resets(side, p) {
			a.end(f, index, RST, t)
		}
	case p.Flags&decode.SYN != 0:
		if f.state == halfOpen {
			a.syn(f, index, side, p, t, now)
		} else {
			a.stats.Duplicate += uint64(len(p.Payload))
		}
	default:
		if f.state == halfOpen && !a.establish(f, index, side, p, t, now) {
			a.stats.Outside += uint64(len(p.Payload))
			return
		}
		if f.flags&ignored != 0 {
			a.skip(f, index, side, p, t, now)
			return
		}
		a.ordinary(f, index, side, p, t, now)
		a.fin(f, index, side, p, t, now)
	}
}

// skip follows a flow that nobody wants just enough to know its end.
func (a *Assembler) skip(f *Flow, index uint32, side int, p *decode.Packet, t time.Time, now int64) {
	for i := range f.half {
		if q := f.half[i].queue; q != nil {
			a.dropQueue(q, &a.stats.Skipped)
		}
	}
	a.stats.Skipped += uint64(len(p.Payload))
	h := &f.half[side]
	if end := p.Seq + uint32(p.PayloadLen); h.flags&seen == 0 || before(h.next, end) {
		h.offset += int64(end - h.next)
		h.next = end
		h.flags |= seen
	}
	if p.Flags&decode.ACK != 0 {
		o := &f.half[side^1]
		o.ack, o.right = p.Ack, p.Ack+uint32(p.Window)<<h.scale
		o.flags |= acked
	}
	a.fin(f, index, side, p, t, now)
}

// fin notes a FIN.
func (a *Assembler) fin(f *Flow, index uint32, side int, p *decode.Packet, t time.Time, now int64) {
	h := &f.half[side]
	if p.Flags&decode.FIN == 0 || h.flags&fin != 0 || f.state == closed || f.state == free {
		return
	}
	n := p.Seq + uint32(p.PayloadLen)
	if h.flags&seen == 0 {
		h.flags |= seen
		h.next = n
	}
	if before(n, h.next) || !h.inWindow(n) {
		return
	}
	h.flags |= fin
	h.fin = n
	a.finish(f, index, side, t, now)
}

// finish sees whether a side's stream, or both, have come to their end.
func (a *Assembler) finish(f *Flow, index uint32, side int, t time.Time, now int64) {
	h := &f.half[side]
	if h.flags&(fin|finDone) != fin || before(h.next, h.fin) || f.state == closed {
		return
	}
	h.flags |= finDone
	if h.queue != nil {
		a.dropQueue(h.queue, &a.stats.Outside)
	}
	if f.half[side^1].flags&finDone != 0 {
		a.end(f, index, FIN, t)
	} else {
		a.move(f, index, closing, now)
	}
}

// initial says whether n is the sequence number of h's SYN.
func (h *half) initial(n uint32) bool { return n == h.next-uint32(h.offset)-1 }

// renewed says whether p proves that the ports of f are in use for a new
// connection. A SYN alone does not prove it while f lives: anybody can send
// one. Its answer does, or data that follows it.
func (a *Assembler) renewed(f *Flow, side int, p *decode.Packet) bool {
	h, o := &f.half[side], &f.half[side^1]
	switch {
	case p.Flags&decode.RST != 0 || f.flags&reopening == 0 && p.Flags&decode.SYN == 0:
		return false
	case p.Flags&(decode.SYN|decode.ACK) == decode.SYN:
		if h.flags&seen != 0 && h.initial(p.Seq) {
			return false // sent again
		}
		if f.state == closed || f.flags&ignored != 0 || h.flags&fin != 0 || f.state == halfOpen && h.flags&synced != 0 {
			return true
		}
		if f.state != halfOpen {
			f.flags = f.flags&^reopeningB | reopening
			if side == 1 {
				f.flags |= reopeningB
			}
			f.reopen = p.Seq
		}
		return false
	case p.Flags&decode.SYN != 0:
		if h.flags&seen != 0 && h.initial(p.Seq) {
			return false
		}
		return f.state == closed || f.flags&reopening != 0 && f.reopener() != side && p.Ack == f.reopen+1 ||
			f.state == halfOpen && h.flags&synced != 0 && o.flags&synced == 0
	default:
		return f.reopener() == side && p.PayloadLen > 0 && p.Seq == f.reopen+1 && p.Seq != h.next
	}
}

func (f *Flow) reopener() int {
	if f.flags&reopeningB != 0 {
		return 1
	}
	return 0
}

// syn takes a SYN, with or without ACK, of a half-open flow.
func (a *Assembler) syn(f *Flow, index uint32, side int, p *decode.Packet, t time.Time, now int64) {
	h, o := &f.half[side], &f.half[side^1]
	if p.Flags&decode.ACK != 0 {
		switch held := o.queue; {
		case o.flags&seen == 0:
			o.flags |= seen
			o.next = p.Ack
		case held != nil && held.units[len(held.units)-1].end == p.Ack: // the data on the SYN is accepted
			held.held = false
			defer a.drain(f, index, side^1, t, now)
		case p.Ack != o.next:
			a.stats.Outside += uint64(len(p.Payload))
			return // not the answer to this SYN
		case held != nil:
			a.dropQueue(held, &a.stats.Discarded)
		}
		o.ack, o.right = p.Ack, p.Ack+uint32(p.Window)
		o.flags |= acked
	}
	if h.flags&synced != 0 {
		a.stats.Duplicate += uint64(len(p.Payload))
		return
	}
	h.flags |= seen | synced
	h.next = p.Seq + 1
	h.scale = windowScale(p.Options)
	if o.flags&synced != 0 && (h.scale == noScale || o.scale == noScale) {
		h.scale, o.scale = 0, 0 // both sides must offer it (RFC 7323, section 2.2)
	}
	if p.PayloadLen > 0 {
		q := a.newQueue(f, index, side, now)
		q.held = true
		a.queueData(q, h.next, p.Payload, p.PayloadLen, t)
	}
}

// establish ends the handshake at the first packet without SYN.
func (a *Assembler) establish(f *Flow, index uint32, side int, p *decode.Packet, t time.Time, now int64) bool {
	h, o := &f.half[side], &f.half[side^1]
	if h.flags&seen != 0 && (before(p.Seq, h.next-1) || p.Seq-h.next > 1<<30) {
		return false
	}
	if p.Flags&decode.ACK != 0 && o.flags&seen != 0 && (before(p.Ack, o.next-1) || p.Ack-o.next > 1<<30 && p.Ack != o.next-1) {
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
		if q := h.queue; q != nil && q.held {
			if i == side && p.Seq == h.next { // sent again: the data on the SYN was refused
				a.dropQueue(q, &a.stats.Discarded)
				continue
			}
			q.held = false
			a.drain(f, index, i, t, now)
		}
	}
	if f.state == halfOpen {
		a.move(f, index, established, now)
	}
	return true
}

// resets says whether a reset from side counts: in the window, or in answer to
// the SYN (RFC 9293, section 3.10.7).
func (f *Flow) resets(side int, p *decode.Packet) bool {
	h, o := &f.half[side], &f.half[side^1]
	if f.state == halfOpen {
		if p.Flags&decode.ACK != 0 && o.flags&seen != 0 {
			return p.Ack == o.next
		}
		return h.flags&seen != 0 && p.Seq == h.next
	}
	if h.flags&seen == 0 {
		return true
	}
	low := h.next
	if h.flags&acked != 0 && before(h.ack, low) {
		low = h.ack
	}
	return !before(p.Seq, low) && (p.Seq == h.next || h.flags&acked == 0 || !before(h.right, p.Seq))
}

// end tells the end of f. After FIN and RST its ports are remembered.
func (a *Assembler) end(f *Flow, index uint32, r Reason, t time.Time) {
	if f.state == closed {
		if r != Reused {
			a.remove(f, index)
		}
		return
	}
	now := t.UnixNano()
	a.move(f, index, closed, now)
	for side := range f.half {
		for q := f.half[side].queue; q != nil; q = f.half[side].queue {
			if f.flags&ignored != 0 {
				a.dropQueue(q, &a.stats.Skipped)
			} else {
				a.giveUp(q, t, now)
			}
		}
	}
	a.stats.Ended[r]++
	c := f.consumer
	f.consumer = nil
	f.flags |= ignored
	if c != nil {
		c.Closed(r, t)
	}
	if r != FIN && r != RST && r != Reused {
		a.remove(f, index)
	}
}

// remove forgets f, which has ended.
func (a *Assembler) remove(f *Flow, index uint32) {
	a.leave(f)
	a.table.remove(index, f.hash(&a.seed))
}

const (
	maxScale = 14   // RFC 7323, section 2.3
	noScale  = 0xff // no window scale option on the SYN
)

// windowScale reads the shift from the options of a SYN.
func windowScale(options []byte) uint8 {
	for len(options) > 0 {
		switch {
		case options[0] == 0:
			return noScale
		case options[0] == 1:
			options = options[1:]
			continue
		case len(options) < 2 || options[1] < 2 || int(options[1]) > len(options):
			return noScale
		case options[0] == 3 && options[1] == 3:
			return min(options[2], maxScale)
		}
		options = options[options[1]:]
	}
	return noScale
}
