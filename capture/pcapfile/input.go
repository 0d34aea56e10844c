package pcapfile

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	chunkSize = 256 << 10 // bytes asked for by one read
	chunkRoom = 16 << 10  // room in front of them for the rest of the chunk before
	maxChunks = 4         // how far to read ahead of one reader
	// shardChunks is how many more the batches of a shard may keep busy.
	shardChunks = 3
)

// errMore is what need returns where it takes another chunk.
var errMore = errors.New("pcapfile: more input is needed")

// A chunk holds what one read returned: buf[start:end].
type chunk struct {
	buf        []byte
	start, end int
	err        error // what the read returned beside the bytes
	refs       atomic.Int32
}

// An input shows the bytes read as one contiguous window. It reads ahead in a
// goroutine, which is also what lets close unblock a wait for any kind of
// reader. But where all processors have work already, a file that never lets it
// wait is read by those who need more, and by those who have nothing to do.
type input struct {
	src     io.Reader // what the user gave
	r       unpacker  // what is read: src, followed and unpacked
	free    chan *chunk
	full    chan *chunk   // filled, in order; closed by the goroutine after the last
	reading chan struct{} // full while somebody reads
	inline  bool          // there is no goroutine
	done    chan struct{}
	once    sync.Once

	cur  *chunk
	buf  []byte // of cur, up to its end
	pos  int    // where the window begins in it
	want int    // how long the window shall become
	base int64  // offset in the file of buf[0]
	err  error  // why there is no chunk after cur
}

func newInput(src io.Reader, follow, busy bool, chunks int) *input {
	in := &input{
		src:     src,
		free:    make(chan *chunk, chunks),
		full:    make(chan *chunk, chunks),
		reading: make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	for range chunks {
		in.free <- new(chunk)
	}
	if follow && endless(src) {
		src, busy = &follower{r: src, done: in.done}, false
	}
	in.r.r = src
	in.inline = busy && regular(src)
	if !in.inline {
		go in.readAhead()
	}
	return in
}

// readAhead is the goroutine.
func (in *input) readAhead() {
	defer close(in.full)
	for {
		c := in.read()
		if c == nil {
			return
		}
		in.full <- c // never blocks: full has room for every chunk
		if c.err != nil {
			return
		}
	}
}

// read fills a chunk. It returns nil after close.
func (in *input) read() *chunk {
	var c *chunk
	select {
	case c = <-in.free:
	case <-in.done:
		return nil
	}
	if c.buf == nil {
		c.buf = make([]byte, chunkRoom+chunkSize)
	}
	n, err := 0, error(nil)
	for i := 0; n == 0 && err == nil; i++ {
		if i == 100 {
			err = io.ErrNoProgress
			break
		}
		n, err = in.r.Read(c.buf[chunkRoom:])
	}
	c.start, c.end, c.err = chunkRoom, chunkRoom+n, err
	c.refs.Store(1)
	return c
}

// next returns the next chunk, or nil after close.
func (in *input) next() *chunk {
	var reading chan struct{} // nil: never chosen
	if in.inline {
		reading = in.reading
	}
	select {
	case c := <-in.full:
		return c
	case reading <- struct{}{}:
		defer func() { <-in.reading }()
	case <-in.done:
		return nil
	}
	select {
	case c := <-in.full: // what somebody else read goes first
		return c
	default:
	}
	c := in.read()
	if in.r.gzip && c != nil && c.err == nil {
		in.inline = false // unpacking takes longer than all else
		go in.readAhead()
	}
	return c
}

// help reads a chunk that will be needed, if nobody else does. Only the first
// call of next, which comes before, changes in.inline.
func (in *input) help() {
	if !in.inline {
		return
	}
	select {
	case in.reading <- struct{}{}:
		if len(in.full) < 2 && len(in.free) > 0 {
			if c := in.read(); c != nil {
				in.full <- c
			}
		}
		<-in.reading
	default:
	}
}

// ready says that next would not wait.
func (in *input) ready() bool { return len(in.full) > 0 || in.inline && len(in.free) > 0 }

// release gives up one reference to c.
func (in *input) release(c *chunk) {
	if c.refs.Add(-1) == 0 {
		in.free <- c // never blocks: free has room for every chunk
	}
}

// need returns nil if the window is at least n bytes long, and errMore if that
// takes another chunk. Where the input ends before, it returns io.EOF if nothing
// is left, io.ErrUnexpectedEOF if too little is left, or the error of the reader.
func (in *input) need(n int) error {
	switch {
	case len(in.window()) >= n:
		return nil
	case in.err == nil:
		in.want = n
		return errMore
	case in.err != io.EOF || len(in.window()) == 0:
		return in.err
	}
	return io.ErrUnexpectedEOF
}

// more reads a chunk, unless the window is as long as the last call of need
// wanted. It may take several.
func (in *input) more() {
	if len(in.window()) >= in.want || in.err != nil {
		return
	}
	if c := in.next(); c != nil {
		in.join(c)
	} else {
		in.err = errClosed
	}
}

// await is need that reads on.
func (in *input) await(n int) error {
	for {
		if err := in.need(n); err != errMore {
			return err
		}
		in.more()
	}
}

// join puts c behind what is left of the window, which shall grow to want bytes.
// Bytes that frames given out may point to stay where they are.
func (in *input) join(c *chunk) {
	in.err = c.err
	old := in.cur
	if old == nil {
		in.cur, in.buf, in.pos, in.base = c, c.buf[:c.end], c.start, -int64(c.start)
		return
	}
	rest, more := len(in.window()), c.end-c.start
	if rest > more && len(old.buf)-old.end >= more {
		// The rest is the larger part: many small reads make up a large frame.
		copy(old.buf[old.end:], c.buf[c.start:c.end])
		old.end += more
		in.buf = old.buf[:old.end]
		in.release(c)
		return
	}
	if missing := in.want - rest - more; c.start < rest || missing > len(c.buf)-c.end {
		grown := make([]byte, max(chunkRoom, rest+more, in.want)+chunkSize)
		copy(grown[rest:], c.buf[c.start:c.end])
		c.buf, c.start, c.end = grown, rest, rest+more
	}
	c.start -= rest
	copy(c.buf[c.start:], in.window())
	in.base += int64(in.pos - c.start)
	in.cur, in.buf, in.pos = c, c.buf[:c.end], c.start
	in.release(old)
}

// window is what is there and not yet read.
func (in *input) window() []byte { return in.buf[in.pos:] }

// offset is where the window begins in the file, and end where it ends.
func (in *input) offset() int64 { return in.base + int64(in.pos) }
func (in *input) end() int64    { return in.base + int64(len(in.buf)) }

// close unblocks next. A goroutine ends with its current Read, which a deadline
// cuts short where the reader has them.
func (in *input) close() {
	in.once.Do(func() {
		close(in.done)
		if d, ok := in.src.(interface{ SetReadDeadline(time.Time) error }); ok {
			_ = d.SetReadDeadline(time.Unix(1, 0)) // not every file has deadlines
		}
	})
}

func regular(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode().IsRegular()
}
