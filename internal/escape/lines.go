package escape

import (
	"encoding/base64"
	"io"
)

// longLine is the length from which a line is written before it is whole: a
// message may have 64 MiB, and its line six times as many bytes.
const longLine = 64 << 10

// Lines writes lines to W. Its methods append to a line that the caller builds
// and return it, as append does; once it is long they write what there is and
// return the rest. So no line takes more than some 450 KiB, whatever its length.
//
// The first error of W ends the writing, because half a line may be out: from
// then on every Write returns it.
type Lines struct {
	W io.Writer

	err error
}

// Write writes the line, or its rest. W is called once for a line that is not
// long.
func (l *Lines) Write(b []byte) error {
	if l.err == nil {
		_, l.err = l.W.Write(b)
	}
	return l.err
}

// Spill writes b if it is long, and returns what is left of it.
func (l *Lines) Spill(b []byte) []byte {
	if len(b) < longLine {
		return b
	}
	_ = l.Write(b) // the next Write returns it too
	return b[:0]
}

// Text appends s as [Append] does.
func (l *Lines) Text(b, s []byte) []byte { return l.pieces(b, s, forText) }

// JSON appends s as [AppendJSON] does.
func (l *Lines) JSON(b, s []byte) []byte {
	return append(l.pieces(append(b, '"'), s, forJSON), '"')
}

func (l *Lines) pieces(b, s []byte, f *form) []byte {
	for len(s) > longLine {
		piece := Cut(s, longLine)
		b = l.Spill(f.append(b, piece))
		s = s[len(piece):]
	}
	return f.append(b, s)
}

// Base64 appends s in base64 (RFC 4648, section 4).
func (l *Lines) Base64(b, s []byte) []byte {
	const whole = longLine / 3 * 3 // needs no padding
	for len(s) > whole {
		b = l.Spill(base64.StdEncoding.AppendEncode(b, s[:whole]))
		s = s[whole:]
	}
	return base64.StdEncoding.AppendEncode(b, s)
}
