package jsonl

import (
	"bytes"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// Of each of these key is a field's name as it stands in the line, with the comma
// before it and the colon behind.

func appendString(b []byte, key, s string) []byte { return escape.AppendJSON(append(b, key...), s) }

func appendInt(b []byte, key string, n int64) []byte {
	return appendNumber(append(b, key...), n)
}

// appendSeconds appends a duration in seconds, with as many digits as it takes.
func appendSeconds(b []byte, key string, d time.Duration) []byte {
	b = appendInt(b, key, int64(d/time.Second))
	if nano := int64(d % time.Second); nano > 0 {
		point := len(b)
		b = strconv.AppendInt(b, 1e9+nano, 10)
		b[point] = '.' // in place of the 1 that kept the zeros
		b = bytes.TrimRight(b, "0")
	}
	return b
}

func appendBool(b []byte, key string, v bool) []byte {
	return strconv.AppendBool(append(b, key...), v)
}

// appendWord appends a string that needs no escapes. key has its opening quote.
func appendWord(b []byte, key, word string) []byte {
	return append(append(append(b, key...), word...), '"')
}

// appendFlag appends a field that is there only when true; field is all of it.
func appendFlag(b []byte, field string, set bool) []byte {
	if set {
		b = append(b, field...)
	}
	return b
}

// appendSides appends an array of sides that is there only where it is not empty.
func appendSides(b []byte, key string, sides []websocket.Direction) []byte {
	if len(sides) == 0 {
		return b
	}
	b = append(b, key...)
	for i, side := range sides {
		before := `,"`
		if i == 0 {
			before = `["`
		}
		b = appendWord(b, before, side.String())
	}
	return append(b, ']')
}

// appendOther appends a number that is there only where it is not 0.
func appendOther(b []byte, key string, n uint64) []byte {
	if n == 0 {
		return b
	}
	return appendNumber(append(b, key...), n)
}

func appendConn(b []byte, c *websocket.Conn) []byte {
	return appendNumber(append(b, `,"conn":`...), c.Number)
}

func appendEnds(b []byte, c *websocket.Conn) []byte {
	b = appendAddr(append(b, `,"client":`...), c.Client)
	return appendAddr(append(b, `,"server":`...), c.Server)
}

// appendAddr appends an address. Its zone, which packets do not have, may be any
// string.
func appendAddr(b []byte, a netip.AddrPort) []byte {
	if a.Addr().Is6() && a.Addr().Zone() != "" {
		return escape.AppendJSON(b, a.String())
	}
	return append(a.AppendTo(append(b, '"')), '"')
}

// appendHeader appends a header with its fields in the order of their names, so
// that a capture always gives the same lines.
func appendHeader(b []byte, h http.Header) []byte {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = escape.AppendJSON(b, name)
		b = append(b, ':')
		b = appendStrings(b, h[name])
	}
	return append(b, '}')
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = escape.AppendJSON(b, s)
	}
	return append(b, ']')
}

func appendViolations(b []byte, v websocket.Violations) []byte {
	b = append(b, `,"violations":[`...)
	sep := `"`
	for name := range v.All() {
		b = append(append(append(b, sep...), name...), '"')
		sep = `,"`
	}
	return append(b, ']')
}
