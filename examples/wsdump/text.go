package main

import (
	"encoding/binary"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/websocket"
)

// shownBytes is how much of a text payload is shown without -A.
const shownBytes = 512

// textPrinter appends the lines for eyes: time, connection, its two ends with
// the direction as an arrow, opcode, length, payload.
type textPrinter struct {
	opt   *options
	paint palette
	zone  *time.Location

	clock  clock
	long   longWriter
	number uint64    // messages so far, for -#
	first  time.Time // of the first event, for -ttttt
	last   time.Time // of the event before, for -ttt
}

// palette holds the escape sequences of a terminal; all empty elsewhere.
type palette struct{ dim, client, server, warn, off string }

var colours = palette{dim: "\x1b[2m", client: "\x1b[36m", server: "\x1b[32m", warn: "\x1b[33m", off: "\x1b[0m"}

func (p *textPrinter) appendEvent(b []byte, ev websocket.Event) []byte {
	switch ev := ev.(type) {
	case *websocket.Open:
		return p.open(b, ev)
	case *websocket.Message:
		return p.message(b, ev)
	case *websocket.Gap:
		b = p.prefix(b, ev.Time, ev.Conn, arrow(ev.From))
		b = append(b, p.paint.warn...)
		b = append(b, " gap "...)
		b = strconv.AppendInt(b, ev.Bytes, 10)
		b = append(b, " bytes lost"...)
		b = append(b, p.paint.off...)
		return append(b, '\n')
	case *websocket.End:
		b = p.prefix(b, ev.Time, ev.Conn, " -- ")
		b = append(b, " end "...)
		b = appendEscaped(b, string(ev.Cause))
		return append(b, '\n')
	}
	return b
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
	b = p.appendTime(b, t)
	b = append(b, '#')
	b = strconv.AppendUint(b, c.Number, 10)
	b = append(b, p.paint.off...)
	b = append(b, ' ')
	b = c.Client.AppendTo(b)
	b = append(b, arrow...)
	return c.Server.AppendTo(b)
}

// appendTime appends the time in the form that -t asks for, as tcpdump does.
func (p *textPrinter) appendTime(b []byte, t time.Time) []byte {
	switch p.opt.times {
	case 0:
		b = p.appendClock(b, t, "15:04:05")
	case 1:
		return b
	case 2:
		s, ns := t.Unix(), t.Nanosecond()
		if s < 0 { // away from 1970, as the digits are read
			b = append(b, '-')
			if s = -s; ns > 0 {
				s, ns = s-1, int(time.Second)-ns
			}
		}
		b = strconv.AppendUint(b, uint64(s), 10)
		b = p.appendFraction(b, ns)
	case 4:
		b = p.appendClock(b, t, "2006-01-02 15:04:05")
	default: // 3: since the line before; 5: since the first
		if p.first.IsZero() {
			p.first, p.last = t, t
		}
		since := p.last
		if p.opt.times == 5 {
			since = p.first
		}
		p.last = t
		d := t.Sub(since)
		if d < 0 {
			b = append(b, '-')
			d = -max(d, -math.MaxInt64) // 292 years, and more is told as that
		}
		if d < 10*time.Hour {
			b = append(b, '0')
		}
		b = strconv.AppendInt(b, int64(d/time.Hour), 10)
		b = appendDigits(append(b, ':'), int(d%time.Hour/time.Minute), 2)
		b = appendDigits(append(b, ':'), int(d%time.Minute/time.Second), 2)
		b = p.appendFraction(b, int(d%time.Second))
	}
	return append(b, ' ')
}

func (p *textPrinter) appendClock(b []byte, t time.Time, layout string) []byte {
	if s := t.Unix(); s != p.clock.second || p.clock.text == nil {
		p.clock.second = s
		p.clock.text = t.In(p.zone).AppendFormat(p.clock.text[:0], layout)
	}
	return p.appendFraction(append(b, p.clock.text...), t.Nanosecond())
}

func (p *textPrinter) appendFraction(b []byte, ns int) []byte {
	b = append(b, '.')
	if p.opt.nano {
		return appendDigits(b, ns, 9)
	}
	return appendDigits(b, ns/1000, 6)
}

func (p *textPrinter) open(b []byte, ev *websocket.Open) []byte {
	c := ev.Conn
	if c.Midstream {
		b = p.prefix(b, ev.Time, c, " -- ")
		return append(b, " open, found mid-stream\n"...)
	}
	if !p.opt.secrets {
		c = c.Masked()
	}
	b = p.prefix(b, ev.Time, c, " -> ")
	b = append(b, " open "...)
	b = strconv.AppendInt(b, int64(c.Status), 10)
	b = append(b, ' ')
	b = appendEscaped(b, c.Method)
	b = append(b, ' ')
	b = appendEscaped(b, c.URL)
	if c.Subprotocol != "" {
		b = append(b, " subprotocol "...)
		b = appendEscaped(b, c.Subprotocol)
	}
	if c.Extensions != "" {
		b = append(b, " extensions "...)
		b = appendEscaped(b, c.Extensions)
	}
	if c.Status == http.StatusSwitchingProtocols && !c.AcceptValid && c.Request().Get("Sec-Websocket-Key") != "" && c.Response().Get("Sec-Websocket-Accept") != "" {
		b = p.warn(b, "wrong Sec-WebSocket-Accept")
	}
	if c.HeadersDropped {
		b = p.warn(b, "headers dropped")
	}
	b = append(b, '\n')
	if p.opt.verbose > 0 {
		b = appendHeaderLines(b, "\t> ", c.Request())
		b = appendHeaderLines(b, "\t< ", c.Response())
	}
	return b
}

func appendHeaderLines(b []byte, prefix string, h http.Header) []byte {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			b = append(b, prefix...)
			b = appendEscaped(b, name)
			b = append(b, ": "...)
			b = appendEscaped(b, v)
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
	if !p.opt.quiet {
		return p.payload(b, m)
	}
	return append(b, '\n')
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
		if len(data) == 0 {
			break
		}
		shown := data
		if !p.opt.whole {
			shown = cut(data, shownBytes)
		}
		b = append(b, ' ')
		b = p.long.escaped(b, shown)
		if left := len(data) - len(shown); left > 0 {
			b = append(b, p.paint.warn...)
			b = append(b, "... ("...)
			b = strconv.AppendInt(b, int64(left), 10)
			b = append(b, " more bytes, -A shows them)"...)
			b = append(b, p.paint.off...)
		}
	case p.opt.hex:
		b = append(b, '\n')
		return p.long.hexDump(b, data, p.opt.ascii)
	}
	return append(b, '\n')
}

// cut returns at most n bytes of data, whole characters where it is UTF-8.
func cut(data []byte, n int) []byte {
	if len(data) <= n {
		return data
	}
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(data[i]) {
			return data[:i]
		}
	}
	return data[:n]
}

// hexDump appends data as tcpdump's -x does, with -X's characters on the
// right if ascii.
func (l longWriter) hexDump(b, data []byte, ascii bool) []byte {
	for off := 0; off < len(data); off += 16 {
		row := data[off:min(off+16, len(data))]
		b = append(b, "\t0x"...)
		for shift := 12; shift >= 0; shift -= 4 {
			if shift == 12 && off > 0xffff { // longer than tcpdump's packets
				b = strconv.AppendInt(b, int64(off>>16), 16)
			}
			b = append(b, hexDigits[off>>shift&15])
		}
		b = append(b, ": "...)
		for i, c := range row {
			if i%2 == 0 {
				b = append(b, ' ')
			}
			b = append(b, hexDigits[c>>4], hexDigits[c&15])
		}
		if ascii {
			for i := len(row); i < 16; i++ {
				b = append(b, "   "[:2+(i+1)%2]...)
			}
			b = append(b, ' ', ' ')
			for _, c := range row {
				if c < 0x20 || c >= 0x7f {
					c = '.'
				}
				b = append(b, c)
			}
		}
		b = l.flush(append(b, '\n'))
	}
	return b
}
