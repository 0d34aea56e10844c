package websocket

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/inflate"
)

// Frames have no marker to look for. After bytes were lost, or when the capture
// began in the middle, the next frame is found by testing chains of headers:
// each place where a header could stand says where the next one must be. A
// chain gathers evidence, counted in bits: a chain of n bits is met by chance
// once in about 2^n places. Places where a segment begins come first, because
// most senders write whole frames.

// Bits of evidence that are enough.
const (
	// On a connection known to be a WebSocket, from a segment's start.
	enoughKnown = 22
	// The same where nothing can follow: the stream ends or has a gap, and the
	// last frame ends right there.
	enoughAtEnd = 12
	// On a connection that may be anything.
	enoughUnknown = 44
	// What a place inside of a segment needs beyond that: there are many.
	insideSegment = 14
)

const (
	// huntWindow bounds the bytes kept while looking; a frame that is longer is
	// not found, the one behind it is.
	huntWindow = 256 << 10
	// huntSegments bounds the segments that these bytes came in.
	huntSegments = 8 << 10
	// huntThorough is after how many bytes of an unknown connection only the
	// starts of segments are looked at.
	huntThorough = 256 << 10
	// maxChains bounds the chains followed at the same time.
	maxChains = 32
	// stepWork is what to look at a header costs, and inflateWork to inflate a
	// byte, in bytes tested.
	stepWork    = 16
	inflateWork = 64
	// probation is for how many frames after a find an impossible header means
	// that the find was none.
	probation = 32
)

// A hunt looks for frames in one direction.
type hunt struct {
	buf           []byte
	marks         []mark // the segments in buf
	chains        []chain
	seen          int64 // bytes looked at so far
	charged, held int   // bytes of memory, and of buf, that were counted

	work int64 // bytes tested: bounded by a multiple of seen, whatever is sent
}

// A chain is a run of frames, supposed to begin at from.
type chain struct {
	from, next int // in buf
	bits       int
	payload    int // the part of bits that payloads gave
	frames     int // with a payload
	empty      int
	masked     bool
	inside     bool // begins inside of a segment
	fragmented bool // a message is in progress
	last       int  // where the frame before next begins
}

// hunt looks at the next bytes of a direction.
func (c *conn) hunt(dir Direction, h *half, b []byte, t time.Time) {
	if h.needRare(); h.hunt == nil {
		h.hunt = &hunt{}
	}
	hu := h.hunt
	unknown := c.opening != nil
	if unknown {
		c.enlist()
		if looksHTTP(dir, b) {
			c.lose(h)
			h.hunt = nil
			h.mode = inHead
			c.open(dir, b, t)
			return
		}
		if hu.seen == 0 && c.flow.Midstream() && looksTLS(b) {
			c.ignore(len(b))
			return
		}
	}
	h.offset += int64(len(b))
	hu.seen += int64(len(b))
	start := len(hu.buf)
	if len(b) > huntWindow/2 {
		c.skip(len(b) - huntWindow/2)
		b = b[len(b)-huntWindow/2:]
	}
	if start+len(b) > huntWindow || len(hu.marks) == huntSegments {
		c.drop(hu, max(start/2, start+len(b)-huntWindow))
		start = len(hu.buf)
	}
	if !c.p.room(len(b)+markCost, c.opening) {
		c.lose(h)
		c.skip(len(b))
		return
	}
	hu.marks = append(hu.marks, mark{offset: start, t: t})
	hu.buf = append(hu.buf, b...)
	c.recharge(hu)

	keep := hu.chains[:0]
	for _, k := range hu.chains {
		if c.follow(dir, h, &k, unknown) {
			keep = append(keep, k)
		}
	}
	hu.chains = keep
	for i := start; i < len(hu.buf); i++ {
		if i > start && (unknown && hu.seen > huntThorough || hu.tired()) {
			break
		}
		if k := (chain{from: i, next: i, last: -1, inside: i > start}); plausible(hu.buf[i]) && c.follow(dir, h, &k, unknown) {
			hu.add(k)
		}
	}
	c.settle(dir, h, false)
}

// tired says that a hunt has tested so much that only the starts of segments are
// looked at, and nothing is inflated.
func (hu *hunt) tired() bool { return hu.work > 64*hu.seen+1<<20 }

// add begins a chain, in the place of a less promising one where there are many.
func (hu *hunt) add(k chain) {
	if len(hu.chains) < maxChains {
		hu.chains = append(hu.chains, k)
		return
	}
	worst := 0
	for i, o := range hu.chains {
		if w := hu.chains[worst]; o.bits < w.bits || o.bits == w.bits && o.inside && !w.inside {
			worst = i
		}
	}
	if w := hu.chains[worst]; k.bits > w.bits || w.inside && k.bits == w.bits {
		hu.chains[worst] = k
	}
}

// settle takes the best chain if its evidence is enough; atEnd says that no more
// will follow.
func (c *conn) settle(dir Direction, h *half, atEnd bool) bool {
	hu := h.hunting()
	if hu == nil {
		return false
	}
	unknown := c.opening != nil
	best := -1
	for i, k := range hu.chains {
		need := enoughKnown
		switch {
		case unknown:
			need = enoughUnknown
			if k.frames < 3 && k.payload < 30 {
				continue
			}
		case k.masked != (dir == FromClient):
			continue
		case atEnd && k.next == len(hu.buf) && !k.inside:
			need = enoughAtEnd
		}
		if k.inside {
			need += insideSegment
		}
		if k.bits < need || best >= 0 && k.from >= hu.chains[best].from {
			continue
		}
		if from, bits := c.begin(h, &k); bits >= need {
			hu.chains[i].from = from
			best = i
		}
	}
	if best < 0 {
		first := len(hu.buf)
		for _, k := range hu.chains {
			first = min(first, k.from)
		}
		if first >= len(hu.buf)/2 { // less is not worth moving the rest
			c.drop(hu, first)
		}
		return false
	}
	k := hu.chains[best]
	h.hunt = nil
	if unknown {
		if k.masked != (dir == FromClient) {
			// Only clients mask: the addresses are the wrong way round.
			c.swap = !c.swap
			c.halves[0], c.halves[1] = c.halves[1], c.halves[0]
			if o := c.opening; o != nil {
				o.sides[0], o.sides[1] = o.sides[1], o.sides[0]
			}
			dir = dir.Reverse()
			h = &c.halves[dir]
		}
		c.found(hu.time(k.from))
	}
	h.mode = inFrames
	h.found = true
	h.probation = probation
	c.skip(k.from)
	c.p.stats.HeldBytes -= uint64(hu.held)
	c.p.reserve(-hu.charged)
	h.offset -= int64(len(hu.buf) - k.from)
	for i, m := range hu.marks {
		end := len(hu.buf)
		if i+1 < len(hu.marks) {
			end = hu.marks[i+1].offset
		}
		if end > k.from {
			c.data(dir, hu.buf[max(m.offset, k.from):end], m.t)
		}
	}
	if unknown {
		other := dir.Reverse()
		if o := &c.halves[other]; o.mode == inHunt {
			c.settle(other, o, false)
		}
	}
	return true
}

// found makes a connection whose handshake was not, or only half, seen one of
// ours.
func (c *conn) found(t time.Time) {
	o := c.opening
	var request head
	if o != nil {
		for _, r := range o.pending {
			if r.upgrade != "" {
				request = r.upgrade
			}
		}
		// What the client sent behind a request that was refused is no frames.
		if client := &c.halves[FromClient]; client.mode == inHold && looksHTTP(FromClient, o.sides[FromClient].held) {
			client.mode = inHunt
		}
	}
	info := c.describe(request, "")
	info.Midstream = true
	c.deflate = unseenDeflate
	c.become(info, t)
}

// follow goes along a chain as far as the bytes reach, and reports whether it
// can be one.
func (c *conn) follow(dir Direction, h *half, k *chain, unknown bool) bool {
	hu := h.hunt
	for k.next < len(hu.buf) {
		var f header
		b := hu.buf[k.next:]
		if !plausible(b[0]) {
			return false
		}
		n := f.parse(b)
		if n == 0 {
			return true
		}
		first := k.last < 0
		switch {
		case first && (f.opcode() == 0 || unknown && !f.fin()):
			return false
		case first:
			k.masked = f.masked
			if !unknown && f.masked != (dir == FromClient) {
				return false
			}
		case f.masked != k.masked:
			return false
		}
		if !f.legal() || f.rsv() != 0 && !unknown && !c.deflate.on {
			return false
		}
		if f.length > huntWindow/2 {
			return false
		}
		if !f.opcode().Control() {
			if !first && (f.opcode() == 0) != k.fragmented {
				return false
			}
		}
		end := k.next + n + int(f.length)
		if end > len(hu.buf) {
			return true
		}
		if !f.opcode().Control() {
			k.fragmented = !f.fin()
		}
		payload := b[n : n+int(f.length)]
		hu.work += stepWork + int64(len(payload))
		bits := 0
		if f.rsv() == 0 || !hu.tired() {
			c.p.tested = 0
			var ok bool
			bits, ok = c.evidence(&f, payload)
			hu.work += int64(c.p.tested)
			if !ok {
				return false
			}
		}
		switch {
		case f.length == 0:
			if k.empty++; k.empty > 2 {
				bits = 0
			} else {
				bits = 3
			}
		case !first && bits == 0 && b[0] == hu.buf[k.last] && b[1] == hu.buf[k.last+1]:
			// Repetition is what tables and pixels have too, unless each item
			// comes in a segment of its own.
			if hu.boundary(k.next) && (end == len(hu.buf) || hu.boundary(end)) {
				bits = 3
				k.frames++
			}
		default:
			k.frames++
			k.payload += bits
			bits += f.bits(h.usual)
			if end == len(hu.buf) || hu.boundary(end) {
				switch {
				case f.length < 126:
					bits += 6
				case f.length < 1<<16:
					bits += 12
				default:
					bits += 24
				}
			}
		}
		k.bits += bits
		k.last = k.next
		k.next = end
	}
	return true
}

// evidence says how much a frame's payload speaks for it, or that it cannot be.
func (c *conn) evidence(f *header, payload []byte) (bits int, ok bool) {
	p := c.p
	if f.masked || f.rsv() != 0 {
		p.packed = grow(p.packed, len(payload)+inflate.Pad)
		plain := p.packed[:len(payload)]
		unmask(plain, payload, f.key)
		payload = plain
	}
	switch {
	case f.rsv() != 0:
		if !f.fin() || len(payload) > 8192 {
			return 0, true
		}
		out, err := p.inflater.Message(payload, nil, 1<<16)
		p.tested = inflateWork*len(payload) + len(out)
		switch err {
		case nil, inflate.ErrLimit:
			// Random bits come to an end of a block too, but seldom just there.
			bits = min(8, len(payload))
			if f.opcode() == Text && err == nil {
				if !utf8.Valid(out) {
					return 0, false
				}
				bits += min(16, len(out))
			}
			return bits, true
		case inflate.ErrHistory:
			return 0, true
		}
		return 0, false
	case f.opcode() == Close && len(payload) > 0:
		if len(payload) < 2 {
			return 0, false
		}
		code := binary.BigEndian.Uint16(payload)
		return 10, (code >= 1000 && code < 1016 || code >= 3000 && code < 5000) && utf8.Valid(payload[2:])
	case f.opcode() == Text && f.fin():
		if !utf8.Valid(payload) {
			return -16, true
		}
		if f.masked {
			for _, ch := range payload {
				if ch < ' ' && ch != '\t' && ch != '\n' && ch != '\r' || ch == 0x7f {
					return 0, true
				}
			}
			return min(24, len(payload)), true
		}
		n := len(payload)
		if n >= 2 && (payload[0] == '{' && payload[n-1] == '}' || payload[0] == '[' && payload[n-1] == ']') {
			return 8, true
		}
		return min(4, n), true
	}
	return 0, true
}

// bits says how much a header speaks for itself.
func (f *header) bits(usual byte) (n int) {
	switch b := f.first; b {
	case usual:
		n = 7
	case 0x00:
	case 0x01, 0x02, 0x41, 0x42:
		n = 3
	default:
		n = 5
	}
	if f.masked {
		n++
	}
	return n
}

// begin returns where in a chain frames can be trusted, and the evidence that
// is left from there on. A place in the payload before the first real header
// that by chance points to that header makes a longer chain: so the first
// frames have to speak for themselves, the more the more places there are.
func (c *conn) begin(h *half, k *chain) (from, bits int) {
	hu := h.hunt
	from, bits = k.from, k.bits
	need := 11
	for range 3 {
		var f header
		n := f.parse(hu.buf[from:])
		end := from + n + int(f.length)
		own, _ := c.evidence(&f, hu.buf[from+n:end])
		own += f.bits(h.usual)
		if hu.boundary(from) {
			if need = 6; end == len(hu.buf) || hu.boundary(end) {
				break
			}
		}
		if own >= need || end >= k.next {
			break
		}
		from, bits, need = end, bits-own, 6
	}
	return from, bits
}

// plausible says whether b can be the first byte of a frame on a connection
// without other extensions than permessage-deflate.
func plausible(b byte) bool {
	switch b {
	case 0x00, 0x01, 0x02, 0x41, 0x42, 0x80, 0x81, 0x82, 0xc1, 0xc2, 0x88, 0x89, 0x8a:
		return true
	}
	return false
}

// legal says whether a header follows the rules of RFC 6455, section 5, as far
// as it can be told without knowing what came before: reserved bits and
// opcodes, the shortest form of the length, whole and short control frames.
func (f *header) legal() bool {
	if f.rsv()&^rsv1 != 0 || f.rsv() != 0 && (f.opcode() == 0 || f.opcode().Control()) || f.opcode()&7 > 2 || f.length < f.shortest() {
		return false
	}
	return !f.opcode().Control() || f.fin() && f.length <= 125
}

// boundary says whether a segment begins at i.
func (hu *hunt) boundary(i int) bool {
	_, ok := slices.BinarySearchFunc(hu.marks, i, func(m mark, i int) int { return m.offset - i })
	return ok
}

// time returns when the byte at i came.
func (hu *hunt) time(i int) (t time.Time) {
	for _, m := range hu.marks {
		if m.offset > i {
			break
		}
		t = m.t
	}
	return t
}

// drop drops the first n bytes of a hunt.
func (c *conn) drop(hu *hunt, n int) {
	n = hu.trim(n)
	c.recharge(hu)
	c.skip(n)
}

// recharge counts what a hunt holds.
func (c *conn) recharge(hu *hunt) {
	n := cap(hu.buf) + cap(hu.marks)*markCost + cap(hu.chains)*chainCost
	c.p.reserve(n - hu.charged)
	c.p.stats.HeldBytes += uint64(len(hu.buf) - hu.held)
	hu.charged, hu.held = n, len(hu.buf)
}

// trim drops the first n bytes and what begins in them, and returns n.
func (hu *hunt) trim(n int) int {
	if n <= 0 {
		return 0
	}
	hu.buf = hu.buf[:copy(hu.buf, hu.buf[n:])]
	if len(hu.buf) == 0 {
		hu.buf, hu.marks, hu.chains = nil, nil, nil
		return n
	}
	if len(hu.buf) < cap(hu.buf)/4 {
		hu.buf = slices.Clone(hu.buf)
	}
	keep := 0
	for keep+1 < len(hu.marks) && hu.marks[keep+1].offset <= n {
		keep++
	}
	hu.marks = hu.marks[:copy(hu.marks, hu.marks[keep:])]
	for i := range hu.marks {
		hu.marks[i].offset -= n // the first may be negative: it began before
	}
	chains := hu.chains[:0]
	for _, k := range hu.chains {
		if k.from >= n {
			k.from -= n
			k.next -= n
			if k.last >= 0 {
				k.last -= n
			}
			chains = append(chains, k)
		}
	}
	hu.chains = chains
	return n
}

// looksHTTP says whether b begins with a request line or a status line.
func looksHTTP(dir Direction, b []byte) bool {
	if bytes.HasPrefix(b, []byte("HTTP/1.")) {
		return dir == FromServer
	}
	if dir == FromServer || !maybeRequest(b) {
		return false
	}
	line, _, _ := bytes.Cut(b[:min(len(b), 4096)], []byte("\n"))
	return bytes.Contains(line, []byte(" HTTP/1."))
}

// looksTLS says whether b begins with a TLS record.
func looksTLS(b []byte) bool {
	return len(b) >= 5 && b[0] >= 20 && b[0] <= 23 && b[1] == 3 && b[2] <= 4 && int(b[3])<<8|int(b[4]) <= 1<<14+2048
}
