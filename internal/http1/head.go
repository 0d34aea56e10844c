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

// readHead reads the head that b begins with. It returns its length in b, 0 where
// its end is not there.
func readHead(b []byte) (h Head, n int) {
	n, folded := h.read(b)
	if folded {
		h.read(unfold(b[:n]))
	}
	return h, n
}

// read makes h the head that b begins with, and returns its length; 0 where its end
// is not there. folded says that a line begins with white space.
func (h *Head) read(b []byte) (n int, folded bool) {
	*h = Head{line: bytes.IndexByte(b, '\n') + 1}
	for at := h.line; at > 0 && at < len(b); {
		end := bytes.IndexByte(b[at:], '\n')
		switch {
		case end < 0:
			*h = Head{}
			return 0, false
		case end == 0 || end == 1 && b[at] == '\r':
			n = at + end + 1
			h.raw = b[:n:n]
			return n, folded
		case space(b[at]):
			folded = true
		default:
			h.index.note(b, at, at+end)
		}
		at += end + 1
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
func Whole(b []byte) Head {
	h, _ := readHead(b)
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
	if h.read(b); h.None() {
		h = Head{raw: b, line: len(b)}
	}
	return h, whole
}

// None says that there is no head.
func (h *Head) None() bool { return h.line == 0 }

// Raw returns the head's bytes, with lines that were folded in one.
func (h *Head) Raw() []byte { return h.raw }

// CopyTo returns the head with its bytes copied to buf, which grows if it must.
func (h Head) CopyTo(buf []byte) Head {
	h.raw = append(buf[:0], h.raw...)
	return h
}

// Line returns the first line without its end.
func (h *Head) Line() []byte {
	n := h.line
	for _, c := range []byte("\n\r") {
		if n > 0 && h.raw[n-1] == c {
			n--
		}
	}
	return h.raw[:n]
}

// RawFields returns what follows the first line.
func (h *Head) RawFields() []byte { return h.raw[h.line:] }

// Fields returns a copy of what follows the first line.
func (h *Head) Fields() Fields { return Fields(h.RawFields()) }

// RequestLine splits the first line as the function of that name does.
func (h *Head) RequestLine() (method, target []byte, ok bool) { return RequestLine(h.Line()) }

// RequestLine splits "GET /chat HTTP/1.1" (RFC 9112, section 3), b's first line. It
// returns false for what is no request of HTTP/1.
func RequestLine(b []byte) (method, target []byte, ok bool) {
	line, _ := cut(b, '\n')
	method, rest := cut(line, ' ')
	target, version := cut(bytes.Trim(rest, " "), ' ')
	return method, target, bytes.HasPrefix(bytes.TrimLeft(version, " "), []byte("HTTP/1."))
}

// cut returns what stands in b before the first sep, and behind it; all, and nil,
// where there is none.
func cut(b []byte, sep byte) (before, behind []byte) {
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// Status returns a response's status code, 0 where there is none.
func (h *Head) Status() int {
	_, rest := cut(h.Line(), ' ')
	rest = bytes.TrimLeft(rest, " ")
	if len(rest) < 3 {
		return 0
	}
	n := 0
	for _, c := range rest[:3] {
		if c < '0' || c > '9' {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	if n < 100 {
		return 0
	}
	return n
}
