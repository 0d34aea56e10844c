package pcapfile

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	chunkSize = 256 << 10 // bytes asked for by one read
	chunkRoom = 16 << 10  // room in front of them for the rest of the chunk before
	maxChunks = 4         // how far to read ahead of one reader
)

// A chunk holds what one read returned: buf[start:end].
type chunk struct {
	buf        []byte
	start, end int
	err        error // what the read returned beside the bytes
	refs       atomic.Int32
}

// An input reads ahead in a goroutine and shows the bytes read as one
// contiguous window. The goroutine is also what lets close unblock a wait for
// any kind of reader.
type input struct {
	src  io.Reader   // what the user gave
	r    io.Reader   // what is read: src, unpacked and followed
	full chan *chunk // filled, in order; closed after the last
	free chan *chunk
	done chan struct{}
	once sync.Once

	cur  *chunk
	data []byte // unread: a part of cur.buf
	base int64  // offset in the file of cur.buf[0]
	err  error  // why there is no chunk after cur
	turn func() // called before cur is left, if set
}

func newInput(src io.Reader, follow bool, chunks int) *input {
	in := &input{
		src:  src,
		full: make(chan *chunk, chunks),
		free: make(chan *chunk, chunks),
		done: make(chan struct{}),
	}
	for range chunks {
		in.free <- new(chunk)
	}
	if follow && endless(src) {
		src = &follower{r: src, done: in.done}
	}
	in.r = &unpacker{r: src}
	go in.fill()
	return in
}

// fill is the goroutine that reads.
func (in *input) fill() {
	defer close(in.full)
	for idle := 0; ; {
		var c *chunk
		select {
		case c = <-in.free:
		case <-in.done:
			return
		}
		if c.buf == nil {
			c.buf = make([]byte, chunkRoom+chunkSize)
		}
		n, err := in.r.Read(c.buf[chunkRoom:])
		if n == 0 && err == nil {
			if idle++; idle < 100 {
				in.free <- c
				continue
			}
			err = io.ErrNoProgress
		}
		idle = 0
		c.start, c.end, c.err = chunkRoom, chunkRoom+n, err
		c.refs.Store(1)
		select {
		case in.full <- c:
		case <-in.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// release gives up one reference to c.
func (in *input) release(c *chunk) {
	if c.refs.Add(-1) == 0 {
		in.free <- c // never blocks: free has room for every chunk
	}
}

// need makes the window at least n bytes long. Where the input ends before, it
// returns io.EOF if nothing is left, io.ErrUnexpectedEOF if too little is left,
// or the error of the reader.
func (in *input) need(n int) error {
	for len(in.data) < n {
		if in.err != nil {
			if in.err != io.EOF || len(in.data) == 0 {
				return in.err
			}
			return io.ErrUnexpectedEOF
		}
		if in.turn != nil {
			in.turn()
		}
		select {
		case c, ok := <-in.full:
			if !ok {
				in.err = errClosed
				continue
			}
			in.join(c, n)
		case <-in.done:
			in.err = errClosed
		}
	}
	return nil
}

// join puts c behind what is left of the window, which shall grow to n bytes.
// Bytes that frames given out may point to stay where they are.
func (in *input) join(c *chunk, n int) {
	in.err = c.err
	old := in.cur
	if old == nil {
		in.cur, in.data, in.base = c, c.buf[c.start:c.end], -int64(c.start)
		return
	}
	rest, more := len(in.data), c.end-c.start
	begin := old.end - rest // of the rest, in old
	if rest > more && len(old.buf)-old.end >= more {
		// The rest is the larger part: many small reads make up a large frame.
		copy(old.buf[old.end:], c.buf[c.start:c.end])
		old.end += more
		in.data = old.buf[begin:old.end]
		in.release(c)
		return
	}
	if c.start < rest || rest+more < n && len(c.buf)-c.end < n-rest-more {
		grown := make([]byte, max(chunkRoom, rest+more, n)+chunkSize)
		copy(grown[rest:], c.buf[c.start:c.end])
		c.buf, c.start, c.end = grown, rest, rest+more
	}
	copy(c.buf[c.start-rest:], in.data)
	c.start -= rest
	in.base += int64(begin - c.start)
	in.cur, in.data = c, c.buf[c.start:c.end]
	in.release(old)
}

// offset is where the window begins in the file.
func (in *input) offset() int64 {
	if in.cur == nil {
		return 0
	}
	return in.base + int64(in.cur.end-len(in.data))
}

// skip drops n bytes.
func (in *input) skip(n int64) error {
	for n > int64(len(in.data)) {
		n -= int64(len(in.data))
		in.data = in.data[len(in.data):]
		if err := in.need(1); err != nil {
			return err
		}
	}
	in.data = in.data[n:]
	return nil
}

// close unblocks need. The goroutine ends with its current Read, which a
// deadline cuts short where the reader has them.
func (in *input) close() {
	in.once.Do(func() {
		close(in.done)
		if d, ok := in.src.(interface{ SetReadDeadline(time.Time) error }); ok {
			_ = d.SetReadDeadline(time.Unix(1, 0)) // not every file has deadlines
		}
	})
}
