package order

import (
	"maps"
	"math/bits"
	"slices"
)

// seen is a set of seqs, a bit each. Partitions are read at different speeds, so that it
// may have as many holes as there are events between them.
type seen struct {
	pages       map[uint64]*page
	first, last uint64 // the least and the greatest
	told        uint64 // what is missing up to here was told
}

// A page holds pageSeqs seqs.
type page [pageSeqs / 64]uint64

const (
	pageSeqs = 4096
	// maxPages bounds the pages, of half a KiB each: then the lower half is forgotten.
	maxPages = 1 << 16
	// maxKnown bounds how many seqs may be added together.
	maxKnown = 1 << 24
)

// full stands for all pages that are.
var full = func() *page {
	p := new(page)
	for i := range p {
		p[i] = ^uint64(0)
	}
	return p
}()

// add adds a seq, and says whether it is new.
func (s *seen) add(seq uint64) bool {
	if s.pages == nil {
		s.pages = map[uint64]*page{}
		s.first, s.last = seq, seq
	}
	s.first, s.last = min(s.first, seq), max(s.last, seq)
	k := seq / pageSeqs
	p := s.pages[k]
	if p == nil {
		if len(s.pages) >= maxPages {
			s.forget()
		}
		p = new(page)
		s.pages[k] = p
	}
	word, bit := &p[seq%pageSeqs/64], uint64(1)<<(seq%64)
	if *word&bit != 0 {
		return false
	}
	if *word |= bit; *word == ^uint64(0) && *p == *full {
		s.pages[k] = full
	}
	return true
}

// addRange adds seqs.
func (s *seen) addRange(first, last uint64) {
	if last-first >= maxKnown {
		return // nobody loses so much at once: it is told as missing
	}
	for seq := first; seq <= last; seq++ {
		s.add(seq)
	}
}

// forget forgets the lower half.
func (s *seen) forget() {
	keys := slices.Sorted(maps.Keys(s.pages))
	for _, k := range keys[:len(keys)/2] {
		delete(s.pages, k)
	}
	s.first = keys[len(keys)/2] * pageSeqs
	s.told = max(s.told, s.first-1)
}

// holes counts the seqs that are missing between the least and the greatest, and were not
// counted before.
func (s *seen) holes() uint64 {
	from := max(s.first, s.told+1)
	if s.pages == nil || from > s.last {
		return 0
	}
	there := uint64(0)
	for k, p := range s.pages {
		base := k * pageSeqs
		for i, w := range p {
			at := base + uint64(i)*64
			switch {
			case at+63 < from:
				continue
			case at < from:
				w &= ^uint64(0) << (from - at)
			}
			there += uint64(bits.OnesCount64(w))
		}
	}
	s.told = s.last
	return s.last - from + 1 - there
}
