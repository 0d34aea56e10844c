package websocket

import (
	"time"

	"github.com/wstap/wstap/reassembly"
)

// A seat is a place for Consumers that a test drives by hand. It passes calls on to
// the one that sits there.
type seat struct {
	c       reassembly.Consumer
	ignored bool
}

// newSeat begins the chain of a connection.
func newSeat(p *pipeline, midstream bool) *seat {
	s := new(seat)
	s.c = p.enter(origin{place: s, midstream: midstream})
	return s
}

func (s *seat) SetConsumer(c reassembly.Consumer) { s.c = c }
func (s *seat) Ignore()                           { s.c, s.ignored = nil, true }

func (s *seat) Data(dir Direction, b []byte, t time.Time) {
	if s.c != nil {
		s.c.Data(dir, b, t)
	}
}

func (s *seat) Gap(dir Direction, n int64, t time.Time) {
	if s.c != nil {
		s.c.Gap(dir, n, t)
	}
}

func (s *seat) Conflict(dir Direction, offset, n int64, t time.Time) {
	if s.c != nil {
		s.c.Conflict(dir, offset, n, t)
	}
}

func (s *seat) Closed(reason reassembly.Reason, t time.Time) {
	if s.c != nil {
		s.c.Closed(reason, t)
	}
}

// givenUp is what Stats tells.
func (r *recorder) givenUp() uint64 { return r.p.counts.GivenUp + r.p.budget.GivenUp() }
