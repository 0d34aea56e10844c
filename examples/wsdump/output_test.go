package main

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gate is a writer that waits until it is let through.
type gate struct {
	mu     sync.Mutex
	writes [][]byte
	pass   chan struct{}
	err    error
}

func (g *gate) Write(p []byte) (int, error) {
	if g.pass != nil {
		<-g.pass
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return 0, g.err
	}
	g.writes = append(g.writes, bytes.Clone(p))
	return len(p), nil
}

func (g *gate) got() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return string(bytes.Join(g.writes, nil))
}

func unexpected(t *testing.T) func(error) {
	return func(err error) { t.Errorf("failed: %v", err) }
}

func TestOutputEager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(gate)
		o := newOutput(g, true, readAhead, unexpected(t))
		fmt.Fprint(o, "one\n")
		fmt.Fprint(o, "two\n")
		time.Sleep(together)
		synctest.Wait()
		if got := g.got(); got != "one\ntwo\n" || len(g.writes) != 1 {
			t.Errorf("before Flush: %q, %d writes", got, len(g.writes))
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestOutputBatches: what comes while the writer is busy goes out in one piece.
func TestOutputBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{pass: make(chan struct{})}
		o := newOutput(g, true, readAhead, unexpected(t))
		for i := range 1000 {
			fmt.Fprintln(o, i)
			if i == 0 {
				time.Sleep(together)
				synctest.Wait()
			}
		}
		close(g.pass)
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		if len(g.writes) != 2 || !bytes.HasSuffix(g.writes[1], []byte("\n999\n")) {
			t.Errorf("%d writes", len(g.writes))
		}
	})
}

func TestOutputBuffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(gate)
		o := newOutput(g, false, readAhead, unexpected(t))
		fmt.Fprint(o, "one\n")
		synctest.Wait()
		if got := g.got(); got != "" {
			t.Errorf("before Flush: %q", got)
		}
		o.Write(make([]byte, chunkSize))
		synctest.Wait()
		if got := g.got(); len(got) != chunkSize {
			t.Errorf("a full chunk waits, or more does not: %d", len(got))
		}
		fmt.Fprint(o, "two\n")
		if err := o.Flush(); err != nil || len(g.got()) != chunkSize+8 {
			t.Errorf("after Flush: %d, %v", len(g.got()), err)
		}
		o.Close()
	})
}

// TestOutputBackPressure: while the writer stands still, what waits for it is bounded, in
// memory too, and comes out whole and in order.
func TestOutputBackPressure(t *testing.T) {
	lines := 1_000_000
	if testing.Short() {
		lines = 200_000
	}
	const most = 1 << 20
	synctest.Test(t, func(t *testing.T) {
		g := &gate{pass: make(chan struct{})}
		o := newOutput(g, true, most, unexpected(t))
		var want bytes.Buffer
		over := make(chan struct{})
		go func() {
			defer close(over)
			var line []byte
			for i := range lines {
				line = fmt.Appendln(line[:0], i)
				want.Write(line)
				o.Write(line)
				o.EndMessage()
			}
		}()
		time.Sleep(2 * together)
		synctest.Wait()
		o.mu.Lock()
		n := 0
		for _, c := range o.queue.list {
			n += cap(c)
		}
		if o.held() <= most-chunkSize || n+8*cap(o.ends) > most*5/4+2*chunkSize {
			t.Errorf("%d bytes wait, in %d of memory, of which %d for ends of messages", o.held(), n, 8*cap(o.ends))
		}
		o.mu.Unlock()
		if left := o.Unshown(); left == 0 {
			t.Error("all is shown")
		}
		close(g.pass)
		<-over
		o.Close()
		if g.got() != want.String() {
			t.Errorf("%d bytes written of %d, or others", len(g.got()), want.Len())
		}
		if left := o.Unshown(); left != 0 {
			t.Errorf("%d messages not shown", left)
		}
	})
}

func TestOutputError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		g := &gate{err: broken}
		told := 0
		o := newOutput(g, true, readAhead, func(error) { told++ })
		for range 3 {
			fmt.Fprint(o, "x")
			time.Sleep(together)
			synctest.Wait()
		}
		if _, err := fmt.Fprint(o, "y"); err != broken {
			t.Errorf("Write: %v", err)
		}
		if err := o.Close(); err != broken || told != 1 {
			t.Errorf("Close: %v, told %d times", err, told)
		}
	})
}
