package web

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/examples/wsdump/web/store"
	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// An encoder writes records of package jsonl with what is ours behind them. Secrets
// are masked already where the Store has its connections.
type encoder struct {
	buf   bytes.Buffer
	lines *jsonl.Encoder
}

func newEncoder() *encoder {
	e := new(encoder)
	e.lines = jsonl.NewEncoder(&e.buf, &jsonl.Config{ShowSecrets: true})
	return e
}

// record returns the record of an event without its last bracket, lent.
func (e *encoder) record(ev websocket.Event) []byte {
	e.buf.Reset()
	_ = e.lines.Encode(ev) // a Buffer takes all
	return bytes.TrimSuffix(e.buf.Bytes(), []byte("}\n"))
}

// connection appends a connection, its headers only if whole.
func (e *encoder) connection(b []byte, c *store.Connection, whole bool) []byte {
	if whole {
		b = append(b, e.record(&websocket.Open{Time: c.Opened, Conn: c.Conn})...)
	} else {
		bare := e.record(&websocket.Open{Time: c.Opened, Conn: c.Conn.WithHeaders(nil, nil)})
		before, after, _ := bytes.Cut(bare, []byte(`,"request":{},"response":{}`))
		b = append(append(b, before...), after...)
	}
	b = appendTime(append(b, `,"opened":`...), c.Opened)
	if c.End != nil {
		b = append(b, `,"ended":`...)
		b = append(append(b, e.record(c.End)...), '}')
	}
	for dir, key := range [...]string{`,"counts":{"client":{`, `,"server":{`} {
		side := &c.Sides[dir]
		b = strconv.AppendUint(append(append(b, key...), `"messages":`...), side.Messages, 10)
		b = strconv.AppendUint(append(b, `,"bytes":`...), side.Bytes, 10)
		b = append(strconv.AppendUint(append(b, `,"lost":`...), side.Lost, 10), '}')
	}
	b = strconv.AppendUint(append(b, `},"gaps":`...), c.Gaps, 10)
	b = strconv.AppendUint(append(b, `,"lost":`...), c.Sides[0].Lost+c.Sides[1].Lost, 10)
	b = append(b, `,"flags":`...)
	b = appendWords(b,
		word{"tls", c.Conn.TLS != nil},
		word{"compressed", c.Compressed},
		word{"joined_late", c.Conn.Midstream},
		word{"refused", !c.Conn.Midstream && c.Conn.Status != 101 && c.Conn.Status != 200},
		word{"loss", c.Gaps > 0},
		word{"copy", c.Conn.CopyOf != 0},
		word{"same_key", c.Conn.SameKey != 0},
		word{"proxied", c.Conn.Proxied != nil},
		word{"draft", c.Conn.Draft != ""},
		word{"headers_dropped", c.Conn.HeadersDropped},
	)
	return append(b, '}')
}

// maxDetail is how many bytes of a payload are in the record of one message.
const maxDetail = 1 << 20

// message returns the record of a message of which cut bytes are not stored.
func (e *encoder) message(number uint64, m *websocket.Message, cut int) []byte {
	whole := len(m.Payload) + cut
	m.Payload = escape.Cut(m.Payload, maxDetail)
	b := slices.Clone(e.record(m))
	b = strconv.AppendUint(append(b, `,"seq":`...), number, 10)
	if cut = whole - len(m.Payload); cut > 0 {
		b = strconv.AppendInt(append(b, `,"cut":`...), int64(cut), 10)
	}
	return append(b, '}')
}

// maxLine is how many runes of a payload a row shows.
const maxLine = 200

func appendRow(b []byte, r *store.Row) []byte {
	m := &r.Message
	b = strconv.AppendUint(append(b, `{"n":`...), r.N, 10)
	b = strconv.AppendUint(append(b, `,"seq":`...), r.Number, 10)
	b = strconv.AppendUint(append(b, `,"conn":`...), m.Conn.Number, 10)
	b = appendTime(append(b, `,"time":`...), m.Time)
	b = append(append(append(b, `,"from":"`...), m.From.String()...), '"')
	b = append(append(append(b, `,"opcode":"`...), m.Opcode.String()...), '"')
	b = strconv.AppendInt(append(b, `,"length":`...), int64(len(m.Payload)+r.Cut), 10)
	payload := m.Payload
	if code, reason := m.CloseStatus(); code != 0 && len(payload) >= 2 {
		payload = payload[2:]
		b = strconv.AppendInt(append(b, `,"code":`...), int64(code), 10)
		b = escape.AppendJSON(append(b, `,"reason":`...), reason)
	}
	b = escape.AppendJSON(append(b, `,"line":`...), firstLine(payload))
	b = append(b, `,"flags":`...)
	flags := []word{
		{"compressed", m.Compressed}, {"truncated", m.Truncated}, {"undecoded", m.Undecoded}, {"partial", m.Unknown > 0},
		{"conflict", m.Conflict}, {"midstream", m.Midstream}, {"invalid_utf8", m.InvalidUTF8}, {"bad_mask", m.BadMask},
		{"rsv", m.RSV != 0}, {"copy", m.Copy}, {"cut", r.Cut > 0},
	}
	for name := range m.Violations.All() {
		flags = append(flags, word{name, true})
	}
	return append(appendWords(b, flags...), '}')
}

// firstLine is the first line of a payload, with nothing in it that a terminal or a
// page would obey.
func firstLine(payload []byte) string {
	if i := bytes.IndexAny(payload, "\r\n"); i >= 0 {
		payload = payload[:i]
	}
	line := escape.AppendBytes(nil, escape.Cut(payload, maxLine*utf8.UTFMax))
	n := 0
	for i := range string(line) {
		if n++; n > maxLine {
			return string(line[:i])
		}
	}
	return string(line)
}

// A word is there where it is true.
type word struct {
	name string
	is   bool
}

func appendWords(b []byte, words ...word) []byte {
	b = append(b, '[')
	first := true
	for _, w := range words {
		if !w.is {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), w.name...), '"')
	}
	return append(b, ']')
}

// appendTime appends a time of RFC 3339, the nearest one where it is out of range.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	switch {
	case t.Year() < 0:
		t = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	case t.Year() > 9999:
		t = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	}
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

func appendTimeline(b []byte, t store.Timeline) []byte {
	if t.Until.IsZero() {
		b = append(b, `{"since":null,"until":null`...)
	} else {
		b = appendTime(append(b, `{"since":`...), t.Since)
		b = appendTime(append(b, `,"until":`...), t.Until)
	}
	for dir, key := range [...]string{`,"client":[`, `,"server":[`} {
		b = append(b, key...)
		for i, n := range t.Sides[dir] {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendUint(b, n, 10)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendStats appends how the capture goes and what is stored of it.
func (s *Server) appendStats(b []byte, sum *store.Summary) []byte {
	type stored struct {
		Messages    uint64 `json:"messages"`
		Bytes       uint64 `json:"bytes"`
		Memory      uint64 `json:"memory"`
		Budget      uint64 `json:"budget"`
		Forgotten   uint64 `json:"forgotten"`
		Cut         uint64 `json:"cut"`
		Connections uint64 `json:"connections_forgotten"`
	}
	all := struct {
		Status
		Stored  stored `json:"stored"`
		Packets bool   `json:"packets"`
	}{s.cfg.Status(), stored{
		sum.Stored, sum.Bytes, uint64(max(sum.Memory, 0)), uint64(sum.Budget), sum.Forgotten, sum.Cut, sum.ConnsForgotten,
	}, s.cfg.Packets != nil}
	js, err := json.Marshal(all)
	if err != nil {
		js = []byte("null") // cannot be: it holds numbers and strings
	}
	return append(b, js...)
}
