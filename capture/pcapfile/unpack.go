package pcapfile

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// An unpacker reads r as it is, or unpacked if it begins as a gzip file. It never
// returns 0, nil.
type unpacker struct {
	r     io.Reader
	begun bool
	gzip  bool
}

func (u *unpacker) Read(b []byte) (int, error) {
	for range 100 {
		if n, err := u.read(b); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

func (u *unpacker) read(b []byte) (int, error) {
	if !u.begun {
		u.begun = true
		n, err := io.ReadAtLeast(u.r, b, 3)
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		if n < 3 || string(b[:3]) != "\x1f\x8b\x08" {
			return n, err
		}
		head := bytes.NewReader(bytes.Clone(b[:n]))
		z, err := gzip.NewReader(bufio.NewReaderSize(io.MultiReader(head, u.r), 64<<10))
		if err != nil {
			return 0, wrapGzip(err)
		}
		u.r, u.gzip = z, true
	}
	n, err := u.r.Read(b)
	if u.gzip {
		err = wrapGzip(err)
	}
	return n, err
}

// A gzipError is an error in the compressed data, not in reading it.
type gzipError struct{ err error }

func (e *gzipError) Error() string { return e.err.Error() }

func wrapGzip(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case err == io.ErrUnexpectedEOF, err == gzip.ErrHeader, err == gzip.ErrChecksum, errors.As(err, &corrupt):
		return &gzipError{err}
	}
	return err
}

// followInterval is how often a follower looks for more.
const followInterval = 100 * time.Millisecond

// A follower waits for more where r ends.
type follower struct {
	r    io.Reader
	done <-chan struct{}
	pos  int64
}

// endless says whether following r makes sense.
func endless(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return true
	}
	st, err := f.Stat()
	return err == nil && st.Mode().IsRegular()
}

func (f *follower) Read(b []byte) (int, error) {
	for {
		n, err := f.r.Read(b)
		f.pos += int64(n)
		if n > 0 || err != io.EOF {
			if err == io.EOF {
				err = nil
			}
			return n, err
		}
		if file, ok := f.r.(*os.File); ok {
			if st, err := file.Stat(); err == nil && st.Size() < f.pos {
				return 0, fmt.Errorf("pcapfile: %s became shorter while it was followed: %w", file.Name(), ErrCorrupt)
			}
		}
		select {
		case <-f.done:
			return 0, errClosed
		case <-time.After(followInterval):
		}
	}
}
