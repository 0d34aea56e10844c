package har

import (
	"io"
	"os"
)

// tail ends an archive behind its last entry.
const tail = "\n]}}\n"

// A truncater is a file in which the tail can be written over.
type truncater interface {
	io.Seeker
	Truncate(size int64) error
}

// An archive is what goes to the writer: entries, and behind each of them, where it
// can be taken back, the tail.
type archive struct {
	w    io.Writer
	file truncater // nil: the tail cannot be taken back
	size int64     // without the tail
	n    int       // entries
	err  error
}

func (a *archive) begin(w io.Writer, head []byte) {
	a.w = w
	if f, ok := w.(*os.File); !ok || regular(f) {
		a.file, _ = w.(truncater)
	}
	if a.file != nil {
		if at, err := a.file.Seek(0, io.SeekCurrent); err != nil || at != 0 {
			a.file = nil // there is something before it
		}
	}
	if a.put(head); a.err == nil {
		a.mark()
	}
}

func regular(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// put writes a part of an entry.
func (a *archive) put(b []byte) {
	if a.err != nil {
		return
	}
	n, err := a.w.Write(b)
	a.size += int64(n)
	a.err = err
}

// entry writes an entry, whole or not at all.
func (a *archive) entry(write func()) {
	if a.err != nil {
		return
	}
	before := a.size
	if a.file != nil {
		_, a.err = a.file.Seek(a.size, io.SeekStart)
	}
	if a.n > 0 {
		a.put([]byte(","))
	}
	a.put([]byte("\n"))
	write()
	if a.err != nil {
		a.size = before
	} else {
		a.n++
	}
	a.mark()
}

// mark writes the tail where it can be taken back.
func (a *archive) mark() {
	if a.file == nil {
		return
	}
	// First the room of a part that did not get in, which the tail may need.
	err := a.file.Truncate(a.size)
	if err == nil {
		_, err = a.file.Seek(a.size, io.SeekStart)
	}
	if err == nil {
		_, err = io.WriteString(a.w, tail)
	}
	if a.err == nil {
		a.err = err
	}
}

// end writes the tail where it does not stand yet.
func (a *archive) end() error {
	if a.file == nil {
		a.put([]byte(tail))
	}
	return a.err
}
