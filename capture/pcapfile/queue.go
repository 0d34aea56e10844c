package pcapfile

import (
	"sync"
	"sync/atomic"
)

// A queue keeps whole records for a store that is slower than they come.
type queue struct {
	store *store
	most  int          // bytes that may wait
	bytes atomic.Int64 // that do

	mu     sync.Mutex
	change sync.Cond
	tasks  []task
	spare  []byte // a buffer for the next records, or nil
	closed bool
	done   chan struct{}
}

// A task is records to write, or something else to do in their order.
type task struct {
	records []byte
	frames  uint64
	do      func()
}

func newQueue(s *store, most int) *queue {
	q := &queue{store: s, most: most, done: make(chan struct{})}
	q.change.L = &q.mu
	go q.run()
	return q
}

// fits reports whether n more bytes may wait. Something may always.
func (q *queue) fits(n int) bool {
	waiting := q.bytes.Load()
	return waiting == 0 || waiting+int64(n) <= int64(q.most)
}

// put takes b and returns a buffer for the next records.
func (q *queue) put(b []byte, frames uint64) []byte {
	q.bytes.Add(int64(len(b)))
	spare := q.add(task{records: b, frames: frames})
	if spare == nil {
		spare = make([]byte, 0, cap(b))
	}
	return spare[:0]
}

func (q *queue) add(t task) (spare []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tasks = append(q.tasks, t)
	q.change.Signal()
	spare, q.spare = q.spare, nil
	return spare
}

func (q *queue) run() {
	defer close(q.done)
	for {
		t, ok := q.take()
		if !ok {
			return
		}
		if t.do != nil {
			t.do()
			continue
		}
		_ = q.store.put(t.records, t.frames) // the error is sticky
		q.bytes.Add(-int64(len(t.records)))
		q.mu.Lock()
		q.spare = t.records
		q.mu.Unlock()
	}
}

func (q *queue) take() (t task, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.tasks) == 0 {
		if q.closed {
			return t, false
		}
		q.change.Wait()
	}
	t = q.tasks[0]
	q.tasks[0] = task{}
	q.tasks = q.tasks[1:]
	return t, true
}

// close waits until all is done.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.change.Signal()
	q.mu.Unlock()
	<-q.done
}
