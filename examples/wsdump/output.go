package main

import (
	"bytes"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

const (
	chunkSize  = 64 << 10 // handed over at once where output is buffered
	maxPending = 4 << 20  // beyond it Write waits for the reader of the output
)

// An output writes behind the caller's back: while one buffer is on its way,
// the next fills. An eager output hands over whatever is there as soon as the
// writer is free, so that a message is seen at once and a burst costs few
// system calls; otherwise it waits for a chunk.
type output struct {
	w     io.Writer
	eager bool
	fail  func(error)   // called once, on the first error of w
	taken atomic.Uint64 // bytes, by w
	half  int64         // bytes since the last line's end, of those taken

	mu      sync.Mutex
	change  sync.Cond
	pending []byte
	writing bool
	flush   bool
	closed  bool
	err     error
	done    chan struct{}
}

func newOutput(w io.Writer, eager bool, fail func(error)) *output {
	o := &output{w: w, eager: eager, fail: fail, done: make(chan struct{})}
	o.change.L = &o.mu
	go o.run()
	return o
}

func (o *output) run() {
	defer close(o.done)
	var busy []byte
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		for len(o.pending) == 0 || !o.eager && !o.flush && len(o.pending) < chunkSize {
			if o.closed && len(o.pending) == 0 {
				return
			}
			o.change.Wait()
		}
		busy, o.pending = o.pending, busy[:0]
		o.writing = true
		err := o.err
		o.mu.Unlock()
		if err == nil {
			if err = o.write(busy); err != nil {
				o.fail(err)
			}
		}
		o.mu.Lock()
		if cap(busy) > maxPending {
			busy = nil // a giant message is no reason to stay large
		}
		o.writing = false
		o.err = err
		o.change.Broadcast()
	}
}

// write writes b in pieces, to be seen at work.
func (o *output) write(b []byte) error {
	for len(b) > 0 {
		n, err := o.w.Write(b[:min(len(b), chunkSize)])
		o.taken.Add(uint64(n))
		if i := bytes.LastIndexByte(b[:n], '\n'); i >= 0 {
			o.half = int64(n - i - 1)
		} else {
			o.half += int64(n)
		}
		if err != nil {
			o.dropHalf()
			return readerGone(err)
		}
		b = b[n:]
	}
	return nil
}

// dropHalf takes the beginning of a line away that found no room for its end,
// where that is possible: in a file that nobody else has written to since.
func (o *output) dropHalf() {
	f, ok := o.w.(*os.File)
	if !ok || o.half == 0 {
		return
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if at, err := f.Seek(0, io.SeekCurrent); err == nil && at == info.Size() && f.Truncate(at-o.half) == nil {
		_, _ = f.Seek(-o.half, io.SeekCurrent) // standard error may go on here
	}
}

// Write takes p, which may be reused at once. It waits only while too much is
// pending, and returns the error of an earlier piece.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.pending) > maxPending && o.err == nil {
		o.change.Wait()
	}
	if o.err != nil {
		return 0, o.err
	}
	o.pending = append(o.pending, p...)
	if o.eager || len(o.pending) >= chunkSize {
		o.change.Broadcast()
	}
	return len(p), nil
}

// Flush returns when all that was written has reached the writer.
func (o *output) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush = true
	o.change.Broadcast()
	for len(o.pending) > 0 || o.writing {
		o.change.Wait()
	}
	o.flush = false
	return o.err
}

// Close flushes and ends the writing.
func (o *output) Close() error {
	err := o.Flush()
	o.mu.Lock()
	o.closed = true
	o.change.Broadcast()
	o.mu.Unlock()
	<-o.done
	return err
}
