package resync

import "github.com/wstap/wstap/internal/frame"

// A turn is a short segment that came after one of the other direction, and so
// begins with a frame, if frames are what this direction has. Only the rest of the
// message that was under way does not.
type turn struct {
	place int64
	frame [2]bool // it does, unmasked and masked
}

const (
	shortSegment = 536 // less than a full one ever has (RFC 9293, section 3.7.1)
	maxTurns     = 16
)

// Turn says that the other direction has sent something since the last Add.
func (s *Search) Turn() { s.turn = true }

// beginsFrame says whether b can begin with a frame, unmasked and masked.
func beginsFrame(b []byte) (can [2]bool) {
	var f frame.Header
	if !frame.Plausible(b[0]) {
		return can
	}
	if f.Parse(b) == 0 {
		if len(b) == 1 {
			return [2]bool{true, true}
		}
		f.Masked = b[1]&0x80 != 0
	} else if !f.Legal() {
		return can
	}
	if f.Masked {
		return [2]bool{false, true}
	}
	return [2]bool{true, false}
}

func (s *Search) addTurn(t turn) {
	if len(s.turns) == maxTurns {
		for i, can := range s.turns[0].frame {
			if !can {
				s.odd[i]++
			}
		}
		s.turns = s.turns[:copy(s.turns, s.turns[1:])]
	}
	s.turns = append(s.turns, t)
}

// oddTurns counts the turns before a place that do not begin with a frame.
func (s *Search) oddTurns(place int64, masked bool) (n int) {
	mask := 0
	if masked {
		mask = 1
	}
	n = s.odd[mask]
	for _, t := range s.turns {
		if t.place < place && !t.frame[mask] {
			n++
		}
	}
	return n
}
