package websocket

import (
	"time"
)

// An opening reads HTTP/1.1 on both directions of a connection until it becomes
// a WebSocket. Requests and responses are paired by their order (RFC 9112,
// section 9.3.2). A capture may show an answer before its question: what cannot
// be read yet is held.
type opening struct {
	sides   [2]openingSide
	pending []pendingRequest // requests without an answer
	tunnel  bool             // inside a proxy's CONNECT
}

type openingSide struct {
	head    []byte // of an unfinished head
	left    int64  // bytes of a body or chunk to come
	chunk   chunk
	held    []byte
	marks   []mark
	release bool
}

// A mark says when the held bytes from an offset on came.
type mark struct {
	offset int
	t      time.Time
}

// A pendingRequest is a request that waits for its response.
type pendingRequest struct {
	upgrade head // set where it asks for a WebSocket
	head    bool // a HEAD request: the response has no body
	connect bool // a CONNECT request: the response opens a tunnel
}

// maxHeld bounds what is held for each direction, and maxPending the requests.
const (
	maxHeld    = 256 << 10
	maxPending = 256
)

// open reads b while the connection is no WebSocket yet.
func (c *conn) open(dir Direction, b []byte, t time.Time) {
	for len(b) > 0 {
		h := &c.halves[dir]
		if h.mode == inFrames {
			c.frames(dir, h, b, t)
			return
		}
		if h.mode == inVoid || c.opening == nil {
			return
		}
		s := &c.opening.sides[dir]
		n := len(b)
		switch h.mode {
		case inHead:
			if dir == FromServer && len(c.opening.pending) == 0 && !c.flow.Midstream() && !s.release {
				if s.held == nil && !maybeResponse(b) {
					c.ignore()
					return
				}
				c.hold(dir, b, t)
				break
			}
			n = c.readHead(dir, h, s, b, t)
		case inBody:
			n = c.readBody(h, s, b)
		case inHold:
			c.hold(dir, b, t)
		}
		if n < 0 {
			c.ignore()
			return
		}
		h.offset += int64(n)
		b = b[n:]
	}
}

// ignore gives the connection up: it is no WebSocket.
func (c *conn) ignore() {
	c.halves[0].mode, c.halves[1].mode = inVoid, inVoid
	if c.info == nil {
		c.flow.Ignore()
	}
	c.opening = nil
}

// hold keeps b for later.
func (c *conn) hold(dir Direction, b []byte, t time.Time) {
	s := &c.opening.sides[dir]
	if len(s.held)+len(b) > maxHeld {
		c.ignore()
		return
	}
	s.marks = append(s.marks, mark{len(s.held), t})
	s.held = append(s.held, b...)
}

// resume reads on with what is held for a direction.
func (c *conn) resume(dir Direction) {
	if c.opening == nil {
		return
	}
	s := &c.opening.sides[dir]
	c.replay(dir, s)
}

func (c *conn) replay(dir Direction, s *openingSide) {
	held, marks := s.held, s.marks
	s.held, s.marks = nil, nil
	c.halves[dir].offset -= int64(len(held))
	for i, m := range marks {
		end := len(held)
		if i+1 < len(marks) {
			end = marks[i+1].offset
		}
		c.Data(dir, held[m.offset:end], m.t)
	}
}

// readHead collects a head and acts on it. It returns how many bytes of b it
// took, or -1 for what is not HTTP.
func (c *conn) readHead(dir Direction, h *half, s *openingSide, b []byte, t time.Time) int {
	if len(s.head) == 0 {
		// Empty lines before a head are to be ignored (RFC 9112, section 2.2).
		if b[0] == '\r' || b[0] == '\n' {
			return 1
		}
	}
	var raw []byte
	n := 0
	if len(s.head) == 0 {
		n = headEnd(b, 0)
		raw = b[:n]
	} else {
		have := len(s.head)
		s.head = append(s.head, b...)
		if n = headEnd(s.head, have); n > 0 {
			raw = s.head[:n]
			n -= have
		}
		if len(raw) == 0 && len(s.head) > maxHead {
			return -1
		}
	}
	if len(raw) == 0 {
		if len(s.head) == 0 {
			s.head = append(s.head, b...)
		}
		probe := s.head
		if dir == FromClient && !maybeRequest(probe) || dir == FromServer && !maybeResponse(probe) {
			return -1
		}
		return len(b)
	}
	s.head = nil
	ok := false
	if dir == FromClient {
		ok = c.request(h, s, head(raw))
	} else {
		ok = c.response(h, s, head(raw), t)
	}
	if !ok {
		return -1
	}
	return n
}

// request acts on a request's head.
func (c *conn) request(h *half, s *openingSide, hd head) bool {
	o := c.opening
	method, _, ok := hd.requestLine()
	if !ok || len(o.pending) >= maxPending {
		return false
	}
	r := pendingRequest{head: method == "HEAD", connect: method == "CONNECT"}
	n, chunked, unsaid := hd.body()
	switch {
	case n < 0:
		return false
	case hd.upgrade():
		r.upgrade = hd
		h.mode = inHold
	case r.connect:
		h.mode = inHold
	case !unsaid:
		s.expect(h, n, chunked)
	}
	o.pending = append(o.pending, r)
	if len(o.sides[FromServer].held) > 0 {
		c.resume(FromServer)
	}
	return true
}

// response acts on a response's head.
func (c *conn) response(h *half, s *openingSide, hd head, t time.Time) bool {
	o := c.opening
	status := hd.status()
	if status == 0 {
		return false
	}
	if status < 200 && status != 101 {
		return true // the final response follows
	}
	var r pendingRequest
	if len(o.pending) > 0 {
		r = o.pending[0]
		o.pending = o.pending[1:]
	}
	if status == 101 {
		if !hd.upgrade() && r.upgrade == "" {
			return false
		}
		c.establish(r.upgrade, hd, t)
		return true
	}
	if r.upgrade != "" {
		c.tellOpen(describe(c.flow, r.upgrade, hd), t)
	}
	if r.connect && status < 300 {
		o.tunnel = true
		c.halves[FromClient].mode = inHead
		c.resume(FromClient)
		return true
	}
	n, chunked, unsaid := hd.body()
	switch {
	case r.head || status == 204 || status == 304:
	case unsaid || n < 0: // until the connection closes
		return false
	default:
		s.expect(h, n, chunked)
	}
	if r.upgrade != "" || r.connect { // refused: the client goes on with HTTP
		c.halves[FromClient].mode = inHead
		c.resume(FromClient)
	}
	return true
}

// establish makes the connection a WebSocket.
func (c *conn) establish(request, response head, t time.Time) {
	info := describe(c.flow, request, response)
	c.deflate = parseDeflate(info.Extensions)
	client := c.opening.sides[FromClient]
	c.opening = nil
	c.halves[FromClient].mode = inFrames
	c.halves[FromServer].mode = inFrames
	c.tellOpen(info, t)
	if len(client.held) > 0 {
		c.replay(FromClient, &client)
	}
}

func (c *conn) tellOpen(info *Conn, t time.Time) {
	c.info = info
	c.p.tellOpen(info, t)
}

// expect sets what follows a head.
func (s *openingSide) expect(h *half, n int64, chunked bool) {
	if chunked {
		s.chunk = chunk{}
		s.left = -1
		h.mode = inBody
	} else if n > 0 {
		s.left = n
		h.mode = inBody
	}
}

// readBody skips a body.
func (c *conn) readBody(h *half, s *openingSide, b []byte) int {
	if s.left >= 0 {
		n := len(b)
		if int64(n) >= s.left {
			n = int(s.left)
			h.mode = inHead
		}
		s.left -= int64(n)
		return n
	}
	n, done, ok := s.chunk.skip(b)
	if !ok {
		return -1
	}
	if done {
		s.left = 0
		h.mode = inHead
	}
	return n
}

func (c *conn) openingGap(dir Direction, n int64) {
	s, h := &c.opening.sides[dir], &c.halves[dir]
	if h.mode == inBody && s.left > n {
		s.left -= n
		return
	}
	c.ignore()
}

// openingClosed reads what is held for want of a request that never came.
func (c *conn) openingClosed(t time.Time) {
	s := &c.opening.sides[FromServer]
	if len(s.held) > 0 {
		s.release = true
		c.resume(FromServer)
	}
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
			if c.left < 0 || c.left > 1<<50 {
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
