package websocket

import (
	"bytes"
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
	s.c = p.enter(&origin{place: s, midstream: midstream})
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

// zeroed returns a message's payload with a 0 for each unknown byte, also where it is
// a text.
func zeroed(m *Message) []byte {
	if m.Unknown > 0 && m.Opcode == Text {
		return bytes.ReplaceAll(m.Payload, []byte(replacement), []byte{0})
	}
	return m.Payload
}

// agrees says whether a message can be what was sent: all bytes that are known are
// the same.
func agrees(m *Message, op Opcode, sent []byte) bool {
	got := zeroed(m)
	if m.Opcode != op || len(got) != len(sent) {
		return false
	}
	zeros := 0
	for i, c := range got {
		if c == 0 {
			zeros++
		}
		if c != sent[i] && (c != 0 || m.Unknown == 0) {
			return false
		}
	}
	return zeros >= m.Unknown
}

// givenUp is what Stats tells.
func (r *recorder) givenUp() uint64 { return r.p.counts.GivenUp + r.p.budget.GivenUp() }
