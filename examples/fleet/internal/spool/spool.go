// Package spool keeps records in files, first in, first out, within a size: what waits
// for an engine that is gone. It survives the process at any moment.
//
// A directory holds segments, NUMBER.spool, in their order. A segment is a sequence of
// records: 4 bytes of magic, the length of the data and its CRC-32C, big endian, and the data.
// A record that is damaged is passed over to the next one that is whole.
//
// What was written is safe when the process ends; when the machine does, what the kernel
// had not yet written of the last segment is lost.
package spool

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	magic    = "\xd7WS1"
	headSize = 12
	suffix   = ".spool"

	unfinished = ".new" // behind the name of a segment that is not whole yet

	// middle is the number of the first segment: there is room before it.
	middle = 1 << 40
	// segmentSize is how large a segment becomes, in bytes, unless the spool is small.
	segmentSize = 8 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrFull is the error of a record that does not fit into the size.
var ErrFull = errors.New("spool: full")

// A Spool is a queue of records. It is safe for concurrent use; its methods wait for the
// disk.
type Spool struct {
	dir  string
	max  int64
	lock io.Closer

	mu       sync.Mutex
	segs     []*segment // in order
	size     int64      // of all segments, in bytes
	out      *os.File   // the last segment, while it grows
	in       *os.File   // of reading
	reading  *segment   // whose file in is
	lent     []place    // read and not released, in order
	damaged  uint64     // bytes passed over
	segBytes int64
}

type segment struct {
	n    uint64
	size int64
	read int64 // how far it was read
}

// A place is where a record begins.
type place struct {
	seg *segment
	at  int64
}

// Open opens the spool in a directory, which it makes where there is none. Nobody else may
// have it open. max bounds the size of all files in bytes.
func Open(dir string, max int64) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Spool{dir: dir, max: max, lock: lock, segBytes: min(segmentSize, max/8+1)}
	if err := s.load(); err != nil {
		lock.Close()
		return nil, err
	}
	return s, nil
}

// load finds the segments.
func (s *Spool) load() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix+unfinished) {
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
		name, ok := strings.CutSuffix(e.Name(), suffix)
		n, err := strconv.ParseUint(name, 10, 63)
		info, statErr := e.Info()
		if !ok || err != nil || n == 0 || statErr != nil || !info.Mode().IsRegular() {
			continue
		}
		s.segs = append(s.segs, &segment{n: n, size: info.Size()})
		s.size += info.Size()
	}
	slices.SortFunc(s.segs, func(a, b *segment) int { return cmp.Compare(a.n, b.n) })
	return nil
}

func (s *Spool) name(seg *segment) string {
	return filepath.Join(s.dir, fmt.Sprintf("%020d%s", seg.n, suffix))
}

// appendRecord appends a record as it stands in a file.
func appendRecord(b, data []byte) []byte {
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(data, castagnoli))
	return append(b, data...)
}

// Append adds a record at the end. After an error the record is not there.
func (s *Spool) Append(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := appendRecord(nil, data)
	if s.size+int64(len(rec)) > s.max {
		return ErrFull
	}
	last := s.last()
	if s.out == nil || last.size >= s.segBytes {
		if err := s.begin(); err != nil {
			return err
		}
		last = s.last()
	}
	if _, err := s.out.WriteAt(rec, last.size); err != nil {
		_ = s.out.Truncate(last.size) // what is left of it would be passed over as well
		return err
	}
	last.size += int64(len(rec))
	s.size += int64(len(rec))
	return nil
}

func (s *Spool) last() *segment {
	if len(s.segs) == 0 {
		return nil
	}
	return s.segs[len(s.segs)-1]
}

// begin begins a segment at the end.
func (s *Spool) begin() error {
	seg := &segment{n: middle}
	if last := s.last(); last != nil {
		seg.n = last.n + 1
	}
	f, err := os.OpenFile(s.name(seg), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s.closeOut()
	s.out = f
	s.segs = append(s.segs, seg)
	return nil
}

func (s *Spool) closeOut() {
	if s.out != nil {
		_ = s.out.Sync() // of a segment that is complete; an error is told by nobody better than by its checksums
		s.out.Close()
		s.out = nil
	}
}

// Prepend adds records before all others, as if they had been read from there: they are
// to be released, or read again after [Spool.Rewind]. Nothing that was read before may
// wait for its release; where a part of a segment was released, it would come again behind
// them after a crash. The size does not bind them.
func (s *Spool) Prepend(records [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(records) == 0 {
		return nil
	}
	if len(s.lent) > 0 || len(s.segs) > 0 && s.segs[0].n == 1 {
		return errors.New("spool: no room before the records")
	}
	seg := &segment{n: middle}
	if len(s.segs) > 0 {
		seg.n = s.segs[0].n - 1
	}
	var b []byte
	var lent []place
	for _, data := range records {
		lent = append(lent, place{seg, int64(len(b))})
		b = appendRecord(b, data)
	}
	name := s.name(seg)
	if err := os.WriteFile(name+unfinished, b, 0o600); err != nil {
		os.Remove(name + ".new")
		return err
	}
	if err := os.Rename(name+unfinished, name); err != nil { // whole or not at all
		return err
	}
	seg.size = int64(len(b))
	seg.read = seg.size
	s.size += seg.size
	if len(s.segs) == 0 {
		s.closeOut() // a new one follows
	}
	s.segs = slices.Insert(s.segs, 0, seg)
	s.lent = lent
	return nil
}

// Size returns the bytes in files.
func (s *Spool) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// Damaged returns the bytes that were passed over, for they were no records.
func (s *Spool) Damaged() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.damaged
}

// Close closes the files. What is in them is there for the next Open.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeOut()
	if s.in != nil {
		s.in.Close()
		s.in, s.reading = nil, nil
	}
	return s.lock.Close()
}
