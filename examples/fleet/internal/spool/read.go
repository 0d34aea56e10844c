package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
)

// Next returns the next record and lends it until it is released; false where all have
// been read. An error is the disk's, and may pass.
func (s *Spool) Next() ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.segs {
		for seg.read < seg.size {
			data, end, err := s.readAt(seg)
			if err != nil {
				return nil, false, err
			}
			seg.read = end
			if data == nil { // nothing whole is left
				continue
			}
			s.lent = append(s.lent, place{seg, end - headSize - int64(len(data))})
			return data, true, nil
		}
	}
	s.dropRead()
	return nil, false, nil
}

// readAt reads the record at seg.read, or the next that is whole. Without one data is
// nil, and end that of the segment.
func (s *Spool) readAt(seg *segment) (data []byte, end int64, err error) {
	if s.reading != seg {
		f, err := os.Open(s.name(seg))
		if errors.Is(err, fs.ErrNotExist) {
			s.damaged += uint64(seg.size - seg.read)
			return nil, seg.size, nil // somebody has removed it
		}
		if err != nil {
			return nil, 0, err
		}
		if s.in != nil {
			s.in.Close()
		}
		s.in, s.reading = f, seg
	}
	at := seg.read
	if data, err := s.whole(seg, at); data != nil || err != nil {
		return data, at + headSize + int64(len(data)), err
	}
	for { // damaged: look for the next one
		next, err := s.findMagic(seg, at+1)
		if err != nil {
			return nil, 0, err
		}
		if next < 0 {
			s.damaged += uint64(seg.size - seg.read)
			return nil, seg.size, nil
		}
		data, err := s.whole(seg, next)
		if err != nil {
			return nil, 0, err
		}
		if data != nil {
			s.damaged += uint64(next - seg.read)
			return data, next + headSize + int64(len(data)), nil
		}
		at = next
	}
}

// whole returns the data of the record at a place, nil where none is whole.
func (s *Spool) whole(seg *segment, at int64) ([]byte, error) {
	var head [headSize]byte
	if at+headSize > seg.size {
		return nil, nil
	}
	if _, err := s.in.ReadAt(head[:], at); err != nil {
		return nil, notEnd(err)
	}
	n := int64(binary.BigEndian.Uint32(head[4:]))
	if string(head[:4]) != magic || n == 0 || at+headSize+n > seg.size {
		return nil, nil
	}
	data := make([]byte, n) // no more than the file has
	if _, err := s.in.ReadAt(data, at+headSize); err != nil {
		return nil, notEnd(err)
	}
	if crc32.Checksum(data, castagnoli) != binary.BigEndian.Uint32(head[8:]) {
		return nil, nil
	}
	return data, nil
}

// notEnd takes the end of a file that somebody made shorter for damage.
func notEnd(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// findMagic returns where the next record may begin, -1 for nowhere.
func (s *Spool) findMagic(seg *segment, from int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for from+headSize <= seg.size {
		n, err := s.in.ReadAt(buf[:min(int64(len(buf)), seg.size-from)], from)
		if err != nil && err != io.EOF {
			return 0, err
		}
		if i := bytes.Index(buf[:n], []byte(magic)); i >= 0 {
			return from + int64(i), nil
		}
		if n < len(magic) {
			break
		}
		from += int64(n - len(magic) + 1)
	}
	return -1, nil
}

// Release removes the first records that were lent. Their segments go when nothing else
// is in them.
func (s *Spool) Release(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent = slices.Delete(s.lent, 0, min(n, len(s.lent)))
	s.dropRead()
}

// dropRead removes the segments that were read and released.
func (s *Spool) dropRead() {
	for len(s.segs) > 0 {
		seg := s.segs[0]
		if seg.read < seg.size || len(s.lent) > 0 && s.lent[0].seg == seg {
			return
		}
		if len(s.segs) == 1 {
			if s.out != nil && seg.size == 0 {
				return // just begun
			}
			s.dropOut()
		}
		if s.reading == seg {
			s.in.Close()
			s.in, s.reading = nil, nil
		}
		_ = os.Remove(s.name(seg)) // one that stays is sent again at the next start
		s.size -= seg.size
		s.segs = s.segs[1:]
	}
}

// dropOut closes the last segment, which goes.
func (s *Spool) dropOut() {
	if s.out != nil {
		s.out.Close()
		s.out = nil
	}
}

// Rewind has all records that are lent read again.
func (s *Spool) Rewind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range slices.Backward(s.lent) {
		p.seg.read = p.at
	}
	s.lent = nil
}

// Unread says whether there is something for Next.
func (s *Spool) Unread() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.segs, func(seg *segment) bool { return seg.read < seg.size })
}
