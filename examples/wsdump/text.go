package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
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
	gaps  gaps

	number uint64  // messages so far, for -#
	hits   [][]int // in the payload at hand
	buf    []byte  // of the line before
}

func newTextPrinter(o *options, out io.Writer) *textPrinter {
	return &textPrinter{
		opt:   o,
		times: stamper{form: o.times, nano: o.nano, zone: time.Local},
		lines: escape.Lines{W: out},
	}
}

// palette holds the escape sequences of a terminal; all empty elsewhere.
type palette struct{ dim, client, server, warn, hit, off string }

var colours = palette{dim: "\x1b[2m", client: "\x1b[36m", server: "\x1b[32m", warn: "\x1b[33m", hit: "\x1b[1;31m", off: "\x1b[0m"}

// Encode writes the line of an event, with -v or -x several.
func (p *textPrinter) Encode(ev websocket.Event) error {
	b := p.gaps.before(p, p.buf[:0], ev)
	switch ev := ev.(type) {
	case *websocket.Open:
		b = p.open(b, ev)
	case *websocket.Message:
		b = p.message(b, ev)
	case *websocket.Gap:
		p.gaps.add(ev)
	case *websocket.End:
		b = p.prefix(b, ev.Time, ev.Conn, " -- ")
		b = append(b, " end "...)
		b = escape.Append(b, string(ev.Cause))
		b = append(b, '\n')
	}
	p.buf = b
	if len(b) == 0 {
		return nil
	}
	return p.lines.Write(b)
}

// Flush writes what waits for more of its kind.
func (p *textPrinter) Flush() error {
	b := p.gaps.all(p, p.buf[:0])
	if p.buf = b; len(b) == 0 {
		return nil
	}
	return p.lines.Write(b)
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
		return p.details(append(appendProxied(b, c.Proxied), '\n'), c)
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
	if c.Draft != "" {
		b = append(b, " draft "...)
		b = escape.Append(b, c.Draft)
		if c.Draft < "hybi-07" {
			b = p.warn(b, "frames are not read")
		}
	}
	b = appendProxied(b, c.Proxied)
	b = appendOther(b, " copy of #", c.CopyOf)
	b = appendOther(b, " same key as #", c.SameKey)
	if c.Status == http.StatusSwitchingProtocols && !c.AcceptValid && c.Request().Get("Sec-Websocket-Key") != "" && c.Response().Get("Sec-Websocket-Accept") != "" {
		b = p.warn(b, "wrong Sec-WebSocket-Accept")
	}
	if c.HeadersDropped {
		b = p.warn(b, "headers dropped")
	}
	return p.details(append(b, '\n'), c)
}

// details appends what -v tells of a connection.
func (p *textPrinter) details(b []byte, c *websocket.Conn) []byte {
	if p.opt.verbose == 0 {
		return b
	}
	if c.TLS != nil {
		b = appendTLS(b, c.TLS)
	}
	b = appendHeaderLines(b, "\t> ", c.Request())
	return appendHeaderLines(b, "\t< ", c.Response())
}

// appendProxied appends what a proxy's header says, if there was one.
func appendProxied(b []byte, x *websocket.Proxied) []byte {
	if x == nil {
		return b
	}
	b = x.Client.AppendTo(append(b, " proxied "...))
	return x.Server.AppendTo(append(b, " -> "...))
}

// appendOther appends what a connection has to do with another one, if it does.
func appendOther(b []byte, words string, number uint64) []byte {
	if number == 0 {
		return b
	}
	return strconv.AppendUint(append(b, words...), number, 10)
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
	if m.Unknown > 0 {
		b = p.warn(b, cli.Quantity(uint64(m.Unknown), "byte")+" unknown")
	}
	for _, f := range [...]struct {
		set  bool
		word string
	}{
		{m.Truncated, truncated(m)},
		{m.Undecoded, "undecoded"},
		{m.Conflict, "conflict"},
		{m.Midstream, "midstream"},
		{m.InvalidUTF8, "invalid UTF-8"},
		{m.BadMask && m.From == websocket.FromClient, "unmasked"},
		{m.BadMask && m.From == websocket.FromServer, "masked"},
		{m.RSV&0x40 != 0, "RSV1"},
		{m.RSV&0x20 != 0, "RSV2"},
		{m.RSV&0x10 != 0, "RSV3"},
		{m.Copy, "copy"},
	} {
		if f.set {
			b = p.warn(b, f.word)
		}
	}
	for name := range m.Violations.All() {
		b = p.warn(b, strings.ReplaceAll(name, "_", " "))
	}
	return b
}

// truncated says how much is missing, where the frames' lengths tell that: what is
// inflated has a length of its own.
func truncated(m *websocket.Message) string {
	missing := m.WireLength - int64(len(m.Payload))
	if !m.Truncated || m.Compressed && !m.Undecoded || missing <= 0 {
		return "truncated"
	}
	return "truncated, " + cli.Quantity(uint64(missing), "byte") + " missing"
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
	if p.opt.pretty {
		if lines, ok := indented(data); ok {
			return p.indented(b, lines)
		}
	}
	shown := data
	if !p.opt.whole {
		shown = escape.Cut(data, shownBytes)
	}
	b = p.marked(append(b, ' '), shown)
	if left := len(data) - len(shown); left > 0 {
		b = append(b, p.paint.warn...)
		b = append(b, "... ("...)
		b = strconv.AppendInt(b, int64(left), 10)
		b = append(b, " more bytes, -A shows them)"...)
		b = append(b, p.paint.off...)
	}
	return b
}

// marked appends data as text with what --match found in it painted.
func (p *textPrinter) marked(b, data []byte) []byte {
	if p.paint.hit == "" || p.opt.selector == nil {
		return p.lines.Text(b, data)
	}
	p.hits = p.opt.selector.Find(p.hits[:0], data)
	done := 0
	for _, at := range p.hits {
		b = p.lines.Text(b, data[done:at[0]])
		b = append(b, p.paint.hit...)
		b = p.lines.Text(b, data[at[0]:at[1]])
		b = append(b, p.paint.off...)
		done = at[1]
	}
	return p.lines.Text(b, data[done:])
}

// indented appends lines, each behind a tab.
func (p *textPrinter) indented(b, lines []byte) []byte {
	for line := range bytes.SplitSeq(lines, []byte("\n")) {
		b = p.lines.Spill(append(b, "\n\t"...))
		b = p.marked(b, line)
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
