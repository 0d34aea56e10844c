package websocket

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"
)

// WebSockets over cleartext HTTP/2 (RFC 8441): each stream opened with an
// extended CONNECT is a conn of its own, whose bytes come in DATA frames. Frames
// are those of RFC 9113, section 4.1.

// The client's preface, in the two parts that the reading of heads sees.
const (
	prefaceLine = "PRI * HTTP/2.0"
	prefaceRest = "SM\r\n\r\n"
)

// Frame types, flags and settings that matter here.
const (
	h2Data         = 0x0
	h2Headers      = 0x1
	h2Reset        = 0x3
	h2Settings     = 0x4
	h2Push         = 0x5
	h2Ping         = 0x6
	h2WindowUpdate = 0x8
	h2Continuation = 0x9

	h2EndStream  = 0x1
	h2Ack        = 0x1
	h2EndHeaders = 0x4
	h2Padded     = 0x8
	h2Priority   = 0x20

	h2EnableConnect = 0x8
)

const (
	h2HeaderLen = 9
	// h2MaxBlock bounds a header block; h2MaxTable the table that a peer may
	// ask its encoder to use, which is else h2Table.
	h2MaxBlock = maxHead
	h2MaxTable = 64 << 10
	h2Table    = 4 << 10
	// h2MaxList bounds the fields of a header block as HPACK counts them: a byte
	// can stand for a field of h2MaxTable.
	h2MaxList = 2 * maxHead
	// h2Keep is the capacity of buffers that are kept for the next frame.
	h2Keep = 4 << 10
	// h2MaxEarly bounds the streams whose answer was seen before their request.
	h2MaxEarly = 64
)

// An http2 reads an HTTP/2 connection.
type http2 struct {
	sides   [2]http2Side
	streams map[uint32]*stream // WebSockets, and answers without a request
	lastID  uint32             // highest stream that the client opened
	early   int                // streams without a request
	heads   int                // bytes of streams and their heads
	charged int                // bytes counted against MaxBuffered
	waiting bool               // the server has not yet said what it can
}

type http2Side struct {
	skip   int // bytes of the preface to come
	nhead  int
	head   [h2HeaderLen]byte
	inside bool // of a frame's payload

	// The frame in progress.
	typ, flags byte
	id         uint32
	left       int
	pad        int    // bytes of padding at its end; -1: its length comes first
	buf        []byte // payload of all but DATA

	block    []byte // header block in progress
	blockID  uint32
	blockEnd bool // it ends the stream
	headers  *hpack.Decoder
	fields   int  // size of all fields so far, as HPACK counts them
	wide     bool // the table may be larger than h2Table
	broken   bool // header blocks were lost: no new streams can be read
	lost     bool // where the next frame begins is not known

	gone int64 // bytes lost of which it is not known whose they were
}

// A stream is a WebSocket, or may become one.
type stream struct {
	conn     *conn
	request  head
	response head
	done     [2]bool
	reset    bool // by the client, before the answer was seen
	held     [2][]byte
	time     time.Time
	gone     [2]int64 // of the sides' gone, what was told
	charged  int
}

// startHTTP2 begins to read HTTP/2; skip bytes of the client's preface remain.
func (c *conn) startHTTP2(skip int) {
	if c.h2 == nil {
		c.h2 = &http2{streams: make(map[uint32]*stream), waiting: true}
	}
	c.h2.sides[FromClient].skip = skip
}

// maybeSettings says whether b can begin with the SETTINGS frame that a server
// sends first.
func maybeSettings(b []byte) bool {
	want := [h2HeaderLen]byte{0, 0, 0, h2Settings}
	for i, ch := range b[:min(len(b), h2HeaderLen)] {
		if ch != want[i] && i != 2 {
			return false
		}
	}
	return true
}

// http2 reads b as frames of HTTP/2.
func (c *conn) http2(dir Direction, b []byte, t time.Time) {
	if c.opening != nil && c.opening.listed {
		c.enlist()
	}
	c.readHTTP2(dir, b, t)
	if c.h2 != nil && !c.recount() {
		c.giveUpHTTP2("evicted", t)
	}
}

// recount counts what the connection takes, and says whether there is room.
func (c *conn) recount() bool {
	n := openingCost + c.h2.heads
	for i := range c.h2.sides {
		s := &c.h2.sides[i]
		table := h2Table
		if s.wide {
			table = h2MaxTable
		}
		n += cap(s.buf) + cap(s.block) + 4*min(s.fields, table) // entries have pointers
	}
	more := n - c.h2.charged
	c.p.reserve(more)
	c.h2.charged = n
	return more <= 0 || c.p.room(0, c.opening)
}

// giveUpHTTP2 ends all streams and reads no further.
func (c *conn) giveUpHTTP2(cause string, t time.Time) {
	c.closeStreams(cause, t)
	if cause == "evicted" {
		c.p.stats.GivenUp++
	}
	c.ignore(0)
}

// endStreams forgets what there is of HTTP/2.
func (c *conn) endStreams() {
	for id := range c.h2.streams {
		c.dropStream(id)
	}
	c.p.reserve(-c.h2.charged)
	c.h2 = nil
}

func (c *conn) readHTTP2(dir Direction, b []byte, t time.Time) {
	s := &c.h2.sides[dir]
	c.halves[dir].offset += int64(len(b))
	if s.lost && !c.refind(s, b) {
		c.skip(len(b))
		return
	}
	for len(b) > 0 {
		switch {
		case s.skip > 0:
			n := min(s.skip, len(b))
			s.skip -= n
			c.p.stats.HTTPBytes += uint64(n)
			b = b[n:]
			continue
		case !s.inside:
			n := copy(s.head[s.nhead:], b)
			s.nhead += n
			c.p.stats.HTTPBytes += uint64(n)
			b = b[n:]
			if s.nhead < h2HeaderLen {
				return
			}
			s.begin()
		}
		n := min(s.left, len(b))
		c.payload(dir, s, b[:n], t)
		s.left -= n
		b = b[n:]
		if s.left == 0 {
			s.inside, s.nhead = false, 0
			if cause := c.endHTTP2(dir, s, t); cause != "" {
				c.skip(len(b))
				c.giveUpHTTP2(cause, t)
				return
			}
			if cap(s.buf) > h2Keep {
				s.buf = nil
			}
		}
	}
}

// begin reads the header of the next frame.
func (s *http2Side) begin() {
	s.left = int(s.head[0])<<16 | int(s.head[1])<<8 | int(s.head[2])
	s.typ, s.flags = s.head[3], s.head[4]
	s.id = binary.BigEndian.Uint32(s.head[5:]) & (1<<31 - 1)
	s.inside = true
	s.buf = s.buf[:0]
	s.pad = 0
	if s.typ == h2Data && s.flags&h2Padded != 0 {
		s.pad = -1
	}
}

// payload takes a piece of a frame's payload: s.left is what remains, this piece
// included.
func (c *conn) payload(dir Direction, s *http2Side, b []byte, t time.Time) {
	if s.typ != h2Data {
		c.p.stats.HTTPBytes += uint64(len(b))
		if len(s.buf)+len(b) <= h2MaxBlock {
			s.buf = append(s.buf, b...)
		} else {
			s.broken = true
		}
		return
	}
	left := s.left
	if s.pad < 0 && len(b) > 0 {
		s.pad = int(b[0])
		c.p.stats.HTTPBytes++
		b = b[1:]
		left--
	}
	st := c.h2.streams[s.id]
	data := b[:max(0, min(len(b), left-max(s.pad, 0)))]
	c.p.stats.HTTPBytes += uint64(len(b) - len(data))
	switch {
	case st == nil || st.conn != nil && st.conn.opening != nil: // another stream's, or of a refusal
		c.p.stats.HTTPBytes += uint64(len(data))
	case st.conn != nil:
		c.catchUp(dir, st, t)
		st.conn.data(dir, data, t)
	case len(st.held[dir])+len(data) <= maxHeld && c.p.room(len(data), c.opening):
		st.held[dir] = append(st.held[dir], data...)
		c.p.hold(len(data))
		st.time = t
	default:
		c.skip(len(data))
		c.dropStream(s.id)
	}
}

// endHTTP2 acts on a frame that came whole. For a connection that can carry no
// WebSocket, or more than there is room for, it returns the cause of its end.
func (c *conn) endHTTP2(dir Direction, s *http2Side, t time.Time) (cause string) {
	h2 := c.h2
	switch s.typ {
	case h2Data:
		if s.flags&h2EndStream != 0 {
			c.endStream(dir, s.id, t)
		}
	case h2Headers, h2Push, h2Continuation:
		b := s.buf
		if s.typ != h2Continuation {
			pad := 0
			if s.flags&h2Padded != 0 && len(b) > 0 {
				pad, b = int(b[0]), b[1:]
			}
			if s.typ == h2Headers && s.flags&h2Priority != 0 {
				b = b[min(5, len(b)):]
			}
			if s.typ == h2Push {
				b = b[min(4, len(b)):]
			}
			b = b[:max(0, len(b)-pad)]
			s.block = s.block[:0]
			s.blockID, s.blockEnd = s.id, s.typ == h2Headers && s.flags&h2EndStream != 0
			if s.typ == h2Push {
				s.blockID = 0
			}
		}
		if len(s.block)+len(b) > h2MaxBlock {
			s.broken = true
		}
		if s.broken {
			break
		}
		s.block = append(s.block, b...)
		if s.flags&h2EndHeaders != 0 {
			c.headers(dir, s, t)
			if cap(s.block) > h2Keep {
				s.block = nil
			}
			if !c.recount() {
				return "evicted"
			}
		}
	case h2Reset:
		switch st := h2.streams[s.id]; {
		case st == nil:
		case st.conn == nil && dir == FromClient:
			st.reset = true // the answer that it cut short may be captured later
		default:
			c.closeStream(s.id, "rst", t)
		}
	case h2Settings:
		if dir == FromServer && h2.waiting && s.flags&h2Ack == 0 {
			// Without this setting no client may open a WebSocket (RFC 8441,
			// section 3).
			h2.waiting = false
			for b := s.buf; len(b) >= 6; b = b[6:] {
				if binary.BigEndian.Uint16(b) == h2EnableConnect && binary.BigEndian.Uint32(b[2:]) == 1 {
					return ""
				}
			}
			if len(h2.streams) == 0 {
				return "eof"
			}
		}
	}
	return ""
}

// decode returns the fields of a header block, none if they are too many. It
// returns false for what is no header block.
func (s *http2Side) decode() (fields []hpack.HeaderField, ok bool) {
	if s.headers == nil {
		s.headers = hpack.NewDecoder(h2Table, nil)
		s.headers.SetAllowedMaxDynamicTableSize(h2MaxTable)
		s.headers.SetMaxStringLength(h2MaxBlock)
	}
	size := 0
	s.headers.SetEmitFunc(func(f hpack.HeaderField) {
		if size += int(f.Size()); size <= h2MaxList {
			fields = append(fields, f)
		}
	})
	s.wide = s.wide || len(s.block) > 0 && s.block[0]>>5 == 1 // RFC 7541, section 6.3
	_, err := s.headers.Write(s.block)
	if err == nil {
		err = s.headers.Close()
	}
	s.fields = min(s.fields+size, h2MaxTable)
	if size > h2MaxList {
		fields = nil
	}
	return fields, err == nil
}

// oneLine keeps a field's value on its line.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// headers acts on a header block.
func (c *conn) headers(dir Direction, s *http2Side, t time.Time) {
	fields, ok := s.decode()
	if !ok {
		s.broken = true
		return
	}
	if s.blockID == 0 {
		return
	}
	pseudo := make(map[string]string)
	var raw strings.Builder
	for _, f := range fields {
		if f.IsPseudo() {
			pseudo[f.Name] = f.Value
			continue
		}
		raw.WriteString(f.Name)
		raw.WriteString(": ")
		raw.WriteString(oneLine.Replace(f.Value))
		raw.WriteString("\r\n")
	}
	h2 := c.h2
	st := h2.streams[s.blockID]
	switch {
	case dir == FromClient && pseudo[":method"] != "" && (st == nil || st.request == ""):
		h2.lastID = max(h2.lastID, s.blockID)
		if st != nil {
			h2.early--
		}
		if pseudo[":method"] != "CONNECT" || pseudo[":protocol"] != "websocket" {
			c.dropStream(s.blockID)
			return
		}
		if st == nil {
			st = h2.newStream(s.blockID)
		}
		url := cmp.Or(pseudo[":scheme"], "http") + "://" + pseudo[":authority"] + pseudo[":path"]
		st.request = head("CONNECT " + url + " HTTP/2\r\nHost: " + pseudo[":authority"] + "\r\n" + raw.String() + "\r\n")
	case dir == FromServer && pseudo[":status"] != "" && (st == nil || st.response == ""):
		if status, _ := strconv.Atoi(pseudo[":status"]); status < 200 {
			return
		}
		if st == nil {
			if s.blockID <= h2.lastID || s.blockID&1 == 0 || h2.early >= h2MaxEarly || h2.sides[FromClient].broken {
				return // another request's answer
			}
			st = h2.newStream(s.blockID)
			h2.early++
		}
		st.response = head("HTTP/2 " + pseudo[":status"] + "\r\n" + raw.String() + "\r\n")
	}
	if st != nil {
		h2.heads -= st.charged
		st.charged = streamCost + len(st.request) + len(st.response)
		h2.heads += st.charged
	}
	if st != nil && st.conn == nil && st.request != "" && st.response != "" {
		c.openStream(st, t)
	}
	if s.blockEnd {
		c.endStream(dir, s.blockID, t)
	}
	if st != nil && st.reset && st.conn != nil && h2.streams[s.blockID] == st {
		c.closeStream(s.blockID, "rst", t)
	}
}

// openStream tells a WebSocket whose request and answer were both seen.
func (c *conn) openStream(st *stream, t time.Time) {
	st.conn = &conn{p: c.p, flow: c.flow, swap: c.swap, opening: c.p.newOpening()}
	st.conn.opening.conn = st.conn
	st.gone = [2]int64{c.h2.sides[0].gone, c.h2.sides[1].gone}
	info := st.conn.describe(st.request, st.response)
	info.AcceptValid = true
	if info.Status/100 != 2 {
		st.conn.refused(info, t)
		return
	}
	if c.opening != nil && c.opening.listed { // it is one
		c.opening.listed = false
		c.p.openings.remove(c.opening)
	}
	st.conn.deflate = parseDeflate(info.Extensions)
	st.conn.halves[0].mode, st.conn.halves[1].mode = inHold, inHold
	st.conn.become(info, t)
	for dir, b := range st.held {
		c.p.hold(-len(b))
		st.held[dir] = nil
		st.conn.data(Direction(dir), b, st.time)
	}
}

// endStream ends one direction of a stream, and the stream with the second, or
// with the server's answer where that is a refusal.
func (c *conn) endStream(dir Direction, id uint32, t time.Time) {
	st := c.h2.streams[id]
	if st == nil {
		return
	}
	st.done[dir] = true
	if st.done[0] && st.done[1] || dir == FromServer && st.conn != nil && st.conn.opening != nil {
		c.closeStream(id, "fin", t)
	}
}

// closeStream ends a stream.
func (c *conn) closeStream(id uint32, cause string, t time.Time) {
	if st := c.h2.streams[id]; st.conn != nil {
		c.catchUp(FromClient, st, t)
		c.catchUp(FromServer, st, t)
		st.conn.end(cause, t)
	}
	c.dropStream(id)
}

// closeStreams ends all streams.
func (c *conn) closeStreams(cause string, t time.Time) {
	for _, id := range c.h2.ids() {
		c.closeStream(id, cause, t)
	}
}

func (c *conn) dropStream(id uint32) {
	if st := c.h2.streams[id]; st != nil {
		for _, b := range st.held {
			c.p.hold(-len(b))
			c.skip(len(b))
		}
		c.h2.heads -= st.charged
		delete(c.h2.streams, id)
	}
}

func (h2 *http2) newStream(id uint32) *stream {
	st := &stream{}
	h2.streams[id] = st
	return st
}

// gapHTTP2 takes a gap of n bytes.
func (c *conn) gapHTTP2(dir Direction, n int64, t time.Time) {
	s := &c.h2.sides[dir]
	c.halves[dir].offset += n
	if s.inside && int64(s.left) > n && s.pad >= 0 {
		// Framing goes on behind it.
		st := c.h2.streams[s.id]
		data := max(0, min(n, int64(s.left-s.pad)))
		s.left -= int(n)
		if s.typ != h2Data {
			s.broken = true
		} else if st != nil && st.conn != nil && st.conn.opening == nil && data > 0 {
			c.catchUp(dir, st, t)
			st.conn.gap(dir, data, t)
		}
		return
	}
	s.broken = true // header blocks depend on each other
	s.lost = true
	s.inside, s.nhead, s.skip, s.left = false, 0, 0, 0
	s.gone += n
}

// catchUp tells a stream, before its next bytes and at its end, what was lost of
// the connection meanwhile: it is not known whose bytes they were. To tell all
// streams at each gap could take a thousand times as long as to read it.
func (c *conn) catchUp(dir Direction, st *stream, t time.Time) {
	n := c.h2.sides[dir].gone - st.gone[dir]
	if n == 0 || st.conn.opening != nil {
		return
	}
	st.gone[dir] += n
	h := &st.conn.halves[dir]
	h.left = min(h.left, n-1)
	st.conn.gap(dir, n, t)
}

// refind says whether b, a segment, begins with a frame.
func (c *conn) refind(s *http2Side, b []byte) bool {
	if len(b) < h2HeaderLen {
		return false
	}
	n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	id := binary.BigEndian.Uint32(b[5:])
	ok := false
	switch b[3] {
	case h2Data:
		ok = c.h2.streams[id] != nil && n <= 1<<14 && b[4]&^(h2EndStream|h2Padded) == 0
	case h2Ping:
		ok = n == 8 && id == 0 && b[4]&^h2Ack == 0
	case h2WindowUpdate:
		ok = n == 4 && b[4] == 0 && (id == 0 || c.h2.streams[id] != nil)
	case h2Reset:
		ok = n == 4 && b[4] == 0 && c.h2.streams[id] != nil
	}
	s.lost = !ok
	return ok
}

// ids returns the streams in order.
func (h2 *http2) ids() []uint32 { return slices.Sorted(maps.Keys(h2.streams)) }
