package http1

import (
	"bytes"
	"iter"
	"strings"
)

// A Field is one of the fields that every head is asked for. A tap sees many heads, and
// asks each a dozen times: where these fields stand is noted when the end of a head is
// looked for, line by line, which takes a quarter of what looking for each takes
// (BenchmarkHead).
type Field uint8

// The Fields.
const (
	Host Field = iota
	Upgrade
	ContentLength
	TransferEncoding
	Key        // Sec-WebSocket-Key
	Accept     // Sec-WebSocket-Accept
	Version    // Sec-WebSocket-Version
	Protocol   // Sec-WebSocket-Protocol
	Extensions // Sec-WebSocket-Extensions
	known
)

var names = [known]string{"Host", "Upgrade", "Content-Length", "Transfer-Encoding", "Sec-WebSocket-Key",
	"Sec-WebSocket-Accept", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"}

// An index says where in a head the first value of each Field is, without the white
// space around it, and which Fields are there more than once.
type index struct {
	first    [known]span
	repeated uint16
}

// A span is a part of a head; the zero span is none.
type span struct{ from, to uint32 }

// note notes a value.
func (x *index) note(f Field, value span) {
	if first := &x.first[f]; first.to == 0 {
		*first = value
	} else {
		x.repeated |= 1 << f
	}
}

// fieldIn returns which Field is in a line that begins at a place of the head, and its
// value; none where it is another one. A byte or two say which it can be.
func fieldIn(line []byte, at int) (f Field, value span) {
	switch line[0] | 0x20 {
	case 'h':
		f = Host
	case 'u':
		f = Upgrade
	case 'c':
		f = ContentLength
	case 't':
		f = TransferEncoding
	case 's':
		const part = len("Sec-WebSocket-")
		if len(line) <= part {
			return 0, span{}
		}
		switch line[part] | 0x20 {
		case 'k':
			f = Key
		case 'a':
			f = Accept
		case 'v':
			f = Version
		case 'p':
			f = Protocol
		case 'e':
			f = Extensions
		default:
			return 0, span{}
		}
	default:
		return 0, span{}
	}
	name := names[f]
	n := len(name)
	if len(line) <= n || line[n] != ':' && !space(line[n]) || !equal(line[:n], name) {
		return 0, span{}
	}
	for n < len(line) && space(line[n]) {
		n++
	}
	if n == len(line) || line[n] != ':' {
		return 0, span{}
	}
	for n++; n < len(line) && white(line[n]); n++ {
	}
	end := len(line)
	for end > n && white(line[end-1]) {
		end--
	}
	return f, span{uint32(at + n), uint32(at + end)}
}

// next returns the next value of f behind one.
func (h *Head) next(f Field, value span) span {
	if h.index.repeated>>f&1 == 0 {
		return span{}
	}
	for at := int(value.to); ; {
		at += bytes.IndexByte(h.raw[at:], '\n') + 1
		line, _ := cut(h.raw[at:], '\n')
		if len(line) == 0 {
			return span{}
		}
		if g, s := fieldIn(line, at); s.to > 0 && g == f {
			return s
		}
	}
}

func (h *Head) value(s span) []byte { return h.raw[s.from:s.to] }

// Has says whether a field is there.
func (h *Head) Has(f Field) bool { return h.index.first[f].to > 0 }

// Get returns the first value of a field.
func (h *Head) Get(f Field) []byte { return h.value(h.index.first[f]) }

// Values yields the values of a field.
func (h *Head) Values(f Field) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for s := h.index.first[f]; s.to > 0; s = h.next(f, s) {
			if !yield(h.value(s)) {
				return
			}
		}
	}
}

// HasToken says whether a field's list holds a token, in any case. The list may go
// over several lines (RFC 9110, section 5.3).
func (h *Head) HasToken(f Field, token string) bool {
	for s := h.index.first[f]; s.to > 0; s = h.next(f, s) {
		list := h.value(s)
		if string(list) == token { // as nearly all are
			return true
		}
		for list != nil {
			var t []byte
			if t, list = cut(list, ','); equal(trim(t), token) {
				return true
			}
		}
	}
	return false
}

// GetFrom returns the first value of a field out of a copy of the head's fields.
func (h *Head) GetFrom(fields Fields, f Field) string {
	s := h.index.first[f]
	if s.to == 0 {
		return ""
	}
	return string(fields[int(s.from)-h.line : int(s.to)-h.line])
}

// ListFrom does that with the values of a field that may be repeated, as one list.
func (h *Head) ListFrom(fields Fields, f Field) string {
	if h.index.repeated>>f&1 == 0 {
		return h.GetFrom(fields, f)
	}
	return fields.List(names[f])
}

// equal says whether two names are the same, in any case. Most are in the same.
func equal(a []byte, b string) bool {
	return string(a) == b || len(a) == len(b) && strings.EqualFold(string(a), b)
}

func space(c byte) bool { return c == ' ' || c == '\t' }

// white says of a byte that it is white space, or the return at the end of a line.
func white(c byte) bool { return space(c) || c == '\r' }

// trim returns s without the white space around it.
func trim[T string | []byte](s T) T {
	for len(s) > 0 && white(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && white(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}
