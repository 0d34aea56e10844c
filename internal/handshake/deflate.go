package handshake

import (
	"iter"
	"strconv"
	"strings"
)

// Deflate holds what was agreed on compression, by the side that compresses: 0 the
// client, 1 the server.
type Deflate struct {
	On         bool
	Frames     bool // each frame is compressed by itself, as x-webkit-deflate-frame has it
	NoTakeover [2]bool
	Bits       [2]uint8 // of the window, 8 to 15
	Others     bool     // further extensions were agreed, or may have been
}

// full is compression with all that a decoder needs for any parameters.
var full = Deflate{On: true, Bits: [2]uint8{15, 15}}

// UnseenDeflate stands for an answer that was not captured: a message that says
// it is compressed is believed.
var UnseenDeflate = Deflate{On: true, Bits: [2]uint8{15, 15}, Others: true}

// ParseDeflate reads the extensions that the server accepted, the value of
// Sec-WebSocket-Extensions.
func ParseDeflate(extensions string) (p Deflate) {
	if extensions == "" {
		return p
	}
	others := false
	for ext := range splitQuoted(extensions, ',') {
		name, params, _ := strings.Cut(ext, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case name == "":
		case name == "permessage-deflate" && !p.On:
			p = full
			p.parameters(params)
		case (name == "x-webkit-deflate-frame" || name == "deflate-frame") && !p.On:
			// Its parameters say what the other side's compressor does without
			// (draft-tyoshino-hybi-websocket-perframe-deflate-06). A decoder that
			// keeps all reads everything.
			p = full
			p.Frames = true
		default:
			others = true
		}
	}
	p.Others = others
	return p
}

// parameters reads those of permessage-deflate.
func (p *Deflate) parameters(params string) {
	for param := range splitQuoted(params, ';') {
		name, value, _ := strings.Cut(param, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch name {
		case "client_no_context_takeover":
			p.NoTakeover[0] = true
		case "server_no_context_takeover":
			p.NoTakeover[1] = true
		case "client_max_window_bits":
			p.Bits[0] = windowBits(value)
		case "server_max_window_bits":
			p.Bits[1] = windowBits(value)
		}
	}
}

// windowBits reads a window size. What is not valid counts as the largest, which
// decodes everything.
func windowBits(s string) uint8 {
	n, err := strconv.Atoi(s)
	if err != nil || n < 8 || n > 15 {
		return 15
	}
	return uint8(n)
}

// splitQuoted splits s at sep outside of quoted strings.
func splitQuoted(s string, sep byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		quoted, from := false, 0
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] == '"':
				quoted = !quoted
			case s[i] == '\\' && quoted:
				i++
			case s[i] == sep && !quoted:
				if !yield(s[from:i]) {
					return
				}
				from = i + 1
			}
		}
		yield(s[from:])
	}
}
