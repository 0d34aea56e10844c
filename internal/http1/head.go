// Package http1 reads HTTP/1.1 messages (RFC 9112) as they pass in one
// direction of a connection: it finds their heads and skips their bodies. It
// reads no further than the question needs whether, and when, a connection
// becomes something else.
package http1

import (
	"bytes"
	"iter"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// A Head is a request's or a response's, raw: the first line and the fields,
// up to the empty line behind them.
type Head string

// newHead makes a Head of its bytes, with lines that are folded (RFC 9112,
// section 5.2) in one.
func newHead(b []byte) Head {
	if !folded(b) {
		return Head(b)
	}
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
	return Head(h)
}

// folded says whether a line of b begins with white space.
func folded(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '\n') + 1
		if i == 0 || i == len(b) {
			return false
		}
		if b = b[i:]; space(b[0]) {
			return true
		}
	}
}

// cutLine returns the first line of s, and what follows its end.
func cutLine(s string) (line, rest string) {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// Line returns the first line without its end.
func (h Head) Line() string {
	l, _ := cutLine(string(h))
	return strings.TrimSuffix(l, "\r")
}

// Fields returns what follows the first line.
func (h Head) Fields() Fields {
	_, rest := cutLine(string(h))
	return Fields(rest)
}

// WholeLines returns the part of an unfinished head that ends with a line,
// finished as a head; empty where not even its first line is whole.
func (h Head) WholeLines() Head {
	i := strings.LastIndexByte(string(h), '\n')
	if i < 0 {
		return ""
	}
	return h[:i+1] + "\r\n"
}

// RequestLine splits "GET /chat HTTP/1.1" (RFC 9112, section 3). It returns
// false for what is no request of HTTP/1.
func (h Head) RequestLine() (method, target string, ok bool) {
	method, rest, _ := strings.Cut(h.Line(), " ")
	target, version, ok := strings.Cut(strings.Trim(rest, " "), " ")
	return method, target, ok && strings.HasPrefix(strings.TrimLeft(version, " "), "HTTP/1.")
}

// Status returns a response's status code, 0 where there is none.
func (h Head) Status() int {
	_, rest, _ := strings.Cut(h.Line(), " ")
	rest = strings.TrimLeft(rest, " ")
	if len(rest) < 3 {
		return 0
	}
	n, err := strconv.Atoi(rest[:3])
	if err != nil || n < 100 {
		return 0
	}
	return n
}

// Fields are field lines (RFC 9112, section 5), raw, each with its end.
type Fields string

// NewFields makes field lines of a header, in the order of their names. Line
// ends within a value become spaces.
func NewFields(h http.Header) Fields {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			b.WriteString(oneLine.Replace(name))
			b.WriteString(": ")
			b.WriteString(oneLine.Replace(v))
			b.WriteString("\r\n")
		}
	}
	return Fields(b.String())
}

var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// All yields each field's name and value, without the white space around them.
func (f Fields) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for rest := string(f); rest != ""; {
			var l string
			l, rest = cutLine(rest)
			name, value, ok := strings.Cut(l, ":")
			if !ok || name == "" || space(name[0]) {
				continue
			}
			if !yield(trim(name), trim(value)) {
				return
			}
		}
	}
}

// Values yields the values of the fields of one name. A tap sees many heads, and
// asks each many times: lines of other names cost little.
func (f Fields) Values(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := string(f); rest != ""; {
			var l string
			l, rest = cutLine(rest)
			// What ends the name is looked at first: few are of the same length.
			if len(l) <= len(name) || l[len(name)] != ':' && !space(l[len(name)]) || !equal(l[:len(name)], name) {
				continue
			}
			l = l[len(name):]
			for l != "" && space(l[0]) {
				l = l[1:]
			}
			if l != "" && l[0] == ':' && !yield(trim(l[1:])) {
				return
			}
		}
	}
}

// Get returns the first value of a field.
func (f Fields) Get(name string) string {
	for v := range f.Values(name) {
		return v
	}
	return ""
}

// List returns the values of a field as one list where it is repeated (RFC
// 9110, section 5.3).
func (f Fields) List(name string) string {
	var list []string
	for v := range f.Values(name) {
		if v != "" || list != nil {
			list = append(list, v)
		}
	}
	return strings.Join(list, ", ")
}

// HasToken says whether a field's list holds a token, in any case.
func (f Fields) HasToken(name, token string) bool {
	for v := range f.Values(name) {
		for t := range strings.SplitSeq(v, ",") {
			if equal(trim(t), token) {
				return true
			}
		}
	}
	return false
}

// Header returns the fields by their canonical names; nil where there are none
// at all, not even an empty line.
func (f Fields) Header() http.Header {
	if f == "" {
		return nil
	}
	h := make(http.Header)
	for name, value := range f.All() {
		name = textproto.CanonicalMIMEHeaderKey(name)
		h[name] = append(h[name], value)
	}
	return h
}

// equal says whether two names are the same, in any case. Most are in the same.
func equal(a, b string) bool { return a == b || strings.EqualFold(a, b) }

func space(c byte) bool { return c == ' ' || c == '\t' }

// trim returns s without the white space around it, the return at the end of a
// line included.
func trim(s string) string {
	for s != "" && (space(s[0]) || s[0] == '\r') {
		s = s[1:]
	}
	for s != "" && (space(s[len(s)-1]) || s[len(s)-1] == '\r') {
		s = s[:len(s)-1]
	}
	return s
}
