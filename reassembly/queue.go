package reassembly

import (
	"slices"
	"sort"
	"time"
)

// A queue holds what one side sent beyond a hole. It exists only while there
// is a hole.
type queue struct {
	units  []*unit // sorted by start
	memory int     // bytes of memory held
	age    uint32  // of the next unit
	flow   *Flow
	index  uint32 // of flow
	side   uint8
	acked  bool // the other side has acknowledged past the hole
	held   bool // data on a SYN, no hole: waits for the answer to the SYN

	since      int64 // when the hole appeared, or was acknowledged past
	packets    int   // of the flow, since it was acknowledged past
	prev, next *queue
}

// A unit is a run of queued data. What followed a unit without a gap when it
// came belongs to it, as Linux merges it; that decides what overlaps win.
type unit struct {
	start, end uint32
	age        uint32
	pieces     []piece
	one        [1]piece // room for the first
}

// A piece is the data of one segment.
type piece struct {
	seq  uint32
	n    int
	data []byte // n bytes of the pool; nil: cut off by a snapshot length
	t    time.Time
}

func (p *piece) end() uint32 { return p.seq + uint32(p.n) }

// overhead is what a queue, a unit and a piece are counted with besides the
// data.
const overhead = 128

// after returns the index of the first unit that starts behind seq.
func (q *queue) after(seq uint32) int {
	return sort.Search(len(q.units), func(i int) bool { return before(seq, q.units[i].start) })
}

// place says where data from seq to end goes by the rules of Linux
// (tcp_data_queue_ofo). It returns the unit that the data continues, or the
// range of units that the data replaces, or that the data is there already.
//
// Units may overlap; the one that starts earlier counts. New data drops every
// later unit that it covers, and takes the place of one that starts with it
// and is shorter.
func (q *queue) place(seq, end uint32) (onto *unit, from, to int, present bool) {
	from = q.after(seq)
	to = from
	if from > 0 {
		u := q.units[from-1]
		// On the way down its tree Linux meets the older unit first.
		if from > 1 && q.units[from-2].end == seq && q.units[from-2].age < u.age {
			return q.units[from-2], 0, 0, false
		}
		switch {
		case u.end == seq:
			return u, 0, 0, false
		case before(u.end, seq):
		case !before(u.end, end):
			return nil, 0, 0, true
		case u.start == seq:
			from--
		}
	}
	for to < len(q.units) && !before(end, q.units[to].end) {
		to++
	}
	return nil, from, to, false
}

// overlapping calls f for each piece that has bytes from seq to end.
func (q *queue) overlapping(seq, end uint32, f func(*piece)) {
	for i := q.after(end - 1); i > 0 && before(seq, q.units[i-1].end); i-- {
		pieces := q.units[i-1].pieces
		first := sort.Search(len(pieces), func(i int) bool { return before(seq, pieces[i].end()) })
		for j := first; j < len(pieces) && before(pieces[j].seq, end); j++ {
			f(&pieces[j])
		}
	}
}

// A fifo is a list of queues, the oldest hole first.
type fifo struct{ head, tail *queue }

func (l *fifo) push(q *queue) {
	q.prev, q.next = l.tail, nil
	if l.tail != nil {
		l.tail.next = q
	} else {
		l.head = q
	}
	l.tail = q
}

func (l *fifo) remove(q *queue) {
	if q.prev != nil {
		q.prev.next = q.next
	} else {
		l.head = q.next
	}
	if q.next != nil {
		q.next.prev = q.prev
	} else {
		l.tail = q.prev
	}
	q.prev, q.next = nil, nil
}

// before says that a comes before b in sequence space (RFC 9293, section 3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }

// newQueue makes the queue for a hole in what side sends.
func (a *Assembler) newQueue(f *Flow, index uint32, side int, now int64) *queue {
	q := a.pool.queue()
	q.flow, q.index, q.side, q.since = f, index, uint8(side), now
	q.memory = overhead
	a.stats.Memory += overhead
	f.half[side].queue = q
	a.open.push(q)
	return q
}

// dropQueue frees q and adds the bytes that it holds to count.
func (a *Assembler) dropQueue(q *queue, count *uint64) {
	for _, u := range q.units {
		a.dropUnit(q, u, count)
	}
	a.holes(q).remove(q)
	a.stats.Memory -= q.memory
	q.flow.half[q.side].queue = nil
	a.pool.freeQueue(q)
}

// dropUnit frees u, which is or was in q, and adds its bytes to count.
func (a *Assembler) dropUnit(q *queue, u *unit, count *uint64) {
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
func (a *Assembler) queueData(q *queue, seq uint32, b []byte, wire int, t time.Time) {
	if len(b) > 0 {
		a.store(q, seq, b, len(b), t)
	}
	if wire > len(b) {
		a.store(q, seq+uint32(len(b)), nil, wire-len(b), t)
	}
}

// store puts n bytes into q; b nil: they were cut off.
func (a *Assembler) store(q *queue, seq uint32, b []byte, n int, t time.Time) {
	end := seq + uint32(n)
	q.overlapping(seq, end, func(p *piece) { a.compare(q.flow, int(q.side), seq, b, p.seq, p.data, t) })
	onto, from, to, present := q.place(seq, end)
	if present {
		a.stats.Duplicate += uint64(len(b))
		return
	}
	p := piece{seq: seq, n: n, data: a.pool.copy(b), t: t}
	memory := cap(p.data) + overhead
	q.memory += memory
	a.stats.Memory += memory
	a.stats.Queued += uint64(len(b))
	if onto != nil {
		onto.end = end
		onto.pieces = append(onto.pieces, p)
		return
	}
	u := a.pool.unit()
	u.start, u.end, u.age = seq, end, q.age
	u.pieces = append(u.one[:0], p)
	q.age++
	if from < to && q.units[from].start == seq {
		u.age = q.units[from].age
	}
	for _, old := range q.units[from:to] {
		a.dropUnit(q, old, &a.stats.Duplicate)
	}
	q.units = slices.Replace(q.units, from, to, u)
}
