package har

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// A chainWriter writes to the spool. Very long messages come in pieces.
type chainWriter struct {
	spool *spool
	chain *chain
}

func (w chainWriter) Write(b []byte) (int, error) {
	if err := w.spool.write(w.chain, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// message adds a message to its entry.
func (e *Encoder) message(en *entry, m *websocket.Message) error {
	c := &en.messages
	e.lines.W = chainWriter{&e.spool, c}
	b := e.buf[:0]
	if c.whole > 0 {
		b = append(b, ',')
	}
	word := "send"
	if m.From == websocket.FromServer {
		word = "receive"
	}
	b = append(b, "\n"+`{"type":"`...)
	b = append(b, word...)
	b = append(b, `","time":`...)
	b = appendSeconds(b, m.Time)
	b = append(b, `,"opcode":`...)
	b = strconv.AppendUint(b, uint64(m.Opcode), 10)
	b = append(b, `,"data":"`...)
	if text := m.Opcode == websocket.Text && !m.Undecoded; text {
		b = e.lines.JSON(b[:len(b)-1], m.Payload) // brings its own quotes
	} else {
		b = e.lines.Base64(b, m.Payload)
		b = append(b, '"')
		b = appendFlag(b, `,"_encoding":"base64"`, m.Opcode == websocket.Text)
	}
	b = e.extra(b, en, m)
	b = append(b, '}')
	e.buf = b
	en.last = m.Time
	if err := e.lines.Write(b); err != nil {
		return err
	}
	c.whole = c.size
	return nil
}

// extra appends what HAR has no field for.
func (e *Encoder) extra(b []byte, en *entry, m *websocket.Message) []byte {
	if code, reason := m.CloseStatus(); code != 0 && code != websocket.StatusNone {
		b = appendInt(b, `,"_code":`, int64(code))
		if utf8.ValidString(reason) {
			b = escape.AppendJSON(append(b, `,"_reason":`...), reason)
		}
	}
	if !m.Start.IsZero() && !m.Start.Equal(m.Time) {
		b = appendSeconds(append(b, `,"_start":`...), m.Start)
	}
	if m.Frames > 1 {
		b = appendInt(b, `,"_frames":`, int64(m.Frames))
	}
	if m.Compressed {
		b = append(b, `,"_compressed":true`...)
		b = appendInt(b, `,"_wireLength":`, m.WireLength)
	}
	if lost := &en.before[m.From&1]; *lost > 0 {
		b = appendInt(b, `,"_lostBefore":`, *lost)
		*lost = 0
	}
	b = appendFlag(b, `,"_truncated":true`, m.Truncated)
	b = appendFlag(b, `,"_undecoded":true`, m.Undecoded)
	b = appendFlag(b, `,"_conflict":true`, m.Conflict)
	b = appendFlag(b, `,"_midstream":true`, m.Midstream)
	b = appendFlag(b, `,"_invalidUTF8":true`, m.InvalidUTF8)
	b = appendFlag(b, `,"_badMask":true`, m.BadMask)
	b = appendFlag(b, `,"_copy":true`, m.Copy)
	if m.Unknown > 0 {
		b = appendInt(b, `,"_unknown":`, int64(m.Unknown))
	}
	if m.Violations != 0 {
		b = append(b, `,"_violations":`...)
		b = escape.AppendJSON(b, strings.Join(slices.Collect(m.Violations.All()), " "))
	}
	if m.RSV != 0 {
		b = appendInt(b, `,"_rsv":`, int64(m.RSV))
	}
	return b
}

// Of each of these key is a field's name with the comma before it.

func appendInt(b []byte, key string, n int64) []byte {
	return strconv.AppendInt(append(b, key...), n, 10)
}

func appendFlag(b []byte, field string, set bool) []byte {
	if set {
		b = append(b, field...)
	}
	return b
}

func appendWord(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return escape.AppendJSON(append(b, key...), s)
}

// appendTime appends a time of ISO 8601, which ends with the year 9999.
func appendTime(b []byte, t time.Time) []byte {
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		t = time.Unix(0, 0).UTC()
	}
	return append(t.AppendFormat(append(b, '"'), "2006-01-02T15:04:05.000Z"), '"')
}

// appendMillis appends a duration in milliseconds; it has no negative ones.
func appendMillis(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, math.Max(0, float64(d)/1e6), 'f', -1, 64)
}

// appendSeconds appends the seconds since 1970, with microseconds.
func appendSeconds(b []byte, t time.Time) []byte {
	return strconv.AppendFloat(b, float64(t.Unix())+float64(t.Nanosecond())/1e9, 'f', 6, 64)
}
