package jsonl

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/websocket"
)

// The fields are written by hand and not by encoding/json, which would take
// longer than all that comes before. A new field goes to the end of its event,
// before the ones that are there only when true.

// begin appends a line's first literal and its time, which that ends with.
func (e *Encoder) begin(b []byte, literal string, t time.Time) []byte {
	return e.clock.append(append(b, literal...), t)
}

func (e *Encoder) open(b []byte, ev *websocket.Open) []byte {
	c := ev.Conn
	if !e.cfg.ShowSecrets {
		c = c.Masked()
	}
	b = e.begin(b, `{"event":"open","time":`, ev.Time)
	b = appendConn(b, c)
	b = appendEnds(b, c)
	b = appendString(b, `,"method":`, c.Method)
	b = appendString(b, `,"url":`, c.URL)
	b = appendInt(b, `,"status":`, int64(c.Status))
	b = appendString(b, `,"subprotocol":`, c.Subprotocol)
	b = appendString(b, `,"extensions":`, c.Extensions)
	b = appendBool(b, `,"accept_valid":`, c.AcceptValid)
	b = append(b, `,"request":`...)
	b = appendHeader(b, c.Request())
	b = append(b, `,"response":`...)
	b = appendHeader(b, c.Response())
	if c.Draft != "" {
		b = appendString(b, `,"draft":`, c.Draft)
	}
	b = appendTLS(b, c.TLS)
	if x := c.Proxied; x != nil {
		b = appendAddr(append(b, `,"proxied":{"client":`...), x.Client)
		b = append(appendAddr(append(b, `,"server":`...), x.Server), '}')
	}
	b = appendFlag(b, `,"midstream":true`, c.Midstream)
	b = appendFlag(b, `,"headers_dropped":true`, c.HeadersDropped)
	b = appendOther(b, `,"copy_of":`, c.CopyOf)
	return appendOther(b, `,"same_key":`, c.SameKey)
}

// appendTLS appends what a wss connection is.
func appendTLS(b []byte, t *websocket.TLS) []byte {
	if t == nil {
		return b
	}
	b = appendString(b, `,"tls":{"version":`, t.Version)
	b = appendString(b, `,"cipher":`, t.Cipher)
	b = appendString(b, `,"server_name":`, t.ServerName)
	b = appendString(b, `,"alpn":`, t.ALPN)
	return append(b, '}')
}

// kinds remembers the fields from a message's side to its length, by side and opcode.
type kinds [2][16]string

func (k *kinds) of(m *websocket.Message) string {
	kind := &k[m.From&1][m.Opcode&15]
	if *kind == "" {
		b := appendWord(nil, `,"from":"`, (m.From & 1).String())
		b = appendWord(b, `,"opcode":"`, (m.Opcode & 15).String())
		*kind = string(append(b, `,"length":`...))
	}
	return *kind
}

func (e *Encoder) message(b []byte, m *websocket.Message) []byte {
	b = e.begin(b, `{"event":"message","time":`, m.Time)
	b = append(b, `,"start":`...)
	b = e.clock.append(b, m.Start)
	b = e.names.append(b, m.Conn)
	b = appendInt(b, e.kinds.of(m), int64(len(m.Payload)))
	b = appendInt(b, `,"wire_length":`, m.WireLength)
	if m.Frames == 1 && !m.Compressed {
		b = append(b, `,"frames":1,"compressed":false`...)
	} else {
		b = appendInt(b, `,"frames":`, int64(m.Frames))
		b = appendBool(b, `,"compressed":`, m.Compressed)
	}
	if !e.cfg.OmitPayloads {
		b = e.payload(b, m)
	}
	b = appendFlag(b, `,"truncated":true`, m.Truncated)
	b = appendFlag(b, `,"undecoded":true`, m.Undecoded)
	b = appendFlag(b, `,"conflict":true`, m.Conflict)
	b = appendFlag(b, `,"midstream":true`, m.Midstream)
	b = appendFlag(b, `,"invalid_utf8":true`, m.InvalidUTF8)
	if m.Unknown > 0 {
		b = appendInt(b, `,"partial":true,"unknown":`, int64(m.Unknown))
	}
	b = appendFlag(b, `,"bad_mask":true`, m.BadMask)
	if m.RSV != 0 {
		b = appendInt(b, `,"rsv":`, int64(m.RSV))
	}
	if m.Violations != 0 {
		b = appendViolations(b, m.Violations)
	}
	return appendFlag(b, `,"copy":true`, m.Copy)
}

// payload appends the payload in the form that is exact for it.
func (e *Encoder) payload(b []byte, m *websocket.Message) []byte {
	switch {
	case m.Opcode == websocket.Close && len(m.Payload) == 0:
		return b // no code was sent
	case m.Opcode == websocket.Close && len(m.Payload) >= 2:
		b = appendInt(b, `,"code":`, int64(binary.BigEndian.Uint16(m.Payload)))
		if reason := m.Payload[2:]; utf8.Valid(reason) {
			b = append(b, `,"reason":`...)
			return e.lines.JSON(b, reason)
		}
	case m.Opcode == websocket.Text && !m.Undecoded && utf8.Valid(m.Payload):
		b = append(b, `,"text":`...)
		return e.lines.JSON(b, m.Payload)
	}
	b = append(b, `,"base64":"`...)
	b = append(e.lines.Base64(b, m.Payload), '"')
	if m.Opcode == websocket.Text && !m.Undecoded { // it is not UTF-8
		b = append(b, `,"text":`...)
		b = e.lines.JSON(b, m.Payload)
	}
	return b
}

func (e *Encoder) gap(b []byte, ev *websocket.Gap) []byte {
	b = e.begin(b, `{"event":"gap","time":`, ev.Time)
	b = appendConn(b, ev.Conn)
	b = appendWord(b, `,"from":"`, ev.From.String())
	b = appendInt(b, `,"bytes":`, ev.Bytes)
	b = appendEnds(b, ev.Conn)
	if ev.Reason != "" {
		b = appendString(b, `,"reason":`, ev.Reason)
	}
	return b
}

func (e *Encoder) end(b []byte, ev *websocket.End) []byte {
	b = e.begin(b, `{"event":"end","time":`, ev.Time)
	b = appendConn(b, ev.Conn)
	b = appendString(b, `,"cause":`, string(ev.Cause))
	b = appendEnds(b, ev.Conn)
	b = appendSeconds(b, `,"duration":`, ev.Duration)
	for dir, key := range [...]string{`,"counts":{"client":{`, `,"server":{`} {
		b = append(appendCounts(append(b, key...), &ev.Counts[dir]), '}')
	}
	b = append(b, '}')
	if len(ev.Closing) > 0 {
		b = e.closing(b, &ev.Closing[0])
	}
	b = appendOther(b, `,"copies":`, ev.Counts[0].Copies+ev.Counts[1].Copies)
	return appendSides(b, `,"tcp_closed_by":`, ev.By)
}

func appendCounts(b []byte, c *websocket.Counts) []byte {
	b = appendInt(b, `"messages":`, int64(c.Messages()))
	b = appendInt(b, `,"text":`, int64(c.Text))
	b = appendInt(b, `,"binary":`, int64(c.Binary))
	b = appendInt(b, `,"ping":`, int64(c.Ping))
	b = appendInt(b, `,"pong":`, int64(c.Pong))
	b = appendInt(b, `,"close":`, int64(c.Close))
	b = appendInt(b, `,"bytes":`, int64(c.Bytes))
	b = appendInt(b, `,"wire_bytes":`, int64(c.WireBytes))
	return appendInt(b, `,"lost_bytes":`, int64(c.LostBytes))
}

// closing appends the first close frame.
func (e *Encoder) closing(b []byte, c *websocket.Closing) []byte {
	if c.Code != websocket.StatusNone && !e.cfg.OmitPayloads {
		b = appendInt(b, `,"code":`, int64(c.Code))
		b = appendString(b, `,"reason":`, c.Reason)
	}
	return appendWord(b, `,"closed_by":"`, c.From.String())
}
