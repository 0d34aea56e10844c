package websocket

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
)

// wait waits until the counters of a tap satisfy done.
func wait(t *testing.T, tap *Tap, done func(Stats) bool) Stats {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		st := tap.Stats()
		if done(st) {
			return st
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", st)
		}
	}
}

// TestNeverReceived: of a live source whose messages nobody takes a bounded
// part waits, the rest is counted as dropped, and the end of ctx ends it all.
func TestNeverReceived(t *testing.T) {
	const limit = 256 << 10
	src := newLiveSource()
	tap := NewTap(src, &Config{BufferBytes: limit})
	ctx, cancel := context.WithCancel(t.Context())
	ch := tap.Messages(ctx)
	const conversations, each = 4, 40
	go func() {
		for i := range conversations {
			c, _ := converse(rand.New(rand.NewPCG(uint64(i), 1)), each/2, response, false, loads[5].make)
			src.feed(source(c))
		}
	}()
	st := wait(t, tap, func(st Stats) bool { return st.Messages+st.MessageDropped == conversations*each })
	if st.MessageDropped == 0 || st.Messages == 0 {
		t.Errorf("%d given, %d dropped", st.Messages, st.MessageDropped)
	}
	cancel()
	var n, bytes int
	for m := range ch {
		n++
		bytes += len(m.Payload)
	}
	if uint64(n) != st.Messages || bytes > limit {
		t.Errorf("%d messages of %d bytes waited, %d were counted", n, bytes, st.Messages)
	}
	if !errors.Is(tap.Err(), context.Canceled) {
		t.Error(tap.Err())
	}
}

// TestBlockedEnds: a tap that waits for a receiver who has gone answers Stats,
// and ends with ctx; every message is given or counted as dropped.
func TestBlockedEnds(t *testing.T) {
	for _, shards := range []int{1, 2} {
		var src capture.Source = smallTalk(1, 500)
		if shards == 2 {
			src = &sharded{shards: []capture.Source{smallTalk(1, 500), smallTalk(2, 500)}}
		}
		cause := errors.New("the receiver has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		tap := NewTap(src, &Config{Buffer: 10})
		ch := tap.Messages(ctx)
		<-ch
		wait(t, tap, func(st Stats) bool { return len(ch) == cap(ch) })
		cancel(cause)
		n := 1
		for range ch {
			n++
		}
		st := tap.Stats()
		if got := st.Traffic[0].Messages() + st.Traffic[1].Messages(); !errors.Is(tap.Err(), cause) || st.Messages != uint64(n) || got != st.Messages+st.MessageDropped {
			t.Errorf("%v; %d received, %d given, %d dropped of %d", tap.Err(), n, st.Messages, st.MessageDropped, got)
		}
	}
}

// TestClosedWhileBlocked: what was decoded before the source was closed is given
// out when there is room.
func TestClosedWhileBlocked(t *testing.T) {
	src := newLiveSource()
	src.feed(smallTalk(1, 50))
	tap := NewTap(src, &Config{Buffer: 10, OnFull: FullBlock})
	ch := tap.Messages(t.Context())
	wait(t, tap, func(st Stats) bool { return len(ch) == cap(ch) })
	src.Close()
	n := uint64(0)
	for range ch {
		n++
	}
	if st := tap.Stats(); !errors.Is(tap.Err(), net.ErrClosed) || n != st.Messages || n < 10 || st.MessageDropped != 0 {
		t.Errorf("%v; %d received, %d given, %d dropped", tap.Err(), n, st.Messages, st.MessageDropped)
	}
}
