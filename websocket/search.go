package websocket

import (
	"iter"
	"time"

	"github.com/wstap/wstap/internal/budget"
	"github.com/wstap/wstap/internal/resync"
)

// A search is a [resync.Search] whose memory is counted.
type search struct {
	resync.Search
	charged, held int
}

// add looks at a segment. It returns false where there is no room for it.
func (s *search) add(p *pipeline, b []byte, t time.Time, target *resync.Target, asks *budget.Candidate) bool {
	fits := p.budget.Fits(len(b)+resync.AddCost, asks)
	if fits {
		s.Add(b, t, target, &p.tester)
	} else {
		s.Skip(len(b))
	}
	s.count(p)
	return fits
}

// match is Match of the Search.
func (s *search) match(p *pipeline, target *resync.Target, atEnd bool) bool {
	_, ok := s.Match(target, atEnd, &p.tester)
	s.count(p)
	return ok
}

// count counts what is held, and what was given up.
func (s *search) count(p *pipeline) {
	n := s.Size()
	p.budget.Reserve(n - s.charged)
	p.counts.HeldBytes += uint64(s.Held() - s.held)
	p.counts.SkippedBytes += s.Skipped()
	s.charged, s.held = n, s.Held()
}

// drop gives up what is held; s may be nil.
func (s *search) drop(p *pipeline) {
	if s != nil {
		s.Drop()
		s.count(p)
	}
}

// gap gives up what is held before a gap of n bytes; s may be nil.
func (s *search) gap(p *pipeline, n int64) {
	if s != nil {
		s.Gap(n)
		s.count(p)
	}
}

// release counts what is held as read.
func (s *search) release(p *pipeline) {
	p.budget.Release(s.charged)
	p.counts.HeldBytes -= uint64(s.held)
	s.charged, s.held = 0, 0
}

// judge says whether what both directions hold is enough to take a connection for a
// WebSocket, as [resync.Judge]; either may be nil.
func (p *pipeline) judge(sides [2]*search, trust resync.Trust) (swap bool, t time.Time, ok bool) {
	var both [2]*resync.Search
	for i, s := range sides {
		if s != nil {
			both[i] = &s.Search
		}
	}
	swap, t, ok = resync.Judge(both, trust, &p.tester)
	for _, s := range sides {
		if s != nil {
			s.count(p)
		}
	}
	return swap, t, ok
}

// inOrder yields what two searches, of which either may be nil, hold of the
// directions, in the order in which it was captured.
func inOrder(found [2]*search) iter.Seq2[Direction, heldSegment] {
	return func(yield func(Direction, heldSegment) bool) {
		var heads [2]heldSegment
		var more [2]func() (heldSegment, bool)
		var left [2]bool
		for dir, s := range found {
			if s == nil {
				continue
			}
			next, stop := iter.Pull2(s.Rest())
			defer stop()
			more[dir] = func() (heldSegment, bool) {
				b, t, ok := next()
				return heldSegment{b, t}, ok
			}
			heads[dir], left[dir] = more[dir]()
		}
		for left[0] || left[1] {
			dir := FromClient
			if !left[0] || left[1] && heads[1].t.Before(heads[0].t) {
				dir = FromServer
			}
			if !yield(dir, heads[dir]) {
				return
			}
			heads[dir], left[dir] = more[dir]()
		}
	}
}

// A heldSegment is what came at t.
type heldSegment struct {
	b []byte
	t time.Time
}
