package main

import (
	"encoding/binary"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// shownBytes is how much of a payload is shown without -A.
const shownBytes = 512

// A printer writes lines for eyes: those of wsdump, with the tap's name.
type printer struct {
	lines        escape.Lines
	buf          []byte
	whole, quiet bool
	colours      bool
}

// ownEvent is an event that tells of a tap.
type ownEvent struct {
	Time        time.Time
	State       string
	Reason      string
	Source      string
	Filter      string
	BeforeEnded string `json:"before_ended"`
	Events      uint64
	Messages    uint64
	Lost        uint64
	Dropped     uint64 `json:"packets_dropped"`
	Since       time.Time
	First       uint64 `json:"first_seq"`
	Last        uint64 `json:"last_seq"`
}

// prefix appends what every line begins with.
func (p *printer) prefix(b []byte, t time.Time, tap string) []byte {
	b = t.Local().AppendFormat(b, "15:04:05.000000 ")
	if p.colours {
		b = append(b, "\x1b[35m"...)
	}
	b = append(b, tap...)
	if p.colours {
		b = append(b, "\x1b[0m"...)
	}
	return b
}

func (p *printer) ends(b []byte, number uint64, c *websocket.Conn, arrow string) []byte {
	b = strconv.AppendUint(append(b, " #"...), number, 10)
	b = c.Client.AppendTo(append(b, ' '))
	b = append(b, arrow...)
	return c.Server.AppendTo(b)
}

func arrow(d websocket.Direction) string {
	if d == websocket.FromServer {
		return " <- "
	}
	return " -> "
}

// event writes the line of an event; number is that of the connection at its tap.
func (p *printer) event(tap string, number uint64, ev websocket.Event) error {
	b := p.buf[:0]
	switch ev := ev.(type) {
	case *websocket.Open:
		b = p.ends(p.prefix(b, ev.Time, tap), number, ev.Conn, " -> ")
		if ev.Conn.Midstream {
			b = append(b, " open, found mid-stream"...)
			break
		}
		b = strconv.AppendInt(append(b, " open "...), int64(ev.Conn.Status), 10)
		b = escape.Append(append(b, ' '), ev.Conn.Method)
		b = escape.Append(append(b, ' '), ev.Conn.URL)
	case *websocket.Message:
		b = p.ends(p.prefix(b, ev.Time, tap), number, ev.Conn, arrow(ev.From))
		b = p.message(b, ev)
	case *websocket.Gap:
		b = p.ends(p.prefix(b, ev.Time, tap), number, ev.Conn, arrow(ev.From))
		b = strconv.AppendInt(append(b, " gap, "...), ev.Bytes, 10)
		b = append(b, " bytes lost"...)
	case *websocket.End:
		b = p.ends(p.prefix(b, ev.Time, tap), number, ev.Conn, " -- ")
		b = escape.Append(append(b, " end "...), string(ev.Cause))
	}
	p.buf = append(b, '\n')
	return p.lines.Write(p.buf)
}

func (p *printer) message(b []byte, m *websocket.Message) []byte {
	b = append(append(b, ' '), m.Opcode.String()...)
	b = strconv.AppendInt(append(b, ' '), int64(len(m.Payload)), 10)
	if m.Compressed {
		b = strconv.AppendInt(append(b, " (compressed "...), m.WireLength, 10)
		b = append(b, ')')
	}
	for _, f := range [...]struct {
		set  bool
		word string
	}{
		{m.Unknown > 0, cli.Quantity(uint64(m.Unknown), "byte") + " unknown"},
		{m.Truncated, "truncated"}, {m.Undecoded, "undecoded"}, {m.Conflict, "conflict"}, {m.Midstream, "midstream"},
		{m.InvalidUTF8, "invalid UTF-8"}, {m.BadMask, "bad mask"}, {m.Copy, "copy"},
	} {
		if f.set {
			b = append(append(append(b, " ["...), f.word...), ']')
		}
	}
	data := m.Payload
	switch {
	case p.quiet:
		return b
	case m.Opcode == websocket.Close && len(data) >= 2:
		b = strconv.AppendUint(append(b, ' '), uint64(binary.BigEndian.Uint16(data)), 10)
		data = data[2:]
	case m.Opcode == websocket.Binary || m.Undecoded || !utf8.Valid(data) && m.Opcode != websocket.Text:
		return b
	}
	if len(data) == 0 {
		return b
	}
	shown := data
	if !p.whole {
		shown = escape.Cut(data, shownBytes)
	}
	b = p.lines.Text(append(b, ' '), shown)
	if left := len(data) - len(shown); left > 0 {
		b = strconv.AppendInt(append(b, "... ("...), int64(left), 10)
		b = append(b, " more bytes, -A shows them)"...)
	}
	return b
}

// own writes the line of an event that tells of a tap.
func (p *printer) own(b *batch.Batch, ev *ownEvent) error {
	l := p.prefix(p.buf[:0], ev.Time, b.Tap)
	l = append(l, " -- "...)
	switch {
	case b.Kind == batch.Loss:
		l = strconv.AppendUint(append(l, "LOST "...), ev.Events, 10)
		l = strconv.AppendUint(append(l, " events, "...), ev.Messages, 10)
		l = ev.Since.Local().AppendFormat(append(l, " of them messages, since "...), "15:04:05")
		l = escape.Append(append(l, ": "...), ev.Reason)
	case ev.State == "start":
		l = escape.Append(append(l, "tap starts on "...), ev.Source)
		if ev.Filter != "" {
			l = escape.Append(append(l, ", "...), ev.Filter)
		}
		if ev.BeforeEnded != "" {
			l = escape.Append(append(l, "; the run before was "...), ev.BeforeEnded)
		}
	case ev.State == "stop":
		l = strconv.AppendUint(append(l, "tap stops, "...), ev.Messages, 10)
		l = strconv.AppendUint(append(l, " messages, "...), ev.Lost, 10)
		l = strconv.AppendUint(append(l, " events lost, "...), ev.Dropped, 10)
		l = append(l, " packets dropped"...)
	default:
		l = escape.Append(append(l, "tap: "...), ev.State)
		l = escape.Append(append(l, ' '), ev.Reason)
	}
	p.buf = append(l, '\n')
	return p.lines.Write(p.buf)
}
