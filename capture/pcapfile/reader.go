package pcapfile

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// Config configures a [Reader]; nil means the zero Config. Negative values are
// errors.
type Config struct {
	// Filter is a pcap-filter(7) expression. Frames that do not match are not
	// given out nor counted. Empty means every frame.
	Filter string
	// Follow waits for more where a file ends, as tail -f, until Close. It
	// looks ten times a second. A file that is renamed is followed on, and that
	// it became shorter is an error; [OpenName] goes by the name instead. False
	// ends with the file. Pipes and devices have an end of their own, which
	// Follow does not change.
	Follow bool
	// Workers is how many Sources Shards returns, at most 256. 0 means 1: all
	// frames come in the order of the file.
	Workers int
	// Secrets gets the lines of TLS key logs that a pcapng file holds in its
	// Decryption Secrets Blocks, as reading comes to them. With several workers
	// each writes all of them, at the same time. A *decrypt.KeyLog takes them. nil
	// leaves them out.
	Secrets io.Writer
}

// maxWorkers is that of live captures, too.
const maxWorkers = 256

// A Reader reads a capture file. It is a [capture.Sharded] source: the frames are
// slices of the read buffer, and reading allocates nothing per frame.
type Reader struct {
	// What is in it seldom changes, for all shards look at it.
	src       io.Reader // what the user gave
	unpacker  unpacker  // what is read: src, followed and unpacked
	file      *os.File  // to close, or nil
	name      string
	format    Format
	link      decode.LinkType
	snapLen   int
	bigEndian bool // the machine that wrote the file, as far as known
	workers   int
	secrets   io.Writer // Config.Secrets
	walker    *walker   // until Shards
	meta      meta
	pace      pace
	team      atomic.Pointer[team]   // after Shards, if there are several
	choice    atomic.Pointer[choice] // the filter, or nil
	closed    atomic.Bool
	done      chan struct{} // closed when closed is set
}

var _ capture.Source = (*walker)(nil)

// Open opens a capture file; "-" is the standard input. The caller must Close
// the Reader. Open waits for the file's header, as [NewReader] does.
func Open(name string, cfg *Config) (*Reader, error) {
	if name == "-" {
		return newReader(os.Stdin, nil, "standard input", cfg, nil)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return newReader(f, f, name, cfg, nil)
}

// NewReader reads a capture file from r, which may be a pipe: a frame is given
// out as soon as its last byte is there. NewReader waits for the file's header;
// who cannot wait makes r end, by closing it for instance, or lets NewReader wait
// in a goroutine of its own.
//
// [Reader.Close] ends a Read that waits. It does not close r; a Read of r that is
// under way then is cut short by a deadline in the past if r has a method
// SetReadDeadline that works, and goes on in the background otherwise.
func NewReader(r io.Reader, cfg *Config) (*Reader, error) {
	name := ""
	if f, ok := r.(interface{ Name() string }); ok {
		name = f.Name()
	}
	return newReader(r, nil, name, cfg, nil)
}

func newReader(src io.Reader, file *os.File, name string, cfg *Config, p *pursuit) (*Reader, error) {
	if cfg == nil {
		cfg = new(Config)
	}
	if cfg.Workers < 0 || cfg.Workers > maxWorkers {
		if file != nil {
			file.Close()
		}
		return nil, fmt.Errorf("pcapfile: Workers of %d is not between 0 and %d", cfg.Workers, maxWorkers)
	}
	r := &Reader{
		src:     src,
		file:    file,
		name:    name,
		workers: max(cfg.Workers, 1),
		secrets: cfg.Secrets,
		done:    make(chan struct{}),
	}
	r.pace.init()
	r.walker = &walker{r: r}
	r.unpacker.r = src
	follow := (cfg.Follow || p != nil) && endless(src)
	if follow {
		r.unpacker.r = &follower{r: src, done: r.done, pursuit: p}
	}
	r.walker.in.r, r.walker.in.ask = &lane{sequential{&r.unpacker}, 0, &r.pace, 0}, chunkSize
	// A plain file never lets the walker wait: where all processors have work
	// already, or each walker will read for itself, nothing is read ahead.
	if follow || !regular(src) || r.workers == 1 && runtime.GOMAXPROCS(0) > 1 {
		r.walker.in.r = r.readAhead()
	} else if r.workers > 1 {
		r.walker.in.ask = headSize
	}
	err := r.open()
	r.walker.in.ask = chunkSize
	if err == nil {
		err = r.SetFilter(cfg.Filter)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// readAhead begins to read in a goroutine.
func (r *Reader) readAhead() *tail {
	b := &broadcast{r: &r.unpacker, pace: &r.pace}
	go b.run()
	return &tail{broadcast: b}
}

// open finds out the format and reads the header.
func (r *Reader) open() error {
	w := r.walker
	switch err := w.in.await(4); {
	case err == io.EOF:
		return &Error{Name: r.name, Err: ErrEmpty}
	case err == io.ErrUnexpectedEOF:
		return w.cut("inside the file header")
	case err != nil:
		return w.failed(err)
	}
	if p, ok := newPcap(w); ok {
		r.format = Pcap
		return p.open()
	}
	if ng, ok := newPcapng(w); ok {
		r.format = Pcapng
		return ng.open()
	}
	return &Error{Name: r.name, Err: ErrFormat, Detail: describe(w.in.window())}
}

// Format returns the format of the file: Pcap or Pcapng.
func (r *Reader) Format() Format { return r.format }

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

// Read implements [capture.Source]. After a whole file it returns io.EOF, and
// after what is whole of a damaged one an *[Error]. Times are in UTC.
func (r *Reader) Read(fs []capture.Frame) (int, error) { return r.walker.Read(fs) }

// Info implements [capture.Source]. Its Name is that of the file, where it has
// one, and its names of interfaces are those read so far. A file is not live,
// and neither is a pipe, though its frames may be new: they wait for their reader.
func (r *Reader) Info() capture.Info {
	return capture.Info{Name: r.name, Link: r.link, SnapLen: r.snapLen, InterfaceName: r.meta.interfaceName}
}

// Stats implements capture.Source. Dropped is what a pcapng file's statistics
// and drop counts told so far, and Received includes it.
func (r *Reader) Stats() (capture.Stats, error) {
	n := r.walker.count.Load()
	if t := r.team.Load(); t != nil {
		for _, w := range t.walkers {
			n += w.count.Load()
		}
	}
	st := capture.Stats{Captured: n}
	st.Dropped, st.FirstDrop = r.meta.dropped()
	st.Received = n + st.Dropped
	return st, nil
}

// Stop implements [capture.Source]: no more of the file is read, and Read gives
// out the frames that are whole in what was read before. Shards end at the same
// place of the file.
func (r *Reader) Stop() error {
	if r.closed.Load() {
		return errClosed
	}
	r.pace.stop()
	return nil
}

// Close implements [capture.Source]. It closes the file if Open opened it.
func (r *Reader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	close(r.done)
	r.pace.close()
	if d, ok := r.src.(interface{ SetReadDeadline(time.Time) error }); ok {
		_ = d.SetReadDeadline(time.Unix(1, 0)) // not every file has deadlines
	}
	if r.file != nil {
		return r.file.Close()
	}
	return nil
}
