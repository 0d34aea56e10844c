package pcapfile

import (
	"errors"
	"io"
	"os"
)

const (
	chunkSize = 256 << 10 // bytes asked for by one read
	headSize  = 16 << 10  // the same for the header of a file that walkers read
	chunkRoom = 16 << 10  // room beside them for the rest of the chunk before
)

// errMore is what need returns where it takes another chunk.
var errMore = errors.New("pcapfile: more input is needed")

// An input shows the bytes read as one contiguous window.
type input struct {
	r    io.Reader // never returns 0, nil
	buf  []byte    // what was read
	pos  int       // where the window begins in it
	want int       // how long the window shall become
	ask  int       // bytes asked for by one read
	base int64     // offset in the file of buf[0]
	err  error     // why there is nothing after buf
}

// clone returns an input with the same window that goes on with r.
func (in *input) clone(r io.Reader) input {
	rest := in.window()
	buf := make([]byte, len(rest), len(rest)+chunkRoom+chunkSize)
	copy(buf, rest)
	return input{r: r, buf: buf, want: in.want, ask: chunkSize, base: in.offset(), err: in.err}
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
// wanted. It may take several. Frames given out lose their data.
func (in *input) more() {
	if len(in.window()) >= in.want || in.err != nil {
		return
	}
	if cap(in.buf)-len(in.buf) < in.ask {
		in.makeRoom()
	}
	end := len(in.buf)
	n, err := in.r.Read(in.buf[end:min(end+in.ask, cap(in.buf))])
	in.buf, in.err = in.buf[:end+n], err
}

// makeRoom moves what is left of the window to the front, or to a larger buffer.
func (in *input) makeRoom() {
	rest := in.window()
	in.base += int64(in.pos)
	buf := in.buf
	if most := max(len(rest), in.want); cap(buf) < most+in.ask {
		buf = make([]byte, most+chunkRoom+in.ask)
	}
	in.buf = buf[:copy(buf[:len(rest)], rest)]
	in.pos = 0
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

// window is what is there and not yet read.
func (in *input) window() []byte { return in.buf[in.pos:] }

// offset is where the window begins in the file, and end where it ends.
func (in *input) offset() int64 { return in.base + int64(in.pos) }
func (in *input) end() int64    { return in.base + int64(len(in.buf)) }

func regular(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode().IsRegular()
}
