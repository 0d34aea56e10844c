package jsonl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/wstap/wstap/websocket"
)

const (
	// maxLine bounds a line in bytes: the longest message of a tap's defaults,
	// with each of its bytes as an escape.
	maxLine = 6*64<<20 + 1<<20
	// maxConns bounds how many connections are remembered between lines.
	maxConns = 1 << 20
)

// ErrTooLong is the error of a line that no Encoder would write.
var ErrTooLong = errors.New("line too long")

// A LineError tells which line is wrong. It wraps io.ErrUnexpectedEOF where the
// last line has no end, as of a file that is still written to.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("jsonl: line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// A Decoder reads events back from the lines of an [Encoder]. It is for one
// goroutine at a time.
type Decoder struct {
	r     *bufio.Reader
	line  int
	max   int // bytes of a line
	buf   []byte
	conns map[uint64]*websocket.Conn
	err   error // of the reader
}

// NewDecoder returns a Decoder that reads from r, and more than it needs at a
// time.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{r: bufio.NewReaderSize(r, 64<<10), max: maxLine, conns: make(map[uint64]*websocket.Conn)}
}

// Decode returns the next event, which belongs to the caller, and io.EOF behind
// the last. Events of one connection share its Conn. Kinds of events that it does
// not know, and empty lines, are passed over. Behind a [*LineError], that line is
// passed over by the next call; any other error stays.
//
// What a line does not say is zero: a payload that was left out, and secrets are
// "***" where they were written so.
func (d *Decoder) Decode() (websocket.Event, error) {
	for {
		line, err := d.next()
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			continue
		}
		ev, err := d.event(line)
		if err != nil {
			return nil, &LineError{d.line, err}
		}
		if ev != nil {
			return ev, nil
		}
	}
}

// All yields the events to the end, or to an error, which comes last with a nil
// Event: what [Encoder.EncodeAll] takes.
func (d *Decoder) All() iter.Seq2[websocket.Event, error] {
	return func(yield func(websocket.Event, error) bool) {
		for {
			ev, err := d.Decode()
			if err == io.EOF || !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// next returns a line without its end, lent until the next one.
func (d *Decoder) next() ([]byte, error) {
	if d.err != nil {
		return nil, d.err
	}
	d.line++
	d.buf = d.buf[:0]
	long := false
	for {
		part, err := d.r.ReadSlice('\n')
		if long = long || len(d.buf)+len(part) > d.max; !long {
			d.buf = append(d.buf, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == nil && long:
			return nil, &LineError{d.line, ErrTooLong}
		case err == nil:
			return bytes.TrimSpace(d.buf), nil
		}
		d.err = err
		if err == io.EOF && len(bytes.TrimSpace(d.buf)) > 0 {
			// A whole object without its line's end is as good as one with it.
			if json.Valid(d.buf) {
				return bytes.TrimSpace(d.buf), nil
			}
			return nil, &LineError{d.line, io.ErrUnexpectedEOF}
		}
		return nil, err
	}
}
