package pcapfile

import (
	"compress/gzip"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// A store is where a Writer's records go: a file, and another one after that
// where it is rotated.
type store struct {
	gzip  bool
	whole atomic.Pointer[encoder] // of what is put

	size   atomic.Int64          // bytes handed over to w
	frames atomic.Uint64         // handed over, to all files
	files  atomic.Int64          // that were followed by another one
	err    atomic.Pointer[error] // sticky

	mu   sync.Mutex // is held while w is waited for
	w    io.Writer
	file *os.File     // to close, or nil
	z    *gzip.Writer // between the records and w, or nil
}

// open begins a file.
func (s *store) open(name string) error {
	// Not os.Create, which opens for reading too: then a named pipe would never
	// tell that its reader has gone.
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w, s.file = f, f
	s.size.Store(0)
	if s.gzip {
		s.z = gzip.NewWriter((*counter)(s))
	}
	return nil
}

// A counter counts what gzip hands over.
type counter store

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.size.Add(int64(n))
	return n, err
}

// put hands over whole records.
func (s *store) put(b []byte, frames uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failed(); err != nil {
		return err
	}
	n, err := s.write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err == nil {
		s.frames.Add(frames)
		return nil
	}
	if s.z == nil {
		whole, frames := (*s.whole.Load()).whole(b[:n])
		s.size.Add(int64(whole - n))
		s.frames.Add(frames)
	}
	if s.file != nil {
		// The disk is full: do not leave half a record behind.
		_ = s.file.Truncate(s.size.Load()) // the file may be a pipe or a device
	}
	return s.fail(err)
}

// write returns how much of b is in the file. Of what is packed a reader finds
// all, or none.
func (s *store) write(b []byte) (int, error) {
	if s.z == nil {
		n, err := s.w.Write(b)
		s.size.Add(int64(n))
		return n, err
	}
	before := s.size.Load()
	_, err := s.z.Write(b)
	if err == nil {
		err = s.z.Flush()
	}
	if err != nil {
		s.size.Store(before)
		return 0, err
	}
	return len(b), nil
}

func (s *store) fail(err error) error {
	s.err.CompareAndSwap(nil, &err)
	return err
}

func (s *store) failed() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	return nil
}

// close ends the file.
func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.z != nil && s.failed() == nil {
		err = s.z.Close()
	}
	if s.file != nil {
		if cerr := s.file.Close(); err == nil {
			err = cerr
		}
	}
	s.file, s.z = nil, nil
	return err
}

// next ends the file, calls closed, and begins another one.
func (s *store) next(name string, closed func()) {
	err := s.close()
	if err == nil {
		closed()
		err = s.open(name)
		s.files.Add(1)
	}
	if err != nil {
		s.fail(err)
	}
}
