package main

import (
	"encoding/base64"
	"io"
)

// longLine is from which length on a line is written before it is whole: a
// message may have 64 MiB, and its line six times as many characters.
const longLine = 64 << 10

// A longWriter takes the beginnings of long lines. An error shows at the next
// Write of the caller.
type longWriter struct{ w io.Writer } // nil: lines stay whole

// flush writes what there is of a line, if it is long, and returns the rest.
func (l longWriter) flush(b []byte) []byte {
	if l.w == nil || len(b) < longLine {
		return b
	}
	_, _ = l.w.Write(b)
	return b[:0]
}

// escaped is appendEscaped in pieces.
func (l longWriter) escaped(b, data []byte) []byte {
	for len(data) > longLine {
		piece := cut(data, longLine)
		b = l.flush(appendEscaped(b, piece))
		data = data[len(piece):]
	}
	return appendEscaped(b, data)
}

// json is appendJSONString in pieces.
func (l longWriter) json(b, data []byte) []byte {
	b = append(b, '"')
	for len(data) > longLine {
		piece := cut(data, longLine)
		b = l.flush(appendJSONText(b, piece))
		data = data[len(piece):]
	}
	return append(appendJSONText(b, data), '"')
}

// base64 appends data in base64, in pieces.
func (l longWriter) base64(b, data []byte) []byte {
	const whole = longLine / 3 * 3 // no padding
	for len(data) > whole {
		b = l.flush(base64.StdEncoding.AppendEncode(b, data[:whole]))
		data = data[whole:]
	}
	return base64.StdEncoding.AppendEncode(b, data)
}
