package websocket

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
)

// Stop gives out what the source has, ends every connection, and is no error.
func TestStop(t *testing.T) {
	open := func() (*Tap, *liveSource) {
		src := newLiveSource()
		talk := smallTalk(1, 100)
		talk.frames = talk.frames[:len(talk.frames)-3] // the connection goes on
		src.feed(talk)
		tap := NewTap(src, nil)
		if err := tap.Stop(); err != nil {
			t.Error(err)
		}
		return tap, src
	}
	check := func(name string, tap *Tap, src *liveSource) {
		t.Helper()
		if st := tap.Stats(); tap.Err() != nil || st.Messages != 200 || st.Active != 0 {
			t.Errorf("%s: %v, %+v", name, tap.Err(), st)
		}
		select {
		case <-src.closed:
		default:
			t.Errorf("%s: the source was not closed", name)
		}
	}
	tap, src := open()
	n := 0
	for range tap.Messages(t.Context()) {
		n++
	}
	if n != 200 {
		t.Errorf("%d messages", n)
	}
	check("Messages", tap, src)

	tap, src = open()
	var ends []string
	for e, err := range tap.Events(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		if e, ok := e.(*End); ok {
			ends = append(ends, string(e.Cause))
		}
	}
	if len(ends) != 1 || ends[0] != "eof" {
		t.Errorf("ends %q", ends)
	}
	check("Events", tap, src)

	tap, src = open()
	if err := tap.Count(t.Context()); err != nil {
		t.Error(err)
	}
	check("Count", tap, src)
}

// Close ends a Tap in whatever it waits for, with an error that says so.
func TestClose(t *testing.T) {
	closed := func(name string, tap *Tap) {
		t.Helper()
		if err := tap.Err(); !errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if err := tap.Close(); err != nil || !errors.Is(tap.Err(), net.ErrClosed) {
			t.Errorf("%s, again: %v, then %v", name, err, tap.Err())
		}
	}
	// It waits for the source, in Messages, Events and Count.
	tap := NewTap(newLiveSource(), nil)
	time.AfterFunc(10*time.Millisecond, func() { tap.Close() })
	for range tap.Messages(t.Context()) {
		t.Error("a message")
	}
	closed("Messages", tap)

	tap = NewTap(newLiveSource(), nil)
	time.AfterFunc(10*time.Millisecond, func() { tap.Close() })
	yields := 0
	for e, err := range tap.Events(t.Context()) {
		yields++
		if e != nil || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, %v", e, err)
		}
	}
	if yields != 1 {
		t.Errorf("%d events", yields)
	}
	closed("Events", tap)

	tap = NewTap(newLiveSource(), nil)
	time.AfterFunc(10*time.Millisecond, func() { tap.Close() })
	if err := tap.Count(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	closed("Count", tap)

	// It waits for room in the channel.
	tap = NewTap(smallTalk(1, 100), &Config{Buffer: 3})
	ch := tap.Messages(t.Context())
	for tap.Stats().Capture.Captured == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := tap.Close(); err != nil {
		t.Error(err)
	}
	n := 0
	for range ch {
		n++
	}
	closed("full", tap)
	st := tap.Stats()
	st.Messages = uint64(n)
	checkAccounts(t, "closed while full", st, false)

	// It was never used, and is used then.
	src := newLiveSource()
	tap = NewTap(src, nil)
	if err := tap.Close(); err != nil {
		t.Error(err)
	}
	closed("not yet used", tap)
	select {
	case <-src.closed:
	default:
		t.Error("the source was not closed")
	}
	for range tap.Messages(t.Context()) {
		t.Error("a message")
	}
	closed("never used", tap)

	// After the end it changes nothing.
	tap = NewTap(smallTalk(1, 5), nil)
	for range tap.Messages(t.Context()) {
	}
	if err := tap.Close(); err != nil || tap.Err() != nil {
		t.Errorf("after the end: %v, %v", err, tap.Err())
	}
}

// A second use is refused, and Err says so without hiding how the first ended.
func TestUsed(t *testing.T) {
	refused := func(tap *Tap) {
		t.Helper()
		if _, open := <-tap.Messages(t.Context()); open {
			t.Error("a Tap can be used twice")
		}
		if err := tap.Count(t.Context()); err != ErrUsed {
			t.Errorf("Count: %v", err)
		}
		for e, err := range tap.Events(t.Context()) {
			if e != nil || err != ErrUsed {
				t.Errorf("Events: %v, %v", e, err)
			}
		}
	}
	tap := NewTap(smallTalk(1, 5), nil)
	for range tap.Messages(t.Context()) {
	}
	if tap.Err() != nil {
		t.Error(tap.Err())
	}
	refused(tap)
	if tap.Err() != ErrUsed {
		t.Errorf("after the end: %v", tap.Err())
	}

	// While the first use runs.
	bad := errors.New("bad file")
	for _, end := range []error{nil, bad} {
		src := newLiveSource()
		if end != nil {
			src.err = end
		}
		tap = NewTap(src, nil)
		ch := tap.Messages(t.Context())
		refused(tap)
		if tap.Err() != ErrUsed {
			t.Errorf("meanwhile: %v", tap.Err())
		}
		close(src.frames)
		for range ch {
		}
		if tap.Err() != end {
			t.Errorf("the first use ends with %v, want %v", tap.Err(), end)
		}
	}
	refused(tap)
	if tap.Err() != bad {
		t.Errorf("%v hides the end of the first use", tap.Err())
	}
}

// A cancellingAt source ends the context of its reader with a frame.
type cancellingAt struct {
	capture.Source
	at     int
	cancel func()
}

func (s *cancellingAt) Read(fs []capture.Frame) (int, error) {
	n, err := s.Source.Read(fs)
	if s.at -= n; s.at <= 0 {
		s.cancel()
	}
	return n, err
}

// After its context is done a Tap reads no more. What was read is given out, as
// far as there is room, connections that go on have no End, and the accounts hold.
func TestDone(t *testing.T) {
	cause := errors.New("enough")
	for _, c := range []struct {
		name  string
		cause error
		ctx   func(context.Context) (context.Context, func())
		is    error
	}{
		{"cancel", nil, func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }, context.Canceled},
		{"cause", cause, func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(cause) }
		}, context.Canceled},
		{"deadline", nil, func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithDeadline(ctx, time.Unix(1, 0))
			return ctx, cancel
		}, context.DeadlineExceeded},
	} {
		check := func(tap *Tap) {
			t.Helper()
			err := tap.Err()
			if !errors.Is(err, c.is) || c.cause != nil && !errors.Is(err, c.cause) || errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		for _, buffer := range []int{0, 2} {
			ctx, cancel := c.ctx(t.Context())
			at := 3 * perRead
			if buffer > 0 {
				at = 1 // or it blocks before
			}
			tap := NewTap(&cancellingAt{smallTalk(1, 500), at, cancel}, &Config{Buffer: buffer, OnFull: FullBlock})
			ch := tap.Messages(ctx)
			for tap.Err() == nil { // nobody receives
				time.Sleep(time.Millisecond)
			}
			n := 0
			for range ch {
				n++
			}
			check(tap)
			st := tap.Stats()
			if c.name != "deadline" && (n == 0 || st.Active != 1 || buffer == 2 && n != 2) {
				t.Errorf("%s: %d messages, %+v", c.name, n, st)
			}
			st.Messages = uint64(n)
			checkAccounts(t, c.name, st, false)
			cancel()
		}
		ctx, cancel := c.ctx(t.Context())
		tap := NewTap(&cancellingAt{smallTalk(1, 500), 3 * perRead, cancel}, nil)
		n := 0
		for e := range tap.Events(ctx) {
			switch e.(type) {
			case *Message:
				n++
			case *End:
				t.Error("the end of a connection that goes on")
			}
		}
		check(tap)
		st := tap.Stats()
		if uint64(n) != st.Messages || c.name != "deadline" && (n == 0 || st.Active != 1) {
			t.Errorf("%s: %d messages, %+v", c.name, n, st)
		}
		if max := uint64(3 * perRead); st.Reassembly.Packets > max {
			t.Errorf("%s: %d packets worked on", c.name, st.Reassembly.Packets)
		}
		cancel()
	}
}
