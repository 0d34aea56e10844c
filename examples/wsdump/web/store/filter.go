package store

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/wstap/wstap/websocket"
)

// A Filter says which messages a View has.
type Filter struct {
	Selection    websocket.Selection
	Texts        []string  // each of which the payload has; capitals do not count
	NotTexts     []string  // none of which it has
	Since, Until time.Time // the first and the last that is wanted; zero: no bound
}

// A sieve is a Filter made ready.
type sieve struct {
	conns        *websocket.Selector // what can be said of a connection; nil: all
	messages     *websocket.Selector // and of a message; nil: all
	folds        []fold
	since, until int64
	search       bool // payloads are looked at
}

func (f *Filter) compile() (*sieve, error) {
	of := f.Selection
	conns := websocket.Selection{Conns: of.Conns, URLs: of.URLs}
	of.Conns, of.URLs = nil, nil
	s := &sieve{since: math.MinInt64, until: math.MaxInt64, search: len(of.Match)+len(of.NotMatch)+len(f.Texts)+len(f.NotTexts) > 0}
	of.Match = s.fold(f.Texts, true, slices.Clip(of.Match))
	of.NotMatch = s.fold(f.NotTexts, false, slices.Clip(of.NotMatch))
	var err error
	if s.conns, err = conns.Compile(); err != nil {
		return nil, err
	}
	if s.messages, err = of.Compile(); err != nil {
		return nil, err
	}
	if !f.Since.IsZero() {
		s.since = nanosOf(f.Since.Unix(), int64(f.Since.Nanosecond()))
	}
	if !f.Until.IsZero() {
		s.until = nanosOf(f.Until.Unix(), int64(f.Until.Nanosecond()))
	}
	return s, nil
}

// fold takes texts that are wanted in payloads, or are not. It appends to patterns
// those of texts that need one.
func (s *sieve) fold(texts []string, wanted bool, patterns []string) []string {
	for _, text := range texts {
		if foldable(text) {
			s.folds = append(s.folds, newFold(text, wanted))
		} else {
			patterns = append(patterns, unfolded(text))
		}
	}
	return patterns
}

// all says that every message is wanted.
func (s *sieve) all() bool {
	return s.conns == nil && s.messages == nil && s.folds == nil && s.since == math.MinInt64 && s.until == math.MaxInt64
}

// key is the same for filters that are.
func (f *Filter) key() string {
	s := &f.Selection
	return fmt.Sprintf("%q %q %q %q %q %d %d %q %d %d", f.Texts, f.NotTexts, s.Match, s.NotMatch, s.Only, s.From, s.Conns, s.URLs, f.Since.UnixNano(), f.Until.UnixNano())
}

// stepBytes is how many bytes of payload are searched at a time.
const stepBytes = 1 << 20

// sift looks at the messages of a piece from the i-th on, sets the bits of those that
// are wanted, and returns where it stopped: at the end, or behind stepBytes of payload.
func (s *sieve) sift(p *piece, i int, bits *[maxRecords / 64]uint64) int {
	if s.all() {
		for ; i < len(p.records); i++ {
			bits[i/64] |= 1 << (i % 64)
		}
		return i
	}
	if p.max < s.since || p.min > s.until {
		return len(p.records)
	}
	wanted := make([]bool, len(p.conns))
	any := false
	for c := range wanted {
		wanted[c] = s.conns.Conn(p.conns[c].conn)
		any = any || wanted[c]
	}
	if !any {
		return len(p.records)
	}
	searched := 0
	var m websocket.Message
	var buf []byte
	for ; i < len(p.records) && searched < stepBytes; i++ {
		r := &p.records[i]
		if t := r.nanos(); !wanted[r.conn] || t < s.since || t > s.until {
			continue
		}
		if s.search {
			searched += int(r.kept)
		}
		payload := p.payload(r)
		if slices.ContainsFunc(s.folds, func(f fold) bool { return f.in(payload, &buf) != f.wanted }) {
			continue
		}
		if s.messages != nil {
			if p.message(i, &m); !s.messages.Message(&m) {
				continue
			}
		}
		bits[i/64] |= 1 << (i % 64)
	}
	return i
}
