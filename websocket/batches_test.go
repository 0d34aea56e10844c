package websocket

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/packetgen"
)

// describeEvent says all of an event that can be compared.
func describeEvent(e Event) string {
	switch e := e.(type) {
	case *Open:
		return fmt.Sprintf("open %v %v", e.Time, e.Conn)
	case *Message:
		c := *e
		c.Conn, c.Payload = nil, nil
		return fmt.Sprintf("message %v %+v %q", e.Conn, c, e.Payload)
	case *Gap:
		return fmt.Sprintf("gap %v %v %v %d", e.Time, e.Conn, e.From, e.Bytes)
	case *End:
		c := *e
		c.Conn = nil
		return fmt.Sprintf("end %v %+v", e.Conn, c)
	}
	return fmt.Sprintf("%T", e)
}

// someTalk is a few conversations, of which packets were lost.
func someTalk() *frameSource {
	r := rand.New(rand.NewPCG(5, 6))
	var cs []*packetgen.Conversation
	for i := range 4 {
		c, _ := converse(r, 50, response, i&1 == 0, loads[i].make)
		cs = append(cs, c)
	}
	src := source(cs...)
	lose(r, src, 0.02, 10)
	return src
}

// TestBatches: a channel tells what Events tells, in the same order, and what it
// gives out belongs to the receiver, as does what Clone returns.
func TestBatches(t *testing.T) {
	var want, cloned, kept []Event
	var said []string
	for e, err := range NewTap(someTalk(), nil).Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, describeEvent(e))
		want = append(want, e)
		cloned = append(cloned, Clone(e))
	}
	for _, buffer := range []int{0, 1, 7} {
		kept = kept[:0]
		tap := NewTap(someTalk(), &Config{Buffer: buffer, BufferBytes: int64(buffer) * 1000})
		for batch := range tap.Batches(t.Context()) {
			if len(batch) == 0 || len(batch) > 2*sendTogether {
				t.Fatalf("a batch of %d", len(batch))
			}
			kept = append(kept, batch...)
		}
		if err := tap.Err(); err != nil || len(kept) != len(want) {
			t.Fatalf("buffer %d: %d events, want %d: %v", buffer, len(kept), len(want), err)
		}
		for i := range kept {
			if got := describeEvent(kept[i]); got != said[i] {
				t.Fatalf("buffer %d: event %d is\n%s, want\n%s", buffer, i, got, said[i])
			}
			if got := describeEvent(cloned[i]); got != said[i] {
				t.Fatalf("the clone of event %d is\n%s, want\n%s", i, got, said[i])
			}
		}
		if st := tap.Stats(); st.MessageDropped+st.Untold != 0 {
			t.Errorf("%+v", st)
		}
		checkAccounts(t, "batches", tap.Stats(), true)
	}
}

// TestBatchesFull: a receiver that comes late, to a channel that drops, still gets
// the Open of every connection of which it gets anything, first, and its End, last;
// what it does not get is counted.
func TestBatchesFull(t *testing.T) {
	for _, buffer := range []int{1, 10, 100, 1000} {
		src := newLiveSource()
		tap := NewTap(src, &Config{Buffer: buffer})
		ch := tap.Batches(t.Context())
		fed := uint64(0)
		feed := func(talks ...*frameSource) {
			for _, talk := range talks {
				src.feed(talk)
				fed += uint64(len(talk.frames))
			}
			for deadline := time.Now().Add(20 * time.Second); tap.Stats().Reassembly.Packets < fed; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the tap waits for its receiver")
				}
			}
		}
		// Two connections go on, one comes and goes, while nobody receives.
		first, second, third := smallTalk(1, 100), smallTalk(2, 100), smallTalk(3, 20)
		feed(first.cut(0, 100), second.cut(0, 300), third)
		type state struct{ opens, messages, ends int }
		got := map[*Conn]*state{}
		take := func(batch []Event) {
			for _, e := range batch {
				switch e := e.(type) {
				case *Open:
					if got[e.Conn] != nil {
						t.Errorf("%v is opened twice", e.Conn)
					}
					got[e.Conn] = &state{opens: 1}
				case *Message:
					if s := got[e.Conn]; s == nil || s.ends > 0 {
						t.Errorf("a message of %v before its Open, or after its End", e.Conn)
					} else {
						s.messages++
					}
				case *End:
					if s := got[e.Conn]; s == nil || s.ends > 0 || e.Counts[0].Messages()+e.Counts[1].Messages() == 0 {
						t.Errorf("the end of %v", e.Conn)
					} else {
						s.ends++
					}
				}
			}
		}
		for len(ch) > 0 {
			take(<-ch)
		}
		feed(first.cut(100, 1<<20), second.cut(300, 1<<20)) // they end while it is full again
		if err := tap.Stop(); err != nil {
			t.Fatal(err)
		}
		for batch := range ch {
			take(batch)
		}
		st := tap.Stats()
		messages := 0
		for c, s := range got {
			if messages += s.messages; s.opens != 1 || s.ends != 1 {
				t.Errorf("buffer %d: %v has %+v", buffer, c, s)
			}
		}
		if uint64(messages) != st.Messages || st.Messages+st.MessageDropped != 440 || uint64(len(got))+st.Untold != 3 {
			t.Errorf("buffer %d: %d messages of %d connections, %d dropped, %d given out, %d untold", buffer, messages, len(got), st.MessageDropped, st.Messages, st.Untold)
		}
		if buffer == 1 && (st.Untold != 2 || len(got) != 1) || buffer == 1000 && st.MessageDropped > 0 {
			t.Errorf("buffer %d: %d connections untold, %d messages dropped", buffer, st.Untold, st.MessageDropped)
		}
		if buffer < 1000 && st.Losses().Messages == 0 {
			t.Errorf("buffer %d: %+v", buffer, st.Losses())
		}
		checkAccounts(t, "batches, full", st, true)
	}
}

// cut returns a part of the frames.
func (s *frameSource) cut(from, to int) *frameSource {
	return &frameSource{frames: s.frames[from:min(to, len(s.frames))], link: s.link}
}

// TestBatchesEnd: the channel ends as that of Messages does.
func TestBatchesEnd(t *testing.T) {
	tap := NewTap(smallTalk(1, 500), &Config{Buffer: 2})
	ctx, cancel := context.WithCancel(t.Context())
	ch := tap.Batches(ctx)
	<-ch
	if _, open := <-tap.Batches(ctx); open || tap.Err() != ErrUsed {
		t.Errorf("used twice: %v", tap.Err())
	}
	cancel()
	for range ch {
	}
	if err := tap.Err(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	checkAccounts(t, "cancelled", tap.Stats(), false)

	for _, drop := range []OnFull{FullBlock, FullDrop} { // it waits for room for an End
		src := newLiveSource()
		tap = NewTap(src, &Config{Buffer: 1, OnFull: drop})
		ch = tap.Batches(t.Context())
		src.feed(smallTalk(1, 5))
		tap.Stop()
		for len(ch) == 0 {
			time.Sleep(time.Millisecond)
		}
		tap.Close()
		for range ch {
		}
		if err := tap.Err(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

// TestBatchesShards: several pipelines share one channel.
func TestBatchesShards(t *testing.T) {
	c := makeCapture(t, "shards of batches", 20, 4000, 3, 60, false)
	for _, buffer := range []int{1, 64, 0} {
		tap := NewTap(c.frames.shard(t, 3), &Config{Buffer: buffer})
		n, last := 0, map[*Conn]bool{}
		for batch := range tap.Batches(t.Context()) {
			for _, e := range batch {
				switch e := e.(type) {
				case *Message:
					n++
					if ended, open := last[e.Conn]; !open || ended {
						t.Fatal("a message before its Open, or after its End")
					}
				case *Open:
					last[e.Conn] = false
				case *End:
					last[e.Conn] = true
				}
			}
		}
		if n != 4000 || len(last) != 20 {
			t.Errorf("buffer %d: %d messages of %d connections", buffer, n, len(last))
		}
	}
}

// TestSlab: messages have room for their payload and no more, share no memory, and
// one that is kept keeps little besides.
func TestSlab(t *testing.T) {
	var s slab
	var all []*Message
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 20000 {
		n := r.IntN(200)
		if i%50 == 0 {
			n = r.IntN(5000)
		}
		m := s.message(n)
		if m.Payload == nil || len(m.Payload) != n || cap(m.Payload) != n || m.Conn != nil || slices.ContainsFunc(m.Payload, func(b byte) bool { return b != 0 }) {
			t.Fatalf("%d bytes: %+v", n, m)
		}
		if i%3 == 0 { // nobody gets it
			m.Frames, m.Time = 7, t0
			s.takeBack(m)
			s.takeBack(m) // which does nothing
			continue
		}
		for j := range m.Payload {
			m.Payload[j] = byte(i)
		}
		m.Frames = i
		all = append(all, m)
	}
	for _, m := range all {
		for _, b := range m.Payload {
			if b != byte(m.Frames) {
				t.Fatal("messages share memory")
			}
		}
	}
	all = nil

	const kept, between = 1000, 100
	for _, size := range []int{0, 20, 100, 300, 1000} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range kept {
			for range between {
				s.message(size)
			}
			all = append(all, s.message(size))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if per := int(after.HeapAlloc-before.HeapAlloc) / kept; per > 8<<10+100 {
			t.Errorf("a message of %d bytes that is kept keeps %d", size, per)
		}
		allocs := float64(after.Mallocs-before.Mallocs) / kept / between
		if allocs > 0.2 {
			t.Errorf("%.3f allocations a message of %d bytes", allocs, size)
		}
		runtime.KeepAlive(all)
		all = nil
	}
}
