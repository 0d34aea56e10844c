package har

import (
	"encoding/binary"
	"io"
	"os"
)

// A spool keeps the messages of connections that go on: in memory, and beyond a
// bound in a file, as a chain of chunks for each connection.
type spool struct {
	dir    string
	max    int
	memory int // bytes in the buffers of all chains
	chains map[*chain]struct{}
	file   *os.File
	size   int64 // of the file
}

// A chain is the bytes of one connection. Chunks begin with chunkHead.
type chain struct {
	first, last int64 // places of the first and the last chunk
	chunks      int64
	buf         []byte // what follows the chunks
	size, whole int64  // all bytes, and those up to the end of the last message
}

// chunkHead is the place of the next chunk and the length of this one's bytes.
const chunkHead = 8 + 8

func (s *spool) write(c *chain, b []byte) error {
	if s.chains == nil {
		s.chains = make(map[*chain]struct{})
	}
	s.chains[c] = struct{}{}
	c.buf = append(c.buf, b...)
	c.size += int64(len(b))
	if s.memory += len(b); s.memory <= s.max {
		return nil
	}
	for c := range s.chains {
		if err := s.flush(c); err != nil {
			return err
		}
	}
	return nil
}

// flush moves a chain's buffer to the file.
func (s *spool) flush(c *chain) error {
	if len(c.buf) == 0 {
		return nil
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "wstap-*.har-spool")
		if err != nil {
			return err
		}
		s.file = f
		os.Remove(f.Name()) // fails on Windows, where close does it
	}
	var head [chunkHead]byte
	binary.LittleEndian.PutUint64(head[8:], uint64(len(c.buf)))
	at := s.size
	if _, err := s.file.WriteAt(head[:], at); err != nil {
		return err
	}
	if _, err := s.file.WriteAt(c.buf, at+chunkHead); err != nil {
		return err
	}
	if c.chunks > 0 {
		binary.LittleEndian.PutUint64(head[:8], uint64(at))
		if _, err := s.file.WriteAt(head[:8], c.last); err != nil {
			return err
		}
	} else {
		c.first = at
	}
	c.last = at
	c.chunks++
	s.size += chunkHead + int64(len(c.buf))
	s.memory -= len(c.buf)
	c.buf = nil // most connections are silent for long
	return nil
}

// copy gives the whole messages of a chain to put, in pieces that are lent.
func (s *spool) copy(c *chain, put func([]byte)) error {
	left := c.whole
	at := c.first
	var piece []byte
	for range c.chunks {
		var head [chunkHead]byte
		if _, err := s.file.ReadAt(head[:], at); err != nil {
			return err
		}
		if piece == nil {
			piece = make([]byte, 64<<10)
		}
		r := io.NewSectionReader(s.file, at+chunkHead, min(left, int64(binary.LittleEndian.Uint64(head[8:]))))
		for {
			n, err := r.Read(piece)
			put(piece[:n])
			left -= int64(n)
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
		at = int64(binary.LittleEndian.Uint64(head[:]))
	}
	put(c.buf[:min(left, int64(len(c.buf)))])
	return nil
}

// forget lets a chain go. When it was the last one the file begins anew.
func (s *spool) forget(c *chain) {
	s.memory -= len(c.buf)
	delete(s.chains, c)
	if len(s.chains) == 0 && s.file != nil && s.file.Truncate(0) == nil {
		s.size = 0
	}
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	os.Remove(s.file.Name())
	return err
}
