package store

import (
	"context"
	"math"
	"slices"
	"time"
)

// A Timeline counts the messages of a View in spans of time of equal length.
type Timeline struct {
	Since, Until time.Time // of the first and the last message, or the bounds of the Filter; zero: there are none
	Sides        [2][]uint64
}

// Timeline divides the time of the rows into n spans. It counts what was found until
// ctx is done.
func (v *View) Timeline(ctx context.Context, n int) Timeline {
	v.catchUp(ctx)
	v.mu.Lock()
	v.prune()
	parts := slices.Clone(v.parts)
	v.mu.Unlock()

	since, until := int64(math.MaxInt64), int64(math.MinInt64)
	v.eachRecord(parts, func(r *record) { since, until = min(since, r.nanos()), max(until, r.nanos()) })
	if v.sieve.since != math.MinInt64 {
		since = v.sieve.since
	}
	if v.sieve.until != math.MaxInt64 {
		until = v.sieve.until
	}
	t := Timeline{Sides: [2][]uint64{make([]uint64, n), make([]uint64, n)}}
	if since > until {
		return t
	}
	t.Since, t.Until = time.Unix(0, since).UTC(), time.Unix(0, until).UTC()
	width := (float64(until) - float64(since) + 1) / float64(n)
	v.eachRecord(parts, func(r *record) {
		i := int((float64(r.nanos()) - float64(since)) / width)
		t.Sides[r.flags&fromServer][min(max(i, 0), n-1)]++
	})
	return t
}

// eachRecord calls f for the rows that are still stored.
func (v *View) eachRecord(parts []part, f func(*record)) {
	for i := range parts {
		part := &parts[i]
		if part.rows == 0 {
			continue
		}
		p := v.store.piece(part.first)
		if p.first != part.first {
			continue
		}
		for j := range part.each(0) {
			f(&p.records[j])
		}
	}
}
