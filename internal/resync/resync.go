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
	"iter"
	"slices"
	"time"

	"github.com/wstap/wstap/internal/frame"
)

// Bits of evidence that are enough.
const (
	// On a connection known to be a WebSocket, from a segment's start.
	enoughKnown = 22
	// The same where nothing can follow: the stream ends or has a gap, and the
	// last frame ends right there.
	enoughAtEnd = 12
	// On a connection that may be anything.
	enoughUnknown = 44
	// What a place inside of a segment needs beyond that: there are many.
	insideSegment = 14
)

const (
	// window bounds the bytes kept while looking; a frame that is longer is not
	// found, the one behind it is.
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
	chainCost   = 64
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
}

// A Search looks for frames in one direction. The zero Search is ready for use.
type Search struct {
	buf      []byte
	segments []segment // in buf
	chains   []chain
	seen     int64  // bytes looked at so far
	skipped  uint64 // bytes given up, see Skipped

	work int64 // bytes tested: bounded by a multiple of seen, whatever is sent
}

// A segment is where in buf the bytes begin that came at t.
type segment struct {
	offset int
	t      time.Time
}

// A Match is a place where a frame begins.
type Match struct {
	Masked bool      // that frame is masked: it is a client's
	Time   time.Time // when its first byte came
}

// Seen is how many bytes were added so far.
func (s *Search) Seen() int64 { return s.seen }

// Held is how many of them wait for a match.
func (s *Search) Held() int { return len(s.buf) }

// Size is how many bytes of memory the Search holds.
func (s *Search) Size() int {
	return cap(s.buf) + cap(s.segments)*segmentCost + cap(s.chains)*chainCost
}

// Skipped returns how many bytes were given up since it was called last.
func (s *Search) Skipped() uint64 {
	n := s.skipped
	s.skipped = 0
	return n
}

// Drop gives up what is held.
func (s *Search) Drop() { s.drop(len(s.buf)) }

// Skip gives up bytes that are not to be looked at: there is no room for them.
func (s *Search) Skip(n int) {
	s.Drop()
	s.seen += int64(n)
	s.skipped += uint64(n)
}

// Add looks at a segment, of which it keeps a copy.
func (s *Search) Add(b []byte, t time.Time, target *Target, tester *Tester) {
	s.seen += int64(len(b))
	start := len(s.buf)
	if len(b) > window/2 {
		s.skipped += uint64(len(b) - window/2)
		b = b[len(b)-window/2:]
	}
	if start+len(b) > window || len(s.segments) == maxSegments {
		s.drop(max(start/2, start+len(b)-window))
		start = len(s.buf)
	}
	s.segments = append(s.segments, segment{offset: start, t: t})
	s.buf = append(s.buf, b...)

	keep := s.chains[:0]
	for _, k := range s.chains {
		if s.follow(&k, target, tester) {
			keep = append(keep, k)
		}
	}
	s.chains = keep
	for i := start; i < len(s.buf); i++ {
		if i > start && (target.Unknown && s.seen > thorough || s.tired()) {
			break
		}
		if k := (chain{from: i, next: i, last: -1, inside: i > start}); frame.Plausible(s.buf[i]) && s.follow(&k, target, tester) {
			s.add(k)
		}
	}
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
	for i, o := range s.chains {
		if w := s.chains[worst]; o.bits < w.bits || o.bits == w.bits && o.inside && !w.inside {
			worst = i
		}
	}
	if w := s.chains[worst]; k.bits > w.bits || w.inside && k.bits == w.bits {
		s.chains[worst] = k
	}
}

// Match takes the best chain if its evidence is enough; atEnd says that no more
// will follow. Then [Search.Rest] begins with the frame that was found. Otherwise
// what no chain needs any more may be given up.
func (s *Search) Match(target *Target, atEnd bool, tester *Tester) (m Match, ok bool) {
	best := -1
	for i, k := range s.chains {
		need := enoughKnown
		switch {
		case target.Unknown:
			need = enoughUnknown
			if k.frames < 3 && k.payload < 30 {
				continue
			}
		case k.masked != target.Masked:
			continue
		case atEnd && k.next == len(s.buf) && !k.inside:
			need = enoughAtEnd
		}
		if k.inside {
			need += insideSegment
		}
		if k.bits < need || best >= 0 && k.from >= s.chains[best].from {
			continue
		}
		if from, bits := s.begin(&k, target, tester); bits >= need {
			s.chains[i].from = from
			best = i
		}
	}
	if best < 0 {
		first := len(s.buf)
		for _, k := range s.chains {
			first = min(first, k.from)
		}
		if first >= len(s.buf)/2 { // less is not worth moving the rest
			s.drop(first)
		}
		return Match{}, false
	}
	k := s.chains[best]
	m = Match{Masked: k.masked, Time: s.time(k.from)}
	s.skipped += uint64(k.from)
	s.cut(k.from)
	return m, true
}

// cut leaves out the first n bytes without moving the others.
func (s *Search) cut(n int) {
	first := 0
	for first+1 < len(s.segments) && s.segments[first+1].offset <= n {
		first++
	}
	s.segments = s.segments[first:]
	s.segments[0].offset = n
	for i := range s.segments {
		s.segments[i].offset -= n
	}
	s.buf = s.buf[n:]
}

// Rest yields what is held, segment by segment.
func (s *Search) Rest() iter.Seq2[[]byte, time.Time] {
	return func(yield func([]byte, time.Time) bool) {
		for i, g := range s.segments {
			end := len(s.buf)
			if i+1 < len(s.segments) {
				end = s.segments[i+1].offset
			}
			if !yield(s.buf[max(g.offset, 0):end], g.t) { // the first may have begun before
				return
			}
		}
	}
}

// boundary says whether a segment begins at i.
func (s *Search) boundary(i int) bool {
	_, ok := slices.BinarySearchFunc(s.segments, i, func(g segment, i int) int { return g.offset - i })
	return ok
}

// time returns when the byte at i came.
func (s *Search) time(i int) (t time.Time) {
	for _, g := range s.segments {
		if g.offset > i {
			break
		}
		t = g.t
	}
	return t
}

// drop gives up the first n bytes and the chains that begin in them.
func (s *Search) drop(n int) {
	if n <= 0 {
		return
	}
	s.skipped += uint64(n)
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
	if len(s.buf) == 0 {
		s.buf, s.segments, s.chains = nil, nil, nil
		return
	}
	if len(s.buf) < cap(s.buf)/4 {
		s.buf = slices.Clone(s.buf)
	}
	keep := 0
	for keep+1 < len(s.segments) && s.segments[keep+1].offset <= n {
		keep++
	}
	s.segments = s.segments[:copy(s.segments, s.segments[keep:])]
	for i := range s.segments {
		s.segments[i].offset -= n // the first may be negative: it began before
	}
	chains := s.chains[:0]
	for _, k := range s.chains {
		if k.from >= n {
			k.from -= n
			k.next -= n
			if k.last >= 0 {
				k.last -= n
			}
			chains = append(chains, k)
		}
	}
	s.chains = chains
}
