package main

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
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
		o := newOutput(g, true, unexpected(t))
		fmt.Fprint(o, "one\n")
		synctest.Wait()
		if got := g.got(); got != "one\n" {
			t.Errorf("before Flush: %q", got)
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
		o := newOutput(g, true, unexpected(t))
		for i := range 1000 {
			fmt.Fprintln(o, i)
			if i == 0 {
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
		o := newOutput(g, false, unexpected(t))
		fmt.Fprint(o, "one\n")
		synctest.Wait()
		if got := g.got(); got != "" {
			t.Errorf("before Flush: %q", got)
		}
		o.Write(make([]byte, chunkSize))
		synctest.Wait()
		if got := g.got(); len(got) != chunkSize+4 {
			t.Errorf("a full chunk waits: %d", len(got))
		}
		fmt.Fprint(o, "two\n")
		if err := o.Flush(); err != nil || len(g.got()) != chunkSize+8 {
			t.Errorf("after Flush: %d, %v", len(g.got()), err)
		}
		o.Close()
	})
}

func TestOutputBackPressure(t *testing.T) {
	writes := 100
	if testing.Short() {
		writes = 20
	}
	synctest.Test(t, func(t *testing.T) {
		g := &gate{pass: make(chan struct{})}
		o := newOutput(g, true, unexpected(t))
		sent := make(chan int)
		go func() {
			n := 0
			for range writes {
				o.Write(make([]byte, 1<<20))
				n++
				select {
				case sent <- n:
				default:
				}
			}
			close(sent)
		}()
		synctest.Wait()
		o.mu.Lock()
		if n := len(o.pending); n > maxPending+1<<20 {
			t.Errorf("%d bytes pending", n)
		}
		o.mu.Unlock()
		close(g.pass)
		for range sent {
		}
		o.Close()
		if n := len(g.got()); n != writes<<20 {
			t.Errorf("%d bytes written", n)
		}
	})
}

func TestOutputError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		g := &gate{err: broken}
		told := 0
		o := newOutput(g, true, func(error) { told++ })
		for range 3 {
			fmt.Fprint(o, "x")
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
