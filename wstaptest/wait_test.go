package wstaptest

import (
	"runtime"
	"testing"

	"github.com/wstap/wstap/websocket"
)

// fatal is a TB that notes a failure.
type fatal struct {
	testing.TB
	failed bool
}

func (f *fatal) Fatalf(string, ...any) {
	f.failed = true
	runtime.Goexit()
}

// TestWaitEnd: messages that come as the recording ends are returned, whatever is
// looked at first.
func TestWaitEnd(t *testing.T) {
	for i := range 20000 {
		tb := &fatal{TB: t}
		r := &Recording{t: tb, done: make(chan struct{}), more: make(chan struct{})}
		begun := make(chan struct{})
		waited := make(chan int)
		go func() {
			n := -1
			defer func() { waited <- n }()
			close(begun)
			n = len(r.Wait(1))
		}()
		<-begun
		for range i % 200 { // to meet it at any place
			runtime.KeepAlive(r)
		}
		r.add([]websocket.Event{&websocket.Message{}})
		close(r.done)
		if n := <-waited; n != 1 || tb.failed {
			t.Fatalf("round %d: %d messages, failed %v", i, n, tb.failed)
		}
	}
}

// TestWaitFails: what does not come is a failure once the recording has ended.
func TestWaitFails(t *testing.T) {
	tb := &fatal{TB: t}
	r := &Recording{t: tb, done: make(chan struct{}), more: make(chan struct{})}
	r.add([]websocket.Event{&websocket.Message{}, &websocket.Open{}})
	close(r.done)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		r.Wait(2)
	}()
	<-gone
	if !tb.failed {
		t.Error("it waited for nothing")
	}
}
