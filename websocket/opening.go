package websocket

import (
	"net/http"
	"strings"
	"time"
)

// An opening reads HTTP/1.1 on both directions of a connection until it becomes
// a WebSocket. Requests and responses are paired by their order (RFC 9112,
// section 9.3.2). A capture may show an answer before its question: what cannot
// be read yet is held.
type opening struct {
	conn       *conn
	prev, next *opening // in the pipeline's list
	listed     bool
	charged    int // bytes counted

	sides   [2]openingSide
	pending []pendingRequest // requests without an answer
	lossy   bool             // a request may be missing: answers do not wait for theirs
}

// newOpening returns an empty opening.
func (p *pipeline) newOpening() *opening {
	n := len(p.spareOpenings)
	if n == 0 {
		return &opening{}
	}
	o := p.spareOpenings[n-1]
	p.spareOpenings = p.spareOpenings[:n-1]
	clear(o.pending)
	*o = opening{pending: o.pending[:0]}
	return o
}

// freeOpening takes back an opening that is over. Its owner may look at it until
// newOpening is called.
func (p *pipeline) freeOpening(o *opening) {
	if len(p.spareOpenings) < 64 && cap(o.pending) <= 16 {
		p.spareOpenings = append(p.spareOpenings, o)
	}
}

type openingSide struct {
	head  []byte    // of an unfinished head
	came  time.Time // when its last byte did
	left  int64     // bytes of a body to come; -1: chunks
	chunk chunk
	held  []byte
	marks []mark
	lost  int64 // bytes of gaps since the last whole head
}

// A mark says when the bytes from an offset on came, or that a gap is there.
type mark struct {
	offset int
	gap    int64
	t      time.Time
}

// A pendingRequest is a request that waits for its response.
type pendingRequest struct {
	upgrade head // set where it asks for a WebSocket
	head    bool // a HEAD request: the response has no body
	connect bool // a CONNECT request: the response opens a tunnel
	cut     bool // upgrade is the captured part of some GET request
}

// maxHeld bounds what is held for each direction, and maxPending the requests.
const (
	maxHeld    = 256 << 10
	maxPending = 256
)

// open reads b while the connection is no WebSocket yet.
func (c *conn) open(dir Direction, b []byte, t time.Time) {
	h := &c.halves[dir]
	c.enlist()
	for len(b) > 0 {
		if c.opening == nil || h.mode >= inFrames {
			c.data(dir, b, t)
			return
		}
		s := &c.opening.sides[dir]
		n := -1
		switch {
		case h.mode == inHold || dir == FromServer && c.early(h, s, b):
			c.hold(dir, h, s, b, t)
			return
		case h.mode == inHead:
			n = c.readHead(dir, h, s, b, t)
		case h.mode == inBody:
			n = s.readBody(h, b)
		}
		if n < 0 {
			c.ignore(len(b))
			return
		}
		c.p.stats.HTTPBytes += uint64(n)
		h.offset += int64(n)
		b = b[n:]
	}
}

// early says whether b, the server's, has to wait for the request that it
// answers. What cannot be an answer does not wait.
func (c *conn) early(h *half, s *openingSide, b []byte) bool {
	if h.mode != inHead || len(c.opening.pending) > 0 || c.opening.lossy || len(s.head) > 0 {
		return false
	}
	return len(s.held) > 0 || maybeResponse(b) || maybeSettings(b)
}

// ignore gives the connection up: it is no WebSocket. n bytes are left unread.
func (c *conn) ignore(n int) {
	for dir := range c.halves {
		h := &c.halves[dir]
		h.mode = inVoid
		if o := c.opening; o != nil {
			n += len(o.sides[dir].held)
			c.p.hold(-len(o.sides[dir].held))
		}
		if h.hunting() != nil {
			c.lose(h)
			h.hunt = nil
		}
	}
	c.p.stats.SkippedBytes += uint64(n)
	if c.h2 != nil {
		c.endStreams()
	}
	if c.opening != nil {
		c.unlist()
		c.opening = nil
	}
	if c.info == nil {
		c.flow.Ignore()
	}
}

// hold keeps b for later.
func (c *conn) hold(dir Direction, h *half, s *openingSide, b []byte, t time.Time) {
	h.offset += int64(len(b))
	s.marks = append(s.marks, mark{offset: len(s.held), t: t})
	s.held = append(s.held, b...)
	c.p.hold(len(b))
	c.charge(markCost)
	if len(s.held) > maxHeld || len(s.marks) > maxHeld/16 || !c.p.room(0, c.opening) {
		c.release(dir)
	}
}

// release reads what is held although what it waits for did not come.
func (c *conn) release(dir Direction) {
	c.opening.lossy = true
	if dir == FromClient {
		c.halves[dir].mode = inHunt
	}
	c.resume(dir, &c.opening.sides[dir])
}

// resume reads on with what is held for a direction.
func (c *conn) resume(dir Direction, s *openingSide) {
	held, marks := s.held, s.marks
	s.held, s.marks = nil, nil
	c.p.hold(-len(held))
	c.charge(-len(marks) * markCost)
	h := &c.halves[dir]
	h.offset -= int64(len(held))
	for _, m := range marks {
		h.offset -= m.gap
	}
	for i, m := range marks {
		end := len(held)
		if i+1 < len(marks) {
			end = marks[i+1].offset
		}
		if m.gap > 0 {
			c.gap(dir, m.gap, m.t)
		} else {
			c.data(dir, held[m.offset:end], m.t)
		}
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
		c.charge(len(b))
		if n = headEnd(s.head, have); n > 0 {
			raw = s.head[:n]
			n -= have
		}
		if len(raw) == 0 && (len(s.head) > maxHead || !c.p.room(0, c.opening)) {
			return -1
		}
	}
	if len(raw) == 0 {
		if len(s.head) == 0 {
			if len(b) > maxHead {
				return -1
			}
			s.head = append(s.head, b...)
			c.charge(len(b))
		}
		probe := s.head
		if dir == FromClient && !maybeRequest(probe) || dir == FromServer && !maybeResponse(probe) {
			return -1
		}
		s.came = t
		return len(b)
	}
	c.charge(-len(s.head))
	s.head = nil
	s.lost = 0
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
	if hd.line() == prefaceLine {
		c.startHTTP2(len(prefaceRest))
		c.halves[FromClient].mode, c.halves[FromServer].mode = inHTTP2, inHTTP2
		c.resume(FromServer, &o.sides[FromServer])
		return true
	}
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
	if !c.expectAnswer(r) {
		return false
	}
	if server := &o.sides[FromServer]; len(server.held) > 0 {
		c.resume(FromServer, server)
	}
	return true
}

// response acts on a response's head.
func (c *conn) response(h *half, s *openingSide, hd head, t time.Time) bool {
	o := c.opening
	status := hd.status()
	switch {
	case status == 0:
		return false
	case status < 200 && status != http.StatusSwitchingProtocols:
		return true // the final response follows
	}
	r, ok := c.answered(status)
	if !ok {
		return false
	}
	if status == http.StatusSwitchingProtocols {
		if hd.hasToken("Upgrade", "h2c") { // the client's preface is still to come
			c.startHTTP2(0)
			h.mode = inHTTP2
			return true
		}
		if !hd.upgrade() && (r.upgrade == "" || hd.get("Upgrade") != "") {
			return false // to another protocol
		}
		c.accepted(r, hd, parseDeflate(hd.all("Sec-WebSocket-Extensions")), t)
		return true
	}
	if r.upgrade.upgrade() {
		c.refused(c.describe(r.upgrade, hd), t)
	}
	client := &o.sides[FromClient]
	if r.connect && status < 300 { // what follows is a connection of its own
		c.halves[FromClient].mode = inHead
		c.resume(FromClient, client)
		return true
	}
	n, chunked, unsaid := hd.body()
	switch {
	case r.head || status == http.StatusNoContent || status == http.StatusNotModified:
	case unsaid || n < 0: // until the connection closes
		return false
	default:
		s.expect(h, n, chunked)
	}
	if (r.upgrade != "" || r.connect || r.cut) && c.halves[FromClient].mode == inHold { // refused: the client goes on with HTTP
		k := &c.halves[FromClient]
		k.mode, k.probation, k.found = inHead, 0, false
		c.resume(FromClient, client)
	}
	return true
}

// answered returns the request that a response with the given status answers,
// which is no longer pending; the zero value where it was not seen. It returns
// false for what is not HTTP.
func (c *conn) answered(status int) (r pendingRequest, ok bool) {
	o := c.opening
	r = o.answered(status)
	for status == http.StatusSwitchingProtocols && o.lossy && (r.upgrade != "" || r.cut) && c.wentOn() {
		if c.opening == nil {
			return r, false
		}
		r = o.answered(status) // r was refused: the answer is lost
	}
	return r, true
}

// answered returns the first that can be meant of the pending requests.
func (o *opening) answered(status int) (r pendingRequest) {
	if len(o.pending) == 0 {
		return r
	}
	r = o.pending[0]
	if o.lossy && r.upgrade != "" && !r.cut && status >= 200 && status < 400 {
		// Where requests were lost, a success is taken for the answer to one of
		// those rather than for a strange way to refuse a WebSocket.
		return pendingRequest{}
	}
	o.pop()
	for o.lossy && status == http.StatusSwitchingProtocols && r.upgrade == "" && !r.cut && len(o.pending) > 0 {
		r = o.pending[0]
		o.pop()
	}
	return r
}

// expectAnswer adds a request that waits for its answer, if there is room.
func (c *conn) expectAnswer(r pendingRequest) bool {
	c.charge(pendingCost + len(r.upgrade))
	c.opening.pending = append(c.opening.pending, r)
	return c.p.room(0, c.opening)
}

// pop forgets the first request that waits.
func (o *opening) pop() {
	o.conn.charge(-pendingCost - len(o.pending[0].upgrade))
	o.pending[0] = pendingRequest{}
	o.pending = o.pending[1:]
}

// wentOn reads on with what the client sent after asking for a change of
// protocol where these are more requests.
func (c *conn) wentOn() bool {
	h, s := &c.halves[FromClient], &c.opening.sides[FromClient]
	if h.mode != inHold || len(s.marks) == 0 || s.marks[0].gap > 0 || !looksHTTP(FromClient, s.held) {
		return false
	}
	h.mode, h.probation, h.found = inHead, 0, false
	c.resume(FromClient, s)
	return true
}

// accepted makes the connection a WebSocket by the response to r.
func (c *conn) accepted(r pendingRequest, response head, deflate deflateParams, t time.Time) {
	c.deflate = deflate
	info := c.describe(r.upgrade, response)
	info.Midstream = r.upgrade == ""
	c.become(info, t)
}

// refused tells a handshake that was not accepted.
func (c *conn) refused(info *Conn, t time.Time) {
	c.replace(t)
	c.info = info
	c.p.tellOpen(c, t)
}

// replace ends a refused connection when another handshake on it is told.
func (c *conn) replace(t time.Time) {
	if c.info != nil {
		c.p.tellEnd(c, "refused", t)
		c.info, c.traffic = nil, nil
	}
}

// become makes the connection a WebSocket. Directions whose place in the stream
// is known read frames from there on, others look for them.
func (c *conn) become(info *Conn, t time.Time) {
	c.replace(t)
	o := c.opening
	c.unlist()
	c.opening = nil
	c.info = info
	for dir := range Direction(2) {
		h := &c.halves[dir]
		switch {
		case h.mode == inHunt:
		case h.mode == inHold && (info.request != "" || h.probation > 0), dir == FromServer && info.Status != 0:
			h.mode = inFrames
		default:
			h.mode = inHunt
		}
	}
	c.p.tellOpen(c, t)
	for dir := range Direction(2) {
		if n := o.sides[dir].lost; n > 0 {
			c.p.tellGap(c, dir, n, t)
		}
	}
	for dir := range Direction(2) {
		c.resume(dir, &o.sides[dir])
	}
	c.p.freeOpening(o)
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

// readBody skips a body. It returns how many bytes of b are of it, or -1 for
// what is not HTTP.
func (s *openingSide) readBody(h *half, b []byte) int {
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
		h.mode = inHead
	}
	return n
}

// openingGap takes a gap before the connection became a WebSocket. A body is not
// looked at anyway; otherwise heads, and frames, are looked for from here on.
func (c *conn) openingGap(dir Direction, n int64, t time.Time) {
	o, h := c.opening, &c.halves[dir]
	s := &o.sides[dir]
	h.offset += n
	switch {
	case h.mode == inVoid:
		return
	case h.mode == inHold || len(s.held) > 0:
		s.marks = append(s.marks, mark{offset: len(s.held), gap: n, t: t})
		c.charge(markCost)
		if len(s.marks) > maxHeld/16 {
			c.release(dir)
		}
		return
	case h.mode == inBody && s.left >= n:
		if s.left -= n; s.left == 0 {
			h.mode = inHead
		}
		return
	}
	cut := head(s.head)
	c.charge(-len(s.head))
	s.head = nil
	if h.mode == inHead && cut != "" && c.cutHead(dir, h, cut, !t.Equal(s.came), t) {
		return
	}
	o.lossy = true
	s.lost += n
	h.mode = inHunt
	if server := &o.sides[FromServer]; dir == FromClient && len(server.held) > 0 {
		c.resume(FromServer, server)
	}
}

// cutHead acts on the captured part of a head whose rest is lost. A snapshot
// length cuts most heads, but it keeps their first line and leaves a gap that
// ends with them: where that line can belong to an opening handshake, frames are
// supposed to follow behind the gap, on probation. Where packets were lost, that
// is a guess. It reports whether it did.
func (c *conn) cutHead(dir Direction, h *half, cut head, lost bool, t time.Time) bool {
	o := c.opening
	whole := cut.wholeLines()
	if dir == FromClient {
		if !strings.HasPrefix(string(cut), "GET ") || len(o.pending) >= maxPending || whole.otherUpgrade() {
			return false
		}
		if !c.expectAnswer(pendingRequest{upgrade: whole, cut: true}) {
			return false
		}
		h.mode = inHold
		h.probation, h.found = probation, lost
		if server := &o.sides[FromServer]; len(server.held) > 0 {
			c.resume(FromServer, server)
		}
		return true
	}
	if cut.status() != http.StatusSwitchingProtocols || !maybeResponse([]byte(cut)) || whole.otherUpgrade() {
		return false
	}
	if whole == "" {
		whole = cut + "\r\n"
	}
	h.probation, h.found = probation, lost
	deflate := unseenDeflate
	if v := whole.all("Sec-WebSocket-Extensions"); v != "" {
		deflate = parseDeflate(v)
	}
	r, ok := c.answered(http.StatusSwitchingProtocols)
	if ok {
		c.accepted(r, whole, deflate, t)
	}
	return true
}

// openingClosed reads what is held for want of the other side.
func (c *conn) openingClosed() {
	for _, dir := range []Direction{FromServer, FromClient} {
		if o := c.opening; o != nil && len(o.sides[dir].held) > 0 {
			c.release(dir)
		}
	}
	if o := c.opening; o != nil {
		for dir := range o.sides {
			s := &o.sides[dir]
			c.p.hold(-len(s.held))
			c.skip(len(s.held)) // held a second time
			s.head, s.held, s.marks = nil, nil, nil
		}
		c.unlist()
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
