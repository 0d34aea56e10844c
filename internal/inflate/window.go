package inflate

// A Window is the history of one stream: the last bytes of its output, which
// later messages may refer to. The zero value is an empty history of 32 KiB;
// its memory grows with what it has to hold.
type Window struct {
	buf   []byte // ends with the history
	known int    // bytes of it that can be referred to
	size  int    // most bytes; 0 means 32 KiB
	lost  bool   // there was more history than is known
	past  *past  // the history where lost, nil before a message
}

// inPlace is the length of history from which on messages are decoded in the
// Window: with less, copying is cheap and memory counts.
const inPlace = 4 << 10

// Limit bounds the history to 1<<bits bytes, as negotiated (RFC 7692, section
// 7.1.2).
func (w *Window) Limit(bits int) { w.size = 1 << bits }

// Forget says that the history is not known. What messages copy from it is unknown,
// see [Decoder.Unknown]; what they add is known.
func (w *Window) Forget() {
	w.buf, w.known, w.lost = w.buf[:0], 0, true
	if w.past != nil {
		*w.past = past{buf: w.past.buf[:0], miss: w.past.miss[:0]}
	}
}

// Reset empties the history: a new stream begins.
func (w *Window) Reset() { w.buf, w.known, w.lost, w.past = w.buf[:0], 0, false, nil }

// Release gives the memory back, and with it the history.
func (w *Window) Release() {
	lost := w.lost || w.known > 0
	w.buf, w.past = nil, nil
	w.known, w.lost = 0, lost
}

// Size returns the bytes of memory held.
func (w *Window) Size() int { return cap(w.buf) + w.past.size() }

func (w *Window) max() int {
	if w.size == 0 {
		return maxDist
	}
	return w.size
}

// room returns how large a buffer for the history and a message, together of need
// bytes, is to be, or 0 if the Window should not hold them. One that is full has
// half as much again, so that the history moves once for as many bytes.
func (w *Window) room(need int) int {
	full := w.max() * 3 / 2
	switch {
	case need <= cap(w.buf) && (w.known < w.max() || cap(w.buf) >= full):
		return cap(w.buf)
	case w.known < inPlace || need > full:
		return 0
	case w.known < w.max():
		return min(need*3/2, full)
	}
	return full
}
