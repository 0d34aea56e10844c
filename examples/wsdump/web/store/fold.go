package store

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A fold finds a text in which capitals of ASCII do not count. A regular expression
// takes thirty times as long.
type fold struct {
	text   []byte
	wanted bool // the text is; otherwise what has it is not
}

// foldable says whether a fold finds all that a person means by the text.
func foldable(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// unfolded returns the pattern of a text that is not foldable.
func unfolded(text string) string {
	for _, r := range text {
		if unicode.SimpleFold(r) != r {
			return "(?i)" + regexp.QuoteMeta(text)
		}
	}
	return regexp.QuoteMeta(text) // nothing in it has capitals
}

func newFold(text string, wanted bool) fold { return fold{appendLower(nil, []byte(text)), wanted} }

// in says whether b has the text. buf is room for a part of b.
func (f fold) in(b []byte, buf *[]byte) bool {
	const piece = 32 << 10
	for {
		part := b[:min(len(b), piece+len(f.text))]
		*buf = appendLower((*buf)[:0], part)
		if bytes.Contains(*buf, f.text) {
			return true
		}
		if len(part) == len(b) {
			return false
		}
		b = b[piece:]
	}
}

func appendLower(to, b []byte) []byte {
	at := len(to)
	to = append(to, b...)
	for i, c := range to[at:] {
		if 'A' <= c && c <= 'Z' {
			to[at+i] = c + 'a' - 'A'
		}
	}
	return to
}
