package order

import (
	"slices"
	"sort"
	"time"
)

// seen is a set of seqs, as ranges: with few holes it is small.
type seen struct {
	ranges []span // in order, not touching
}

type span struct {
	first, last uint64
	since       time.Time // when its first came
	told        bool      // the hole before it was
}

// maxRanges bounds the ranges: the first ones are then joined, as if what is between them
// had come.
const maxRanges = 1 << 14

// add adds seqs, and says whether any of them is new.
func (s *seen) add(first, last uint64, at time.Time) bool {
	i := sort.Search(len(s.ranges), func(i int) bool { return s.ranges[i].last+1 >= first })
	if i == len(s.ranges) || s.ranges[i].first > last+1 { // touches none
		s.ranges = slices.Insert(s.ranges, i, span{first: first, last: last, since: at})
		if len(s.ranges) > maxRanges {
			s.ranges[1].first = s.ranges[0].first
			s.ranges = slices.Delete(s.ranges, 0, 1)
		}
		return true
	}
	r := &s.ranges[i]
	if r.first <= first && last <= r.last {
		return false
	}
	if first < r.first {
		r.first, r.told = first, false
	}
	r.last = max(r.last, last)
	j := i + 1
	for j < len(s.ranges) && s.ranges[j].first <= r.last+1 {
		r.last = max(r.last, s.ranges[j].last)
		j++
	}
	s.ranges = slices.Delete(s.ranges, i+1, j)
	return true
}

// holes counts the seqs between ranges of which the latter came before a time, and
// remembers that they were told.
func (s *seen) holes(before time.Time) (n uint64) {
	for i := 1; i < len(s.ranges); i++ {
		r := &s.ranges[i]
		if r.told || !before.IsZero() && !r.since.Before(before) {
			continue
		}
		r.told = true
		n += r.first - s.ranges[i-1].last - 1
	}
	return n
}
