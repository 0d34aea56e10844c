package pcapfile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// Config configures a Reader; nil means the defaults.
type Config struct {
	// Filter is a pcap-filter(7) expression. Frames that do not match are not
	// given out nor counted. Empty means every frame.
	Filter string
	// Follow waits for more where a file ends, as tail -f, until Close. It
	// looks ten times a second. A file that is renamed is followed on, and that
	// it became shorter is an error. False ends with the file. Pipes and
	// devices have an end of their own, which Follow does not change.
	Follow bool
	// Workers is how many Sources Shards returns. 0 means 1: all frames come in
	// the order of the file.
	Workers int
	// Context closes the Reader when it is done, also while Open and NewReader
	// wait for the header. Nil means never.
	Context context.Context
}

// A Reader reads a capture file. It is a capture.Source: Next's frames are
// slices of the read buffer, and reading allocates nothing per frame.
type Reader struct {
	in        *input
	file      *os.File // to close, or nil
	name      string
	link      decode.LinkType
	bigEndian bool        // the machine that wrote the file, as far as known
	stop      func() bool // forgets Config.Context
	workers   int
	dealer    atomic.Pointer[dealer]    // after Shards, if there is more than one
	selection atomic.Pointer[selection] // the filter, or nil
	format    format
	closed    atomic.Bool // looked at for each frame by every shard: what changes as often is a cache line away
	_         [64]byte

	entries [64]entry
	ahead   []entry // those that are not given out
	err     error   // sticky
	count   atomic.Uint64
	meta    meta

	// Of the last frame, if it came from a pcapng file.
	options     []byte
	optionOrder binary.ByteOrder
	drops       uint64
}

var _ capture.Source = (*Reader)(nil)

// Open opens a capture file; "-" is the standard input. The caller must Close
// the Reader.
func Open(name string, cfg *Config) (*Reader, error) {
	if name == "-" {
		return newReader(os.Stdin, nil, "standard input", cfg)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return newReader(f, f, name, cfg)
}

// NewReader reads a capture file from r, which may be a pipe: a frame is given
// out as soon as its last byte is there. NewReader waits for the file's header.
//
// Close makes Next return at once. It does not close r; a Read of r that is
// under way then is cut short by a deadline in the past if r has a method
// SetReadDeadline that works, and goes on in the background otherwise.
func NewReader(r io.Reader, cfg *Config) (*Reader, error) {
	name := ""
	if f, ok := r.(*os.File); ok {
		name = f.Name()
	}
	return newReader(r, nil, name, cfg)
}

func newReader(src io.Reader, file *os.File, name string, cfg *Config) (*Reader, error) {
	if cfg == nil {
		cfg = new(Config)
	}
	workers := max(cfg.Workers, 1)
	chunks, busy := maxChunks, runtime.GOMAXPROCS(0) <= workers
	if workers > 1 {
		chunks += workers * shardChunks
	}
	r := &Reader{in: newInput(src, cfg.Follow, busy, chunks), file: file, name: name, workers: workers}
	if cfg.Context != nil {
		r.stop = context.AfterFunc(cfg.Context, func() { _ = r.shut() })
	}
	err := r.open()
	if err == nil {
		err = r.SetFilter(cfg.Filter)
	}
	if err != nil {
		r.Close()
		if cfg.Context != nil && cfg.Context.Err() != nil {
			err = cfg.Context.Err()
		}
		return nil, err
	}
	return r, nil
}

// open finds out the format and reads the header.
func (r *Reader) open() error {
	switch err := r.in.await(4); {
	case err == io.EOF:
		return &Error{Name: r.name, Err: ErrEmpty}
	case err == io.ErrUnexpectedEOF:
		return r.cut("inside the file header")
	case err != nil:
		return r.failed(err)
	}
	if p, ok := newPcap(r); ok {
		return p.open()
	}
	if ng, ok := newPcapng(r); ok {
		return ng.open()
	}
	return &Error{Name: r.name, Err: ErrFormat, Detail: describe(r.in.window())}
}

// describe says what the beginning of a foreign file looks like.
func describe(b []byte) string {
	for _, k := range []struct{ magic, name string }{
		{"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"},
		{"\xfd7zX", "compressed with xz: unpack it first"},
		{"BZh", "compressed with bzip2: unpack it first"},
		{"PK\x03\x04", "a zip archive: unpack it first"},
		{"snoo", "a snoop file"},
	} {
		if string(b[:len(k.magic)]) == k.magic {
			return k.name
		}
	}
	return fmt.Sprintf("it begins with %q", b[:4])
}

// cut is the error of a file that ends too early.
func (r *Reader) cut(where string) error {
	return &Error{Name: r.name, Offset: r.in.end(), Err: ErrCut, Detail: where}
}

// corrupt is the error of a record or block that begins at offset.
func (r *Reader) corrupt(offset int64, format string, args ...any) error {
	return &Error{Name: r.name, Offset: offset, Err: ErrCorrupt, Detail: fmt.Sprintf(format, args...)}
}

// failed is the error for one of the input.
func (r *Reader) failed(err error) error {
	if err == errMore {
		return err
	}
	var z *gzipError
	switch {
	case !errors.As(err, &z):
		return err
	case z.err == io.ErrUnexpectedEOF:
		return r.cut("unpacked, inside the gzip stream")
	default:
		return r.corrupt(r.in.end(), "unpacked: %v", z.err)
	}
}

// Next implements capture.Source. After a whole file it returns io.EOF, and
// after what is whole of a damaged one an *Error. Times are in UTC.
func (r *Reader) Next(f *capture.Frame) error {
	for !r.closed.Load() {
		if len(r.ahead) == 0 {
			if err := r.parse(); err != nil {
				return err
			}
			continue
		}
		e := &r.ahead[0]
		r.ahead = r.ahead[1:]
		if ok, err := r.selects(e); err != nil {
			r.err, r.ahead = err, nil
			continue
		} else if !ok {
			continue
		}
		e.frame(f, r.in.buf)
		r.count.Add(1)
		return nil
	}
	return errClosed
}

// parse puts the frames that the input holds whole in r.ahead, some at a time,
// or else reads more. Its error is sticky.
func (r *Reader) parse() error {
	if r.err != nil {
		return r.err
	}
	n, err := r.format.next(r.entries[:])
	switch err {
	case nil:
		r.ahead = r.entries[:n]
	case errMore:
		r.in.more()
	default:
		r.err = err
	}
	return r.err
}

// Ready says that Next need not wait for the input: the next frame is there. It
// may say no of one that a filter has not seen yet.
func (r *Reader) Ready() bool {
	if r.selection.Load() == nil {
		return len(r.ahead) > 0 || r.format.whole()
	}
	for len(r.ahead) > 0 {
		if ok, err := r.selects(&r.ahead[0]); ok || err != nil {
			return true
		}
		r.ahead = r.ahead[1:]
	}
	return false
}

// LinkType implements capture.Source.
func (r *Reader) LinkType() decode.LinkType { return r.link }

// Stats implements capture.Source. Dropped is what a pcapng file's statistics
// and drop counts told so far, and Received includes it.
func (r *Reader) Stats() (capture.Stats, error) {
	n := r.count.Load()
	if d := r.dealer.Load(); d != nil {
		for i := range d.hands {
			n += d.hands[i].shard.count.Load()
		}
	}
	st := capture.Stats{Captured: n}
	st.Dropped, st.FirstDrop = r.meta.dropped()
	st.Received = n + st.Dropped
	return st, nil
}

// Close implements capture.Source.
func (r *Reader) Close() error {
	if r.stop != nil {
		r.stop()
	}
	return r.shut()
}

func (r *Reader) shut() error {
	if r.closed.Swap(true) {
		return nil
	}
	r.in.close()
	if r.file != nil {
		return r.file.Close()
	}
	return nil
}
