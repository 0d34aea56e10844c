package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// A walker goes over a file and gives out its frames, or those that are its own
// where others go over the same file.
type walker struct {
	r          *Reader
	in         input
	format     format
	assignment *assignment // of the frames to several walkers; nil: all are its own
	team       *team       // of those walkers, or nil
	index      int         // in team
	selection  selection   // the filter

	ahead   [32]capture.Frame // of those ahead[at:end] are not given out
	at, end int
	stale   bool  // the filter has changed since they were read
	look    int   // how many to look for at once, not 0
	err     error // after them; sticky
	ended   bool  // the team knows
	extra   extra
	count   atomic.Uint64 // frames given out
	_       [64]byte      // what others write is no neighbour
}

// extra is what a pcapng file says of the last frame beyond a capture.Frame.
type extra struct {
	options []byte
	order   binary.ByteOrder
	drops   uint64
}

// Next implements capture.Source.
func (w *walker) Next(f *capture.Frame) error {
	if err := w.begin(); err != nil {
		return err
	}
	if w.stale {
		w.sift()
	}
	if w.at == w.end {
		w.look = len(w.ahead)
		n, err := w.fill(w.ahead[:w.most()], true)
		if err != nil {
			return w.stop(err)
		}
		w.at, w.end = 0, n
	}
	*f = w.ahead[w.at]
	w.at++
	w.count.Add(1)
	return nil
}

// NextBatch implements capture.Batched.
func (w *walker) NextBatch(fs []capture.Frame) (int, error) {
	if err := w.begin(); err != nil || len(fs) == 0 {
		return 0, err
	}
	w.look = 1 // who asks for batches should get them in one piece
	n := 0
	for ; n < len(fs); n++ {
		if w.stale {
			w.sift()
		}
		if w.at == w.end {
			break
		}
		fs[n] = w.ahead[w.at]
		w.at++
	}
	if n < len(fs) {
		m, err := w.fill(fs[n:], n == 0)
		if n += m; n == 0 {
			return 0, w.stop(err)
		}
	}
	w.count.Add(uint64(n))
	return n, nil
}

// begin sees whether the walker was closed, or the filter changed.
func (w *walker) begin() error {
	if w.r.closed.Load() {
		return errClosed
	}
	if c := w.r.choice.Load(); c != w.selection.choice {
		w.choose(c)
	}
	return nil
}

// most is how many frames may be read before they are asked for: one, where more
// is told of the last one, or where the filter may change before the next.
func (w *walker) most() int {
	if w.selection.program != nil || w.assignment == nil && w.format.alone() {
		return 1
	}
	return w.look
}

// fill fills in frames that are there. If there is none it waits for some, or
// returns none.
func (w *walker) fill(fs []capture.Frame, wait bool) (int, error) {
	for {
		if n := w.release(fs); n > 0 {
			return n, nil
		}
		if w.err != nil {
			return 0, w.err
		}
		n, err := w.format.next(fs)
		if err != nil && err != errMore {
			w.fail(err)
		}
		switch {
		case n > 0:
			return n, nil
		case err != errMore:
		case !wait:
			return 0, nil
		default:
			w.in.more()
			if err := w.begin(); err != nil {
				return 0, err
			}
		}
	}
}

// fail makes err what comes after the frames that are left.
func (w *walker) fail(err error) {
	w.err = err
	if w.assignment != nil {
		w.assignment.forgetAll()
	}
}

// release fills in frames that were held back and are the walker's own.
func (w *walker) release(fs []capture.Frame) (n int) {
	a := w.assignment
	if a == nil {
		return 0
	}
	for len(a.released) > 0 && n < len(fs) {
		if fs[n] = a.released[0]; w.selects(&fs[n]) {
			n++
		}
		a.released = a.released[1:]
	}
	return n
}

// tells says that the walker is the one of all that tells the Reader what the
// file counts.
func (w *walker) tells() bool { return w.index == 0 }

// wants says whether a frame is one to give out. After true or false, the walker
// may have to release others before it goes on: see busy.
func (w *walker) wants(f *capture.Frame) bool {
	return (w.assignment == nil || w.assignment.takes(f)) && w.selects(f)
}

// busy says that the walker has to do something else before format.next goes on.
func (w *walker) busy() bool {
	return w.err != nil || w.assignment != nil && len(w.assignment.released) > 0
}

// stop returns the error that ends the walker.
func (w *walker) stop(err error) error {
	if w.team != nil && !w.ended {
		w.ended = true
		w.team.leave(w, err)
	}
	if w.r.closed.Load() {
		return errClosed
	}
	return err
}

// Ready says that Next need not wait for the input: the next frame is there.
func (w *walker) Ready() bool {
	if w.begin() != nil {
		return false
	}
	if w.stale {
		w.sift()
	}
	switch {
	case w.at < w.end:
		return true
	case w.assignment == nil && w.selection.program == nil:
		return w.format.whole()
	case w.assignment == nil && w.format.alone():
		return false // it cannot be known before it is asked for
	}
	w.at, w.end = 0, 0
	w.end, _ = w.fill(w.ahead[:w.most()], false)
	return w.end > 0
}

// cut is the error of a file that ends too early.
func (w *walker) cut(where string) error {
	return &Error{Name: w.r.name, Offset: w.in.end(), Err: ErrCut, Detail: where}
}

// corrupt is the error of a record or block that begins at offset.
func (w *walker) corrupt(offset int64, format string, args ...any) error {
	return &Error{Name: w.r.name, Offset: offset, Err: ErrCorrupt, Detail: fmt.Sprintf(format, args...)}
}

// failed is the error for one of the input.
func (w *walker) failed(err error) error {
	if err == errMore {
		return err
	}
	var z *gzipError
	switch {
	case !errors.As(err, &z):
		return err
	case z.err == io.ErrUnexpectedEOF:
		return w.cut("unpacked, inside the gzip stream")
	default:
		return w.corrupt(w.in.end(), "unpacked: %v", z.err)
	}
}

// LinkType implements capture.Source.
func (w *walker) LinkType() decode.LinkType { return w.r.LinkType() }

// Stats implements capture.Source: those of the whole.
func (w *walker) Stats() (capture.Stats, error) { return w.r.Stats() }

// Close implements capture.Source: it closes the whole.
func (w *walker) Close() error { return w.r.Close() }
