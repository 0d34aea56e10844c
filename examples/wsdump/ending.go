package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/websocket"
)

const (
	// patience is how long wsdump, when it is to end, waits for who reads its
	// output, and hurried how long when it was told twice.
	patience = 3 * time.Second
	hurried  = 500 * time.Millisecond

	// sameEnd is how far the end of who reads the output and the signal that
	// ended it may be apart: Ctrl-C ends all of a pipeline.
	sameEnd = 100 * time.Millisecond
)

// errInsisted ends a capture at once.
var errInsisted = errors.New("told to end twice")

// An ending is the wish that the capture ends, by a signal or --duration. It
// watches as long as the process lives, so that no signal ends that rudely.
type ending struct {
	asked    chan struct{} // closed by the first wish
	insisted chan struct{} // closed by a later signal
	ask      func()
	stats    atomic.Pointer[func()] // of SIGUSR1
}

// newEnding begins to watch. SIGHUP has another meaning where a file is reopened.
func newEnding(reopens bool) *ending {
	e := &ending{asked: make(chan struct{}), insisted: make(chan struct{})}
	e.ask = sync.OnceFunc(func() { close(e.asked) })
	var except []os.Signal
	if reopens {
		except = cli.HangupSignals()
	}
	cli.OnEnd(e.ask, func() { close(e.insisted) }, except...)
	cli.OnStats(func() {
		if show := e.stats.Load(); show != nil {
			(*show)()
		}
	})
	return e
}

// within reports whether the end is asked for by now, or soon will be.
func (e *ending) within(d time.Duration) bool { return closedWithin(e.asked, d) }

func closedWithin(c <-chan struct{}, d time.Duration) bool {
	select {
	case <-c:
		return true
	default:
	}
	select {
	case <-c:
		return true
	case <-time.After(d):
		return false
	}
}

// A finale is what an ending does to a capture.
type finale struct {
	tap   *websocket.Tap
	out   *output
	halt  context.CancelCauseFunc // ends the tap at once
	stats func()                  // writes the closing lines
	saved func() uint64           // packets in the file of -w
}

// see makes sure that a capture that is to end does, before over is closed: what
// was captured is shown as long as somebody takes it, within patience.
func (e *ending) see(f finale, over <-chan struct{}) {
	select {
	case <-over:
		return
	case <-e.asked:
	}
	f.out.fine.Store(true)
	_ = f.tap.Stop() // fails only where it has ended already
	const look = 20 * time.Millisecond
	insisted := e.insisted
	limit := time.Now().Add(patience)
	for moved, last := limit, f.progress(); time.Since(moved) < patience; {
		select {
		case <-over:
			return
		case <-insisted:
			f.halt(errInsisted)
			insisted, limit = nil, time.Now().Add(hurried)
			moved = limit
		case <-time.After(look):
		}
		if now := f.progress(); now != last && time.Now().After(moved) {
			moved, last = time.Now(), now
		}
		if time.Now().After(limit) && f.out.Waited() {
			f.out.GiveUp()
		}
	}
	boundEnd()
	fmt.Fprintf(os.Stderr, "wsdump: nobody takes the output: given up, and the rest of it is lost\n")
	f.stats()
	os.Exit(1)
}

func (f *finale) progress() uint64 {
	return f.tap.Stats().Capture.Captured + f.out.taken.Load() + f.saved()
}

// boundEnd ends the process some time later: standard error may be as stuck as
// the standard output is, and then the closing lines would be waited for.
func boundEnd() { time.AfterFunc(patience, func() { os.Exit(1) }) }

// unshown is the error of messages that nobody took in time.
func unshown(n int) error {
	if n == 0 {
		return nil
	}
	return fmt.Errorf("nobody takes the output: %s not shown", cli.Quantity(uint64(n), "message"))
}
