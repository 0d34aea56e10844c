package http1

import (
	"bytes"
	"strconv"
)

// A Framing says how long a body is (RFC 9112, section 6).
type Framing struct {
	Length  int64 // bytes; -1: all until the connection closes
	Chunked bool
	Given   bool // one of the fields that say it is there
}

// Body returns the framing of the body behind a head.
func (h *Head) Body() Framing {
	if h.Has(TransferEncoding) {
		v := h.Get(TransferEncoding)
		last := v[bytes.LastIndexByte(v, ',')+1:]
		if equal(trim(last), "chunked") {
			return Framing{Chunked: true, Given: true}
		}
		return Framing{Length: -1, Given: true}
	}
	var b Framing
	for s := h.index.first[ContentLength]; s.to > 0; s = h.next(ContentLength, s) {
		// The same length more than once is that length (RFC 9112, section 6.3).
		for list := h.value(s); list != nil; {
			var one []byte
			one, list = cut(list, ',')
			n, err := strconv.ParseInt(string(trim(one)), 10, 64)
			if err != nil || n < 0 || b.Given && n != b.Length {
				return Framing{Length: -1, Given: true}
			}
			b.Length, b.Given = n, true
		}
	}
	return b
}

// A body skips one. The zero body is over.
type body struct {
	left  int64 // bytes to come; -1: chunks
	chunk chunk
}

// skip takes bytes of b up to the body's end. It returns false for what is no
// body.
func (y *body) skip(b []byte) (n int, ok bool) {
	if y.left < 0 {
		n, done, ok := y.chunk.skip(b)
		if done {
			y.left = 0
		}
		return n, ok
	}
	n = len(b)
	if int64(n) > y.left {
		n = int(y.left)
	}
	y.left -= int64(n)
	return n, true
}

// A chunk skips the chunked transfer coding (RFC 9112, section 7.1).
type chunk struct {
	state chunkState
	left  int64
	blank bool // nothing yet on this line
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkExtension
	chunkData
	chunkEnd
	chunkTrailer
)

// maxChunk is the longest chunk that is believed.
const maxChunk = 1 << 50

// skip takes bytes of b until the coding's end. A line of chunked coding is
// short or the peer would refuse it, so its length is not bounded here: nothing
// of it is kept.
func (c *chunk) skip(b []byte) (n int, done, ok bool) {
	for n < len(b) {
		if c.state == chunkData {
			k := len(b) - n
			if int64(k) > c.left {
				k = int(c.left)
			}
			n += k
			c.left -= int64(k)
			if c.left == 0 {
				c.state = chunkEnd
			}
			continue
		}
		ch := b[n]
		n++
		switch c.state {
		case chunkSize:
			switch {
			case ch >= '0' && ch <= '9':
				c.left = c.left<<4 | int64(ch-'0')
			case ch|0x20 >= 'a' && ch|0x20 <= 'f':
				c.left = c.left<<4 | int64(ch|0x20-'a'+10)
			case ch == '\n':
				c.endSize()
			case ch == ';' || ch == ' ' || ch == '\t' || ch == '\r':
				c.state = chunkExtension
			default:
				return n, false, false
			}
			if c.left < 0 || c.left > maxChunk {
				return n, false, false
			}
		case chunkExtension:
			if ch == '\n' {
				c.endSize()
			}
		case chunkEnd: // the line end behind the data
			if ch == '\n' {
				c.state = chunkSize
				c.left = 0
			} else if ch != '\r' {
				return n, false, false
			}
		case chunkTrailer:
			switch {
			case ch == '\n' && c.blank:
				return n, true, true
			case ch == '\n':
				c.blank = true
			case ch != '\r':
				c.blank = false
			}
		}
	}
	return n, false, true
}

func (c *chunk) endSize() {
	c.state = chunkData
	if c.left == 0 {
		c.state, c.blank = chunkTrailer, true
	}
}
