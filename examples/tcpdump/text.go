package main

import (
	"strings"

	"github.com/wstap/wstap/internal/cli"
)

var httpMethods = []string{
	"GET", "PUT", "COPY", "HEAD", "LOCK", "MOVE", "POLL", "POST", "BCOPY", "BMOVE", "MKCOL", "TRACE", "LABEL",
	"MERGE", "DELETE", "SEARCH", "UNLOCK", "REPORT", "UPDATE", "NOTIFY", "BDELETE", "CONNECT", "OPTIONS", "CHECKIN",
	"PROPFIND", "CHECKOUT", "CCM_POST", "SUBSCRIBE", "PROPPATCH", "BPROPFIND", "BPROPPATCH", "UNCHECKOUT",
	"MKACTIVITY", "MKWORKSPACE", "UNSUBSCRIBE", "RPC_CONNECT", "VERSION-CONTROL", "BASELINE-CONTROL",
}

var rtspMethods = []string{
	"DESCRIBE", "ANNOUNCE", "GET_PARAMETER", "OPTIONS", "PAUSE", "PLAY", "RECORD", "REDIRECT", "SETUP",
	"SET_PARAMETER", "TEARDOWN",
}

// text returns a printer of a protocol whose messages are lines of text. Where
// methods are given, only data that begins with one of them or with a response
// prints.
func text(proto string, methods []string) func(*printer, int, int) {
	return func(p *printer, off, length int) {
		p.s(": ")
		p.textLines(proto, methods, off, length)
	}
}

func (p *printer) textLines(proto string, methods []string, off, length int) {
	p.proto = proto
	begins := methods == nil || p.isMessage(methods, off, length)
	p.s(strings.ToUpper(proto))
	switch {
	case !begins:
	case p.v == 0:
		p.line(": ", off, length)
	default:
		p.f(", length: %d", length)
		for n := 0; n < length; {
			used := p.line("\n\t", off+n, length-n)
			if used == 0 {
				break
			}
			n += used
		}
	}
}

// isMessage says that data begins with a method, or that its second word is a
// response code.
func (p *printer) isMessage(methods []string, off, length int) bool {
	word, n := p.word(off, length)
	if n == 0 {
		return false
	}
	for _, m := range methods {
		if strings.EqualFold(m, word) {
			return true
		}
	}
	code, n := p.word(off+n, length-n)
	return n != 0 && len(code) == 3 && strings.Trim(code, "0123456789") == ""
}

// word returns the first word of data and how many bytes it and the space
// behind it take, 0 if there is none.
func (p *printer) word(off, length int) (string, int) {
	const limit = 128
	n := 0
	for ; n < length; n++ {
		if !p.has(off+n, 1) {
			return "", 0
		}
		c := p.b[off+n]
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			break
		}
		if !cli.Printable(c) || n >= limit {
			return "", 0
		}
	}
	word := string(p.b[off : off+n])
	if n == 0 {
		return "", 0
	}
	for n < length && p.has(off+n, 1) && (p.b[off+n] == ' ') {
		n++
	}
	return word, n
}

// line prints one line of text and returns the bytes it took, 0 where it is no
// text or has no end.
func (p *printer) line(prefix string, off, length int) int {
	for n := 0; n < length; n++ {
		used := 0
		switch c := p.u8(off + n); {
		case c == '\n':
			used = n + 1
		case c == '\r':
			if n+1 >= length || p.u8(off+n+1) != '\n' {
				return 0
			}
			used = n + 2
		case !cli.Printable(c) && c != '\t':
			return 0
		}
		if used > 0 {
			p.f("%s%s", prefix, p.b[off:off+n])
			return used
		}
	}
	p.f("%s%s", prefix, p.bytes(off, length))
	p.truncated()
	return 0
}

// ssh prints the version line of an SSH connection.
func (p *printer) ssh(off, length int) {
	p.proto = "ssh"
	for i, c := range []byte("SSH-") {
		if p.u8(off+i) != c {
			return
		}
	}
	for n := 4; n < length; n++ {
		c := p.u8(off + n)
		if c == '\n' || c == '\r' && n+1 < length && p.u8(off+n+1) == '\n' {
			p.f(": SSH: %s", p.b[off:off+n])
			return
		}
		if !cli.Printable(c) {
			return
		}
	}
}

// beep prints the kind of a BEEP message (RFC 3080).
func (p *printer) beep(off, length int) {
	p.proto = "beep"
	if length >= 4 && p.has(off, 4) {
		switch s := string(p.b[off : off+4]); s {
		case "RPY ", "ERR ", "ANS ", "NUL ", "SEQ ":
			p.f(" BEEP %s", s[:3])
			return
		case "MSG\x00", "END\x00": // tcpdump compares the end of the string as well
			p.f(" BEEP %s", s[:3])
			return
		}
	}
	p.s(" BEEP (payload or undecoded)")
}
