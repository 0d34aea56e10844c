package pcapfile

import "io"

// maxChunks is how many chunks a broadcast reads ahead of the slowest reader.
const maxChunks = 4

// A broadcast reads an input once, ahead of those who read what it read: there
// may be several. Its goroutine is also what lets Close unblock a wait for any
// kind of reader.
type broadcast struct {
	r      io.Reader // never returns 0, nil
	pace   *pace     // in chunks
	chunks [maxChunks]chunk
	read   int64 // how many chunks so far; pace.mu guards it
}

// A chunk is what one read returned.
type chunk struct {
	buf []byte
	n   int
	err error // after the n bytes
}

// run is the goroutine. It ends with its current Read after Stop and Close.
func (b *broadcast) run() {
	for i := int64(0); b.room(i); i++ {
		c := &b.chunks[i%maxChunks]
		if c.buf == nil {
			c.buf = make([]byte, chunkSize)
		}
		c.n, c.err = b.r.Read(c.buf)
		b.publish()
		if c.err != nil {
			return
		}
	}
}

// room waits until nobody needs what chunk i shall replace. It returns false
// after stop and close.
func (b *broadcast) room(i int64) bool {
	p := b.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && !p.stopped && i-p.slowest() >= maxChunks {
		p.moved.Wait()
	}
	return !p.closed && !p.stopped
}

// publish shows the readers the chunk that was read, unless it comes after a
// stop, at which all of them end.
func (b *broadcast) publish() {
	b.pace.mu.Lock()
	defer b.pace.mu.Unlock()
	if !b.pace.stopped {
		b.read++
	}
	b.pace.moved.Broadcast()
}

// A tail is one reader of a broadcast.
type tail struct {
	*broadcast
	i  int   // its number in pace
	at int64 // the chunk that it is in
	n  int   // bytes of it that were given out
}

// tails returns n readers, of which the first takes the place of t, and which
// all go on there.
func (t *tail) tails(n int) []*tail {
	t.pace.split(n, t.at)
	all := make([]*tail, n)
	for i := range all {
		all[i] = &tail{t.broadcast, i, t.at, t.n}
	}
	return all
}

func (t *tail) Read(b []byte) (int, error) {
	if err := t.wait(); err != nil {
		return 0, err
	}
	c := &t.chunks[t.at%maxChunks]
	n := copy(b, c.buf[t.n:c.n])
	if t.n += n; t.n < c.n {
		return n, nil
	}
	if c.err != nil {
		return n, c.err // and again: it is the last one
	}
	t.n = 0
	t.at++
	t.pace.set(t.i, t.at)
	return n, nil
}

// wait waits for the chunk at t.at.
func (t *tail) wait() error {
	p := t.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && !p.stopped && t.read == t.at {
		p.moved.Wait()
	}
	switch {
	case p.closed:
		return errClosed
	case t.read == t.at:
		return errStopped
	}
	return nil
}
