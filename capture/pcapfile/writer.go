package pcapfile

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// A Format is a file format.
type Format uint8

// The formats that a Writer writes.
const (
	ByName Format = iota // Create: pcapng if the name ends in .pcapng, else pcap. NewWriter: pcap
	Pcap
	Pcapng
)

// DefaultFlushInterval is how long a frame stays in the buffer of a [Writer].
const DefaultFlushInterval = time.Second

// WriterConfig configures a [Writer]; nil means the zero WriterConfig. Negative
// values are errors.
type WriterConfig struct {
	Format Format // 0 means ByName
	// SnapLen is the limit of the frames' length that stands in the file; it cuts
	// nothing. 0 means capture.DefaultSnapLen, as tcpdump.
	SnapLen int
	// Microseconds stores times in microseconds, which readers of before 2013
	// ask for. False means nanoseconds: nothing is lost.
	Microseconds bool
	// FlushInterval is how long a frame may stay in the buffer. 0 means
	// DefaultFlushInterval.
	FlushInterval time.Duration

	// Queue is how many bytes of frames may wait for a file that is slower than
	// they come, in a goroutine of their own. Beyond it frames are left out, and
	// Writer.Lost counts them. 0 means no queue: WriteFrame waits for the file.
	Queue int
	// Rotate, if not nil, makes Create write one file after the other.
	Rotate *Rotation

	// Section is what a pcapng file says of itself. If all is empty, it names
	// wstap as the application.
	Section Section
	// Describe, if not nil, describes the interface of a frame to a pcapng file
	// when its first frame is written. Link is always the frame's.
	Describe func(*capture.Frame) Interface
}

// flushSize is how many bytes of whole records a Writer gathers.
const flushSize = 64 << 10

// A Writer writes a capture file. It hands over whole records only, so that the
// file is valid after each Write of the underlying writer. Its methods may be
// called from any goroutine.
type Writer struct {
	mu       sync.Mutex
	store    *store
	queue    *queue    // before the store; nil: none
	rotation *rotation // nil: one file
	cfg      WriterConfig
	link     decode.LinkType
	format   encoder
	buf      []byte // whole records
	written  int64  // bytes of the file before buf
	files    int64  // that were followed by another one
	queued   uint64 // frames in buf
	lost     uint64 // frames that found no room in the queue
	closed   bool
	after    *time.Timer // flushes
	armed    bool
}

// An encoder is the part of a Writer that depends on the format.
type encoder interface {
	// frame appends a record, and before it what else must stand there.
	frame(b []byte, f *capture.Frame, info *FrameInfo) ([]byte, error)
	// end appends what a file must not lack.
	end(b []byte) []byte
	// whole returns how long the whole records are that b begins with, and how
	// many frames they hold.
	whole(b []byte) (n int, frames uint64)
}

// Create creates a capture file; "-" is the standard output. A pcap file holds
// frames of one link type, link; a pcapng file those of any. A name that ends in
// .gz, or in .pcapng.gz, makes a file packed with gzip. The caller must Close the
// Writer.
func Create(name string, link decode.LinkType, cfg *WriterConfig) (*Writer, error) {
	c := WriterConfig{}
	if cfg != nil {
		c = *cfg
	}
	lower, gz := strings.CutSuffix(strings.ToLower(name), ".gz")
	if c.Format == ByName && strings.HasSuffix(lower, ".pcapng") {
		c.Format = Pcapng
	}
	if err := c.check(); err != nil {
		return nil, err // before a file is emptied
	}
	s := &store{gzip: gz}
	w := newWriter(s, link, &c)
	w.header()
	if c.Rotate != nil {
		if name == "-" {
			return nil, errors.New("pcapfile: the standard output cannot be rotated")
		}
		w.rotation = newRotation(name, *c.Rotate)
		if w.rotation.begin.IsZero() && c.Rotate.Interval > 0 {
			return w, nil // the first frame names the first file
		}
		name = w.rotation.first()
	}
	if name == "-" {
		s.w = os.Stdout
	} else if err := s.open(name); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		s.close()
		return nil, err
	}
	return w, nil
}

// NewWriter is Create for any io.Writer, which Close does not close; it is never
// rotated. The header is written at once.
func NewWriter(w io.Writer, link decode.LinkType, cfg *WriterConfig) (*Writer, error) {
	if cfg == nil {
		cfg = new(WriterConfig)
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	fw := newWriter(&store{w: w}, link, cfg)
	fw.header()
	if err := fw.Flush(); err != nil {
		return nil, err
	}
	return fw, nil
}

func newWriter(s *store, link decode.LinkType, cfg *WriterConfig) *Writer {
	w := &Writer{store: s, link: link, cfg: *cfg}
	if w.cfg.FlushInterval == 0 {
		w.cfg.FlushInterval = DefaultFlushInterval
	}
	if cfg.Queue > 0 {
		w.queue = newQueue(s, cfg.Queue)
	}
	w.after = time.AfterFunc(w.cfg.FlushInterval, func() { _ = w.flush(true) }) // the error is sticky
	w.after.Stop()
	return w
}

// header begins a file, which knows the interfaces that the one before knew. The
// caller holds mu, or is alone.
func (w *Writer) header() {
	buf := w.buf[:0]
	if buf == nil {
		buf = make([]byte, 0, flushSize+4096)
	}
	w.written = 0
	if w.cfg.Format == Pcapng {
		before, _ := w.format.(*pcapngEncoder)
		w.format, w.buf = newPcapngEncoder(buf, w.link, &w.cfg, before)
	} else {
		w.format, w.buf = newPcapEncoder(buf, w.link, &w.cfg)
	}
	format := w.format
	w.store.whole.Store(&format)
}

func (c *WriterConfig) check() error {
	switch {
	case c.Format > Pcapng:
		return fmt.Errorf("pcapfile: Format %d is none", c.Format)
	case c.SnapLen < 0 || c.SnapLen > math.MaxInt32:
		return fmt.Errorf("pcapfile: SnapLen of %d is not between 0 and %d", c.SnapLen, math.MaxInt32)
	case c.FlushInterval < 0:
		return fmt.Errorf("pcapfile: FlushInterval of %v is negative", c.FlushInterval)
	case c.Queue < 0:
		return fmt.Errorf("pcapfile: Queue of %d is negative", c.Queue)
	case c.Rotate != nil:
		return c.Rotate.check()
	}
	return nil
}

// WriteFrame adds one frame. It is buffered until Flush, Close, FlushInterval,
// or until 64 KiB have come together. An error of the underlying writer is
// returned by every later call.
func (w *Writer) WriteFrame(f *capture.Frame) error { return w.WriteFrameInfo(f, nil) }

// WriteFrameInfo is WriteFrame with what only pcapng files can hold; info may be
// nil.
func (w *Writer) WriteFrameInfo(f *capture.Frame, info *FrameInfo) error {
	if len(f.Data) > maxFrame {
		return fmt.Errorf("pcapfile: a frame of %d bytes is too long for a file", len(f.Data))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failed(); err != nil {
		return err
	}
	if w.rotation != nil {
		if err := w.rotate(f.Time); err != nil {
			return err
		}
	}
	if w.queue != nil && !w.queue.fits(len(w.buf)+len(f.Data)) {
		w.lost++
		return nil
	}
	b, err := w.format.frame(w.buf, f, info)
	if err != nil {
		return err
	}
	w.queued++
	return w.gathered(b)
}

// failed returns the error that every call returns. The caller holds mu.
func (w *Writer) failed() error {
	if w.closed {
		return fmt.Errorf("pcapfile: %w", os.ErrClosed)
	}
	return w.store.failed()
}

// gathered takes the longer buffer. The caller holds mu.
func (w *Writer) gathered(b []byte) error {
	w.buf = b
	if len(b) >= flushSize {
		return w.flushLocked()
	}
	if !w.armed {
		w.armed = true
		w.after.Reset(w.cfg.FlushInterval)
	}
	return nil
}

// Flush hands all that is buffered to the underlying writer, in one Write, or to
// the queue where there is one.
func (w *Writer) Flush() error { return w.flush(false) }

func (w *Writer) flush(timer bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if timer {
		w.armed = false
	}
	return w.flushLocked()
}

func (w *Writer) flushLocked() error {
	if err := w.failed(); err != nil || len(w.buf) == 0 || w.rotation.unnamed() {
		return err
	}
	b, frames := w.buf, w.queued
	w.queued = 0
	w.written += int64(len(b))
	if w.queue != nil {
		w.buf = w.queue.put(b, frames)
		return nil
	}
	w.buf = b[:0]
	return w.store.put(b, frames)
}

// Frames returns how many frames the underlying writer has taken whole. After
// Close without an error it is all of them but those that are Lost.
func (w *Writer) Frames() uint64 {
	return w.store.frames.Load()
}

// Lost returns how many frames were left out because [WriterConfig.Queue] was full.
func (w *Writer) Lost() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// Close flushes, waits for what is queued, and closes the file if Create opened it.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.after.Stop()
	if w.store.failed() == nil {
		w.buf = w.format.end(w.buf)
	}
	err := w.flushLocked()
	w.closed = true
	if w.queue != nil {
		w.queue.close()
		err = w.store.failed()
	}
	if cerr := w.store.close(); err == nil {
		err = cerr
	}
	return err
}
