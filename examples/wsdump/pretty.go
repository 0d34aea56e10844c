package main

import (
	"bytes"
	"encoding/json"
	"io"
)

const (
	prettyBytes = 4 << 20 // the longest payload that --pretty looks into
	prettyDepth = 100     // and the deepest
)

// indented returns a payload that is JSON, one value or several, with each on lines
// of its own, or false where it is none or holds nothing that could be indented.
func indented(payload []byte) ([]byte, bool) {
	if len(payload) > prettyBytes || depth(payload) > prettyDepth {
		return nil, false
	}
	var out bytes.Buffer
	structured := false
	in := json.NewDecoder(bytes.NewReader(payload))
	for {
		var v json.RawMessage
		switch err := in.Decode(&v); {
		case err == io.EOF:
			return out.Bytes(), structured
		case err != nil:
			return nil, false
		}
		structured = structured || v[0] == '{' || v[0] == '['
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		if json.Indent(&out, v, "", "  ") != nil {
			return nil, false
		}
	}
}

// depth returns how deep objects and arrays lie in each other, at most.
func depth(b []byte) int {
	deep, now := 0, 0
	quoted, escaped := false, false
	for _, c := range b {
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deep = max(deep, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deep
}
