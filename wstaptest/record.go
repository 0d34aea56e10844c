// Package wstaptest helps tests. [Record] says which WebSocket messages passed the
// loopback interface while a test ran, whatever client and server it uses. A [Conn]
// makes packets by hand, and a [Source] gives them out, for what reads a
// capture.Source.
package wstaptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/websocket"
)

// RequireEnv is the environment variable that, set to 1, has [Record] fail a test
// that it would skip.
const RequireEnv = "WSTAP_REQUIRE_LIVE"

// A Recording is what passes the loopback interface while a test runs. Its methods are
// called from the test's goroutine.
type Recording struct {
	t    testing.TB
	tap  *websocket.Tap
	done chan struct{} // everything has come

	mu     sync.Mutex
	events []websocket.Event
	more   chan struct{} // is closed when there are more messages
}

// Record begins to capture what passes the loopback interface to and from the
// addresses, such as that of a server's listener, or all TCP where there are none.
// When it returns the capture has begun: connections that are made from then on are
// seen from their beginnings. It ends with the test. cfg configures the tap: Keys
// opens TLS; nil means the defaults.
//
// Capturing needs Linux and CAP_NET_RAW. Without it the test is skipped, with what to
// do about it, or fails where [RequireEnv] is 1.
func Record(t testing.TB, cfg *websocket.Config, addrs ...net.Addr) *Recording {
	t.Helper()
	filter, err := filterOf(addrs)
	if err != nil {
		t.Fatal("wstaptest:", err)
	}
	src, err := capture.Listen("lo", &capture.Config{Filter: filter, Workers: 1})
	if err != nil {
		unavailable(t, err)
	}
	var c websocket.Config
	if cfg != nil {
		c = *cfg
	}
	c.OnFull = websocket.FullBlock // for nobody is slow here
	r := &Recording{t: t, tap: websocket.NewTap(src, &c), done: make(chan struct{}), more: make(chan struct{})}
	batches := r.tap.Batches(context.Background())
	go func() {
		defer close(r.done)
		for batch := range batches {
			r.add(batch)
		}
	}()
	t.Cleanup(func() {
		r.tap.Close()
		<-r.done
	})
	return r
}

// filterOf returns an expression for the ports of addresses.
func filterOf(addrs []net.Addr) (string, error) {
	expr := []string{}
	for _, a := range addrs {
		tcp, ok := a.(*net.TCPAddr)
		if !ok {
			return "", fmt.Errorf("%v %v is no address of TCP", a.Network(), a)
		}
		expr = append(expr, fmt.Sprintf("tcp port %d", tcp.Port))
	}
	if len(expr) == 0 {
		return "tcp", nil
	}
	return strings.Join(expr, " or "), nil
}

// unavailable skips the test, and says what to do.
func unavailable(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, os.ErrPermission):
		err = fmt.Errorf("%w; a test has two ways more: go test -exec sudo, or a network of its own (unshare --map-root-user --net, then ip link set lo up)", err)
	case errors.Is(err, errors.ErrUnsupported):
		err = fmt.Errorf("%w: run it on Linux", err)
	}
	if os.Getenv(RequireEnv) == "1" {
		t.Fatalf("wstaptest: %s=1, but: %v", RequireEnv, err)
	}
	t.Skip("wstaptest:", err)
}

func (r *Recording) add(batch []websocket.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, batch...)
	close(r.more)
	r.more = make(chan struct{})
}

// Wait waits until at least n messages have passed, control frames included, and
// returns those that have. It fails the test if they do not come within a minute.
func (r *Recording) Wait(n int) []*websocket.Message {
	r.t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for why := ""; ; {
		r.mu.Lock()
		got, more := messages(r.events), r.more
		r.mu.Unlock()
		switch {
		case len(got) >= n: // also where they came at the last moment
			return got
		case why != "":
			r.t.Fatalf("wstaptest: %d of %d messages have passed: %s", len(got), n, why)
		}
		select {
		case <-more:
		case <-r.done:
			why = "the recording has ended"
		case <-deadline.C:
			why = "a minute is over"
		}
	}
}

// Messages is Events, of messages alone.
func (r *Recording) Messages() []*websocket.Message {
	r.t.Helper()
	return messages(r.Events())
}

// Events ends the recording and returns all that passed: of each connection an Open,
// messages, and an End. What one side has received before the call is among it. The
// test fails if something was lost, or the capture has failed.
func (r *Recording) Events() []websocket.Event {
	r.t.Helper()
	if err := r.tap.Stop(); err != nil && !errors.Is(err, net.ErrClosed) {
		r.t.Error("wstaptest:", err)
	}
	<-r.done
	if err := r.tap.Err(); err != nil {
		r.t.Error("wstaptest:", err)
	}
	st := r.tap.Stats()
	if l := st.Losses(); l.Packets+l.Bytes+l.Messages > 0 {
		r.t.Errorf("wstaptest: the recording has holes: %+v", l)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

func messages(events []websocket.Event) (list []*websocket.Message) {
	for _, e := range events {
		if m, ok := e.(*websocket.Message); ok {
			list = append(list, m)
		}
	}
	return list
}
