package main

import (
	"encoding/binary"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/websocket"
)

// jsonPrinter appends one object a line: the contract of --json. It is written
// by hand because encoding/json would cost more than everything beneath it, and
// because its strings must be harmless on a terminal too.
type jsonPrinter struct {
	quiet   bool
	secrets bool // shown
	clock   clock
	long    longWriter
}

func (p *jsonPrinter) appendEvent(b []byte, ev websocket.Event) []byte {
	switch ev := ev.(type) {
	case *websocket.Open:
		b = p.open(b, ev)
	case *websocket.Message:
		b = p.message(b, ev)
	case *websocket.Gap:
		b = append(b, `{"event":"gap","time":"`...)
		b = p.clock.appendTime(b, ev.Time)
		b = append(b, `","conn":`...)
		b = strconv.AppendUint(b, ev.Conn.Number, 10)
		b = append(b, `,"from":"`...)
		b = append(b, ev.From.String()...)
		b = append(b, `","bytes":`...)
		b = strconv.AppendInt(b, ev.Bytes, 10)
	case *websocket.End:
		b = append(b, `{"event":"end","time":"`...)
		b = p.clock.appendTime(b, ev.Time)
		b = append(b, `","conn":`...)
		b = strconv.AppendUint(b, ev.Conn.Number, 10)
		b = append(b, `,"cause":`...)
		b = appendJSONString(b, string(ev.Cause))
	default:
		return b
	}
	return append(b, '}', '\n')
}

func (p *jsonPrinter) open(b []byte, ev *websocket.Open) []byte {
	c := ev.Conn
	if !p.secrets {
		c = c.Masked()
	}
	b = append(b, `{"event":"open","time":"`...)
	b = p.clock.appendTime(b, ev.Time)
	b = append(b, `","conn":`...)
	b = strconv.AppendUint(b, c.Number, 10)
	b = appendEnds(b, c)
	b = append(b, `,"method":`...)
	b = appendJSONString(b, c.Method)
	b = append(b, `,"url":`...)
	b = appendJSONString(b, c.URL)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(c.Status), 10)
	b = append(b, `,"subprotocol":`...)
	b = appendJSONString(b, c.Subprotocol)
	b = append(b, `,"extensions":`...)
	b = appendJSONString(b, c.Extensions)
	b = append(b, `,"accept_valid":`...)
	b = strconv.AppendBool(b, c.AcceptValid)
	b = append(b, `,"request":`...)
	b = appendHeader(b, c.Request())
	b = append(b, `,"response":`...)
	b = appendHeader(b, c.Response())
	b = appendFlag(b, `,"midstream":true`, c.Midstream)
	return appendFlag(b, `,"headers_dropped":true`, c.HeadersDropped)
}

func (p *jsonPrinter) message(b []byte, m *websocket.Message) []byte {
	b = append(b, `{"event":"message","time":"`...)
	b = p.clock.appendTime(b, m.Time)
	b = append(b, `","start":"`...)
	b = p.clock.appendTime(b, m.Start)
	b = append(b, `","conn":`...)
	b = strconv.AppendUint(b, m.Conn.Number, 10)
	b = appendEnds(b, m.Conn)
	b = append(b, `,"from":"`...)
	b = append(b, m.From.String()...)
	b = append(b, `","opcode":"`...)
	b = append(b, m.Opcode.String()...)
	b = append(b, `","length":`...)
	b = strconv.AppendInt(b, int64(len(m.Payload)), 10)
	b = append(b, `,"wire_length":`...)
	b = strconv.AppendInt(b, m.WireLength, 10)
	b = append(b, `,"frames":`...)
	b = strconv.AppendInt(b, int64(m.Frames), 10)
	b = append(b, `,"compressed":`...)
	b = strconv.AppendBool(b, m.Compressed)
	if !p.quiet {
		b = p.payload(b, m)
	}
	b = appendFlag(b, `,"truncated":true`, m.Truncated)
	b = appendFlag(b, `,"undecoded":true`, m.Undecoded)
	b = appendFlag(b, `,"conflict":true`, m.Conflict)
	b = appendFlag(b, `,"midstream":true`, m.Midstream)
	return appendFlag(b, `,"invalid_utf8":true`, m.InvalidUTF8)
}

// payload appends the payload in the form that is exact for it: a close
// frame as code and reason, text that is UTF-8 as text, all else as base64.
func (p *jsonPrinter) payload(b []byte, m *websocket.Message) []byte {
	switch {
	case m.Opcode == websocket.Close && len(m.Payload) == 0:
		return b // no code was sent
	case m.Opcode == websocket.Close && len(m.Payload) >= 2:
		b = append(b, `,"code":`...)
		b = strconv.AppendUint(b, uint64(binary.BigEndian.Uint16(m.Payload)), 10)
		if reason := m.Payload[2:]; utf8.Valid(reason) {
			b = append(b, `,"reason":`...)
			return p.long.json(b, reason)
		}
	case m.Opcode == websocket.Text && !m.Undecoded && utf8.Valid(m.Payload):
		b = append(b, `,"text":`...)
		return p.long.json(b, m.Payload)
	}
	b = append(b, `,"base64":"`...)
	b = p.long.base64(b, m.Payload)
	return append(b, '"')
}

func appendEnds(b []byte, c *websocket.Conn) []byte {
	b = append(b, `,"client":"`...)
	b = c.Client.AppendTo(b)
	b = append(b, `","server":"`...)
	b = c.Server.AppendTo(b)
	return append(b, '"')
}

func appendFlag(b []byte, field string, set bool) []byte {
	if set {
		b = append(b, field...)
	}
	return b
}

// appendHeader appends a header with its fields in the order of their names, so
// that a file always gives the same output.
func appendHeader(b []byte, h http.Header) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(h)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, name)
		b = append(b, ':', '[')
		for j, v := range h[name] {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, v)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// plainJSON marks the bytes that stand for themselves in a JSON string whatever
// follows: ASCII without controls, quote and backslash.
var plainJSON = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendJSONString appends s as a JSON string (RFC 8259). Bytes that are not
// UTF-8 become U+FFFD. Runes that a terminal would obey are written as escapes,
// which read back as themselves.
func appendJSONString[T string | []byte](b []byte, s T) []byte {
	return append(appendJSONText(append(b, '"'), s), '"')
}

// appendJSONText appends what is between the quotes.
func appendJSONText[T string | []byte](b []byte, s T) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainJSON[c] {
			i++
			continue
		}
		r, n := rune(c), 1
		if c >= utf8.RuneSelf {
			r, n = decodeRune(s[i:])
			if !(r == utf8.RuneError && n == 1) && !unsafeRune(r) {
				i += n
				continue
			}
		}
		b = append(b, s[start:i]...)
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', c)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r > 0xffff:
			r -= 0x10000
			b = append(b, `\u`...)
			b = appendHex4(b, 0xd800+r>>10)
			b = append(b, `\u`...)
			b = appendHex4(b, 0xdc00+r&0x3ff)
		default:
			b = append(b, `\u`...)
			b = appendHex4(b, r)
		}
		i += n
		start = i
	}
	return append(b, s[start:]...)
}

// clock writes times in RFC 3339 with nanoseconds, in UTC. Successive times
// share their second more often than not, so the text of the last one is kept.
// RFC 3339 ends with the year 9999: a file may tell of times that do not exist
// there, and the nearest that does stands for them.
type clock struct {
	second int64
	text   []byte
}

const (
	year0     = -62167219200 // when it begins, in Unix seconds
	year10000 = 253402300800
)

func (c *clock) appendTime(b []byte, t time.Time) []byte {
	switch s := t.Unix(); {
	case s < year0:
		t = time.Unix(year0, 0)
	case s >= year10000:
		t = time.Unix(year10000-1, 999999999)
	}
	if s := t.Unix(); s != c.second || c.text == nil {
		c.second = s
		c.text = t.UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05")
	}
	b = append(b, c.text...)
	if ns := t.Nanosecond(); ns != 0 {
		b = append(b, '.')
		b = appendDigits(b, ns, 9)
		for b[len(b)-1] == '0' { // as time.RFC3339Nano
			b = b[:len(b)-1]
		}
	}
	return append(b, 'Z')
}

// appendDigits appends n with leading zeros.
func appendDigits(b []byte, n, width int) []byte {
	b = append(b, "000000000"[:width]...)
	for i := len(b) - 1; width > 0; i, width = i-1, width-1 {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}
