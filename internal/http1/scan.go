package http1

import (
	"bytes"
	"strings"
)

// maxMethod is the longest method that is believed.
const maxMethod = 20

// headEnd says whether the end of a head, its empty line, is in b, which was looked
// through up to from.
func headEnd(b []byte, from int) bool {
	for i := max(from-3, 0); ; {
		k := bytes.IndexByte(b[i:], '\n')
		if k < 0 {
			return false
		}
		if i += k + 1; bytes.HasPrefix(b[i:], []byte("\n")) || bytes.HasPrefix(b[i:], []byte("\r\n")) {
			return true
		}
	}
}

// MaybeRequest says whether b can be the beginning of a request: a method, a
// token of at most 20 bytes, and a space.
func MaybeRequest(b []byte) bool {
	for i, c := range b {
		switch {
		case c == ' ':
			return i > 0
		case !tokenByte(c) || i == maxMethod:
			return false
		}
	}
	return true
}

// MaybeResponse says whether b can be the beginning of a response.
func MaybeResponse(b []byte) bool {
	const v = "HTTP/1."
	n := min(len(b), len(v))
	return string(b[:n]) == v[:n]
}

// LooksLikeRequest says whether b begins with a request line, as far as it
// reaches.
func LooksLikeRequest(b []byte) bool {
	if bytes.HasPrefix(b, []byte("HTTP/1.")) || !MaybeRequest(b) {
		return false
	}
	line, _, _ := bytes.Cut(b[:min(len(b), 4096)], []byte("\n"))
	return bytes.Contains(line, []byte(" HTTP/1."))
}

// LooksLikeResponse says whether b begins with a status line.
func LooksLikeResponse(b []byte) bool { return bytes.HasPrefix(b, []byte("HTTP/1.")) }

func tokenByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
