package main

import (
	"io"
	"unicode"
	"unicode/utf8"
)

// A plain writer takes what tells of errors: the names of files and the words of
// filters in it may be other people's, and must not write on the terminal.
type plain struct{ w io.Writer }

func (p plain) Write(b []byte) (int, error) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == '\n' || r == '\t' || r == '\r' && i == 0: // the counters of SIGINT begin so
			out = append(out, byte(r))
		case r == utf8.RuneError && n == 1, unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
			out = append(out, '?')
		default:
			out = append(out, b[i:i+n]...)
		}
		i += n
	}
	_, err := p.w.Write(out)
	return len(b), err
}
