package reassembly

import (
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/flowhash"
	"github.com/wstap/wstap/internal/list"
)

// An Assembler rebuilds flows. It is not safe for concurrent use: one worker,
// one Assembler.
type Assembler struct {
	cfg     Config
	accept  func(*Flow) Consumer
	seed    flowhash.Seed
	table   table
	one     lookup   // of Packet
	several []lookup // of Packets
	stop    bool
	lists   [states]flowList
	acked   list.List[queue] // holes that the other side has acknowledged past, the oldest first
	open    list.List[queue] // the other holes, the oldest first
	pool    pool

	recent recent

	fragments fragments
	inner     [maxDepth]decode.Packet // what is inside of tunnels and fragments

	stats Stats

	servers endpoints // that answered a SYN
	picked  endpoints // of flows picked up mid-stream
	placed  placed    // where copies were captured
	multi   multipaths

	device int  // where the packet that is worked on was captured
	pieced bool // it was put together from fragments
	apart  bool // it is of another leg: see ordinary

	closing *Flow // of which Closed is being called

	clock clock
	due   int64     // time of the next look at the time-outs
	tick  int64     // interval of those looks
	time  time.Time // of the packet that is worked on, or was last
}

// New returns an Assembler. When the first byte, gap or conflict of a flow is
// about to be told accept is called once for it; the Consumer that it returns
// receives the flow, nil ignores it.
func New(cfg *Config, accept func(*Flow) Consumer) *Assembler {
	a := &Assembler{cfg: cfg.Defaults(), accept: accept, seed: flowhash.NewSeed()}
	a.table.init()
	a.recent.init(a.cfg.RecentBytes)
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

// Packet takes one packet as Decode filled it in, captured at p.Time. It borrows p
// and what p points to until it returns.
func (a *Assembler) Packet(p *decode.Packet) {
	if p.TCP {
		a.look(p, a.vlanSpace(p), &a.one)
	}
	a.take(p, &a.one)
}

// Packets takes packets, one after the other, as Packet does. It takes less time,
// and much less where there are many flows: see lookup. It returns how many packets
// it took: all, unless Stop was called meanwhile.
func (a *Assembler) Packets(ps []decode.Packet) int {
	if len(a.several) < len(ps) {
		a.several = make([]lookup, len(ps))
	}
	ls := a.several[:len(ps)]
	for i := range ps {
		if p := &ps[i]; p.TCP {
			a.look(p, a.vlanSpace(p), &ls[i])
		}
	}
	a.stop = false
	for i := range ps {
		p, l := &ps[i], &ls[i]
		if !a.short(p, l) && !a.shortNew(p, l) {
			a.take(p, l)
		}
		if a.stop {
			ps = ps[:i+1]
			break
		}
	}
	if len(ps) > 0 {
		a.time = ps[len(ps)-1].Time
	}
	return len(ps)
}

// Stop ends the call of Packets that is under way, after the packet that it is
// at. Consumers may call it.
func (a *Assembler) Stop() { a.stop = true }

// Advance moves the clock to t without a packet: what has timed out by then ends,
// and holes that were waited for long enough are told. Who captures live calls it
// while nothing comes, some ten times a second, for otherwise the clock stands
// still with the packets. t is of the clock that stamps them; where it is behind
// them, nothing happens.
func (a *Assembler) Advance(t time.Time) {
	a.time = t
	a.clock.set(t.UnixNano())
	a.expire()
}

// take takes a packet that was looked up.
func (a *Assembler) take(p *decode.Packet, l *lookup) {
	a.device, a.time = p.Interface, p.Time
	a.clock.set(a.time.UnixNano())
	if a.clock.now >= a.due {
		a.expire()
	}
	a.stats.Packets++
	if p.TCP {
		a.segment(p, l)
	} else {
		a.packet(p, a.vlanSpace(p), 0)
	}
}

// Close tells what is left: queued data behind holes, then Closed(EOF) for
// every flow, the oldest first.
func (a *Assembler) Close() {
	for e := a.fragments.Oldest(); e != nil; e = a.fragments.Oldest() {
		a.dropDatagram(e, &a.stats.FragmentDropped)
	}
	for _, s := range []state{halfOpen, fresh, established, closing, unwanted, closed} {
		for l := &a.lists[s]; l.head != 0; {
			a.end(a.table.flow(l.head), l.head, EOF)
		}
	}
}

// Closing returns the Flow whose end is being told by a call of Closed, else nil. A
// Consumer that other Consumers have handed over to knows by it whose.
func (a *Assembler) Closing() *Flow { return a.closing }

// usual are the flags of a segment that is data and acknowledgment alone.
const usual = decode.ACK | decode.PSH | decode.ECE | decode.CWR | decode.AE

// segment takes one TCP segment. Nearly all are data and acknowledgments of flows
// that are in use: those take the short way.
func (a *Assembler) segment(p *decode.Packet, l *lookup) {
	a.stats.Bytes += uint64(len(p.Payload))
	a.stats.Cut += uint64(p.PayloadLen - len(p.Payload))
	f := l.flow
	if p.Flags&^usual != 0 || !f.usual() || !f.equal(&l.key) || a.clock.now-f.last >= int64(a.cfg.IdleTimeout) {
		a.anySegment(p, l)
		return
	}
	a.stats.Segments++
	a.touch(f, l.index)
	if !a.ordinary(f, l.index, int(f.first^l.from), p) {
		a.another(f, l.index, p, l)
	}
}

// anySegment takes any segment.
func (a *Assembler) anySegment(p *decode.Packet, l *lookup) {
	f, index := l.flow, l.index
	if f.state == free || !f.equal(&l.key) { // a new one, or it has ended meanwhile
		f, index = a.table.find(&l.key, l.hash)
	}
	several := false
	if f != nil && (f.flags&legs != 0 || p.Flags&decode.SYN != 0 && !f.awaits(p, l)) {
		f, index = a.leg(p, l)
		several = f == nil
	}
	if f != nil && a.clock.now-f.last >= int64(a.cfg.IdleTimeout) && f.state != closed {
		a.end(f, index, Idle)
		f = nil
	}
	switch {
	case f != nil:
	case begins(p):
		a.begin(p, l)
		if several {
			a.split(&l.key, l.hash)
		}
		return
	default:
		a.stats.Stray++
		a.stats.Skipped += uint64(len(p.Payload))
		return
	}
	a.stats.Segments++
	a.touch(f, index)
	side := int(f.first ^ l.from)
	same := false
	if p.Flags&^usual == 0 && f.usual() {
		same = a.ordinary(f, index, side, p)
	} else {
		same = a.unusual(f, index, side, p)
	}
	if !same {
		a.another(f, index, p, l)
	}
}

// another begins the connection that p, which was taken for a segment of f, is of.
func (a *Assembler) another(f *Flow, index uint32, p *decode.Packet, l *lookup) {
	a.stats.Segments--
	several := a.apart || f.flags&legs != 0
	if !a.apart { // the ports are in use for a new connection, else for both
		a.end(f, index, Reused)
		a.remove(f, index)
	}
	a.apart = false
	a.begin(p, l)
	if several {
		a.split(&l.key, l.hash)
	}
}

// ordinary takes the acknowledgment and the data of a segment. It returns false
// if the segment is of another connection, which, with apart set, lives beside
// this one.
func (a *Assembler) ordinary(f *Flow, index uint32, side int, p *decode.Packet) bool {
	h := &f.half[side]
	if p.Seq != h.next && p.PayloadLen > 0 && a.elsewhere(f, index, side, p) {
		a.apart = true
		return false
	}
	if p.Flags&decode.ACK != 0 && (p.Ack != h.ack || h.flags&acks == 0 || p.Ack+uint32(p.Window)<<h.scale != h.edge) {
		a.acknowledge(f, index, side, p)
		if f.flags&ignored != 0 {
			a.stats.Skipped += uint64(len(p.Payload))
			return true
		}
	}
	if p.PayloadLen == 0 {
		return true
	}
	if p.Seq == h.next && f.flags&waiting == 0 && len(p.Payload) == p.PayloadLen && h.flags&(fin|urgent|seen) == seen {
		h.next += uint32(p.PayloadLen)
		a.deliver(f, index, side, p.Payload, a.time)
		return true
	}
	ack := f.half[side^1].next
	if p.Flags&decode.ACK != 0 {
		ack = p.Ack
	}
	return a.data(f, index, side, p.Seq, ack, p.Payload, p.PayloadLen)
}

// deliver tells the bytes before next.
func (a *Assembler) deliver(f *Flow, index uint32, side int, b []byte, t time.Time) {
	c := f.consumer
	if c == nil {
		if f.flags&mpSubflow != 0 {
			a.handOver(f, index, side, b, t)
			return
		}
		if c = a.consumerOf(f); c == nil {
			a.stats.Skipped += uint64(len(b))
			return
		}
	}
	h := &f.half[side]
	h.offset += int64(len(b))
	h.record = a.recent.add(owner(index, side), h.record, h.next-uint32(len(b)), b)
	a.stats.Delivered += uint64(len(b))
	c.Data(f.direction(side), b, t)
}

// consumerOf calls accept if that was not done yet.
func (a *Assembler) consumerOf(f *Flow) Consumer {
	if f.flags&(accepted|ignored|mpSubflow) == 0 {
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
