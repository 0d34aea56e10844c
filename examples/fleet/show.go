package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"unicode/utf8"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/examples/fleet/internal/order"
	"github.com/wstap/wstap/export/har"
	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// A shower shows batches.
type shower struct {
	o     *tailOptions
	out   *bufio.Writer
	text  *printer
	har   *har.Encoder
	file  *os.File // of har
	known func(tap, boot string, first, last uint64)

	decoder *jsonl.Decoder
	feed    feed
	conns   map[string]uint64 // numbers that are unique here, by connection
	last    uint64

	stops  int      // taps that stopped
	acks   []func() // of what was shown and is not yet flushed
	counts tailCounts
	err    error // the first: nothing is shown behind it
}

func (o *tailOptions) newShower(out *bufio.Writer) (*shower, error) {
	s := &shower{o: o, out: out, conns: map[string]uint64{}, text: &printer{whole: o.whole, quiet: o.quiet}}
	s.text.lines.W = out
	s.text.colours = cli.Colours(os.Stdout)
	s.decoder = jsonl.NewDecoder(&s.feed)
	if o.har != "" {
		f, err := os.Create(o.har)
		if err != nil {
			return nil, err
		}
		s.file, s.har = f, har.NewEncoder(f, &har.Config{Creator: "wstap fleet", Version: version()})
	}
	return s, nil
}

// batch shows the lines of a batch.
func (s *shower) batch(r *engine.Reading, it order.Item) {
	if s.err != nil {
		return // and not acknowledged: it comes again
	}
	if r.Wants(it.Batch) {
		for line := range bytes.Lines(it.Lines) {
			if s.err = s.line(it.Batch, line); s.err != nil {
				return
			}
		}
	}
	if it.Ack != nil {
		if s.acks = append(s.acks, it.Ack); len(s.acks) >= 500 {
			if s.err = s.out.Flush(); s.err == nil {
				s.ack()
			}
		}
	}
}

// ack acknowledges what has reached the output.
func (s *shower) ack() {
	for _, ack := range s.acks {
		ack()
	}
	s.acks = s.acks[:0]
}

// line shows one event.
func (s *shower) line(b *batch.Batch, line []byte) error {
	if b.Kind >= batch.Tap {
		return s.own(b, line)
	}
	if b.Kind == batch.Message && s.plain() {
		s.counts.messages++
	}
	if s.plain() {
		if !sound(line) {
			s.counts.unreadable++
			return nil
		}
		return s.write(line)
	}
	ev, err := s.decode(line)
	if err != nil || ev == nil {
		s.counts.unreadable++
		return nil
	}
	switch ev := ev.(type) {
	case *websocket.Message:
		if !s.o.selector.Message(ev) {
			return nil
		}
		s.counts.messages++
	case *websocket.Open:
		if !s.o.selector.Conn(ev.Conn) {
			return nil
		}
	case *websocket.Gap:
		if !s.o.selector.Conn(ev.Conn) {
			return nil
		}
	case *websocket.End:
		delete(s.conns, string(batch.Connection(line)))
		if !s.o.selector.Conn(ev.Conn) {
			return nil
		}
	}
	if s.har != nil {
		if err := s.har.Encode(ev); err != nil {
			return fmt.Errorf("--har: %w", err)
		}
	}
	if s.o.json {
		if !sound(line) {
			s.counts.unreadable++
			return nil
		}
		err = s.write(line)
	} else {
		err = s.text.event(b.Tap, s.feed.number, ev)
	}
	if err != nil {
		return errReaderGone
	}
	if _, ok := ev.(*websocket.Message); ok && s.o.count > 0 && s.counts.messages >= s.o.count {
		return errEnough
	}
	return nil
}

// plain says that lines need not be understood.
func (s *shower) plain() bool {
	return s.o.json && s.o.selector == nil && s.har == nil && s.o.count == 0
}

func (s *shower) write(line []byte) error {
	if _, err := s.out.Write(line); err != nil {
		return errReaderGone
	}
	return nil
}

// sound says that a line is JSON that may be shown on a terminal. Whoever may publish
// could have sent it.
func sound(line []byte) bool {
	if !json.Valid(line) {
		return false
	}
	for _, c := range line[:len(line)-1] {
		if c < ' ' || c == 0x7f {
			return false
		}
		if c >= utf8.RuneSelf {
			return soundRunes(line)
		}
	}
	return true
}

func soundRunes(line []byte) bool {
	for len(line) > 1 {
		r, n := utf8.DecodeRune(line)
		if r == utf8.RuneError && n == 1 || escape.Unsafe(r) {
			return false
		}
		line = line[n:]
	}
	return true
}

// own shows an event that tells of a tap.
func (s *shower) own(b *batch.Batch, line []byte) error {
	var ev ownEvent
	if err := json.Unmarshal(line, &ev); err != nil {
		s.counts.unreadable++
		return nil
	}
	if b.Kind == batch.Loss {
		s.counts.lost += ev.Events
		s.known(b.Tap, b.Boot, ev.First, ev.Last)
	}
	var err error
	switch {
	case s.o.json && !sound(line):
		s.counts.unreadable++
	case s.o.json:
		err = s.write(line)
	case ev.State == "alive":
	default:
		err = s.text.own(b, &ev)
	}
	if ev.State == "stop" {
		s.stops++
	}
	if err == nil && ev.State == "stop" && s.o.stopped != nil && s.o.stopped(s.stops) {
		return errEnough
	}
	return err
}

// missing shows that something is.
func (s *shower) missing(m order.Missing) {
	what := "events"
	if !m.Any {
		what = m.Kind.String() + " events of port " + strconv.Itoa(int(m.Port))
	}
	_ = s.out.Flush() // the next write says what is wrong
	say("MISSING %d %s of tap %s (boot %s)", m.N, what, m.Tap, m.Boot)
}

func (s *shower) close() error {
	err := s.err
	if errors.Is(err, errEnough) {
		err = nil
	}
	if s.har != nil {
		err = errors.Join(err, s.har.Close(), s.file.Close())
	}
	return err
}

// A feed gives a Decoder one line at a time.
type feed struct {
	line   []byte
	number uint64 // of the connection, at its tap
}

func (f *feed) Read(b []byte) (int, error) {
	if len(f.line) == 0 {
		return 0, io.ErrNoProgress // never: a line ends with its end
	}
	n := copy(b, f.line)
	f.line = f.line[n:]
	return n, nil
}

// decode returns the event of a line, with a connection whose number is unique here.
func (s *shower) decode(line []byte) (websocket.Event, error) {
	name := string(batch.Connection(line))
	var head struct{ Conn uint64 }
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, err
	}
	s.feed.number = head.Conn
	number := s.conns[name]
	if number == 0 {
		if len(s.conns) >= 1<<20 {
			clear(s.conns) // ends are missing
		}
		s.last++
		number = s.last
		s.conns[name] = number
	}
	field := []byte(`"conn":` + strconv.FormatUint(head.Conn, 10))
	i := bytes.Index(line, field)
	if name == "" || i < 0 {
		return nil, errors.New("a line without a connection")
	}
	changed := append([]byte(nil), line[:i+len(`"conn":`)]...)
	changed = strconv.AppendUint(changed, number, 10)
	s.feed.line = append(changed, line[i+len(field):]...)
	return s.decoder.Decode()
}
