package reassembly

import (
	"sort"
	"time"

	"github.com/wstap/wstap/internal/list"
)

// A queue holds what one side sent beyond a hole, or after it had acknowledged past
// a hole of the other side's. It exists only while there is such a hole.
type queue struct {
	units  tree
	memory int // bytes of memory held
	flow   *Flow
	index  uint32 // of flow
	side   uint8
	acked  bool // the other side has acknowledged past the hole
	held   bool // data on a SYN, no hole: waits for the answer to the SYN

	since   int64  // when the hole appeared, or was acknowledged past
	packets int    // of the flow, since it was acknowledged past
	at, to  uint32 // next, and what was acknowledged, when the wait began
	node    list.Node[queue]
}

// A unit is a run of queued data. What followed a unit without a gap when it
// came belongs to it, as Linux merges it; that decides what overlaps win.
type unit struct {
	node
	start, end uint32
	pieces     []piece
	told       int      // pieces
	one        [1]piece // room for the first
}

// A piece is the data of one segment.
type piece struct {
	seq  uint32
	ack  uint32 // its sender had what comes before
	n    int
	data []byte // n bytes of the pool; nil: cut off by a snapshot length
	t    time.Time
}

// head is the first piece that is not told.
func (u *unit) head() *piece { return &u.pieces[u.told] }

func (p *piece) end() uint32 { return p.seq + uint32(p.n) }

// overhead is what a queue, a unit and a piece are counted with besides the
// data.
const overhead = 128

// A place says where data goes in a queue.
type place struct {
	present bool  // it is all there
	onto    *unit // it continues this one
	instead *unit // it takes the place of this one
	parent  *unit // otherwise: where in the tree
	left    bool
}

// place finds the place of the data from seq to end, as Linux does
// (tcp_data_queue_ofo).
//
// Units may overlap; then the one that starts earlier counts. But new data drops
// every later unit that it covers, and takes the place of one that starts with
// it and is shorter.
func (q *queue) place(seq, end uint32) (p place) {
	if u := q.units.last(); u != nil && !before(seq, u.end) {
		if u.end == seq {
			return place{onto: u}
		}
		return place{parent: u}
	}
	for u := q.units.root; u != nil; {
		p.parent = u
		if p.left = before(seq, u.start); p.left {
			u = u.left
			continue
		}
		if before(seq, u.end) {
			if !before(u.end, end) {
				return place{present: true}
			}
			if seq == u.start {
				return place{instead: u}
			}
		} else if u.end == seq {
			return place{onto: u}
		}
		u = u.right
	}
	return p
}

// overlapping calls f for each piece that has bytes from seq to end.
func (q *queue) overlapping(seq, end uint32, f func(*piece)) {
	// A unit may lie inside of an earlier one: look a few units further back.
	for u, further := q.units.before(end), 4; u != nil && further > 0; u = u.preceding() {
		if !before(seq, u.end) {
			further--
			continue
		}
		first := sort.Search(len(u.pieces), func(i int) bool { return before(seq, u.pieces[i].end()) })
		for i := first; i < len(u.pieces) && before(u.pieces[i].seq, end); i++ {
			f(&u.pieces[i])
		}
	}
}

// before says that a comes before b in sequence space (RFC 9293, section 3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }

// newQueue makes the queue for a hole in what side sends.
func (a *Assembler) newQueue(f *Flow, index uint32, side int) *queue {
	q := a.pool.queue()
	q.flow, q.index, q.side, q.since = f, index, uint8(side), a.clock.now
	q.at = f.half[side].next
	q.memory = overhead
	a.stats.Memory += overhead
	a.needRest(f).queue[side] = q
	f.flags |= waiting
	a.open.PushBack(q, &q.node)
	return q
}

// dropQueue frees q and adds the bytes that it holds to count.
func (a *Assembler) dropQueue(q *queue, count *uint64) {
	for u := q.units.first(); u != nil; u = q.units.first() {
		a.dropUnit(q, u, count)
	}
	q.node.Remove()
	a.stats.Memory -= q.memory
	q.flow.rest.queue[q.side] = nil
	q.flow.endWait()
	a.pool.freeQueue(q)
}

// dropUnit takes u out of q, frees it and adds its bytes to count.
func (a *Assembler) dropUnit(q *queue, u *unit, count *uint64) {
	q.units.remove(u)
	a.freeUnit(q, u, count)
}

func (a *Assembler) freeUnit(q *queue, u *unit, count *uint64) {
	for i := range u.pieces {
		*count += uint64(len(u.pieces[i].data))
		a.freePiece(q, &u.pieces[i])
	}
	a.pool.freeUnit(u)
}

func (a *Assembler) freePiece(q *queue, p *piece) {
	a.stats.Queued -= uint64(len(p.data))
	n := cap(p.data) + overhead
	q.memory -= n
	a.stats.Memory -= n
	a.pool.free(p.data)
	p.data = nil
}

// queueData stores a segment of wire bytes, of which b was captured.
func (a *Assembler) queueData(q *queue, seq, ack uint32, b []byte, wire int) {
	if len(b) > 0 {
		a.store(q, seq, ack, b, len(b))
	}
	if wire > len(b) {
		a.store(q, seq+uint32(len(b)), ack, nil, wire-len(b))
	}
}

// store puts n bytes into q; b nil: they were cut off.
func (a *Assembler) store(q *queue, seq, ack uint32, b []byte, n int) {
	end := seq + uint32(n)
	q.overlapping(seq, seq+uint32(len(b)), func(p *piece) { a.compare(q.flow, int(q.side), seq, b, p.seq, p.data) })
	where := q.place(seq, end)
	if where.present {
		a.stats.Duplicate += uint64(len(b))
		return
	}
	p := piece{seq: seq, ack: ack, n: n, data: a.pool.copy(b), t: a.time}
	memory := cap(p.data) + overhead
	q.memory += memory
	a.stats.Memory += memory
	a.stats.Queued += uint64(len(b))
	if u := where.onto; u != nil {
		u.end = end
		u.pieces = append(u.pieces, p)
		return
	}
	u := a.pool.unit()
	u.start, u.end = seq, end
	u.pieces = append(u.one[:0], p)
	if old := where.instead; old != nil {
		q.units.replace(old, u)
		a.freeUnit(q, old, &a.stats.Duplicate)
	} else {
		q.units.insert(u, where.parent, where.left)
	}
	for next := u.following(); next != nil && !before(end, next.end); next = u.following() {
		a.dropUnit(q, next, &a.stats.Duplicate)
	}
}
