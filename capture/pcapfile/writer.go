package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// WriterConfig configures a Writer; nil means the defaults.
type WriterConfig struct {
	// SnapLen is the limit of the frames' length that the file tells its
	// readers; it cuts nothing. 0 means 262144, as tcpdump.
	SnapLen int
	// Microseconds stores times in microseconds, which readers of before 2013
	// ask for. False means nanoseconds: nothing is lost.
	Microseconds bool
}

// flushSize is how many bytes of whole records a Writer gathers.
const flushSize = 64 << 10

// A Writer writes a capture file. It hands over whole records only, so that the
// file is valid after each Write of the underlying writer. A Writer must not be
// used from two goroutines at once.
type Writer struct {
	w    io.Writer
	file *os.File // to close, or nil
	link decode.LinkType
	unit int // nanoseconds of a timestamp's fraction
	buf  []byte
	size int64 // bytes handed over
	err  error // sticky
}

// Create creates a pcap file of frames of one link type; "-" is the standard
// output. The caller must Close the Writer.
func Create(name string, link decode.LinkType, cfg *WriterConfig) (*Writer, error) {
	if name == "-" {
		return NewWriter(os.Stdout, link, cfg)
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	w, err := NewWriter(f, link, cfg)
	if err != nil {
		f.Close()
		return nil, err
	}
	w.file = f
	return w, nil
}

// NewWriter writes the file header of a pcap file of frames of one link type.
func NewWriter(w io.Writer, link decode.LinkType, cfg *WriterConfig) (*Writer, error) {
	if cfg == nil {
		cfg = new(WriterConfig)
	}
	pw := &Writer{w: w, link: link, unit: 1}
	magic, snaplen := uint32(magicNano), uint32(262144)
	if cfg.Microseconds {
		magic, pw.unit = magicMicro, 1000
	}
	if cfg.SnapLen > 0 {
		snaplen = uint32(cfg.SnapLen)
	}
	le := binary.LittleEndian
	b := le.AppendUint32(make([]byte, 0, flushSize), magic)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, snaplen)
	pw.buf = le.AppendUint32(b, uint32(link))
	return pw, pw.Flush()
}

// WriteFrame adds one frame. It is buffered until Flush, Close, or until 64 KiB
// have come together. An error of the underlying writer is returned by every
// later call.
func (w *Writer) WriteFrame(f *capture.Frame) error {
	switch {
	case w.err != nil:
		return w.err
	case f.Link != w.link:
		return fmt.Errorf("pcapfile: a frame of type %v in a file of type %v", f.Link, w.link)
	case len(f.Data) > maxFrame:
		return fmt.Errorf("pcapfile: a frame of %d bytes", len(f.Data))
	}
	le := binary.LittleEndian
	b := le.AppendUint32(w.buf, uint32(f.Time.Unix()))
	b = le.AppendUint32(b, uint32(f.Time.Nanosecond()/w.unit))
	b = le.AppendUint32(b, uint32(len(f.Data)))
	b = le.AppendUint32(b, uint32(max(f.Length, len(f.Data))))
	w.buf = append(b, f.Data...)
	if len(w.buf) >= flushSize {
		return w.Flush()
	}
	return nil
}

// Flush hands all that is buffered to the underlying writer, in one Write.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	n, err := w.w.Write(w.buf)
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = err
		if w.file != nil && n > 0 {
			// The disk is full: do not leave half a record behind.
			_ = w.file.Truncate(w.size) // the file may be a pipe or device
		}
		return err
	}
	w.size += int64(n)
	w.buf = w.buf[:0]
	return nil
}

// Close flushes, and closes the file if Create opened it.
func (w *Writer) Close() error {
	if errors.Is(w.err, os.ErrClosed) {
		return nil
	}
	err := w.Flush()
	if w.file != nil {
		err = errors.Join(err, w.file.Close())
	}
	w.err = fmt.Errorf("pcapfile: %w", os.ErrClosed)
	return err
}
