package pcapfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rotation says when a [Writer] goes on with another file, as tcpdump's -C, -G
// and -W do. Each file is whole and closed before the next one begins.
type Rotation struct {
	// Size is the length in bytes after which a file is followed by another one,
	// in a packed file after packing, as far as that has come. The names of
	// further files end in a number, or in one and .gz. 0 means no limit.
	Size int64
	// Interval is how long a file is, by the time of the frames, in which file
	// names are forms for strftime(3). 0 means no limit.
	Interval time.Duration
	// Files is with Size alone how many files there are before the first one is
	// overwritten; the numbers then have leading zeros. With Interval alone it is
	// how many files are written before ErrLastFile. With both it gives the
	// numbers their zeros and nothing else. 0 means no limit.
	Files int
	// Begin is when the first interval begins. Zero means with the first frame,
	// which then creates the first file.
	Begin time.Time
	// Begun, if not nil, is called when a file follows another one, before its first
	// frame is written, by who writes that. It may call the Writer.
	Begun func()
	// Closed, if not nil, is called with the name of each file that another one
	// follows, in the goroutine that writes.
	Closed func(name string)
}

// ErrLastFile is returned by a Writer whose last file, by [Rotation.Files], is
// complete.
var ErrLastFile = errors.New("pcapfile: the last file is complete")

func (r *Rotation) check() error {
	if r.Size < 0 || r.Interval < 0 || r.Files < 0 {
		return fmt.Errorf("pcapfile: Rotation has a negative limit")
	}
	return nil
}

// A rotation is the state of a Rotation.
type rotation struct {
	Rotation
	form   string    // the name that was given
	name   string    // of the file that is written
	begin  time.Time // of the interval
	number int       // of the file in it
	slots  int       // intervals so far
	digits int       // of numbers
}

func newRotation(form string, r Rotation) *rotation {
	s := &rotation{Rotation: r, form: form, begin: r.Begin}
	if r.Size > 0 && r.Files > 0 {
		s.digits = len(strconv.Itoa(r.Files - 1))
	}
	return s
}

// first returns the name of the first file.
func (r *rotation) first() string {
	r.name = r.make()
	return r.name
}

// make makes a name of the form.
func (r *rotation) make() string {
	name := r.form
	if r.Interval > 0 {
		name = strftime(name, r.begin)
	}
	if r.number == 0 && r.digits == 0 {
		return name
	}
	packed := ""
	if n := len(name) - len(".gz"); n >= 0 && strings.EqualFold(name[n:], ".gz") {
		name, packed = name[:n], name[n:] // programs that unpack look at the end
	}
	return fmt.Sprintf("%s%0*d%s", name, r.digits, r.number, packed)
}

// due reports whether another file is to begin with a frame of time t where the
// file has the given size, and moves on.
func (r *rotation) due(size int64, t time.Time) (bool, error) {
	switch {
	case r.Interval > 0 && t.Sub(r.begin) >= r.Interval:
		r.begin, r.number = t, 0
		r.slots++
		if r.Size == 0 && r.Files > 0 && r.slots >= r.Files {
			return false, ErrLastFile
		}
	case r.Size > 0 && size > r.Size:
		r.number++
		if r.Files > 0 && r.Interval == 0 {
			r.number %= r.Files
		}
	default:
		return false, nil
	}
	return true, nil
}

// unnamed says that the first frame of a recording will give the file its name.
func (r *rotation) unnamed() bool { return r != nil && r.name == "" }

// rotate begins another file if one is due. The caller holds mu, which is not held
// while Begun is called.
func (w *Writer) rotate(t time.Time) error {
	before := w.files
	if err := w.next(t); err != nil || w.files == before || w.rotation.Begun == nil {
		return err
	}
	w.mu.Unlock()
	w.rotation.Begun()
	w.mu.Lock()
	return w.failed()
}

// next begins another file if one is due.
func (w *Writer) next(t time.Time) error {
	r := w.rotation
	if r.unnamed() {
		r.begin = t
		if err := w.store.open(r.first()); err != nil {
			return w.store.fail(err)
		}
		return nil
	}
	before := r.name
	due, err := r.due(w.length(), t)
	if !due && err == nil {
		return nil
	}
	w.buf = w.format.end(w.buf)
	if ferr := w.flushLocked(); ferr != nil {
		return ferr
	}
	if err != nil {
		return w.last(before, err)
	}
	name := r.make()
	r.name = name
	w.files++
	w.inOrder(func() { w.store.next(name, func() { r.closed(before) }) })
	w.header()
	return w.flushLocked()
}

// length is how long the file is, as far as one can tell: what is packed is not
// as long as what waits for that.
func (w *Writer) length() int64 {
	if !w.store.gzip {
		return w.written + int64(len(w.buf))
	}
	if w.store.files.Load() != w.files {
		return 0 // still waiting
	}
	return w.store.size.Load()
}

// last ends the last file, after which err is all there is.
func (w *Writer) last(name string, err error) error {
	w.inOrder(func() {
		if cerr := w.store.close(); cerr != nil {
			err = cerr
		}
		w.store.fail(err)
		w.rotation.closed(name)
	})
	return err
}

// inOrder does something after all that was written.
func (w *Writer) inOrder(f func()) {
	if w.queue != nil {
		w.queue.add(task{do: f})
		return
	}
	f()
}

func (r *rotation) closed(name string) {
	if r.Closed != nil {
		r.Closed(name)
	}
}
