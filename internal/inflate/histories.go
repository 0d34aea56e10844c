package inflate

import "github.com/wstap/wstap/internal/list"

// A History is the [Window] of a compressed direction, one of many of which
// [Histories] bounds the memory.
type History struct {
	Window
	bits int // as negotiated
	held int // bytes of memory counted; 0: it is in no list
	node list.Node[History]
}

// NewHistory returns an empty one of at most 2^bits bytes.
func NewHistory(bits int) *History {
	h := &History{bits: bits}
	h.Limit(bits)
	return h
}

// Histories bounds the memory of all that are used together: of those that were
// not used for the longest time it is taken away. Messages that refer to what a
// History held then cannot be inflated.
type Histories struct {
	max, held int
	list      list.List[History] // those that hold memory, the least recently used first
	dropped   uint64
}

// NewHistories returns the bound of max bytes over any number of Histories.
func NewHistories(max int) Histories { return Histories{max: max} }

// Held returns the bytes held now.
func (l *Histories) Held() int { return l.held }

// Dropped returns how often a History lost its memory to another one.
func (l *Histories) Dropped() uint64 { return l.dropped }

// largest is about the most that a History holds.
const largest = 48 << 10

// Prepare gives h, if it holds nothing and there is no room, the memory of the
// one least recently used: to allocate as much for each would keep the garbage
// collector busy. It is called before a message of h is inflated.
func (l *Histories) Prepare(h *History) {
	old := l.list.First()
	if h.held > 0 || old == nil || l.held+largest <= l.max {
		return
	}
	l.dropped++
	l.held -= old.held
	old.node.Remove()
	buf := old.buf[:0]
	old.Release()
	old.held = 0
	h.buf = buf
	h.held = h.Size()
	l.held += h.held
	l.list.PushBack(h, &h.node)
}

// Update counts what h holds after a message, and drops others where that is too
// much.
func (l *Histories) Update(h *History) {
	if h.held > 0 {
		l.list.MoveToBack(&h.node)
	}
	n := h.Size()
	if n == h.held {
		return
	}
	if h.held == 0 {
		l.list.PushBack(h, &h.node)
	}
	l.held += n - h.held
	h.held = n
	for l.held > l.max {
		l.dropped++
		l.Remove(l.list.First())
	}
}

// Remove takes away what h holds; h may be nil.
func (l *Histories) Remove(h *History) {
	if h == nil || h.held == 0 {
		return
	}
	h.node.Remove()
	l.held -= h.held
	h.held = 0
	h.Release()
}
