package pcapfile

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
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
