package websocket

import "github.com/wstap/wstap/internal/inflate"

// A window is the history of a compressed direction. It costs up to 48 KiB, so
// all of them together are bounded.
type window struct {
	inflate.Window
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
