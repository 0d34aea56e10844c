package escape

import (
	"io"
	"unicode/utf8"
)

// A Writer passes messages of several lines to W and puts a question mark in
// place of what a terminal would obey: names of files and words of filters in
// them may be other people's. Line feeds and tabs stay, and so does a carriage
// return at the beginning of a Write.
type Writer struct{ W io.Writer }

// Write returns len(b) unless W fails.
func (w Writer) Write(b []byte) (int, error) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == '\n', r == '\t', r == '\r' && i == 0:
			out = append(out, byte(r))
		case r == utf8.RuneError && n == 1, Unsafe(r):
			out = append(out, '?')
		default:
			out = append(out, b[i:i+n]...)
		}
		i += n
	}
	if _, err := w.W.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}
