package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/spool"
)

// An engine answers from goroutines of its own, as an engine does.
type engine struct {
	mu     sync.Mutex
	got    []uint64 // First of what arrived, in order
	fail   func() error
	silent bool
	held   []func(error) // of those that were not answered
}

func (e *engine) Publish(b *batch.Batch, done func(error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.silent {
		e.held = append(e.held, done)
		return
	}
	var err error
	if e.fail != nil {
		err = e.fail()
	}
	if err == nil {
		e.got = append(e.got, b.First)
	}
	if rand.IntN(2) == 0 {
		go done(err)
	} else {
		e.mu.Unlock() // it may ask again at once
		done(err)
		e.mu.Lock()
	}
}

func (e *engine) set(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

func (e *engine) arrived() []uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got)
}

// once returns what arrived, each only the first time.
func (e *engine) once() (out []uint64) {
	seen := map[uint64]bool{}
	for _, n := range e.arrived() {
		if !seen[n] {
			out = append(out, n)
		}
		seen[n] = true
	}
	return out
}

func makeBatch(first, size int) *batch.Batch {
	line := make([]byte, size) // that no packing makes smaller
	_, _ = rand.NewChaCha8([32]byte{byte(first), byte(first >> 8)}).Read(line)
	line = append(bytes.ReplaceAll(line[:size-1], []byte{'\n'}, []byte{'x'}), '\n')
	return &batch.Batch{Tap: "a", Boot: "x", Port: 80, Kind: batch.Message, First: uint64(first), N: 1, Lines: line,
		Before: [batch.Kinds]uint64{batch.Message: uint64(first - 1)}}
}

func newSpool(t *testing.T, dir string, max int64) *spool.Spool {
	t.Helper()
	s, err := spool.Open(dir, max)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// until waits for something.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no ", what)
		}
	}
}

func upTo(n int) (out []uint64) {
	for i := range n {
		out = append(out, uint64(i+1))
	}
	return out
}

// TestFailures: an engine that refuses some gets everything, in order but for what it
// refused itself, whether it goes through the queue or the spool.
func TestFailures(t *testing.T) {
	for _, queue := range []int64{4 << 10, 1 << 20} {
		rng := rand.New(rand.NewPCG(1, uint64(queue)))
		e := &engine{}
		e.fail = func() error {
			if rng.IntN(100) == 0 {
				return errors.New("not now")
			}
			return nil
		}
		s := newSpool(t, t.TempDir(), 1<<20)
		o := New(Config{Engine: e, Spool: s, Queue: queue})
		const n = 400
		for i := range n {
			if !o.Put(makeBatch(i+1, 200), Wait) {
				t.Fatal("refused")
			}
		}
		until(t, "end of what was put", func() bool { return len(e.once()) == n })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if lost := o.Close(ctx); lost != 0 {
			t.Errorf("%d lost", lost)
		}
		got := e.once()
		slices.Sort(got)
		if !slices.Equal(got, upTo(n)) {
			t.Errorf("%v", got)
		}
		if c := o.Counts(); c.Events < n || c.Refused != 0 {
			t.Errorf("%+v", c)
		}
		s.Close()
	}
}

// TestGone: while the engine is gone what comes goes to the disk, memory stays within its
// bound, and the end of the process (without a Close) loses nothing that was put.
func TestGone(t *testing.T) {
	dir := t.TempDir()
	e := &engine{}
	s := newSpool(t, dir, 64<<20)
	o := New(Config{Engine: e, Spool: s, Queue: 1 << 20, Patience: 100 * time.Millisecond})
	const n, size = 3000, 10 << 10
	put := func(from, to int) {
		for i := from; i < to; i++ {
			if !o.Put(makeBatch(i+1, size), Wait) {
				t.Fatal("refused")
			}
		}
	}
	put(0, 100)
	until(t, "first batches", func() bool { return len(e.arrived()) == 100 })
	e.set(func() { e.silent = true })
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	put(100, n) // 30 MB
	until(t, "spool", func() bool { return o.Counts().Queued == 0 })
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 12<<20 { // of it 8 MiB may be on their way
		t.Errorf("%d bytes more in use", grown)
	}
	if c := o.Counts(); c.Up || c.Spool < (n-100)*size {
		t.Errorf("%+v", c)
	}

	// What kill -9 leaves: the files.
	copied := t.TempDir()
	list, _ := filepath.Glob(filepath.Join(dir, "*.spool"))
	for _, name := range list {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, filepath.Base(name)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e2 := &engine{got: e.arrived()}
	o2 := New(Config{Engine: e2, Spool: newSpool(t, copied, 64<<20)})
	until(t, "all after a restart", func() bool { return len(e2.once()) == n })
	if !slices.Equal(e2.once(), upTo(n)) {
		t.Error("not in order")
	}
	o2.Close(t.Context())

	// And the same where the process goes on, and the engine answers nothing of before.
	var held []func(error)
	e.set(func() { e.silent = false; held = e.held })
	for _, done := range held {
		done(errors.New("connection lost"))
	}
	until(t, "all after the engine is back", func() bool { return len(e.once()) == n })
	if !slices.Equal(e.once(), upTo(n)) {
		t.Error("not in order")
	}
	o.Close(t.Context())
	if s.Size() != 0 {
		t.Errorf("%d bytes left", s.Size())
	}
}

// TestFull: where neither queue nor spool has room a batch is refused at once, and taken
// again when there is.
func TestFull(t *testing.T) {
	e := &engine{silent: true}
	s := newSpool(t, t.TempDir(), 1<<20)
	o := New(Config{Engine: e, Spool: s, Queue: 256 << 10, Patience: 50 * time.Millisecond})
	taken := 0
	began := time.Now()
	for i := 0; i < 2000; i++ { // 20 MB
		if o.Put(makeBatch(taken+1, 10<<10), Refuse) {
			taken++
		}
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("Put waited: %v", d)
	}
	c := o.Counts()
	if c.Refused == 0 || c.Queued > 256<<10+20<<10 || c.Spool > 1<<20+windowBytes {
		t.Errorf("%+v", c)
	}
	var held []func(error)
	e.set(func() { e.silent = false; held = e.held })
	for _, done := range held {
		done(errors.New("connection lost"))
	}
	until(t, "what was taken", func() bool { return len(e.once()) == taken })
	if !o.Put(makeBatch(taken+1, 10<<10), Refuse) {
		t.Error("still full")
	}
	if lost := o.Close(t.Context()); lost != 0 || !slices.Equal(e.once(), upTo(taken+1)) {
		t.Errorf("%d lost, %d arrived of %d", lost, len(e.once()), taken+1)
	}
}

// TestCloseWithoutSpool counts what nobody has.
func TestCloseWithoutSpool(t *testing.T) {
	e := &engine{silent: true}
	o := New(Config{Engine: e})
	for i := range 100 {
		o.Put(makeBatch(i+1, 100), Refuse)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if lost := o.Close(ctx); lost != 100 {
		t.Errorf("%d lost", lost)
	}
}

// TestPermanent: what the engine will never take does not stand in the way.
func TestPermanent(t *testing.T) {
	e := &engine{}
	n := 0
	e.fail = func() error {
		if n++; n == 3 {
			return fmt.Errorf("%w: too large", ErrPermanent)
		}
		return nil
	}
	o := New(Config{Engine: e, Window: 1})
	for i := range 5 {
		o.Put(makeBatch(i+1, 100), Refuse)
	}
	if lost := o.Close(t.Context()); lost != 0 {
		t.Errorf("%d lost", lost)
	}
	if c := o.Counts(); c.Dropped != 1 || !slices.Equal(e.arrived(), []uint64{1, 2, 4, 5}) {
		t.Errorf("%+v, %v", c, e.arrived())
	}
}
