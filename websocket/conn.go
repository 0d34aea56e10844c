package websocket

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/inflate"
	"github.com/wstap/wstap/reassembly"
)

// A conn reads one TCP connection: the opening handshake first, then frames.
// It is the Consumer of its flow. 100,000 idle ones must fit in memory: what
// only a busy connection needs hangs on pointers.
type conn struct {
	p       *pipeline
	flow    *reassembly.Flow
	info    *Conn    // nil until a handshake was told
	traffic *traffic // nil before the first message or gap
	opening *opening // nil once it is a WebSocket
	deflate deflateParams
	h2      *http2
	swap    bool // the flow's client is our server
	halves  [2]half

	prev, next *conn // in the pipeline's list of connections told
}

// A mode says what a direction's next byte belongs to.
type mode uint8

const (
	inHead   mode = iota // a request's or response's head
	inBody               // its body
	inHold               // not known before the other side was read on
	inFrames             // frames
	inHunt               // frames, but where the next begins is not known
	inHTTP2              // frames of HTTP/2
	inVoid               // nothing that can be read
)

// A half is one direction of a conn.
type half struct {
	mode      mode
	usual     byte  // first byte of the last message's first frame
	found     bool  // by a hunt
	probation uint8 // frames until a find is believed

	// The frame in progress.
	fin    bool
	nhead  uint8     // bytes of its header in head
	key    uint32    // for the next payload byte, 0 where there is none
	left   int64     // payload bytes to come
	cur    *assembly // where the payload goes: data, ctl
	data   *assembly // the fragmented message in progress
	offset int64     // in the stream, of the next byte

	*rare // nil until one of its fields is needed
}

// rare is the part of a half that idle and simple connections do without.
type rare struct {
	head      [maxHeader]byte // a header cut by a segment's end
	start     time.Time       // when its first byte came
	hunt      *hunt           // in mode inHunt
	win       *window         // nil before the first compressed message
	conflicts []span
}

// hunting returns the hunt in progress, or nil.
func (h *half) hunting() *hunt {
	if h.rare == nil {
		return nil
	}
	return h.hunt
}

func (h *half) needRare() *rare {
	if h.rare == nil {
		h.rare = &rare{}
	}
	return h.rare
}

func (p *pipeline) accept(f *reassembly.Flow) reassembly.Consumer {
	c := &conn{p: p, flow: f, opening: p.newOpening()}
	c.opening.conn = c
	if f.Midstream() {
		c.opening.lossy = true
		c.halves[0].mode, c.halves[1].mode = inHunt, inHunt
	}
	return c
}

// Data implements reassembly.Consumer.
func (c *conn) Data(dir Direction, b []byte, t time.Time) {
	if c.swap {
		dir = dir.Reverse()
	}
	if h := &c.halves[dir&1]; h.mode == inFrames {
		c.frames(dir, h, b, t)
	} else {
		c.data(dir, b, t)
	}
}

func (c *conn) data(dir Direction, b []byte, t time.Time) {
	h := &c.halves[dir]
	switch h.mode {
	case inFrames:
		c.frames(dir, h, b, t)
	case inHunt:
		c.hunt(dir, h, b, t)
	case inHTTP2:
		c.http2(dir, b, t)
	case inVoid:
		h.offset += int64(len(b))
		c.skip(len(b))
	default:
		c.open(dir, b, t)
	}
}

// skip counts bytes that could not be read.
func (c *conn) skip(n int) { c.p.stats.SkippedBytes += uint64(n) }

// Gap implements reassembly.Consumer.
func (c *conn) Gap(dir Direction, n int64, t time.Time) {
	if c.swap {
		dir = dir.Reverse()
	}
	c.gap(dir, n, t)
}

func (c *conn) gap(dir Direction, n int64, t time.Time) {
	h := &c.halves[dir]
	if h.mode == inHTTP2 {
		c.gapHTTP2(dir, n, t)
		return
	}
	if c.opening != nil && h.mode != inHunt {
		c.openingGap(dir, n, t)
		return
	}
	if h.mode == inHunt {
		c.settle(dir, h, true) // what came before the gap cannot get better
	}
	h.offset += n
	if o := c.opening; o != nil {
		o.sides[dir].lost += n // told if the connection turns out to be a WebSocket
	} else if c.info != nil {
		c.p.tellGap(c, dir, n, t)
	}
	switch {
	case h.mode == inHunt:
		c.lose(h)
	case h.mode != inFrames:
	case h.left >= n: // framing goes on behind it
		h.cur.truncated = true
		h.cur.text.gap()
		h.left -= n
		h.key = rotate(h.key, n)
		if h.left == 0 {
			c.endFrame(dir, h, t)
		}
	default:
		c.abandon(dir, h, t)
		if h.rare != nil && h.win != nil {
			h.win.Forget()
		}
		h.mode = inHunt
	}
}

// lose gives up what a hunt has gathered.
func (c *conn) lose(h *half) {
	if hu := h.hunting(); hu != nil {
		c.drop(hu, len(hu.buf))
	}
}

// Closed implements reassembly.Consumer.
func (c *conn) Closed(reason reassembly.Reason, t time.Time) {
	if c.opening != nil {
		c.openingClosed()
	}
	if c.h2 != nil {
		c.closeStreams(cause(reason), t)
		c.endStreams()
	}
	c.end(cause(reason), t)
}

// end tells what is left.
func (c *conn) end(cause string, t time.Time) {
	for dir := range Direction(2) {
		h := &c.halves[dir]
		// What a hunt finds may turn out wrong, and begin another one.
		for h.mode == inHunt && c.settle(dir, h, true) {
		}
		c.lose(h)
	}
	for dir := range Direction(2) {
		h := &c.halves[dir]
		c.abandon(dir, h, t)
		if h.rare != nil {
			c.p.windows.remove(h.win)
		}
	}
	if c.info != nil {
		c.p.tellEnd(c, cause, t)
	}
}

// abandon tells what there is of unfinished messages.
func (c *conn) abandon(dir Direction, h *half, t time.Time) {
	if h.cur != nil && h.cur != h.data {
		h.cur.truncated = true
		c.finish(dir, h, h.cur, t)
	}
	if h.data != nil {
		h.data.truncated = true
		c.finish(dir, h, h.data, t)
		h.data = nil
	}
	h.cur, h.left, h.nhead = nil, 0, 0
}

// frames reads b as frames.
func (c *conn) frames(dir Direction, h *half, b []byte, t time.Time) {
	for len(b) > 0 {
		if h.left > 0 {
			n := len(b)
			if int64(n) > h.left {
				n = int(h.left)
			}
			h.cur.append(c.p, b[:n], h.key, h.left)
			h.key = rotate(h.key, int64(n))
			h.left -= int64(n)
			h.offset += int64(n)
			c.p.stats.PayloadBytes += uint64(n)
			b = b[n:]
			if h.left == 0 {
				c.endFrame(dir, h, t)
			}
			continue
		}

		var f header
		start := t
		n := 0
		if h.nhead == 0 {
			if n = f.parse(b); n == 0 {
				h.needRare().start = t
				h.nhead = uint8(copy(h.head[:], b))
				h.offset += int64(len(b))
				c.p.stats.HeaderBytes += uint64(len(b))
				return
			}
		} else {
			have := int(h.nhead)
			k := copy(h.head[have:], b)
			if n = f.parse(h.head[:have+k]); n == 0 {
				h.nhead += uint8(k)
				h.offset += int64(k)
				c.p.stats.HeaderBytes += uint64(k)
				return
			}
			n -= have
			h.nhead = 0
			start = h.start
		}
		if h.probation > 0 {
			h.probation--
			if !f.legal() || f.masked != (dir == FromClient) {
				c.relose(dir, h, b, t)
				return
			}
		}
		h.offset += int64(n)
		c.p.stats.HeaderBytes += uint64(n)
		b = b[n:]
		if f.opcode() != 0 && !f.opcode().Control() {
			h.usual = f.first
		}

		if f.length <= int64(len(b)) && (f.opcode().Control() || f.fin() && f.opcode() != 0 && h.data == nil) {
			h.offset += f.length
			c.p.stats.PayloadBytes += uint64(f.length)
			c.whole(dir, h, &f, b[:f.length], start, t)
			b = b[f.length:]
			continue
		}
		c.beginFrame(dir, h, &f, start, t)
		if h.left == 0 {
			c.endFrame(dir, h, t)
		}
	}
}

// relose goes back to looking for frames: what was found a few frames ago, of
// which b is the rest, was none.
func (c *conn) relose(dir Direction, h *half, b []byte, t time.Time) {
	c.abandon(dir, h, t)
	h.probation = 0
	h.mode = inHunt
	c.hunt(dir, h, b, t)
}

// beginFrame starts a frame whose payload is not at hand, or that is part of a
// fragmented message.
func (c *conn) beginFrame(dir Direction, h *half, f *header, start, t time.Time) {
	h.fin, h.key, h.left = f.fin() || f.opcode().Control(), f.key, f.length
	a := h.data
	begin := h.offset - int64(f.bytes)
	switch {
	case f.opcode().Control():
		a = c.p.newAssembly(f, start, begin)
	case f.opcode() != 0 && a != nil: // the message before was never finished
		a.truncated = true
		c.finish(dir, h, a, t)
		a = nil
		fallthrough
	case a == nil:
		a = c.p.newAssembly(f, start, begin)
		a.compressed = c.compressed(f)
		h.data = a
	}
	a.frames++
	a.wire += f.length
	a.rsv |= f.rsv()
	a.badMask = a.badMask || f.masked != (dir == FromClient)
	h.cur = a
}

// endFrame ends the frame whose last payload byte has come.
func (c *conn) endFrame(dir Direction, h *half, t time.Time) {
	a := h.cur
	h.cur = nil
	if !h.fin {
		return
	}
	if a == h.data {
		h.data = nil
	}
	c.finish(dir, h, a, t)
}

// compressed says whether a message's first frame announces compression.
func (c *conn) compressed(f *header) bool {
	return c.deflate.on && f.rsv()&rsv1 != 0 && !f.opcode().Control() && f.opcode() != 0
}

// whole tells a message that is one frame, at hand whole.
func (c *conn) whole(dir Direction, h *half, f *header, b []byte, start, t time.Time) {
	p := c.p
	if p.silent && c.plain(h, f) {
		c.countOnly(dir, f, b, t)
		return
	}
	var m *Message
	var ascii bool
	rsv := f.rsv()
	if c.compressed(f) {
		rsv &^= rsv1
		p.packed = grow(p.packed, len(b)+inflate.Pad)
		src := p.packed[:len(b)]
		unmask(src, b, f.key)
		m = c.inflate(dir, h, src, false)
	} else {
		cut := b
		if len(cut) > p.maxMessage {
			cut = cut[:p.maxMessage]
		}
		m, ascii = p.message(cut, f.key, f.masked)
		m.Truncated = len(cut) < len(b)
	}
	m.Opcode = f.opcode()
	if !ascii {
		m.checkText()
	}
	m.RSV = rsv
	m.Start = start
	m.WireLength = f.length
	m.Frames = 1
	m.BadMask = f.masked != (dir == FromClient)
	c.tell(dir, h, m, h.offset-f.length-int64(f.bytes), t)
}

// plain says that a frame, at hand whole, is a message about which counters tell
// all: text or binary, neither compressed nor cut nor disputed.
func (c *conn) plain(h *half, f *header) bool {
	return (f.opcode() == Text || f.opcode() == Binary) && !c.compressed(f) && f.length <= int64(c.p.maxMessage) && (h.rare == nil || len(h.conflicts) == 0)
}

// countOnly counts a plain message that is given to nobody. b is its payload.
func (c *conn) countOnly(dir Direction, f *header, b []byte, t time.Time) {
	o := f.opcode()
	if o == Text && !ascii(b, f.key) && !c.p.validText(b, f.key) {
		c.needTraffic().needMore().counts[dir&1].InvalidUTF8++
	}
	c.needTraffic().tallies[dir&1].message(o, 1, len(b), f.length, t)
	c.p.stats.Messages++
}

// finish tells a message that was put together from pieces.
func (c *conn) finish(dir Direction, h *half, a *assembly, t time.Time) {
	p := c.p
	var m *Message
	rsv := a.rsv
	if a.compressed {
		rsv &^= rsv1
		m = c.inflate(dir, h, a.buf, a.truncated)
	} else {
		m = p.give(a)
		m.InvalidUTF8 = a.opcode == Text && a.text.invalid(a.truncated)
	}
	m.Opcode = a.opcode
	m.RSV = rsv
	m.Start = a.start
	m.WireLength = a.wire
	m.Frames = a.frames
	m.BadMask = a.badMask
	m.Truncated = m.Truncated || a.truncated
	if a.compressed {
		m.checkText()
	}
	c.tell(dir, h, m, a.begin, t)
	p.freeAssembly(a)
}

// inflate returns the message that src is compressed to.
func (c *conn) inflate(dir Direction, h *half, src []byte, truncated bool) (m *Message) {
	p := c.p
	takeover := !c.deflate.noTakeover[dir]
	if h.needRare(); takeover && h.win == nil {
		h.win = newWindow(max(9, int(c.deflate.bits[dir]))) // zlib takes 9 for 8
	}
	var win *inflate.Window
	if takeover {
		p.windows.prepare(h.win)
		win = &h.win.Window
	}
	out, err := p.inflater.Message(src, win, p.maxMessage)
	switch {
	case truncated && win != nil:
		win.Forget()
		fallthrough
	case truncated, err == nil, err == inflate.ErrLimit:
		m, _ = p.message(out, 0, false)
		m.Truncated = truncated || err != nil
	default:
		m, _ = p.message(src, 0, false)
		m.Undecoded = true
	}
	m.Compressed = true
	if takeover {
		p.windows.update(h.win)
	}
	return m
}

// tell fills in what all messages have in common and gives m out, which begins
// at an offset of the stream.
func (c *conn) tell(dir Direction, h *half, m *Message, begin int64, t time.Time) {
	m.Conn = c.info
	m.Midstream = h.found
	m.From = dir
	m.Time = t
	if h.rare != nil && len(h.conflicts) > 0 {
		m.Conflict = h.conflicted(begin)
	}
	c.count(m)
	c.p.tellMessage(m)
}

// checkText checks the text of a message at hand whole.
func (m *Message) checkText() {
	if m.Opcode != Text || m.Undecoded {
		return
	}
	if !m.Truncated {
		m.InvalidUTF8 = !ascii(m.Payload, 0) && !utf8.Valid(m.Payload)
		return
	}
	var u utf8Check
	u.add(m.Payload)
	m.InvalidUTF8 = u.invalid(true)
}

// cause names a reason as End does. A reused pair of ports means that the end
// was not seen, as with a time-out.
func cause(r reassembly.Reason) string {
	switch r {
	case reassembly.FIN:
		return "fin"
	case reassembly.RST:
		return "rst"
	case reassembly.Evicted:
		return "evicted"
	case reassembly.EOF:
		return "eof"
	}
	return "idle"
}

// An assembly collects the payload of a message from frames and segments.
type assembly struct {
	buf        []byte
	start      time.Time
	begin      int64 // offset of the first header in the stream
	wire       int64
	frames     int
	opcode     Opcode
	rsv        byte
	compressed bool
	truncated  bool
	full       bool // a limit was met: the rest is left out
	badMask    bool
	text       utf8Check
}

// append adds a piece of a frame's payload, of which left bytes are to come,
// this piece included. Beyond the limits it is cut.
func (a *assembly) append(p *pipeline, b []byte, key uint32, left int64) {
	most := p.maxMessage
	if a.compressed { // what is cut cannot be inflated, nor what follows
		most = max(most, 16<<20) + 1<<16
	}
	if a.full {
		return
	}
	if room := most - len(a.buf); len(b) > room {
		b = b[:room]
		a.truncated, a.full = true, true
	}
	need := len(a.buf) + len(b)
	if need+inflate.Pad > cap(a.buf) && !a.grow(p, need+inflate.Pad, int64(len(a.buf)+inflate.Pad)+min(left, 1<<40)) {
		return
	}
	piece := a.buf[len(a.buf):need]
	unmask(piece, b, key)
	a.buf = a.buf[:need]
	if a.opcode == Text && !a.compressed {
		a.text.add(piece)
	}
}

// grow makes room for need bytes, and in foresight for the all that the frame's
// length promises, within sixteen times what has really come.
func (a *assembly) grow(p *pipeline, need int, all int64) bool {
	n := max(16*need, 4096)
	if int64(n) > all {
		n = int(all)
	}
	n = max(n, need, 2*cap(a.buf)) // doubled, for fragments promise little
	if !p.room(n-cap(a.buf), nil) {
		a.truncated, a.full = true, true
		return false
	}
	buf := make([]byte, len(a.buf), n)
	copy(buf, a.buf)
	p.recycle(a.buf)
	p.reserve(n)
	a.buf = buf
	return true
}

// describe makes the Conn of a handshake; either head may be missing.
func (cn *conn) describe(request, response head) *Conn {
	c := &Conn{Client: cn.flow.Client(), Server: cn.flow.Server(), request: string(request), response: string(response)}
	if cn.swap {
		c.Client, c.Server = c.Server, c.Client
	}
	var target string
	if request != "" {
		c.Method, target, _ = request.requestLine()
		c.Method = strings.Clone(c.Method)
		c.URL = request.url(target, c.Server)
	}
	if response != "" {
		c.Status = response.status()
		c.Subprotocol = response.get("Sec-WebSocket-Protocol")
		c.Extensions = response.all("Sec-WebSocket-Extensions")
		accept := acceptKey(request.get("Sec-WebSocket-Key"))
		c.AcceptValid = request != "" && response.get("Sec-WebSocket-Accept") == string(accept[:])
	}
	return c
}
