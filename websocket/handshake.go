package websocket

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"iter"
	"net/http"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
)

// The opening handshake (RFC 6455, section 4) within HTTP/1.1 (RFC 9112): heads
// are found here and read no further than the question needs whether, and when,
// this connection becomes a WebSocket.

// maxHead bounds a request's or response's head: servers refuse far shorter ones.
const maxHead = 64 << 10

// headEnd returns the length of the head that b begins with, its empty line
// included, or 0. b was looked through up to from.
func headEnd(b []byte, from int) int {
	for i := max(from-3, 0); ; {
		k := bytes.IndexByte(b[i:], '\n')
		if k < 0 {
			return 0
		}
		i += k + 1
		switch {
		case i < len(b) && b[i] == '\n':
			return i + 1
		case i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n':
			return i + 2
		}
	}
}

// maybeRequest says whether b can be the beginning of a request: a method, a
// token of at most 20 bytes, and a space.
func maybeRequest(b []byte) bool {
	for i, c := range b {
		switch {
		case c == ' ':
			return i > 0
		case !tokenByte(c) || i == 20:
			return false
		}
	}
	return true
}

// maybeResponse says whether b can be the beginning of a response.
func maybeResponse(b []byte) bool {
	const v = "HTTP/1."
	n := min(len(b), len(v))
	return string(b[:n]) == v[:n]
}

func tokenByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// A head is a request's or a response's: the first line and the fields, raw.
type head string

// line returns the first line without its end.
func (h head) line() string {
	l, _, _ := strings.Cut(string(h), "\n")
	return strings.TrimSuffix(l, "\r")
}

// wholeLines returns the part of an unfinished head that ends with a line,
// finished as a head.
func (h head) wholeLines() head {
	i := strings.LastIndexByte(string(h), '\n')
	if i < 0 {
		return ""
	}
	return h[:i+1] + "\r\n"
}

// fields yields each field's name and trimmed value. Folded lines (RFC 9112,
// section 5.2) are left out but for their first.
func (h head) fields() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		_, rest, _ := strings.Cut(string(h), "\n")
		for rest != "" {
			var l string
			l, rest, _ = strings.Cut(rest, "\n")
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

// values yields the values of the fields of one name. A tap sees many heads, and
// asks each many times: lines of other names cost little.
func (h head) values(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		_, rest, _ := strings.Cut(string(h), "\n")
		for rest != "" {
			var l string
			l, rest, _ = strings.Cut(rest, "\n")
			if len(l) <= len(name) || !strings.EqualFold(l[:len(name)], name) {
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

func space(c byte) bool { return c == ' ' || c == '\t' }

// trim returns s without the white space around it, an end of line's return
// included.
func trim(s string) string {
	for s != "" && (space(s[0]) || s[0] == '\r') {
		s = s[1:]
	}
	for s != "" && (space(s[len(s)-1]) || s[len(s)-1] == '\r') {
		s = s[:len(s)-1]
	}
	return s
}

// get returns the first value of a field.
func (h head) get(name string) string {
	for v := range h.values(name) {
		return v
	}
	return ""
}

// all returns the values of a field, in a list where it is repeated (RFC 9110,
// section 5.3).
func (h head) all(name string) string {
	var list []string
	for v := range h.values(name) {
		if v != "" || list != nil {
			list = append(list, v)
		}
	}
	return strings.Join(list, ", ")
}

// hasToken says whether a field's list holds a token.
func (h head) hasToken(name, token string) bool {
	for v := range h.values(name) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(trim(t), token) {
				return true
			}
		}
	}
	return false
}

// body says what follows the head: n bytes, or chunks, or (n < 0) all until the
// connection closes. Without either field it is unsaid.
func (h head) body() (n int64, chunked, unsaid bool) {
	for v := range h.values("Transfer-Encoding") {
		last := v[strings.LastIndexByte(v, ',')+1:]
		if strings.EqualFold(strings.TrimSpace(last), "chunked") {
			return 0, true, false
		}
		return -1, false, false
	}
	unsaid = true
	for v := range h.values("Content-Length") {
		unsaid = false
		var err error
		if n, err = strconv.ParseInt(v, 10, 64); err != nil || n < 0 {
			n = -1
		}
	}
	return n, false, unsaid
}

// requestLine splits "GET /chat HTTP/1.1".
func (h head) requestLine() (method, target string, ok bool) {
	method, rest, _ := strings.Cut(h.line(), " ")
	target, version, ok := strings.Cut(strings.Trim(rest, " "), " ")
	return method, target, ok && strings.HasPrefix(strings.TrimLeft(version, " "), "HTTP/1.")
}

// status returns a response's status code, 0 where there is none.
func (h head) status() int {
	_, rest, _ := strings.Cut(h.line(), " ")
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

// upgrade says whether a head asks for, or grants, the change to WebSocket.
func (h head) upgrade() bool { return h.hasToken("Upgrade", "websocket") }

// otherUpgrade says whether the head speaks of a change to another protocol.
func (h head) otherUpgrade() bool { return h.get("Upgrade") != "" && !h.upgrade() }

// parseHeader parses the fields of a head. The names are made canonical.
func parseHeader(raw string) http.Header {
	if raw == "" {
		return nil
	}
	hd := make(http.Header)
	for name, value := range head(raw).fields() {
		name = textproto.CanonicalMIMEHeaderKey(name)
		hd[name] = append(hd[name], value)
	}
	return hd
}

// url returns the WebSocket URL of a request.
func (h head) url(target string, server netip.AddrPort) string {
	if i := strings.Index(target, "://"); i > 0 { // absolute form, as to a proxy
		switch strings.ToLower(target[:i]) {
		case "http":
			return "ws" + target[i:]
		case "https":
			return "wss" + target[i:]
		}
		return target
	}
	host := h.get("Host")
	if host == "" {
		host = server.String()
	}
	return "ws://" + host + target
}

// acceptKey returns the Sec-WebSocket-Accept that answers a key.
func acceptKey(key string) [28]byte {
	sum := sha1.Sum(append(append(make([]byte, 0, 64), key...), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	var accept [28]byte
	base64.StdEncoding.Encode(accept[:], sum[:])
	return accept
}

// deflateParams are those of permessage-deflate as agreed (RFC 7692, section
// 7.1), by the direction of what is compressed.
type deflateParams struct {
	on         bool
	noTakeover [2]bool
	bits       [2]uint8
}

// unseenDeflate stands for an answer that was not captured: a message that says
// it is compressed is believed.
var unseenDeflate = deflateParams{on: true, bits: [2]uint8{15, 15}}

// parseDeflate reads the extensions that the server accepted.
func parseDeflate(extensions string) (p deflateParams) {
	for ext := range splitQuoted(extensions, ',') {
		first := true
		for param := range splitQuoted(ext, ';') {
			name, value, _ := strings.Cut(param, "=")
			name = strings.ToLower(strings.TrimSpace(name))
			value = strings.Trim(strings.TrimSpace(value), `"`)
			if first {
				if name != "permessage-deflate" {
					break
				}
				p = deflateParams{on: true, bits: [2]uint8{15, 15}}
				first = false
				continue
			}
			switch name {
			case "client_no_context_takeover":
				p.noTakeover[FromClient] = true
			case "server_no_context_takeover":
				p.noTakeover[FromServer] = true
			case "client_max_window_bits":
				p.bits[FromClient] = windowBits(value)
			case "server_max_window_bits":
				p.bits[FromServer] = windowBits(value)
			}
		}
		if p.on {
			return p
		}
	}
	return p
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
func splitQuoted(s string, sep byte) func(yield func(string) bool) {
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
