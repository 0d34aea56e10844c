package reassembly

import (
	"math/bits"
	"time"
)

// A queue holds what one side sent beyond a hole. It exists only while there
// is a hole.
type queue struct {
	head, tail *segment
	memory     int // bytes of memory held
	flow       *Flow
	index      uint32 // of flow
	side       uint8
	acked      bool // the other side has acknowledged past the hole
	held       bool // data on a SYN, no hole: waits for the answer to the SYN

	since      int64 // when the hole appeared, or was acknowledged past
	packets    int   // of the flow, since it was acknowledged past
	prev, next *queue
}

// A segment is queued data. Segments are sorted by seq and may overlap: where
// they do, the one with the smaller seq counts.
type segment struct {
	seq, end   uint32
	prev, next *segment
	data       []byte // of the pool; nil: cut off by a snapshot length
	t          time.Time
}

// overhead is what a queue and a segment are counted with besides the data.
const overhead = 128

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

// insert puts s in its place by the rules of Linux (tcp_data_queue_ofo): what
// begins earlier counts, except that a segment drops every later one that it
// covers, and takes the place of one that begins with it and is shorter.
// It calls overlap for each pair of copies, and drop for each segment that is
// not needed (s itself, perhaps).
func (q *queue) insert(s *segment, overlap func(kept, other *segment), drop func(*segment)) {
	prev := q.tail
	for prev != nil && before(s.seq, prev.seq) {
		prev = prev.prev
	}
	if prev != nil && before(s.seq, prev.end) {
		if !before(prev.end, s.end) {
			overlap(prev, s)
			drop(s)
			return
		}
		if prev.seq == s.seq {
			old := prev
			prev = prev.prev
			overlap(s, old)
			q.unlink(old)
			drop(old)
			if prev != nil && before(s.seq, prev.end) {
				overlap(prev, s)
			}
		} else {
			overlap(prev, s)
		}
	}
	q.link(s, prev)
	for next := s.next; next != nil && before(next.seq, s.end); next = s.next {
		overlap(s, next)
		if before(s.end, next.end) {
			break
		}
		q.unlink(next)
		drop(next)
	}
}

func (q *queue) link(s, prev *segment) {
	s.prev = prev
	if prev != nil {
		s.next = prev.next
		prev.next = s
	} else {
		s.next = q.head
		q.head = s
	}
	if s.next != nil {
		s.next.prev = s
	} else {
		q.tail = s
	}
}

func (q *queue) unlink(s *segment) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		q.head = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		q.tail = s.prev
	}
	s.prev, s.next = nil, nil
}

// before says that a comes before b in sequence space (RFC 9293, section 3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }

// A pool hands out buffers of a power of two bytes and takes them back.
type pool struct {
	classes  [17][][]byte
	segments *segment // linked by next
	idle     int      // bytes in classes
}

const (
	smallest = 6       // 64 bytes
	maxIdle  = 8 << 20 // beyond it buffers go to the garbage collector
)

func class(n int) int { return max(smallest, bits.Len(uint(n-1))) }

// segment returns a segment with a copy of b.
func (p *pool) segment(seq uint32, n int, b []byte, t time.Time) *segment {
	s := p.segments
	if s == nil {
		s = new(segment)
	} else {
		p.segments = s.next
	}
	*s = segment{seq: seq, end: seq + uint32(n), t: t}
	if len(b) == 0 {
		return s
	}
	c := class(len(b))
	if c >= len(p.classes) {
		s.data = append(s.data, b...) // a jumbogram
		return s
	}
	if l := len(p.classes[c]); l > 0 {
		s.data = p.classes[c][l-1]
		p.classes[c] = p.classes[c][:l-1]
		p.idle -= 1 << c
	} else {
		s.data = make([]byte, 1<<c)
	}
	s.data = s.data[:copy(s.data[:len(b)], b)]
	return s
}

func (p *pool) free(s *segment) {
	if c := cap(s.data); c > 0 && c == 1<<class(c) && class(c) < len(p.classes) && p.idle+c <= maxIdle {
		p.classes[class(c)] = append(p.classes[class(c)], s.data[:0:c])
		p.idle += c
	}
	*s = segment{next: p.segments}
	p.segments = s
}

// memory is what a segment counts for.
func (s *segment) memory() int { return cap(s.data) + overhead }
