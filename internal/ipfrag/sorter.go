package ipfrag

import (
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/flowhash"
)

// Bounds of what a Sorter remembers.
const (
	maxDatagrams = 1024
	maxMemory    = 1 << 20 // bytes of fragments held
	timeout      = 30 * time.Second
	overhead     = 128 // bytes that a held fragment takes besides its data
)

// A Sorter brings the fragments of TCP segments to their connection. Only the first
// fragment of a datagram has ports: others that come before it are held, for a
// datagram is of use only when it is whole. F is what its user keeps of a fragment.
type Sorter[F any] struct {
	// Release takes a fragment that was held: for its connection's hash, or for that
	// of its hosts if the first fragment did not come.
	Release func(f F, hash uint32)

	table Table[sorted[F]]
	last  *Entry[sorted[F]] // what Hold is for
}

type sorted[F any] struct {
	first bool   // the first fragment was there
	hash  uint32 // of the connection; until then, of the hosts
	held  []F
}

// Sort returns the hash of the connection that p belongs to, a fragment of TCP that
// was captured at now. It returns false if that is not known yet: then the caller has to
// Hold it. It may release others before.
func (s *Sorter[F]) Sort(p *decode.Packet, now time.Time) (hash uint32, known bool) {
	at := now.UnixNano()
	for e := s.table.Oldest(); e != nil && stale(e.Since, at); e = s.table.Oldest() {
		s.forget(e)
	}
	k := KeyOf(p, 0)
	e := s.table.Get(k)
	if e != nil && stale(e.Since, at) { // the clock was set
		s.forget(e)
		e = nil
	}
	if e == nil {
		if s.table.Len() == maxDatagrams {
			s.forget(s.table.Oldest())
		}
		e = s.table.Add(k, at)
		e.Value.hash = flowhash.Packet(p)
	}
	s.last = e
	v := &e.Value
	if p.FragmentOffset == 0 {
		v.first, v.hash = true, flowhash.Packet(p)
		s.release(e)
	}
	return v.hash, v.first
}

// stale says that a datagram is too old to be gone on with, also where the clock was
// set back.
func stale(since, now int64) bool { return time.Duration(now-since).Abs() > timeout }

// Hold keeps f, of which bytes are owned: what Sort was last called for. It may release
// it at once.
func (s *Sorter[F]) Hold(f F, bytes int) {
	s.last.Value.held = append(s.last.Value.held, f)
	s.table.Charge(s.last, bytes+overhead)
	for s.table.Memory() > maxMemory {
		s.forget(s.table.Oldest())
	}
}

// Holds says that fragments are held.
func (s *Sorter[F]) Holds() bool { return s.table.Memory() > 0 }

// Flush releases all that is held.
func (s *Sorter[F]) Flush() {
	for e := s.table.Oldest(); e != nil; e = s.table.Oldest() {
		s.forget(e)
	}
}

func (s *Sorter[F]) forget(e *Entry[sorted[F]]) {
	s.release(e)
	s.table.Remove(e)
}

func (s *Sorter[F]) release(e *Entry[sorted[F]]) {
	s.table.Charge(e, -e.Memory)
	held := e.Value.held
	e.Value.held = nil
	for _, f := range held {
		s.Release(f, e.Value.hash)
	}
}
