package reassembly

import (
	"math/rand/v2"
	"time"

	"github.com/wstap/wstap/decode"
)

// An Assembler rebuilds flows. It is not safe for concurrent use: one worker,
// one Assembler.
type Assembler struct {
	cfg    Config
	accept func(*Flow) Consumer
	seed   [4]uint64
	table  table
	recent uint32 // the flow last found, perhaps removed since; 0: none
	lists  [states]list
	acked  fifo // holes that the other side has acknowledged past
	open   fifo // the other holes
	pool   pool

	history history

	fragments fragments
	inner     [maxDepth]decode.Packet // what is inside of tunnels and fragments

	stats Stats

	servers endpoints // that answered a SYN
	picked  endpoints // of flows picked up mid-stream

	clock clock
	due   int64 // time of the next look at the time-outs
	tick  int64 // interval of those looks
	last  time.Time
}

// New returns an Assembler. When the first byte, gap or conflict of a flow is
// about to be told accept is called once for it; the Consumer that it returns
// receives the flow, nil ignores it.
func New(cfg *Config, accept func(*Flow) Consumer) *Assembler {
	a := &Assembler{cfg: cfg.Defaults(), accept: accept}
	for i := range a.seed {
		a.seed[i] = rand.Uint64()
	}
	a.table.grow()
	a.history.init(a.cfg.HistoryBytes)
	a.tick = int64(min(a.cfg.HandshakeTimeout, a.cfg.IdleTimeout, a.cfg.CloseTimeout, a.cfg.TimeWait,
		a.cfg.AckedHoleTimeout, a.cfg.HoleTimeout, a.cfg.FragmentTimeout) / 8)
	return a
}

// Stats returns what was counted so far.
func (a *Assembler) Stats() Stats {
	s := a.stats
	s.TimeWait = a.lists[closed].count
	s.Active = a.table.count - s.TimeWait
	s.HalfOpen = a.lists[halfOpen].count
	return s
}

// Packet takes one decoded packet, captured at t. It borrows p and what p
// points to until it returns.
func (a *Assembler) Packet(p *decode.Packet, t time.Time) {
	now := a.clock.read(t.UnixNano())
	if now >= a.due {
		a.expire(now, t)
		a.due = now + a.tick
	}
	a.last = t
	a.stats.Packets++
	if p.TCP && p.IPVersion != 0 && !a.cfg.SeparateVLANs {
		a.segment(p, t, now, 0)
		return
	}
	var space uint32
	if a.cfg.SeparateVLANs {
		space = a.vlanSpace(p)
	}
	a.packet(p, t, now, space, 0)
}

// Close tells what is left: queued data behind holes, then Closed(EOF) for
// every flow, the oldest first.
func (a *Assembler) Close() {
	for d := a.fragments.head; d != nil; d = a.fragments.head {
		a.dropDatagram(d, &a.stats.FragmentDropped)
	}
	for _, s := range []state{halfOpen, fresh, established, closing, unwanted, closed} {
		for l := &a.lists[s]; l.head != 0; {
			a.end(a.table.flow(l.head), l.head, EOF, a.last)
		}
	}
}

// segment takes one TCP segment.
func (a *Assembler) segment(p *decode.Packet, t time.Time, now int64, space uint32) {
	a.stats.Bytes += uint64(len(p.Payload))
	a.stats.Cut += uint64(p.PayloadLen - len(p.Payload))
	var k key
	k.set(p, space)
	f, index, side := a.find(&k)
	if f != nil && now-f.last >= int64(a.cfg.IdleTimeout) && f.state != closed {
		a.end(f, index, Idle, t)
		f = nil
	}
	if f == nil {
		if begins(p) {
			a.begin(p, &k, t, now)
		} else {
			a.stats.Stray++
			a.stats.Skipped += uint64(len(p.Payload))
		}
		return
	}
	a.touch(f, index, now)
	a.stats.Segments++
	var same bool
	if f.state != established || p.Flags&^(decode.ACK|decode.PSH|decode.ECE|decode.CWR|decode.AE) != 0 || f.flags&(reopening|ignored) != 0 {
		same = a.unusual(f, index, side, p, t, now)
	} else {
		same = a.ordinary(f, index, side, p, t, now)
	}
	if !same { // the ports are in use for a new connection
		a.stats.Segments--
		a.end(f, index, Reused, t)
		a.remove(f, index)
		a.begin(p, &k, t, now)
	}
}

// find returns the flow of k, and the side that k's packet comes from. Packets
// come in trains, and answers follow at once, so it looks at the last flow first.
func (a *Assembler) find(k *key) (f *Flow, index uint32, side int) {
	if index = a.recent; index != 0 {
		f = a.table.flow(index)
		if side = f.sideOf(k); side >= 0 {
			return f, index, side
		}
	}
	f, index, side = a.table.find(k, k.hash(&a.seed))
	a.recent = index
	return f, index, side
}

// ordinary takes the acknowledgment and the data of a segment. It returns false
// if the segment is of another connection.
func (a *Assembler) ordinary(f *Flow, index uint32, side int, p *decode.Packet, t time.Time, now int64) bool {
	h := &f.half[side]
	if p.Flags&decode.ACK != 0 && (p.Ack != h.ack || h.flags&acks == 0 || p.Ack+uint32(p.Window)<<h.scale != h.edge) {
		a.acknowledge(f, index, side, p, t, now)
		if f.flags&ignored != 0 {
			a.stats.Skipped += uint64(len(p.Payload))
			return true
		}
	}
	if p.PayloadLen == 0 {
		return true
	}
	if p.Seq == h.next && h.queue == nil && len(p.Payload) == p.PayloadLen && h.flags&(fin|urgent|seen) == seen {
		h.next += uint32(p.PayloadLen)
		a.deliver(f, index, side, p.Payload, t)
		return true
	}
	return a.data(f, index, side, p.Seq, p.Payload, p.PayloadLen, t, now)
}

// deliver tells the bytes before next.
func (a *Assembler) deliver(f *Flow, index uint32, side int, b []byte, t time.Time) {
	c := f.consumer
	if c == nil {
		if c = a.consumerOf(f); c == nil {
			a.stats.Skipped += uint64(len(b))
			return
		}
	}
	h := &f.half[side]
	h.offset += int64(len(b))
	h.record = a.history.add(owner(index, side), h.record, h.next-uint32(len(b)), b)
	a.stats.Delivered += uint64(len(b))
	c.Data(f.direction(side), b, t)
}

// consumerOf calls accept if that was not done yet.
func (a *Assembler) consumerOf(f *Flow) Consumer {
	if f.flags&(accepted|ignored) == 0 {
		f.flags |= accepted
		c := a.accept(f)
		if c == nil {
			f.flags |= ignored
		}
		if f.flags&ignored == 0 {
			f.consumer = c
		}
	}
	return f.consumer
}

// gap tells that the next n bytes are lost.
func (a *Assembler) gap(f *Flow, side int, n uint32, t time.Time) {
	h := &f.half[side]
	h.next += n
	h.flags |= lossy
	if c := a.consumerOf(f); c != nil {
		h.offset += int64(n)
		a.stats.Gaps++
		a.stats.Gapped += uint64(n)
		c.Gap(f.direction(side), int64(n), t)
	}
}
