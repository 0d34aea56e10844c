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
	mu     sync.Mutex
	w      io.Writer
	file   *os.File // to close, or nil
	format encoder
	buf    []byte      // whole records
	size   int64       // bytes handed over
	frames uint64      // handed over
	queued uint64      // frames in buf
	err    error       // sticky
	after  *time.Timer // flushes
	every  time.Duration
	armed  bool
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
// frames of one link type, link; a pcapng file those of any. The caller must
// Close the Writer.
func Create(name string, link decode.LinkType, cfg *WriterConfig) (*Writer, error) {
	c := WriterConfig{}
	if cfg != nil {
		c = *cfg
	}
	if c.Format == ByName && strings.HasSuffix(strings.ToLower(name), ".pcapng") {
		c.Format = Pcapng
	}
	if err := c.check(); err != nil {
		return nil, err // before a file is emptied
	}
	if name == "-" {
		return NewWriter(os.Stdout, link, &c)
	}
	// Not os.Create, which opens for reading too: then a named pipe would never
	// tell that its reader has gone.
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, err
	}
	w, err := NewWriter(f, link, &c)
	if err != nil {
		f.Close()
		return nil, err
	}
	w.file = f
	return w, nil
}

// NewWriter is Create for any io.Writer, which Close does not close. The header
// is written at once.
func NewWriter(w io.Writer, link decode.LinkType, cfg *WriterConfig) (*Writer, error) {
	if cfg == nil {
		cfg = new(WriterConfig)
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	fw := &Writer{w: w, every: cfg.FlushInterval}
	if fw.every == 0 {
		fw.every = DefaultFlushInterval
	}
	buf := make([]byte, 0, flushSize+4096)
	if cfg.Format == Pcapng {
		fw.format, fw.buf = newPcapngEncoder(buf, link, cfg)
	} else {
		fw.format, fw.buf = newPcapEncoder(buf, link, cfg)
	}
	if err := fw.Flush(); err != nil {
		return nil, err
	}
	fw.after = time.AfterFunc(fw.every, func() { _ = fw.flush(true) }) // the error is sticky
	fw.after.Stop()
	return fw, nil
}

func (c *WriterConfig) check() error {
	switch {
	case c.Format > Pcapng:
		return fmt.Errorf("pcapfile: Format %d is none", c.Format)
	case c.SnapLen < 0 || c.SnapLen > math.MaxInt32:
		return fmt.Errorf("pcapfile: SnapLen of %d is not between 0 and %d", c.SnapLen, math.MaxInt32)
	case c.FlushInterval < 0:
		return fmt.Errorf("pcapfile: FlushInterval of %v is negative", c.FlushInterval)
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
	if w.err != nil {
		return w.err
	}
	b, err := w.format.frame(w.buf, f, info)
	if err != nil {
		return err
	}
	w.queued++
	return w.gathered(b)
}

// gathered takes the longer buffer. The caller holds mu.
func (w *Writer) gathered(b []byte) error {
	w.buf = b
	if len(b) >= flushSize {
		return w.flushLocked()
	}
	if !w.armed {
		w.armed = true
		w.after.Reset(w.every)
	}
	return nil
}

// Flush hands all that is buffered to the underlying writer, in one Write.
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
	if w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	n, err := w.w.Write(w.buf)
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = err
		whole, frames := w.format.whole(w.buf[:n])
		w.size += int64(whole)
		w.frames += frames
		if w.file != nil && whole < n {
			// The disk is full: do not leave half a record behind.
			_ = w.file.Truncate(w.size) // the file may be a pipe or a device
		}
		return err
	}
	w.size += int64(n)
	w.frames += w.queued
	w.buf, w.queued = w.buf[:0], 0
	return nil
}

// Frames returns how many frames the underlying writer has taken whole. After
// Close without an error it is all of them.
func (w *Writer) Frames() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.frames
}

// Close flushes, and closes the file if Create opened it.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.err, os.ErrClosed) {
		return nil
	}
	w.after.Stop()
	if w.err == nil {
		w.buf = w.format.end(w.buf)
	}
	err := w.flushLocked()
	if w.file != nil {
		if cerr := w.file.Close(); err == nil {
			err = cerr
		}
	}
	w.err = fmt.Errorf("pcapfile: %w", os.ErrClosed)
	return err
}
