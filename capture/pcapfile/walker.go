package pcapfile

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/wstap/wstap/capture"
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

	err   error         // after the last frame; sticky
	ended bool          // the team knows
	notes []note        // of the frames that Read gave last; for pcapng
	count atomic.Uint64 // frames given out
	_     [64]byte      // what others write is no neighbour
}

// A note is what a pcapng file says of a frame beyond a capture.Frame.
type note struct {
	options    []byte
	drops      uint64
	interfaces int32 // that were described before the frame
	swap       bool  // the options are big-endian
}

// Read implements capture.Source.
func (w *walker) Read(fs []capture.Frame) (int, error) {
	if err := w.begin(); err != nil || len(fs) == 0 {
		return 0, err
	}
	w.notes = w.notes[:0]
	n, err := w.fill(fs)
	if err != nil {
		return 0, w.leave(err)
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

// fill fills in frames, and waits for the first.
func (w *walker) fill(fs []capture.Frame) (int, error) {
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
		case err == errMore:
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
		w.assignment.fragments.Flush()
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

// reports says that the walker is the one of all that reports to the Reader what the
// file counts.
func (w *walker) reports() bool { return w.index == 0 }

// wants says whether a frame is one to give out. After true or false, the walker
// may have to release others before it goes on: see busy.
func (w *walker) wants(f *capture.Frame) bool {
	return (w.assignment == nil || w.assignment.takes(f)) && w.selects(f)
}

// busy says that the walker has to do something else before format.next goes on.
func (w *walker) busy() bool {
	return w.err != nil || w.assignment != nil && len(w.assignment.released) > 0
}

// leave returns the error that ends the walker.
func (w *walker) leave(err error) error {
	if w.team != nil && !w.ended {
		w.ended = true
		w.team.leave(w, err)
	}
	if w.r.closed.Load() {
		return errClosed
	}
	return err
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
	case err == errStopped:
		return io.EOF
	case !errors.As(err, &z):
		return err
	case z.err == io.ErrUnexpectedEOF:
		return w.cut("unpacked, inside the gzip stream")
	default:
		return w.corrupt(w.in.end(), "unpacked: %v", z.err)
	}
}

// Info implements capture.Source: that of the whole.
func (w *walker) Info() capture.Info { return w.r.Info() }

// Stats implements capture.Source: those of the whole.
func (w *walker) Stats() (capture.Stats, error) { return w.r.Stats() }

// Stop implements capture.Source: it stops the whole.
func (w *walker) Stop() error { return w.r.Stop() }

// Close implements capture.Source: it closes the whole.
func (w *walker) Close() error { return w.r.Close() }
