package resync

import (
	"math/bits"
	"time"

	"github.com/wstap/wstap/internal/frame"
)

// Bits of evidence that are enough, beyond one for each doubling of the number of
// places that were looked at.
const (
	// On a connection known to be a WebSocket.
	enoughKnown = 12
	// On one that both directions together have just shown to be one, or that the
	// user says is one.
	enoughJudged = 10
	// What a place inside of a segment needs beyond that: places are not alike.
	insideSegment = 8
	// On a connection that may be anything, where payloads make sense, and where
	// they do not.
	enoughText  = 24
	enoughOther = 32
	// On one with the address of a server that is known.
	enoughServer = 14
	// What a short segment costs that should begin with a frame and does not.
	oddTurn, maxOdd = 10, 60
	// sense is how many bits of payloads make sense.
	sense = 8
)

// need is the evidence that a chain needs, if enough is enough for a single place.
func (k *chain) need(enough int) int {
	if k.inside {
		return enough + insideSegment + max(11, bits.Len(uint(k.tries)))
	}
	return enough + bits.Len(uint(k.tries)) - 1
}

// Match takes the first chain whose evidence is enough. Then [Search.Rest] begins
// with the frame that was found. Otherwise what no chain needs any more may be
// given up.
func (s *Search) Match(target *Target, tester *Tester) (m Match, ok bool) {
	best, place := -1, int64(0)
	for i := range s.chains {
		k := &s.chains[i]
		if k.masked != target.Masked || k.from >= s.end() {
			continue
		}
		enough := enoughKnown
		switch {
		case target.Doubt:
			enough = enoughOther
		case target.Judged:
			enough = enoughJudged
		}
		need := k.need(enough)
		if k.bits+k.ahead < need || best >= 0 && k.from >= place {
			continue
		}
		if from, bits := s.begin(k, target, tester); bits >= need && from < s.end() && (best < 0 || from < place) {
			best, place = i, from
		}
	}
	if best < 0 {
		s.spare()
		return Match{}, false
	}
	m = Match{Masked: s.chains[best].masked, Time: s.time(place)}
	s.cut(place)
	return m, true
}

// spare gives up what no chain needs.
func (s *Search) spare() {
	first := s.end()
	for i := range s.chains {
		first = min(first, s.chains[i].from)
	}
	if first-s.base >= int64(len(s.buf))/2 { // less is not worth moving the rest
		s.drop(first)
	}
}

// A Trust says what is known of a connection whose beginning was not seen.
type Trust uint8

// The degrees of trust.
const (
	Stranger Trust = iota // nothing
	Server                // one of its addresses is that of a WebSocket server
	Promised              // the user says that it is a WebSocket
)

// Judge says whether the evidence of both directions together, of which one may be
// nil, is enough to take a connection for a WebSocket. swap says that the second
// is the client's. t is when the first frame began.
func Judge(sides [2]*Search, trust Trust, tester *Tester) (swap bool, t time.Time, ok bool) {
	most := 0
	for client := range 2 {
		v := verdict{tester: tester, trust: trust}
		v.add(sides[client], true)
		v.add(sides[1-client], false)
		if more := v.more(); more > 0 && (!ok || more > most) {
			swap, t, ok, most = client == 1, v.time, true, more
		}
	}
	if !ok {
		for _, s := range sides {
			if s != nil {
				s.spare()
			}
		}
	}
	return swap, t, ok
}

// A verdict gathers the evidence for one of two hypotheses: which side is the
// client's.
type verdict struct {
	tester  *Tester
	trust   Trust
	bits    int // beyond what the places need
	payload int
	frames  int
	ahead   bool
	sides   int // that have a chain
	odd     int
	last    frame.Header // of the side before
	echo    []byte       // its payload, if it is a ping or a pong
	time    time.Time
}

// add takes the evidence of a side, which may be nil.
func (v *verdict) add(s *Search, masked bool) {
	if s == nil {
		return
	}
	target := &Target{Unknown: true}
	var best *chain
	most, place := 0, int64(0)
	for i := range s.chains {
		k := &s.chains[i]
		if k.masked != masked || k.bits+k.ahead-k.need(0) <= most || k.from >= s.end() {
			continue
		}
		if from, bits := s.begin(k, target, v.tester); from < s.end() && bits-k.need(0) > most {
			best, most, place = k, bits-k.need(0), from
		}
	}
	if best == nil {
		v.odd += s.oddTurns(s.end(), masked)
		return
	}
	v.odd += s.oddTurns(place, masked)
	v.bits += most
	v.payload += best.payload
	v.frames += best.frames
	v.ahead = v.ahead || best.ahead >= 40
	v.sides++
	if t := s.time(place); v.time.IsZero() || t.Before(v.time) {
		v.time = t
	}
	v.answer(s, best)
}

// answer looks for a ping and its pong, which repeats it.
func (v *verdict) answer(s *Search, k *chain) {
	if k.last < s.base {
		return
	}
	var f frame.Header
	b := s.buf[k.last-s.base:]
	n := f.Parse(b)
	if op := f.Opcode(); op != frame.Ping && op != frame.Pong || f.Length == 0 {
		return
	}
	payload := v.tester.unmask(&f, b[n:n+int(f.Length)])
	if v.echo != nil && f.Opcode() != v.last.Opcode() && string(payload) == string(v.echo) {
		v.bits += min(8*len(payload), 24)
		v.payload += min(8*len(payload), 24)
	}
	v.last, v.echo = f, append([]byte(nil), payload...)
}

// more is how much evidence there is beyond what is enough; 0 or less: it is not.
func (v *verdict) more() int {
	enough := enoughOther
	switch {
	case v.trust == Promised:
		enough = enoughJudged
	case v.trust == Server:
		enough = enoughServer
	case v.payload >= sense:
		enough = enoughText
	case v.frames < 3 && !v.ahead && v.sides < 2:
		return 0
	}
	return v.bits + 1 - enough - min(oddTurn*max(0, v.odd-1), maxOdd)
}
