package websocket

import "github.com/wstap/wstap/internal/inflate"

// A window is the history of a compressed direction. It costs up to 48 KiB, so
// all of them together are bounded.
type window struct {
	inflate.Window
	bits       int // as negotiated
	held       int // bytes of memory counted; 0: it is in no list
	prev, next *window
}

// windows is the list of those that hold memory, the one least recently used
// first.
type windows struct {
	max, held  int
	head, tail *window
	dropped    uint64
}

func newWindow(bits int) *window {
	w := &window{bits: bits}
	w.Limit(bits)
	return w
}

// largest is about the most that a window holds.
const largest = 48 << 10

// prepare gives w, if it holds nothing and there is no room, the memory of the
// one least recently used: to allocate as much for each would keep the garbage
// collector busy.
func (l *windows) prepare(w *window) {
	old := l.head
	if w.held > 0 || old == nil || l.held+largest <= l.max {
		return
	}
	l.dropped++
	l.unlink(old)
	w.Window, old.Window = old.Window, w.Window
	w.held, old.held = old.held, 0
	w.Forget()
	w.Limit(w.bits)
	old.Limit(old.bits)
	l.push(w)
}

// update counts what w holds after a message, and drops others where that is too
// much.
func (l *windows) update(w *window) {
	if w.held > 0 && w != l.tail {
		l.unlink(w)
		l.push(w)
	}
	n := w.Size()
	if n == w.held {
		return
	}
	if w.held == 0 {
		l.push(w)
	}
	l.held += n - w.held
	w.held = n
	for l.held > l.max {
		l.dropped++
		l.remove(l.head)
	}
}

// remove releases w. Messages that refer to what it held are told Undecoded.
func (l *windows) remove(w *window) {
	if w == nil || w.held == 0 {
		return
	}
	l.unlink(w)
	l.held -= w.held
	w.held = 0
	w.Release()
}

func (l *windows) push(w *window) {
	w.prev, w.next = l.tail, nil
	if l.tail != nil {
		l.tail.next = w
	} else {
		l.head = w
	}
	l.tail = w
}

func (l *windows) unlink(w *window) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		l.tail = w.prev
	}
	w.prev, w.next = nil, nil
}
