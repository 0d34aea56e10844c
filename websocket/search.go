package websocket

import (
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
func (s *search) match(p *pipeline, target *resync.Target, atEnd bool) (resync.Match, bool) {
	m, ok := s.Match(target, atEnd, &p.tester)
	s.count(p)
	return m, ok
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

// release counts what is held as read.
func (s *search) release(p *pipeline) {
	p.budget.Release(s.charged)
	p.counts.HeldBytes -= uint64(s.held)
	s.charged, s.held = 0, 0
}
