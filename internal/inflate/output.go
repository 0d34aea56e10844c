package inflate

const (
	maxDist = 1 << 15
	// slack is the room for what one round of the decoding loop writes: three
	// literals and a match of 258, copied in steps of 16 behind one of 8.
	slack = 3 + 258 + 8 + 16
	// unseen is the room behind the limit in which output goes on unseen.
	unseen = 3 * maxDist
)

// The output of a message is written behind its history, in one of two places.
//
// A busy stream's Window has a buffer with room for more: the message is decoded
// in place and becomes history where it is. Only now and then the history moves
// back to the buffer's start.
//
// A stream with little history, or a message too large for the Window, uses the
// Decoder's own buffer: the history is copied there first, and the last part of
// the output back into the Window at the end.
type output struct {
	scratch []byte // the Decoder's buffer

	win   *Window
	place bool   // buf is the Window's
	buf   []byte // history and output
	start int    // in buf: where the history begins
	base  int    // where the message begins
	o     int    // where its next byte goes
	limit int    // bytes of output to keep
	over  int    // bytes discarded beyond them
}

// begin sets the output for a message of about n bytes.
func (p *output) begin(w *Window, n, limit int) {
	p.win, p.place, p.limit, p.over = w, w != nil, limit, 0
	if w == nil {
		p.buf = p.scratch
		p.start, p.base, p.o = 0, 0, 0
	} else {
		p.buf = w.buf[:cap(w.buf)]
		p.o = len(w.buf)
		p.start, p.base = p.o-w.known, p.o
	}
	if len(p.buf)-p.o < n+slack {
		p.more(n)
	}
}

// finish brings the Window up to date and returns the message.
func (p *output) finish(err error) ([]byte, error) {
	out := p.buf[p.base:p.o]
	if w := p.win; w != nil {
		n := len(out) + p.over
		switch {
		case err != nil:
			w.Forget()
		case p.place:
			w.buf = p.buf[:p.o]
			w.known = min(w.known+n, w.max())
		default:
			w.known = min(w.known+n, w.max())
			w.buf = append(w.buf[:0], p.buf[p.o-w.known:p.o]...)
		}
	}
	p.win, p.buf = nil, nil
	if len(out) > p.limit {
		out = out[:p.limit]
		if err == nil {
			err = ErrLimit
		}
	}
	return out, err
}

// more makes room for slack and at least n more bytes, as far as the limit
// allows.
func (p *output) more(n int) error {
	used := p.o - p.start
	need := used + n + slack
	if p.place {
		if c := p.win.room(need); c > 0 {
			buf := p.buf
			if c > cap(buf) {
				buf = make([]byte, c)
			}
			p.move(buf)
			return nil
		}
		p.place = false
		if len(p.scratch) < need {
			p.scratch = make([]byte, max(need, 2*len(p.scratch), 4096))
		}
		p.move(p.scratch)
		return nil
	}
	// Beyond the limit the newest output, to which the next matches may refer,
	// moves over older output that nobody will see.
	end := p.base + p.limit + unseen
	if p.o+slack > end {
		if p.over > 4*p.limit+1<<25 {
			return ErrLimit
		}
		keep := p.base + p.limit
		p.over += p.o - maxDist - keep
		p.o = keep + copy(p.buf[keep:], p.buf[p.o-maxDist:p.o])
		return nil
	}
	p.scratch = make([]byte, min(max(p.o+n+slack, 2*len(p.buf)), end))
	p.move(p.scratch)
	return nil
}

// move takes history and output to the start of buf.
func (p *output) move(buf []byte) {
	copy(buf, p.buf[p.start:p.o])
	p.base -= p.start
	p.o -= p.start
	p.start = 0
	p.buf = buf
}
