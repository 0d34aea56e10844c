package http1

import (
	"iter"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

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
		for l := range strings.SplitSeq(string(f), "\n") {
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

// Values yields the values of the fields of one name, in any case.
func (f Fields) Values(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for l := range strings.SplitSeq(string(f), "\n") {
			if len(l) <= len(name) || !strings.EqualFold(l[:len(name)], name) {
				continue
			}
			if l = strings.TrimLeft(l[len(name):], " \t"); l != "" && l[0] == ':' && !yield(trim(l[1:])) {
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

// Header returns the fields by their canonical names; nil where there are none
// at all, not even an empty line.
func (f Fields) Header() http.Header {
	if f == "" {
		return nil
	}
	h, firsts := make(http.Header), make([]string, 16)
	for name, value := range f.All() {
		name = canonical(name)
		if h[name] == nil && len(firsts) > 0 { // most are there once, and share an allocation
			firsts[0] = value
			h[name], firsts = firsts[:1:1], firsts[1:]
			continue
		}
		h[name] = append(h[name], value)
	}
	return h
}

// canonical is [textproto.CanonicalMIMEHeaderKey], which looks at each letter; here
// names of most handshakes are looked up.
func canonical(name string) string {
	switch name {
	case "Host", "Connection", "Upgrade", "Origin", "User-Agent", "Cookie", "Pragma", "Cache-Control", "Accept-Encoding",
		"Accept-Language", "Date", "Server":
		return name
	case "Sec-WebSocket-Key":
		return "Sec-Websocket-Key"
	case "Sec-WebSocket-Accept":
		return "Sec-Websocket-Accept"
	case "Sec-WebSocket-Version":
		return "Sec-Websocket-Version"
	case "Sec-WebSocket-Protocol":
		return "Sec-Websocket-Protocol"
	case "Sec-WebSocket-Extensions":
		return "Sec-Websocket-Extensions"
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}
