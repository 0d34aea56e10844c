package main

import (
	"bytes"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	chunkSize = 64 << 10 // handed over at once where output is buffered
	finePiece = 4 << 10  // PIPE_BUF: a pipe takes all of it or nothing

	// readAhead is the most that waits for the reader of the output where the input
	// waits as well: more would gain nothing.
	readAhead = 4 << 20

	// What comes within such a time of an eager output's first line goes with it: to
	// write costs more than most lines.
	together = 2 * time.Millisecond
)

// An output writes behind the caller's back: while one chunk is on its way,
// others fill. An eager output hands over whatever is there after a moment, if
// the writer is free, so that a message is seen at once and a burst costs few
// system calls; otherwise it waits for a chunk.
type output struct {
	w     io.Writer
	eager bool
	most  int           // beyond it Write waits for the reader of the output, in bytes
	fail  func(error)   // called once, on the first error of w
	taken atomic.Uint64 // bytes, by w
	half  int64         // bytes since the last line's end, of those taken
	fine  atomic.Bool   // what w takes is to be known exactly, for it may hang

	mu      sync.Mutex
	change  sync.Cond
	queue   chunks // what is not yet on its way
	writing bool
	waiting bool // Write or Flush waits for w
	flush   bool
	closed  bool
	givenUp bool // nobody waits for w any more
	err     error
	done    chan struct{}

	passed uint64   // bytes that Write was given
	ends   []uint64 // where messages end, in such bytes, that w has not taken
}

func newOutput(w io.Writer, eager bool, most int, fail func(error)) *output {
	o := &output{w: w, eager: eager, most: most, fail: fail, done: make(chan struct{})}
	o.change.L = &o.mu
	go o.run()
	return o
}

func (o *output) run() {
	defer close(o.done)
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		for !o.due() {
			if o.closed && o.queue.size == 0 {
				return
			}
			o.change.Wait()
		}
		if o.eager && !o.flush && o.queue.size < chunkSize {
			o.mu.Unlock()
			time.Sleep(together)
			o.mu.Lock()
			if o.queue.size == 0 {
				continue // given up
			}
		}
		busy := o.queue.take()
		o.writing = true
		err := o.err
		o.mu.Unlock()
		if err == nil {
			if err = o.write(busy); err != nil {
				o.fail(err)
			}
		}
		o.mu.Lock()
		o.queue.giveBack(busy)
		o.forgetTaken()
		o.writing = false
		o.err = err
		o.change.Broadcast()
	}
}

// due reports whether something is to be written.
func (o *output) due() bool {
	return o.queue.size >= chunkSize || o.queue.size > 0 && (o.eager || o.flush)
}

// write writes b in pieces, to be seen at work.
func (o *output) write(b []byte) error {
	for len(b) > 0 {
		piece := chunkSize
		if o.fine.Load() {
			piece = finePiece
		}
		n, err := o.w.Write(b[:min(len(b), piece)])
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

// dropHalf takes the beginning of a line away that found no room for its end.
func (o *output) dropHalf() {
	if o.half == 0 {
		return
	}
	switch w := o.w.(type) {
	case *os.File:
		cutEnd(w, o.half)
	case *jsonFile:
		w.dropHalf(o.half)
	}
}

// cutEnd takes the last n bytes of f away where that is possible: in a file that nobody
// else has written to since.
func cutEnd(f *os.File, n int64) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if at, err := f.Seek(0, io.SeekCurrent); err == nil && at == info.Size() && f.Truncate(at-n) == nil {
		_, _ = f.Seek(-n, io.SeekCurrent) // standard error may go on here
	}
}

// Write takes p, which may be reused at once. It waits only while too much is
// pending, and returns the error of an earlier piece.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.held() > o.most && o.err == nil && !o.givenUp {
		o.wait()
	}
	o.passed += uint64(len(p))
	switch {
	case o.givenUp:
		return len(p), nil
	case o.err != nil:
		return 0, o.err
	}
	o.queue.add(p)
	if o.due() {
		o.change.Broadcast()
	}
	return len(p), nil
}

// held returns how much memory is taken by what waits.
func (o *output) held() int { return o.queue.size + 8*len(o.ends) }

// wait waits for w, and lets that be seen.
func (o *output) wait() {
	o.waiting = true
	o.change.Wait()
	o.waiting = false
}

// EndMessage says that what was written so far ends with a message.
func (o *output) EndMessage() {
	o.mu.Lock()
	o.ends = append(o.ends, o.passed)
	o.mu.Unlock()
}

// forgetTaken forgets the messages that w has taken whole.
func (o *output) forgetTaken() {
	n, found := slices.BinarySearch(o.ends, o.taken.Load())
	for found && n < len(o.ends) && o.ends[n] == o.taken.Load() {
		n++ // where -q and the like print nothing for one
	}
	o.ends = o.ends[n:]
}

// Waited reports whether somebody waits for the writer.
func (o *output) Waited() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waiting
}

// GiveUp drops what the writer has not taken and whatever comes: nothing waits
// for it any more. A Write of it that hangs goes on hanging.
func (o *output) GiveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.givenUp = true
	o.queue = chunks{}
	o.change.Broadcast()
}

// Unshown returns how many messages the writer has not taken whole.
func (o *output) Unshown() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forgetTaken()
	return len(o.ends)
}

// Flush returns when all that was written has reached the writer, or it was
// given up.
func (o *output) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush = true
	o.change.Broadcast()
	for (o.queue.size > 0 || o.writing) && !o.givenUp {
		o.wait()
	}
	o.flush = false
	return o.err
}

// Close flushes and ends the writing.
func (o *output) Close() error {
	err := o.Flush()
	o.mu.Lock()
	o.closed = true
	hangs := o.givenUp && o.writing
	o.change.Broadcast()
	o.mu.Unlock()
	if !hangs {
		<-o.done
	}
	return err
}
