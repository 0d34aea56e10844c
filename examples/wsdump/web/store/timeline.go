package store

import (
	"context"
	"iter"
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

	since, until := v.span(parts)
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
	width := max(float64(until)-float64(since), 1) / float64(n)
	for p, bits := range v.pieces(parts) {
		for j := range bits.each(0) {
			r := &p.records[j]
			i := int((float64(r.nanos()) - float64(since)) / width)
			t.Sides[r.flags&fromServer][min(max(i, 0), n-1)]++
		}
	}
	return t
}

// span is the time of the first and of the last row.
func (v *View) span(parts []part) (since, until int64) {
	since, until = math.MaxInt64, math.MinInt64
	for p, bits := range v.pieces(parts) {
		if bits.rows == len(p.records) {
			since, until = min(since, p.min), max(until, p.max)
			continue
		}
		for j := range bits.each(0) {
			t := p.records[j].nanos()
			since, until = min(since, t), max(until, t)
		}
	}
	return since, until
}

// pieces yields the parts with rows and what is stored of them.
func (v *View) pieces(parts []part) iter.Seq2[*piece, *part] {
	return func(yield func(*piece, *part) bool) {
		for i := range parts {
			if parts[i].rows == 0 {
				continue
			}
			if p := v.store.piece(parts[i].first); p.first == parts[i].first && !yield(&p, &parts[i]) {
				return
			}
		}
	}
}
