package wstaptest

import (
	"io"
	"net"
	"slices"
	"sync"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// A Source is a capture.Source that gives out packets made by hand. Its methods may
// be called from any goroutine.
type Source struct {
	live bool

	mu      sync.Mutex
	changed sync.Cond
	frames  []capture.Frame // to be given out
	given   uint64
	stopped bool
	closed  bool
}

// NewSource returns a recording of connections, which ends after their packets.
func NewSource(conns ...*Conn) *Source {
	s := NewLiveSource()
	s.live, s.stopped = false, true
	s.Add(conns...)
	return s
}

// NewLiveSource returns a live source, which waits for packets that are added until it
// is stopped or closed.
func NewLiveSource() *Source {
	s := &Source{live: true}
	s.changed.L = &s.mu
	return s
}

// Add adds the packets that connections have made and no Source was given yet, in the
// order of their times.
func (s *Source) Add(conns ...*Conn) {
	var frames []capture.Frame
	for _, c := range conns {
		frames = append(frames, c.frames[c.added:]...)
		c.added = len(c.frames)
	}
	slices.SortStableFunc(frames, func(a, b capture.Frame) int { return a.Time.Compare(b.Time) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames = append(s.frames, frames...)
	s.changed.Broadcast()
}

// Read implements capture.Source.
func (s *Source) Read(fs []capture.Frame) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.frames) == 0 && !s.stopped && !s.closed {
		s.changed.Wait()
	}
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case len(fs) == 0:
		return 0, nil
	case len(s.frames) == 0:
		return 0, io.EOF
	}
	n := copy(fs, s.frames)
	s.frames = s.frames[n:]
	s.given += uint64(n)
	return n, nil
}

// Info implements capture.Source.
func (s *Source) Info() capture.Info {
	return capture.Info{Name: "by hand", Link: decode.LinkEthernet, Live: s.live}
}

// Stats implements capture.Source.
func (s *Source) Stats() (capture.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return capture.Stats{Captured: s.given, Received: s.given + uint64(len(s.frames))}, nil
}

// Stop implements capture.Source.
func (s *Source) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.stopped = true
	s.changed.Broadcast()
	return nil
}

// Close implements capture.Source.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.changed.Broadcast()
	return nil
}
