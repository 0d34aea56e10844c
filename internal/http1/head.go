// Package http1 reads HTTP/1.1 messages (RFC 9112) as they pass in one
// direction of a connection: it finds their heads and skips their bodies. It
// reads no further than the question needs whether, and when, a connection
// becomes something else.
package http1

import "bytes"

// A Head is a request's or a response's: the first line and the fields, up to the
// empty line behind them. Who reads it finds it and the fields that every head is
// asked for at once: see [Field]. The zero Head is none.
//
// A Head borrows the bytes in which it was found.
type Head struct {
	raw   []byte
	line  int // the length of the first line, with its end
	index index
}

// read makes h, which is none, the head that b begins with, and returns its length in
// b; 0 where its end is not there.
func (h *Head) read(b []byte) int {
	n, folded := h.scan(b)
	if folded && n > 0 {
		*h = Head{}
		h.scan(unfold(b[:n]))
	}
	return n
}

// scan is read for lines as they are. folded says that one begins with white space.
func (h *Head) scan(b []byte) (n int, folded bool) {
	h.line = bytes.IndexByte(b, '\n') + 1
	for n = h.line; n > 0; {
		rest := b[n:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			break
		}
		line := rest[:end]
		switch {
		case end == 0 || end == 1 && line[0] == '\r':
			n += end + 1
			h.raw = b[:n:n]
			return n, folded
		case space(line[0]):
			folded = true
		default:
			if f, s := fieldIn(line, n); s.to > 0 {
				h.index.note(f, s)
			}
		}
		n += end + 1
	}
	*h = Head{}
	return 0, false
}

// unfold returns a copy of the head b in which lines that are folded (RFC 9112, section
// 5.2) are in one.
func unfold(b []byte) []byte {
	h := make([]byte, 0, len(b))
	for i, c := range b {
		if folds := c == '\n' && i+1 < len(b) && space(b[i+1]) && len(h) > 0; folds {
			for len(h) > 0 && (h[len(h)-1] == '\r' || space(h[len(h)-1])) {
				h = h[:len(h)-1]
			}
			continue // the white space that begins the next line stands for it all
		}
		h = append(h, c)
	}
	return h
}

// Whole returns the head that b begins with; none where its end is not there.
func Whole(b []byte) (h Head) {
	h.read(b)
	return h
}

// Cut returns what a head says of which only the beginning b is known: its whole
// lines, and its first line as far as that goes. whole says that the first line is.
func Cut(b []byte) (h Head, whole bool) {
	end := bytes.LastIndexByte(b, '\n') + 1
	if whole = end > 0; !whole {
		end = len(b)
	}
	b = append(b[:end:end], "\r\n"...)
	if h.scan(b); h.None() {
		h = Head{raw: b, line: len(b)}
	}
	return h, whole
}

// None says that there is no head.
func (h *Head) None() bool { return h.line == 0 }

// Raw returns the head's bytes, with lines that were folded in one.
func (h *Head) Raw() []byte { return h.raw }

// Copy makes h, which is none or was made by Copy, a copy of o that borrows nothing.
func (h *Head) Copy(o *Head) {
	own := h.raw[:0]
	*h = *o
	h.raw = append(own, o.raw...)
}

// Line returns the first line without its end.
func (h *Head) Line() []byte {
	n := h.line
	if n > 0 && h.raw[n-1] == '\n' {
		n--
	}
	if n > 0 && h.raw[n-1] == '\r' {
		n--
	}
	return h.raw[:n]
}

// RawFields returns what follows the first line.
func (h *Head) RawFields() []byte { return h.raw[h.line:] }

// Fields returns a copy of what follows the first line.
func (h *Head) Fields() Fields { return Fields(h.RawFields()) }

// RequestLine splits "GET /chat HTTP/1.1" (RFC 9112, section 3). It returns false for
// what is no request of HTTP/1.
func (h *Head) RequestLine() (method, target []byte, ok bool) { return requestLine(h.Line()) }

// RequestLine splits the line that b begins with, as [Head.RequestLine] does.
func RequestLine(b []byte) (method, target []byte, ok bool) {
	line, _ := cut(b, '\n')
	return requestLine(line)
}

func requestLine(line []byte) (method, target []byte, ok bool) {
	method, rest := cut(line, ' ')
	target, rest = cut(pastSpaces(rest), ' ')
	return method, target, bytes.HasPrefix(pastSpaces(rest), []byte("HTTP/1."))
}

func pastSpaces(b []byte) []byte {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	return b
}

// cut returns what stands in b before the first sep, and behind it; all, and nil,
// where there is none.
func cut(b []byte, sep byte) (before, behind []byte) {
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// Status returns a response's status code, 0 where there is none.
func (h *Head) Status() int {
	_, rest := cut(h.raw[:h.line], ' ')
	rest = pastSpaces(rest)
	if len(rest) < 3 || !digit(rest[0]) || !digit(rest[1]) || !digit(rest[2]) || rest[0] == '0' {
		return 0
	}
	return int(rest[0]-'0')*100 + int(rest[1]-'0')*10 + int(rest[2]-'0')
}
