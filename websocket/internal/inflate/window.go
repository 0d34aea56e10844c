package inflate

// A Window is the history of one stream: the last bytes of its output, which
// later messages may refer to. The zero value is an empty history of 32 KiB;
// it grows with what it has to hold.
type Window struct {
	buf   []byte // a ring; its length is a power of two
	pos   int    // where the next byte goes
	known int    // bytes that can be referred to
	size  int    // most bytes; 0 means 32 KiB
}

// Limit bounds the history to 1<<bits bytes, as negotiated (RFC 7692, section
// 7.1.2).
func (w *Window) Limit(bits int) { w.size = 1 << bits }

// Forget empties the history. Messages that follow decode if they do not refer
// to it, and fail with ErrHistory if they do; what they add is known again.
func (w *Window) Forget() { w.known = 0 }

// Release gives the memory back, and with it the history.
func (w *Window) Release() { w.buf, w.pos, w.known = nil, 0, 0 }

// Size returns the bytes of memory held.
func (w *Window) Size() int { return len(w.buf) }

// add appends a message's output, of which b holds at least the last 32 KiB and
// total is the length.
func (w *Window) add(b []byte, total int) {
	size := w.size
	if size == 0 {
		size = maxDist
	}
	if need := min(w.known+total, size); need > len(w.buf) {
		w.grow(need)
	}
	if len(b) > len(w.buf) {
		b = b[len(b)-len(w.buf):]
	}
	for c := b; len(c) > 0; {
		n := copy(w.buf[w.pos:], c)
		c = c[n:]
		w.pos = (w.pos + n) & (len(w.buf) - 1)
	}
	w.known = min(w.known+len(b), len(w.buf))
}

func (w *Window) grow(need int) {
	n := max(len(w.buf), 128)
	for n < need {
		n *= 2
	}
	buf := make([]byte, n)
	w.copyTo(buf[:w.known], w.known)
	w.buf, w.pos = buf, w.known&(n-1)
}

// copyTo fills dst from the bytes that begin back bytes ago.
func (w *Window) copyTo(dst []byte, back int) {
	if len(dst) == 0 {
		return
	}
	i := (w.pos - back) & (len(w.buf) - 1)
	n := copy(dst, w.buf[i:])
	copy(dst[n:], w.buf)
}
