package main

import "math"

// resp prints commands and replies of Redis
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
func (p *printer) resp(off, length int) {
	p.proto = "resp"
	p.s(": RESP")
	for length > 0 {
		n := p.respItem(off, length)
		if n < 0 {
			p.truncated()
			return
		}
		off += n
		length -= n
	}
}

// What takes the place of a length in RESP.
const (
	respNull     = -1
	respCut      = -2
	respTooLarge = -3
	respNegative = -4
	respInvalid  = -5
)

var respStrange = map[int]string{
	respNull: " null", respTooLarge: " length too large", respNegative: " length negative and not -1", respInvalid: " invalid",
}

// respItem prints one item and returns its length, -1 if it does not end or is
// none.
func (p *printer) respItem(off, length int) int {
	if length < 1 {
		return -1
	}
	switch p.u8(off) {
	case '+', '-', ':':
		n := p.crlf(off+1, length-1)
		if n < 0 {
			return -1
		}
		p.quoted(off+1, n)
		return 1 + n + 2
	case '$':
		return p.respString(off, length)
	case '*':
		return p.respArray(off, length)
	}
	return p.respInline(off, length)
}

// crlf returns how many bytes stand before a line end, -1 if there is none.
func (p *printer) crlf(off, length int) int {
	for n := 0; ; n++ {
		if length-n < 2 || !p.has(off+n, 2) {
			return -1
		}
		if p.b[off+n] == '\r' && p.b[off+n+1] == '\n' {
			return n
		}
	}
}

func (p *printer) quoted(off, n int) {
	p.s(" \"")
	for _, c := range p.bytes(off, n) {
		p.char(c)
	}
	p.s("\"")
}

func (p *printer) respString(off, length int) int {
	n, used := p.respLength(off+1, length-1)
	at := 1 + used
	switch {
	case n == respCut:
		return -1
	case n < 0:
		p.s(respStrange[n])
		return at
	case n == 0:
		p.s(" empty")
	default:
		if length-at < n || !p.has(off+at, n) {
			return -1
		}
		p.quoted(off+at, n)
		at += n
	}
	end := p.crlf(off+at, length-at)
	if end < 0 {
		return -1
	}
	return at + end + 2
}

func (p *printer) respArray(off, length int) int {
	n, used := p.respLength(off+1, length-1)
	at := 1 + used
	switch {
	case n == respCut:
		return -1
	case n < 0:
		p.s(respStrange[n])
	case n == 0:
		p.s(" empty")
	}
	for range n {
		used := p.respItem(off+at, length-at)
		if used < 0 {
			return -1
		}
		at += used
	}
	return at
}

// respInline prints a command that is a line of text.
func (p *printer) respInline(off, length int) int {
	end := func(at int) bool { c := p.u8(off + at); return c == '\r' || c == '\n' }
	at := 0
	for at < length && p.has(off+at, 1) && end(at) {
		at++
	}
	if at == length || !p.has(off+at, 1) {
		if at == 0 {
			return -1
		}
	}
	start := at
	for {
		if at >= length {
			return -1
		}
		if end(at) {
			break
		}
		at++
	}
	p.quoted(off+start, at-start)
	for at < length && p.has(off+at, 1) && end(at) {
		at++
	}
	return at
}

// respLength reads a decimal length and the line end behind it. It returns the
// length or what is wrong with it, and the bytes read.
func (p *printer) respLength(off, length int) (n, used int) {
	if length == 0 {
		return respCut, 0
	}
	negative := p.u8(off) == '-'
	if negative {
		used++
	}
	digits, large := 0, false
	for ; ; used++ {
		if used >= length {
			return respCut, used
		}
		c := p.u8(off + used)
		if c < '0' || c > '9' {
			break
		}
		digits++
		switch v := int(c - '0'); {
		case n > math.MaxInt32/10 || n == math.MaxInt32/10 && v > math.MaxInt32%10:
			large = true
		default:
			n = n*10 + v
		}
	}
	if digits == 0 || p.u8(off+used) != '\r' {
		return respInvalid, used + 1
	}
	used++
	if used >= length {
		return respCut, used
	}
	if p.u8(off+used) != '\n' {
		return respInvalid, used + 1
	}
	used++
	switch {
	case negative && (large || n != 1):
		return respNegative, used
	case negative:
		return respNull, used
	case large:
		return respTooLarge, used
	}
	return n, used
}
