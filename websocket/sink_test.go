package websocket

import (
	"testing"
	"time"
)

// TestSink: what was received takes no room, however much was sent in between, and
// nothing is counted twice or forgotten.
func TestSink(t *testing.T) {
	s, c := newMessages(t.Context(), &Config{Buffer: 10, BufferBytes: 1 << 20, OnFull: FullDrop})
	batch := func(n, size int) (all []Event, bytes int64) {
		for range n {
			all = append(all, newMessage(size))
		}
		return all, int64(n * size)
	}
	held, bytes := 0, int64(0)
	for i := range 1000 {
		n := i % 13
		all, size := batch(n, i%50)
		sent := s.sendMessages(all, size)
		if want := min(n, 10-held); sent != want {
			t.Fatalf("%d sent of %d, where %d were held", sent, n, held)
		}
		held += sent
		bytes += int64(sent * (i % 50))
		if s.waiting != (room{held, bytes}) {
			t.Fatalf("%+v waits, want %d of %d bytes", s.waiting, held, bytes)
		}
		for range i % 7 {
			if held > 0 {
				bytes -= int64(len((<-c).Payload))
				held--
			}
		}
	}
	// A large message is not dropped where it is alone.
	for held > 0 {
		<-c
		held--
	}
	all, size := batch(3, 1<<19)
	if n := s.sendMessages(all, size); n != 2 {
		t.Errorf("%d of 3 sent that take more than there is room", n)
	}
}

// TestDrained: a receiver that takes messages while they are sent frees their room
// in the accounts before these are full.
func TestDrained(t *testing.T) {
	s, c := newMessages(t.Context(), &Config{Buffer: 4, BufferBytes: 1 << 20, OnFull: FullBlock})
	const n = 10000
	done := make(chan int)
	go func() {
		got := 0
		for range n {
			<-c
			got++
		}
		done <- got
	}()
	batch := []Event{newMessage(1), newMessage(2), newMessage(3)}
	for i := 0; i < n; i += 2 {
		if got := s.sendMessages(batch[:2], 3); got != 2 {
			t.Fatalf("%d sent of 2", got)
		}
	}
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("messages are lost")
	}
}

// TestBufferDefault: where a file waits for its receiver little is kept for it.
func TestBufferDefault(t *testing.T) {
	for _, c := range []struct {
		live   bool
		onFull OnFull
		want   int
	}{
		{true, FullDefault, 65536}, {true, FullBlock, 65536}, {true, FullDrop, 65536},
		{false, FullDefault, 1024}, {false, FullBlock, 1024}, {false, FullDrop, 65536},
	} {
		cfg := &Config{OnFull: c.onFull}
		tap := NewTap(smallTalk(1, 1), cfg)
		if c.live {
			src := newLiveSource()
			src.Stop()
			tap = NewTap(src, cfg)
		}
		ch := tap.Messages(t.Context())
		if got := cap(ch); got != c.want {
			t.Errorf("live %v, %v: room for %d", c.live, c.onFull, got)
		}
		for range ch {
		}
	}
}
