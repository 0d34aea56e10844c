package resync

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// What a Search holds, and what it gives up.

// cut leaves out what comes before a place, without moving the rest.
func (s *Search) cut(place int64) {
	first := 0
	for first+1 < len(s.segments) && s.segments[first+1].place <= place {
		first++
	}
	s.segments = s.segments[first:]
	s.segments[0].place = place
	s.skipped += uint64(place - s.base)
	s.buf = s.buf[place-s.base:]
	s.base = place
}

// Rest yields what is held, segment by segment.
func (s *Search) Rest() iter.Seq2[[]byte, time.Time] {
	return func(yield func([]byte, time.Time) bool) {
		for i, g := range s.segments {
			end := s.end()
			if i+1 < len(s.segments) {
				end = s.segments[i+1].place
			}
			if !yield(s.buf[max(g.place, s.base)-s.base:end-s.base], g.t) { // the first may have begun before
				return
			}
		}
	}
}

// boundary says whether a segment begins or the last one ends at a place.
func (s *Search) boundary(place int64) bool {
	if place == s.end() {
		return true
	}
	_, ok := slices.BinarySearchFunc(s.segments, place, func(g segment, place int64) int { return cmp.Compare(g.place, place) })
	return ok
}

// time returns when the byte at a place came.
func (s *Search) time(place int64) (t time.Time) {
	for _, g := range s.segments {
		if g.place > place {
			break
		}
		t = g.t
	}
	return t
}

// drop gives up the bytes before a place. Chains that begin in them go on with the
// first frame behind it that they know of.
func (s *Search) drop(place int64) {
	n := int(place - s.base)
	if n <= 0 {
		return
	}
	s.skipped += uint64(n)
	s.base = place
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
	if len(s.buf) == 0 {
		s.buf, s.segments = nil, nil
	} else if len(s.buf) < cap(s.buf)/4 {
		s.buf = slices.Clone(s.buf)
	}
	first := 0
	for first+1 < len(s.segments) && s.segments[first+1].place <= place {
		first++
	}
	s.segments = s.segments[:copy(s.segments, s.segments[min(first, len(s.segments)):])]
	keep := s.chains[:0]
	for _, k := range s.chains {
		if k.outlive(s, place) {
			keep = append(keep, k)
		}
	}
	s.chains = keep
	if len(s.chains) == 0 {
		s.chains = nil
	}
}

// outlive has a chain begin at or behind a place, and reports whether it can.
func (k *chain) outlive(s *Search, place int64) bool {
	switch {
	case k.from >= place:
		return true
	case k.next >= place:
		k.from = k.next
		return true
	case k.pend < place: // or its header is not whole
		return false
	}
	k.bits += k.ahead
	k.from, k.next, k.pend, k.ahead, k.last = k.pend, k.pend, 0, 0, place-1
	return true
}
