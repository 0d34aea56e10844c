package main

import (
	"encoding/binary"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// shownBytes is how much of a text payload is shown without -A.
const shownBytes = 512

// A textPrinter writes lines for eyes: time, connection, its two ends with the
// direction as an arrow, opcode, length, payload.
type textPrinter struct {
	opt   *options
	paint palette
	times stamper
	lines escape.Lines

	number uint64 // messages so far, for -#
	buf    []byte // of the line before
}

func newTextPrinter(o *options, out io.Writer) *textPrinter {
	return &textPrinter{
		opt:   o,
		times: stamper{form: o.times, nano: o.nano, zone: time.Local},
		lines: escape.Lines{W: out},
	}
}

// palette holds the escape sequences of a terminal; all empty elsewhere.
type palette struct{ dim, client, server, warn, off string }

var colours = palette{dim: "\x1b[2m", client: "\x1b[36m", server: "\x1b[32m", warn: "\x1b[33m", off: "\x1b[0m"}

// Encode writes the line of an event, with -v or -x several.
func (p *textPrinter) Encode(ev websocket.Event) error {
	b := p.buf[:0]
	switch ev := ev.(type) {
	case *websocket.Open:
		b = p.open(b, ev)
	case *websocket.Message:
		b = p.message(b, ev)
	case *websocket.Gap:
		b = p.gap(b, ev)
	case *websocket.End:
		b = p.prefix(b, ev.Time, ev.Conn, " -- ")
		b = append(b, " end "...)
		b = escape.Append(b, string(ev.Cause))
		b = append(b, '\n')
	}
	p.buf = b
	return p.lines.Write(b)
}

func (p *textPrinter) gap(b []byte, ev *websocket.Gap) []byte {
	b = p.prefix(b, ev.Time, ev.Conn, arrow(ev.From))
	b = append(b, p.paint.warn...)
	b = append(b, " gap "...)
	b = strconv.AppendInt(b, ev.Bytes, 10)
	b = append(b, " bytes lost"...)
	b = append(b, p.paint.off...)
	return append(b, '\n')
}

func arrow(from websocket.Direction) string {
	if from == websocket.FromServer {
		return " <- "
	}
	return " -> "
}

// prefix appends what every line begins with.
func (p *textPrinter) prefix(b []byte, t time.Time, c *websocket.Conn, arrow string) []byte {
	b = append(b, p.paint.dim...)
	b = p.times.append(b, t)
	b = append(b, '#')
	b = strconv.AppendUint(b, c.Number, 10)
	b = append(b, p.paint.off...)
	b = append(b, ' ')
	b = c.Client.AppendTo(b)
	b = append(b, arrow...)
	return c.Server.AppendTo(b)
}

func (p *textPrinter) open(b []byte, ev *websocket.Open) []byte {
	c := ev.Conn
	if c.Midstream {
		b = p.prefix(b, ev.Time, c, " -- ")
		b = append(b, " open, found mid-stream"...)
		if c.TLS != nil {
			b = append(b, " in TLS"...)
		}
		b = append(appendProxied(b, c.Proxied), '\n')
		if p.opt.verbose > 0 {
			b = appendTLS(b, c.TLS)
		}
		return b
	}
	if !p.opt.secrets {
		c = c.Masked()
	}
	b = p.prefix(b, ev.Time, c, " -> ")
	b = append(b, " open "...)
	b = strconv.AppendInt(b, int64(c.Status), 10)
	b = append(b, ' ')
	b = escape.Append(b, c.Method)
	b = append(b, ' ')
	b = escape.Append(b, c.URL)
	if c.Subprotocol != "" {
		b = append(b, " subprotocol "...)
		b = escape.Append(b, c.Subprotocol)
	}
	if c.Extensions != "" {
		b = append(b, " extensions "...)
		b = escape.Append(b, c.Extensions)
	}
	b = appendProxied(b, c.Proxied)
	if c.Status == http.StatusSwitchingProtocols && !c.AcceptValid && c.Request().Get("Sec-Websocket-Key") != "" && c.Response().Get("Sec-Websocket-Accept") != "" {
		b = p.warn(b, "wrong Sec-WebSocket-Accept")
	}
	if c.HeadersDropped {
		b = p.warn(b, "headers dropped")
	}
	b = append(b, '\n')
	if p.opt.verbose > 0 {
		b = appendTLS(b, c.TLS)
		b = appendHeaderLines(b, "\t> ", c.Request())
		b = appendHeaderLines(b, "\t< ", c.Response())
	}
	return b
}

// appendProxied appends what a proxy's header says, if there was one.
func appendProxied(b []byte, x *websocket.Proxied) []byte {
	if x == nil {
		return b
	}
	b = x.Client.AppendTo(append(b, " proxied "...))
	return x.Server.AppendTo(append(b, " -> "...))
}

func appendHeaderLines(b []byte, prefix string, h http.Header) []byte {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			b = append(b, prefix...)
			b = escape.Append(b, name)
			b = append(b, ": "...)
			b = escape.Append(b, v)
			b = append(b, '\n')
		}
	}
	return b
}

func (p *textPrinter) warn(b []byte, word string) []byte {
	b = append(b, ' ')
	b = append(b, p.paint.warn...)
	b = append(b, '[')
	b = append(b, word...)
	b = append(b, ']')
	return append(b, p.paint.off...)
}

func (p *textPrinter) message(b []byte, m *websocket.Message) []byte {
	p.number++
	if p.opt.number {
		b = strconv.AppendUint(b, p.number, 10)
		b = append(b, ' ', ' ')
	}
	b = p.prefix(b, m.Time, m.Conn, arrow(m.From))
	b = append(b, ' ')
	if m.From == websocket.FromServer {
		b = append(b, p.paint.server...)
	} else {
		b = append(b, p.paint.client...)
	}
	b = append(b, m.Opcode.String()...)
	b = append(b, p.paint.off...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(m.Payload)), 10)
	if m.Compressed {
		b = append(b, " (compressed "...)
		b = strconv.AppendInt(b, m.WireLength, 10)
		b = append(b, ')')
	}
	if m.Frames > 1 {
		b = append(b, " ("...)
		b = strconv.AppendInt(b, int64(m.Frames), 10)
		b = append(b, " frames)"...)
	}
	b = p.flags(b, m)
	if !p.opt.quiet {
		return p.payload(b, m)
	}
	return append(b, '\n')
}

// flags appends what is to be known about the payload.
func (p *textPrinter) flags(b []byte, m *websocket.Message) []byte {
	for _, f := range [...]struct {
		set  bool
		word string
	}{
		{m.Truncated, "truncated"},
		{m.Undecoded, "undecoded"},
		{m.Conflict, "conflict"},
		{m.Midstream, "midstream"},
		{m.InvalidUTF8, "invalid UTF-8"},
	} {
		if f.set {
			b = p.warn(b, f.word)
		}
	}
	return b
}

// payload appends the payload and the end of the line.
func (p *textPrinter) payload(b []byte, m *websocket.Message) []byte {
	data := m.Payload
	switch {
	case m.Opcode == websocket.Close && len(data) >= 2:
		b = append(b, ' ')
		b = strconv.AppendUint(b, uint64(binary.BigEndian.Uint16(data)), 10)
		data = data[2:]
		fallthrough
	case m.Opcode == websocket.Text && !m.Undecoded, // shown even where it is not UTF-8
		m.Opcode != websocket.Text && m.Opcode != websocket.Binary && !p.opt.hex && utf8.Valid(data):
		b = p.text(b, data)
	case p.opt.hex:
		b = append(b, '\n')
		return p.hexDump(b, data)
	}
	return append(b, '\n')
}

// text appends a space and the payload as text, without -A its beginning.
func (p *textPrinter) text(b, data []byte) []byte {
	if len(data) == 0 {
		return b
	}
	shown := data
	if !p.opt.whole {
		shown = escape.Cut(data, shownBytes)
	}
	b = p.lines.Text(append(b, ' '), shown)
	if left := len(data) - len(shown); left > 0 {
		b = append(b, p.paint.warn...)
		b = append(b, "... ("...)
		b = strconv.AppendInt(b, int64(left), 10)
		b = append(b, " more bytes, -A shows them)"...)
		b = append(b, p.paint.off...)
	}
	return b
}

// hexDump appends data as tcpdump's -x does, and with -X as text too.
func (p *textPrinter) hexDump(b, data []byte) []byte {
	var show func(byte) bool
	if p.opt.ascii {
		show = cli.Printable
	}
	for off := 0; off < len(data); off += cli.HexRow {
		b = cli.AppendHexRow(append(b, '\t'), off, data[off:min(off+cli.HexRow, len(data))], show)
		b = p.lines.Spill(append(b, '\n'))
	}
	return b
}
