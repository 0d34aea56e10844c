package websocket

import "github.com/wstap/wstap/internal/inflate"

// A window is the history of a compressed direction. It costs up to 48 KiB, so
// all of them together are bounded.
type window struct {
	inflate.Window
	held       int // bytes of memory counted; 0: it is in no ring
	used       bool
	prev, next *window
}

// windows is the ring of those that hold memory. Where they hold too much, the
// hand goes round and releases those that were not used since it last passed
// (the clock algorithm: to order them at each message would cost more).
type windows struct {
	max, held int
	hand      *window
	dropped   uint64
}

// update counts what w holds after a message.
func (l *windows) update(w *window) {
	w.used = true
	n := w.Size()
	if n == w.held {
		return
	}
	if w.held == 0 {
		l.insert(w)
	}
	l.held += n - w.held
	w.held = n
	for l.held > l.max {
		if !l.hand.used {
			l.dropped++
			l.remove(l.hand)
			continue
		}
		l.hand.used = false
		l.hand = l.hand.next
	}
}

// insert puts w where the hand passes last.
func (l *windows) insert(w *window) {
	if l.hand == nil {
		w.prev, w.next = w, w
		l.hand = w
		return
	}
	w.prev, w.next = l.hand.prev, l.hand
	w.prev.next, w.next.prev = w, w
}

// remove releases w. Messages that refer to what it held are told Undecoded.
func (l *windows) remove(w *window) {
	if w == nil || w.held == 0 {
		return
	}
	if l.hand == w {
		l.hand = w.next
	}
	if l.hand == w { // the only one
		l.hand = nil
	}
	w.prev.next, w.next.prev = w.next, w.prev
	w.prev, w.next = nil, nil
	l.held -= w.held
	w.held = 0
	w.Release()
}
