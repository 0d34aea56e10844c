// Package redact replaces what looks like a secret in the head of a handshake:
// cookies, credentials and tokens in the URL, in the fields and among the
// subprotocols, where browsers put them for want of fields. It goes by names and
// by form, so it is a help against accidents, not a proof.
package redact

import (
	"net/url"
	"strings"

	"github.com/wstap/wstap/internal/http1"
)

// masked stands for a secret.
const masked = "***"

// secretParts are parts of the names of secrets, and secretNames whole ones,
// in lower case and without punctuation.
var (
	secretParts = []string{"token", "secret", "password", "passwd", "pwd", "apikey", "accesskey", "privatekey",
		"authorization", "credential", "session", "jwt", "ticket", "signature", "cookie"}
	secretNames = map[string]bool{"auth": true, "xauth": true, "key": true, "sig": true, "sid": true,
		"code": true, "pass": true, "otp": true, "pin": true}
)

// secretName says whether a value of that name is likely to be a secret.
func secretName(name string) bool {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, name)
	if secretNames[name] {
		return true
	}
	for _, p := range secretParts {
		if strings.Contains(name, p) {
			return true
		}
	}
	return false
}

// URL masks the user information, and parameters of the path, query and
// fragment.
func URL(u string) string {
	var b strings.Builder
	if i := strings.Index(u, "://"); i >= 0 {
		b.WriteString(u[:i+3])
		u = u[i+3:]
		end := strings.IndexAny(u, "/?#")
		if end < 0 {
			end = len(u)
		}
		if at := strings.LastIndexByte(u[:end], '@'); at >= 0 {
			b.WriteString(masked)
			u, end = u[at:], end-at
		}
		b.WriteString(u[:end])
		u = u[end:]
	}
	for u != "" {
		end := strings.IndexAny(u, "/;?&#")
		part := u
		if end >= 0 {
			part = u[:end]
		}
		b.WriteString(maskParameter(part))
		if end < 0 {
			break
		}
		b.WriteByte(u[end])
		u = u[end+1:]
	}
	return b.String()
}

// maskParameter masks the value in "name=value" if the name says so, and any
// JSON Web Token.
func maskParameter(s string) string {
	name, _, ok := strings.Cut(s, "=")
	if ok {
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = name
		}
		if secretName(plain) {
			return name + "=" + masked
		}
	}
	return maskTokens(s)
}

// maskTokens masks JSON Web Tokens (RFC 7519): base64 of an object, points, and
// more base64.
func maskTokens(s string) string {
	const begin = "eyJ"
	if !strings.Contains(s, begin) {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, begin)
		if i < 0 {
			break
		}
		end := i
		for end < len(s) && jwtByte(s[end]) {
			end++
		}
		if strings.Contains(s[i:end], ".") {
			b.WriteString(s[:i])
			b.WriteString(masked)
		} else {
			b.WriteString(s[:end])
		}
		s = s[end:]
	}
	b.WriteString(s)
	return b.String()
}

func jwtByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '='
}

// Protocols are the subprotocols of a handshake and how they are shown.
type Protocols map[string]string

// ProtocolsOf reads the list of a request, in which a name such as access_token
// speaks for the item behind it.
func ProtocolsOf(list string) Protocols {
	if list == "" {
		return nil
	}
	p := Protocols{}
	before := ""
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		m := maskProtocol(item)
		if strings.EqualFold(before, "bearer") || secretName(before) {
			m = masked
		}
		before = ""
		if m == item {
			before = item
		} else {
			p[item] = m
		}
	}
	return p
}

// Mask masks a list of subprotocols.
func (p Protocols) Mask(list string) string {
	items := strings.Split(list, ",")
	for i, item := range items {
		trimmed := strings.TrimSpace(item)
		m, ok := p[trimmed]
		if !ok {
			m = maskProtocol(trimmed)
		}
		items[i] = strings.Replace(item, trimmed, m, 1)
	}
	return strings.Join(items, ",")
}

// maskProtocol masks what follows "bearer." and the like, and what is long and
// has no look of a name.
func maskProtocol(s string) string {
	lower := strings.ToLower(s)
	for _, mark := range []string{"bearer.", "authorization.", "token.", "jwt.", "key."} {
		if i := strings.Index(lower, mark); i >= 0 && i+len(mark) < len(s) && len(lower) == len(s) {
			return s[:i+len(mark)] + masked
		}
	}
	if len(s) >= 32 && strings.ContainsAny(s, "0123456789") && !strings.Contains(s, ".") {
		return masked
	}
	return maskTokens(s)
}

// Fields returns the same fields with their secrets masked.
func (p Protocols) Fields(f http1.Fields) http1.Fields {
	if f == "" {
		return ""
	}
	var b strings.Builder
	b.Grow(len(f) + len("\r\n"))
	for name, value := range f.All() {
		b.WriteString(name)
		b.WriteString(": ")
		b.WriteString(p.field(name, value))
		b.WriteString("\r\n")
	}
	b.WriteString("\r\n") // also of none: they were there
	return http1.Fields(b.String())
}

func (p Protocols) field(name, value string) string {
	switch name { // as nearly all are written: the rest looks at each name twenty times
	case "Host", "Connection", "Upgrade", "User-Agent", "Pragma", "Cache-Control", "Accept-Encoding", "Accept-Language",
		"Sec-WebSocket-Version", "Sec-WebSocket-Extensions", "Content-Length", "Content-Type", "Date", "Server":
		return maskTokens(value)
	case "Sec-WebSocket-Key", "Sec-WebSocket-Accept":
		return value
	case "Origin":
		return URL(value)
	}
	switch strings.ToLower(name) {
	case "cookie":
		pairs := strings.Split(value, ";")
		for i := range pairs {
			pairs[i] = maskPair(pairs[i])
		}
		return strings.Join(pairs, ";")
	case "set-cookie":
		pair, attributes, ok := strings.Cut(value, ";")
		if ok {
			attributes = ";" + attributes
		}
		return maskPair(pair) + attributes
	case "authorization", "proxy-authorization":
		if scheme, _, ok := strings.Cut(value, " "); ok {
			return scheme + " " + masked
		}
		return masked
	case "sec-websocket-protocol":
		return p.Mask(value)
	case "origin", "referer", "location", "content-location":
		return URL(value)
	case "sec-websocket-key", "sec-websocket-accept":
		return value // of one connection, and worth nothing after it
	}
	if secretName(name) {
		return masked
	}
	return maskTokens(value)
}

// maskPair masks the value of a cookie.
func maskPair(s string) string {
	name, _, ok := strings.Cut(s, "=")
	if !ok {
		return masked
	}
	return name + "=" + masked
}
