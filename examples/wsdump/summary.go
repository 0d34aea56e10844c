package main

import (
	"cmp"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// A summary tells each connection in one line, when it ends and, of those that go
// on, at the end and when asked.
type summary struct {
	opt   *options
	out   io.Writer
	times stamper
	paint palette
	table bool // on a terminal: rows wait for the end, to be sorted

	mu   sync.Mutex // a signal asks while events come
	open map[uint64]*tally
	rows []*tally
}

// maxRows bounds the rows that wait to be sorted.
const maxRows = 10000

// A tally is what a connection did.
type tally struct {
	conn         *websocket.Conn
	opened, last time.Time
	sides        [2]sideTally
	closing      *websocket.Closing // the first close frame
	cause        websocket.Cause
	trips        int
	tripSum      time.Duration // of pings
}

type sideTally struct {
	messages        uint64
	bytes, lost     int64
	largest         int
	first, lastTime time.Time
}

func newSummary(o *options, out io.Writer) *summary {
	s := &summary{
		opt: o, out: out, open: make(map[uint64]*tally), table: !o.json && cli.IsTerminal(os.Stdout),
		times: stamper{form: o.times, nano: o.nano, zone: time.Local},
	}
	if cli.Colours(os.Stdout) {
		s.paint = colours
	}
	return s
}

// Encode counts an event.
func (s *summary) Encode(ev websocket.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch ev := ev.(type) {
	case *websocket.Open:
		s.tally(ev.Conn, ev.Time)
	case *websocket.Message:
		s.tally(ev.Conn, ev.Start).message(ev)
	case *websocket.Gap:
		t := s.tally(ev.Conn, ev.Time)
		t.sides[ev.From&1].lost += ev.Bytes
		t.last = ev.Time
	case *websocket.End:
		t := s.tally(ev.Conn, ev.Time)
		t.last, t.cause = ev.Time, ev.Cause
		if len(ev.Closing) > 0 {
			t.closing = &ev.Closing[0]
		}
		delete(s.open, ev.Conn.Number)
		return s.tell(t)
	}
	return nil
}

func (s *summary) tally(c *websocket.Conn, at time.Time) *tally {
	t := s.open[c.Number]
	if t == nil {
		t = &tally{conn: c, opened: at, last: at}
		s.open[c.Number] = t
	}
	return t
}

func (t *tally) message(m *websocket.Message) {
	side := &t.sides[m.From&1]
	if side.messages == 0 {
		side.first = m.Time
	}
	side.messages++
	side.bytes += int64(len(m.Payload))
	side.largest = max(side.largest, len(m.Payload))
	side.lastTime, t.last = m.Time, m.Time
	if m.Opcode == websocket.Close && t.closing == nil { // an end may never come
		code, reason := m.CloseStatus()
		t.closing = &websocket.Closing{Time: m.Time, From: m.From, Code: code, Reason: reason}
	}
	if m.RoundTrip > 0 {
		t.trips++
		t.tripSum += m.RoundTrip
	}
}

// rate returns messages a second between the first and the last.
func (s *sideTally) rate() float64 {
	d := s.lastTime.Sub(s.first).Seconds()
	if s.messages < 2 || d <= 0 {
		return 0
	}
	return float64(s.messages-1) / d
}

// tell writes the line of a connection that ended, or keeps it for the table.
func (s *summary) tell(t *tally) error {
	if !s.table || len(s.rows) >= maxRows {
		return s.write(t)
	}
	s.rows = append(s.rows, t)
	return nil
}

// Show writes the connections that go on, in the table those that ended too.
func (s *summary) Show() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := slices.Collect(maps.Values(s.open))
	rows = append(rows, s.rows...)
	slices.SortFunc(rows, func(a, b *tally) int {
		if s.table { // what says most comes first
			if c := cmp.Compare(b.bytes(), a.bytes()); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.conn.Number, b.conn.Number)
	})
	for _, t := range rows {
		if err := s.write(t); err != nil {
			return err
		}
	}
	return nil
}

// Close shows what has not been shown.
func (s *summary) Close() error { return s.Show() }

func (t *tally) bytes() int64 { return t.sides[0].bytes + t.sides[1].bytes }

func (t *tally) largest() int { return max(t.sides[0].largest, t.sides[1].largest) }

func (s *summary) write(t *tally) error {
	var b []byte
	if s.opt.json {
		b = s.object(t)
	} else {
		b = s.line(t)
	}
	_, err := s.out.Write(b)
	return err
}

// line is made for eyes, and its columns for a terminal.
func (s *summary) line(t *tally) []byte {
	c := t.conn
	if !s.opt.secrets {
		c = c.Masked()
	}
	b := append([]byte(nil), s.paint.dim...)
	b = s.times.append(b, t.opened)
	b = append(b, '#')
	b = strconv.AppendUint(b, c.Number, 10)
	b = append(b, s.paint.off...)
	b = append(b, ' ')
	b = c.Client.AppendTo(b)
	b = append(b, " -- "...)
	b = c.Server.AppendTo(b)
	b = append(b, ' ')
	b = appendDuration(b, t.last.Sub(t.opened))
	for dir, side := range t.sides {
		paint, arrow := s.paint.client, " -> "
		if websocket.Direction(dir) == websocket.FromServer {
			paint, arrow = s.paint.server, " <- "
		}
		b = append(append(append(b, paint...), arrow...), s.paint.off...)
		b = append(b, cli.Quantity(side.messages, "message")...)
		b = append(b, ' ')
		b = append(b, cli.Quantity(uint64(side.bytes), "byte")...)
		if r := side.rate(); r > 0 {
			b = strconv.AppendFloat(append(b, " ("...), r, 'f', max(0, 2-int(math.Log10(max(r, 1)))), 64)
			b = append(b, "/s)"...)
		}
	}
	b = strconv.AppendInt(append(b, " largest "...), int64(t.largest()), 10)
	if t.trips > 0 {
		b = appendDuration(append(b, " round trip "...), t.tripSum/time.Duration(t.trips))
	}
	if lost := t.sides[0].lost + t.sides[1].lost; lost > 0 {
		b = append(append(b, ' '), s.paint.warn...)
		b = strconv.AppendInt(b, lost, 10)
		b = append(append(b, " bytes lost"...), s.paint.off...)
	}
	if m := t.closing; m != nil {
		code, reason := m.Code, m.Reason
		b = append(append(append(b, ' '), m.From.String()...), " closed "...)
		b = strconv.AppendInt(b, int64(code), 10)
		if reason != "" {
			b = escape.Append(append(b, ' '), reason)
		}
	}
	b = append(b, ' ')
	if t.cause == "" {
		b = append(b, "open"...)
	} else {
		b = escape.Append(b, string(t.cause))
	}
	b = append(b, ' ')
	if c.Midstream {
		b = append(b, "(found mid-stream)"...)
	} else {
		b = strconv.AppendInt(b, int64(c.Status), 10)
		b = escape.Append(append(b, ' '), c.URL)
	}
	return append(b, '\n')
}

// appendDuration appends a duration with three digits that count.
func appendDuration(b []byte, d time.Duration) []byte {
	unit := time.Nanosecond
	for unit*1000 <= d.Abs() {
		unit *= 10
	}
	return append(b, d.Round(unit).String()...)
}

// object is the same for programs.
func (s *summary) object(t *tally) []byte {
	c := t.conn
	if !s.opt.secrets {
		c = c.Masked()
	}
	b := []byte(`{"event":"summary","time":"`)
	b = t.last.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","start":"`...)
	b = t.opened.UTC().AppendFormat(b, time.RFC3339Nano)
	b = strconv.AppendUint(append(b, `","conn":`...), c.Number, 10)
	b = escape.AppendJSON(append(b, `,"client":`...), c.Client.String())
	b = escape.AppendJSON(append(b, `,"server":`...), c.Server.String())
	b = escape.AppendJSON(append(b, `,"url":`...), c.URL)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(c.Status), 10)
	b = strconv.AppendFloat(append(b, `,"duration":`...), t.last.Sub(t.opened).Seconds(), 'f', -1, 64)
	for _, f := range []struct {
		name string
		of   func(*sideTally) float64
	}{
		{"messages", func(s *sideTally) float64 { return float64(s.messages) }},
		{"bytes", func(s *sideTally) float64 { return float64(s.bytes) }},
		{"largest", func(s *sideTally) float64 { return float64(s.largest) }},
		{"rate", (*sideTally).rate},
		{"lost", func(s *sideTally) float64 { return float64(s.lost) }},
	} {
		b = append(append(append(b, `,"`...), f.name...), `":{"client":`...)
		b = strconv.AppendFloat(b, f.of(&t.sides[websocket.FromClient]), 'f', -1, 64)
		b = strconv.AppendFloat(append(b, `,"server":`...), f.of(&t.sides[websocket.FromServer]), 'f', -1, 64)
		b = append(b, '}')
	}
	if t.trips > 0 {
		b = strconv.AppendFloat(append(b, `,"round_trip":`...), (t.tripSum / time.Duration(t.trips)).Seconds(), 'f', -1, 64)
	}
	if m := t.closing; m != nil {
		code, reason := m.Code, m.Reason
		b = append(append(append(b, `,"closed_by":"`...), m.From.String()...), `","code":`...)
		b = strconv.AppendInt(b, int64(code), 10)
		if utf8.ValidString(reason) {
			b = escape.AppendJSON(append(b, `,"reason":`...), reason)
		}
	}
	if t.cause == "" {
		b = append(b, `,"open":true`...)
	} else {
		b = escape.AppendJSON(append(b, `,"cause":`...), string(t.cause))
	}
	if c.Midstream {
		b = append(b, `,"midstream":true`...)
	}
	return append(b, "}\n"...)
}
