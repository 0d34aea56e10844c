// Package http2 takes the WebSockets out of an HTTP/2 connection (RFC 8441):
// each stream opened with an extended CONNECT carries one, in DATA frames. It
// reads both directions as they pass and gives each WebSocket's bytes to a
// [Stream] of its own. Frames are those of RFC 9113, section 4.1.
package http2

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/reassembly"
)

// The client's preface (RFC 9113, section 3.4), in the two parts that a reader of
// HTTP/1 heads sees.
const (
	PrefaceLine = "PRI * HTTP/2.0"
	PrefaceRest = "SM\r\n\r\n"
)

// Frame types, flags and settings that matter here.
const (
	typeData         = 0x0
	typeHeaders      = 0x1
	typeReset        = 0x3
	typeSettings     = 0x4
	typePush         = 0x5
	typePing         = 0x6
	typeWindowUpdate = 0x8
	typeContinuation = 0x9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	settingEnableConnect = 0x8
)

// headerLen is the length of a frame header.
const headerLen = 9

const (
	// maxHeld bounds the bytes of a stream that wait for its handshake.
	maxHeld = 256 << 10
	// maxEarly bounds the streams whose answer was seen before their request.
	maxEarly = 64
	// keep is the capacity of buffers that are kept for the next frame.
	keep = 4 << 10
	// streamCost is what a stream is counted with besides its header fields.
	streamCost = 2 << 10
)

// A Request is that of an extended CONNECT.
type Request struct {
	From                    reassembly.Direction // FromServer where the connection's sides were taken for each other
	Scheme, Authority, Path string
	Fields                  http1.Fields
}

// A Response answers a Request.
type Response struct {
	Status  int
	Fields  http1.Fields
	Partial bool // not all Fields are known
}

// A Handler is whom a [Conn] serves. Its methods must not call the Conn's.
type Handler interface {
	// Open is called once for each WebSocket, with the whole handshake. Only a
	// Stream that was accepted, with a Status of 200 to 299, gets data; each gets
	// Closed.
	Open(*Request, *Response, time.Time) Stream
	// Found is called for each stream with data whose handshake was not seen, or so
	// little of it that it may be anything. What was seen is given, else nil.
	Found(*Request, *Response, time.Time) Stream
	// Fits says whether the Conn may hold n bytes. Where not, the Conn gives up.
	Fits(n int) bool
}

// A Stream receives the two byte streams of one WebSocket. Offsets are counted
// from the first byte after the handshake.
type Stream interface {
	reassembly.Consumer
	// Lost says that n bytes of the connection were lost in one direction, of
	// which none, some or all were this stream's. Offsets count all of them.
	Lost(dir reassembly.Direction, n int64, t time.Time)
}

// A Conn reads an HTTP/2 connection.
type Conn struct {
	handler Handler
	sides   [2]side
	streams map[uint32]*stream // WebSockets, and answers without a request
	lastID  uint32             // highest stream that the client opened
	missed  idRange            // of streams whose opening may not have been seen
	early   int                // streams without a request
	heads   int                // bytes of streams and their header fields
	client  reassembly.Direction
	joined  bool     // which side is the client is a guess
	told    bool     // the server's first SETTINGS were seen
	enabled bool     // it allows WebSockets, or may
	plain   int      // bytes of header blocks, and one each, while it does not
	offset  [2]int64 // of the next byte

	counts Counts
}

// Counts say where the bytes went that a Conn was given and that no Stream got.
type Counts struct {
	Overhead uint64 // frame headers, padding, frames without WebSocket data
	Skipped  uint64 // not understood, or given up
	Held     int    // wait for the other side of a handshake
}

// A stream is a WebSocket, or may become one.
type stream struct {
	sink     Stream // nil until request and answer were seen
	request  *Request
	response *Response
	accepted bool
	other    bool // no WebSocket, of those that were missed
	unclear  bool // its request was read in part only
	done     [2]bool
	reset    bool // by the client, before the answer was seen
	held     [2][]byte
	time     time.Time
	gone     [2]int64 // of the sides' gone, what was passed on
	offset   [2]int64 // of the sink's next byte
	charged  int
}

// New returns a Conn that is at the beginning of a connection, where the client
// still sends skip bytes of its preface. offsets are the numbers of the next bytes
// as [Conn.Conflict] counts them.
func New(h Handler, skip int, offsets [2]int64) *Conn {
	c := &Conn{handler: h, streams: make(map[uint32]*stream), offset: offsets}
	c.sides[reassembly.FromClient].skip = skip
	return c
}

// Counts returns the counters so far.
func (c *Conn) Counts() Counts { return c.counts }

// Size returns the bytes of memory that the Conn holds.
func (c *Conn) Size() int {
	n := c.heads + c.counts.Held
	for i := range c.sides {
		n += c.sides[i].size()
	}
	return n
}

// MaybeSettings says whether b can begin with the SETTINGS frame that a server
// sends first.
func MaybeSettings(b []byte) bool {
	want := [headerLen]byte{0, 0, 0, typeSettings}
	for i, ch := range b[:min(len(b), headerLen)] {
		if ch != want[i] && i != 2 {
			return false
		}
	}
	return true
}

// Data takes the next bytes of a direction. It returns false, and the reason,
// where the connection can carry no WebSocket or holds more than there is room
// for: then all streams have ended, and nothing more is to be given to c.
func (c *Conn) Data(dir reassembly.Direction, b []byte, t time.Time) (reason reassembly.Reason, ok bool) {
	reason, ok = c.read(dir, b, t)
	if ok && !c.fits() {
		reason, ok = reassembly.Evicted, false
	}
	if !ok {
		c.Close(reason, t)
	}
	return reason, ok
}

func (c *Conn) fits() bool { return c.handler.Fits(c.Size()) }

func (c *Conn) read(dir reassembly.Direction, b []byte, t time.Time) (reassembly.Reason, bool) {
	s := &c.sides[dir]
	c.offset[dir] += int64(len(b))
	if s.lost {
		if !c.refind(b) {
			c.counts.Skipped += uint64(len(b))
			return 0, true
		}
		s.lost = false
	}
	for len(b) > 0 {
		switch {
		case s.skip > 0:
			n := min(s.skip, len(b))
			s.skip -= n
			c.counts.Overhead += uint64(n)
			b = b[n:]
			continue
		case !s.inside:
			n := copy(s.head[s.nhead:], b)
			s.nhead += n
			c.counts.Overhead += uint64(n)
			b = b[n:]
			if s.nhead < headerLen {
				return 0, true
			}
			s.begin()
		}
		n := min(s.left, len(b))
		c.payload(dir, s, b[:n], t)
		s.left -= n
		b = b[n:]
		if s.left == 0 {
			s.inside, s.nhead = false, 0
			if reason, ok := c.endFrame(dir, s, t); !ok {
				c.counts.Skipped += uint64(len(b))
				return reason, false
			}
			if cap(s.buf) > keep {
				s.buf = nil
			}
		}
	}
	return 0, true
}

// payload takes a piece of a frame's payload: s.left is what remains, this piece
// included.
func (c *Conn) payload(dir reassembly.Direction, s *side, b []byte, t time.Time) {
	if s.typ != typeData {
		c.counts.Overhead += uint64(len(b))
		if s.typ == typeSettings || c.reads() {
			s.collect(b)
		}
		return
	}
	left := s.left
	if s.pad < 0 && len(b) > 0 {
		s.pad = int(b[0])
		c.counts.Overhead++
		b = b[1:]
		left--
	}
	st := c.streams[s.id]
	data := b[:max(0, min(len(b), left-max(s.pad, 0)))]
	c.counts.Overhead += uint64(len(b) - len(data))
	if len(data) > 0 && (st == nil && c.unseen(s.id) || st != nil && (st.unclear || s.gone > 0 && st.sink == nil && c.halfSeen(dir, st))) {
		st = c.adopt(s.id, t)
	}
	switch {
	case st == nil || st.other || st.unclear || st.sink != nil && !st.accepted: // another stream's, or of a refusal
		c.counts.Overhead += uint64(len(data))
	case st.sink != nil:
		c.catchUp(dir, st, t)
		st.data(dir, data, t)
	case len(st.held[dir])+len(data) <= maxHeld && c.handler.Fits(c.Size()+len(data)):
		st.held[dir] = append(st.held[dir], data...)
		c.counts.Held += len(data)
		st.time = t
	default:
		c.counts.Skipped += uint64(len(data))
		c.drop(s.id)
	}
}

func (st *stream) data(dir reassembly.Direction, b []byte, t time.Time) {
	if len(b) > 0 {
		st.offset[dir] += int64(len(b))
		st.sink.Data(dir, b, t)
	}
}

// endFrame acts on a frame that came whole. For a connection that can carry no
// WebSocket, or more than there is room for, it returns false.
func (c *Conn) endFrame(dir reassembly.Direction, s *side, t time.Time) (reassembly.Reason, bool) {
	switch s.typ {
	case typeData:
		if s.flags&flagEndStream != 0 {
			c.endStream(dir, s.id, t)
		}
	case typeHeaders, typePush, typeContinuation:
		if !c.reads() {
			break
		}
		if s.addBlock() {
			c.headers(dir, s, t)
			if cap(s.block) > keep {
				s.block = nil
			}
			if !c.fits() {
				return reassembly.Evicted, false
			}
		}
		if !c.enabled {
			c.tire(s)
		}
	case typeReset:
		switch st := c.streams[s.id]; {
		case st == nil:
		case st.sink == nil && dir == c.client && !st.other && !st.unclear:
			st.reset = true // the answer that it cut short may be captured later
		default:
			c.closeStream(s.id, reassembly.RST, t)
		}
	case typeSettings:
		if dir != c.client && s.flags&flagAck == 0 {
			c.told = true
			c.enabled = c.enabled || enablesConnect(s.buf)
		}
	}
	return 0, true
}

func enablesConnect(settings []byte) bool {
	for b := settings; len(b) >= 6; b = b[6:] {
		if binary.BigEndian.Uint16(b) == settingEnableConnect && binary.BigEndian.Uint32(b[2:]) == 1 {
			return true
		}
	}
	return false
}

// Gap takes a gap of n bytes.
func (c *Conn) Gap(dir reassembly.Direction, n int64, t time.Time) {
	s := &c.sides[dir]
	c.offset[dir] += n
	if s.inside && int64(s.left) > n && s.pad >= 0 {
		// Framing goes on behind it.
		st := c.streams[s.id]
		data := max(0, min(n, int64(s.left-s.pad)))
		s.left -= int(n)
		if s.typ != typeData {
			s.cut = true
		} else if st != nil && st.accepted && data > 0 {
			c.catchUp(dir, st, t)
			st.offset[dir] += data
			st.sink.Gap(dir, data, t)
		}
		return
	}
	s.forget() // header blocks depend on each other
	s.lost = true
	switch {
	case dir == c.client:
		c.miss()
	case !c.told:
		c.told, c.enabled = true, true // so it may have said
	}
	s.inside, s.nhead, s.skip, s.left = false, 0, 0, 0
	s.gone += n
}

// Lost takes a gap of about n bytes: no frame goes on behind it.
func (c *Conn) Lost(dir reassembly.Direction, n int64, t time.Time) {
	c.sides[dir].inside = false
	c.Gap(dir, n, t)
}

// catchUp tells a stream, before its next bytes and at its end, what was lost of
// the connection meanwhile: it is not known whose bytes they were. To tell all
// streams at each gap could take a thousand times as long as to read it.
func (c *Conn) catchUp(dir reassembly.Direction, st *stream, t time.Time) {
	n := c.sides[dir].gone - st.gone[dir]
	if n == 0 || !st.accepted {
		return
	}
	st.gone[dir] += n
	st.offset[dir] += n
	st.sink.Lost(dir, n, t)
}

// Conflict takes a conflict, as [reassembly.Consumer] has it. Whose bytes these
// are, or will be, is not known: each stream's that lie, or come, no farther from
// here.
func (c *Conn) Conflict(dir reassembly.Direction, offset, n int64, t time.Time) {
	from, to := min(0, offset-c.offset[dir]), max(0, offset+n-c.offset[dir])
	for _, st := range c.streams {
		if st.accepted {
			st.sink.Conflict(dir, st.offset[dir]+from, to-from, t)
		}
	}
}

// Close ends all streams. What was held is counted as skipped.
func (c *Conn) Close(reason reassembly.Reason, t time.Time) {
	for _, id := range slices.Sorted(maps.Keys(c.streams)) {
		c.closeStream(id, reason, t)
	}
}

// endStream ends one direction of a stream, and the stream with the second, or
// with the server's answer where that is a refusal.
func (c *Conn) endStream(dir reassembly.Direction, id uint32, t time.Time) {
	st := c.streams[id]
	if st == nil {
		return
	}
	st.done[dir] = true
	if st.done[0] && st.done[1] || dir != c.client && (st.sink != nil && !st.accepted || st.other || st.unclear) {
		c.closeStream(id, reassembly.FIN, t)
	}
}

func (c *Conn) closeStream(id uint32, reason reassembly.Reason, t time.Time) {
	if st := c.streams[id]; st.sink != nil {
		c.catchUp(reassembly.FromClient, st, t)
		c.catchUp(reassembly.FromServer, st, t)
		st.sink.Closed(reason, t)
	}
	c.drop(id)
}

// drop forgets a stream.
func (c *Conn) drop(id uint32) {
	if st := c.streams[id]; st != nil {
		for _, b := range st.held {
			c.counts.Held -= len(b)
			c.counts.Skipped += uint64(len(b))
		}
		c.heads -= st.charged
		delete(c.streams, id)
	}
}
