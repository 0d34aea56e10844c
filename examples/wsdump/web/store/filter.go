package store

import (
	"fmt"
	"math"
	"time"

	"github.com/wstap/wstap/websocket"
)

// A Filter says which messages a View has.
type Filter struct {
	Selection    websocket.Selection
	Since, Until time.Time // the first and the last that is wanted; zero: no bound
}

// A sieve is a Filter made ready.
type sieve struct {
	conns        *websocket.Selector // what can be said of a connection; nil: all
	messages     *websocket.Selector // and of a message; nil: all
	since, until int64
	search       bool // payloads are looked at
}

func (f *Filter) compile() (*sieve, error) {
	of := f.Selection
	conns := websocket.Selection{Conns: of.Conns, URLs: of.URLs}
	of.Conns, of.URLs = nil, nil
	s := &sieve{since: math.MinInt64, until: math.MaxInt64, search: len(of.Match)+len(of.NotMatch) > 0}
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

// all says that every message is wanted.
func (s *sieve) all() bool {
	return s.conns == nil && s.messages == nil && s.since == math.MinInt64 && s.until == math.MaxInt64
}

// key is the same for filters that are.
func (f *Filter) key() string {
	s := &f.Selection
	return fmt.Sprintf("%q %q %q %d %d %q %d %d", s.Match, s.NotMatch, s.Only, s.From, s.Conns, s.URLs, f.Since.UnixNano(), f.Until.UnixNano())
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
	for ; i < len(p.records) && searched < stepBytes; i++ {
		r := &p.records[i]
		if t := r.nanos(); !wanted[r.conn] || t < s.since || t > s.until {
			continue
		}
		if s.messages != nil {
			if s.search {
				searched += int(r.kept)
			}
			p.message(i, &m)
			if !s.messages.Message(&m) {
				continue
			}
		}
		bits[i/64] |= 1 << (i % 64)
	}
	return i
}
