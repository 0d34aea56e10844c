// Package resync finds the next WebSocket frame in bytes of which it is not
// known where frames begin.
//
// Frames have no marker to look for. After bytes were lost, or when the capture
// began in the middle, the next frame is found by testing chains of headers:
// each place where a header could stand says where the next one must be. A
// chain gathers evidence, counted in bits: a chain of n bits is met by chance
// once in about 2^n places. Places where a segment begins come first, because
// most senders write whole frames.
package resync

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/wstap/wstap/internal/frame"
)

const (
	// window bounds the bytes kept while looking. Of a frame that is longer only the
	// place is kept where the next one is.
	window = 256 << 10
	// maxSegments bounds the segments that these bytes came in.
	maxSegments = 8 << 10
	// thorough is after how many bytes of an unknown connection only the starts
	// of segments are looked at.
	thorough = 256 << 10
	// maxChains bounds the chains followed at the same time.
	maxChains = 32
)

// Probation is for how many frames after a match an impossible header means that
// the match was none.
const Probation = 32

// What things are counted with besides the bytes that they hold.
const (
	segmentCost = 40
	chainCost   = 128
	turnCost    = 16
)

// AddCost is how many bytes of memory [Search.Add] may take besides those that it
// is given.
const AddCost = segmentCost

// A Target says what is known of the stream in which a frame is looked for.
type Target struct {
	Unknown bool // it may be no WebSocket's at all
	Masked  bool // frames are masked; valid iff it is known whose stream this is
	Deflate bool // messages may be compressed
	Usual   byte // first byte of the frames before; 0 where there were none
	Doubt   bool // what was found before was wrong, and it may be no WebSocket after all
}

// A Search looks for frames in one direction. The zero Search is ready for use.
type Search struct {
	buf      []byte
	base     int64 // place of buf[0], counted from the first byte added
	segments []segment
	chains   []chain
	seen     int64  // bytes looked at so far
	skipped  uint64 // bytes given up, see Skipped

	starts int    // segments looked at
	turn   bool   // the next segment begins a turn
	turns  []turn // short segments that began one
	odd    [2]int // turns forgotten that begin with no frame, unmasked and masked

	work int64 // bytes tested: bounded by a multiple of seen, whatever is sent
}

// A segment is where the bytes begin that came at t.
type segment struct {
	place int64
	t     time.Time
}

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

// A Match is a place where a frame begins.
type Match struct {
	Masked bool      // that frame is masked: it is a client's
	Time   time.Time // when its first byte came
}

// end is the place behind the last byte.
func (s *Search) end() int64 { return s.base + int64(len(s.buf)) }

// Turn says that the other direction has sent something since the last Add.
func (s *Search) Turn() { s.turn = true }

// Seen is how many bytes were added so far.
func (s *Search) Seen() int64 { return s.seen }

// Held is how many of them wait for a match.
func (s *Search) Held() int { return len(s.buf) }

// Size is how many bytes of memory the Search holds.
func (s *Search) Size() int {
	return cap(s.buf) + cap(s.segments)*segmentCost + cap(s.chains)*chainCost + cap(s.turns)*turnCost
}

// Skipped returns how many bytes were given up since it was called last.
func (s *Search) Skipped() uint64 {
	n := s.skipped
	s.skipped = 0
	return n
}

// Drop gives up what is held.
func (s *Search) Drop() {
	s.drop(s.end())
	s.chains, s.turns = nil, nil
}

// Gap gives up what is held, for n bytes are lost behind it. A frame may go on
// behind them.
func (s *Search) Gap(n int64) {
	s.drop(s.end())
	s.base += n
	keep := s.chains[:0]
	for _, k := range s.chains {
		if k.next >= s.base {
			keep = append(keep, k)
		}
	}
	s.chains = keep
}

// Skip gives up bytes that are not to be looked at: there is no room for them.
func (s *Search) Skip(n int) {
	s.Drop()
	s.base += int64(n)
	s.seen += int64(n)
	s.skipped += uint64(n)
}

// Add looks at a segment, of which it keeps a copy.
func (s *Search) Add(b []byte, t time.Time, target *Target, tester *Tester) {
	s.seen += int64(len(b))
	whole := true
	if len(b) > window/2 {
		n := len(b) - window/2
		s.Gap(int64(n))
		s.skipped += uint64(n)
		b, whole = b[n:], false
	}
	if len(s.buf)+len(b) > window || len(s.segments) == maxSegments {
		s.drop(s.base + int64(max(len(s.buf)/2, len(s.buf)+len(b)-window)))
	}
	start := s.end()
	s.segments = append(s.segments, segment{place: start, t: t})
	s.buf = append(s.buf, b...)
	s.starts++
	if s.turn && whole && len(b) < shortSegment {
		s.addTurn(turn{place: start, frame: beginsFrame(b)})
	}
	s.turn = false

	keep := s.chains[:0]
	for _, k := range s.chains {
		if s.follow(&k, target, tester) {
			keep = append(keep, k)
		}
	}
	s.chains = keep
	for i := start; i < s.end(); i++ {
		if i > start && (target.Unknown && s.seen > thorough || s.tired()) {
			break
		}
		k := chain{from: i, next: i, last: -1, inside: i > start || !whole, tries: s.starts}
		if k.inside {
			k.tries = int(min(s.seen, 1<<30))
		}
		if frame.Plausible(s.buf[i-s.base]) && s.follow(&k, target, tester) {
			s.add(k)
		}
	}
}

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

// tired says that a search has tested so much that only the starts of segments are
// looked at, and nothing is inflated.
func (s *Search) tired() bool { return s.work > 64*s.seen+1<<20 }

// add begins a chain, in the place of a less promising one where there are many.
func (s *Search) add(k chain) {
	if len(s.chains) < maxChains {
		s.chains = append(s.chains, k)
		return
	}
	worst := 0
	for i := range s.chains {
		if s.chains[i].worse(&s.chains[worst]) {
			worst = i
		}
	}
	if s.chains[worst].worse(&k) {
		s.chains[worst] = k
	}
}

// worse says which of two chains is given up.
func (k *chain) worse(o *chain) bool {
	a, b := k.bits+k.ahead, o.bits+o.ahead
	switch {
	case a != b:
		return a < b
	case k.inside != o.inside:
		return k.inside
	}
	return k.pend > o.pend // it takes longer to prove itself
}

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
