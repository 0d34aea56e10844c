package decrypt

import (
	"encoding/binary"
	"time"

	"github.com/wstap/wstap/internal/budget"
	"github.com/wstap/wstap/internal/list"
	"github.com/wstap/wstap/reassembly"
)

// Info says what a TLS connection is.
type Info struct {
	Version    string // "1.2", "1.3"; empty where it is not known
	Cipher     string // IANA's name; the number, 0x1234, of a suite that is not opened
	ServerName string // as the client asked for it (RFC 6066); empty where it did not
	ALPN       string // the application protocol agreed on (RFC 7301)
}

// A Conn is the Consumer of a TLS connection. It gives the plaintext to another
// Consumer, to which it is the Place.
type Conn struct {
	opener *Opener
	place  Place
	accept func(c *Conn, midstream bool) reassembly.Consumer
	next   reassembly.Consumer // nil before there is plaintext
	info   Info
	sides  [2]side
	shake  *handshake // nil: nothing more is to be learnt from it

	midstream bool // the beginning was not seen
	opened    bool // plaintext was given on
	missed    bool // there were bytes without secrets
	verdict   verdict
	named     string  // with it
	using     *random // whose secrets are recorded as long as it goes on
	news      bool    // something was learnt that the other side may wait for
	replaying bool
	over      fate
	closed    bool // by the flow, which must not be used any more
	reason    reassembly.Reason
	end       time.Time

	// What waits.
	held     []chunk
	heldSize int
	memory   budget.Candidate
	node     list.Node[Conn] // of the Opener's waiting
	counted  uint64          // in Stats.Waiting
	version  uint64          // of the keys, when they were tried last
}

// A fate says why a Conn reads no more.
type fate uint8

const (
	living      fate = iota
	keyless          // no secrets
	old              // a version that is not opened
	unsupported      // a version or cipher suite that is not known
	hopeless         // TLS 1.2 that was joined late
	unwanted         // the next Consumer wants no more
	hostile          // it is not TLS, or nothing verifies
	ended
)

// A phase says what protects the records of a direction.
type phase uint8

const (
	clearPhase     phase = iota // nothing
	earlyPhase                  // 0-RTT, of the client
	handshakePhase              // the handshake traffic secrets of TLS 1.3
	trafficPhase                // the application traffic secrets of TLS 1.3
	cipherPhase                 // TLS 1.2, behind the change of cipher
)

// A side is one direction.
type side struct {
	phase    phase
	lost     bool   // where the next record begins is not known
	blocked  bool   // until something is known
	skipping bool   // 0-RTT data was refused: what does not verify is left out
	padded   bool   // records are padded: how much content was lost is not known
	fails    uint8  // records that did not verify, one behind the other
	tries    uint16 // lost: what may have been records and was none
	key      *key   // nil: not known yet
	seq      uint64 // of the next record
	explicit uint64 // the next record of TLS 1.2 begins with it, perhaps; 0: not known
	traffic  secret // of key, in TLS 1.3
	messages messages
	buf      []byte  // the record in progress; lost: what is looked through
	hidden   int64   // lost: bytes before buf since the last record's end
	tooLate  bool    // lost: some of them waited for their secrets, and were given up
	search   *search // lost: with what the next record is tried
	late     *late   // lost: which secrets of the log were tried
}

// Conn returns the Consumer of a connection at a place. The first bytes of the
// connection are those that it is given first, unless it is midstream. accept is
// called once, when there is plaintext, for the Consumer that gets it; midstream
// tells it that what came before was not seen.
func (o *Opener) Conn(place Place, midstream bool, accept func(c *Conn, midstream bool) reassembly.Consumer) *Conn {
	c := &Conn{opener: o, place: place, midstream: midstream, accept: accept, shake: &handshake{}}
	for i := range c.sides {
		c.sides[i].lost = midstream
	}
	o.stats.Conns++
	o.stats.Active++
	return c
}

// Info returns what is known of the connection. When accept is called that is
// usually all.
func (c *Conn) Info() Info { return c.info }

// MaybeRecord says whether b, a few bytes at least, can begin with a TLS record.
func MaybeRecord(b []byte) bool { return len(b) >= headerLen && validHeader(b) }

// MaybeHello says whether b can begin with the record of a ClientHello or
// ServerHello; of less than three bytes that is not known.
func MaybeHello(b []byte) bool {
	return len(b) >= 3 && b[0] == recordHandshake && b[1] == 3 && b[2] <= 4
}

// Types of records.
const (
	recordChangeCipher = 20
	recordAlert        = 21
	recordHandshake    = 22
	recordData         = 23
)

func validHeader(b []byte) bool {
	return b[0] >= recordChangeCipher && b[0] <= recordData && b[1] == 3 && b[2] <= 4 && bodyLen(b) <= maxRecord
}

func bodyLen(b []byte) int { return int(binary.BigEndian.Uint16(b[3:])) }

// Data implements reassembly.Consumer.
func (c *Conn) Data(dir reassembly.Direction, b []byte, t time.Time) {
	o := c.opener
	o.stats.Bytes += uint64(len(b))
	o.effort.earn(len(b), t)
	if o.keys != nil && c.over == living && (o.keys.version.Load() != c.version || c.shake != nil && c.shake.from > 0) {
		c.retry()
	}
	c.data(dir, b, t)
	c.measure()
}

func (c *Conn) data(dir reassembly.Direction, b []byte, t time.Time) {
	if c.sides[dir].blocked {
		c.hold(chunk{dir: dir, t: t}, b)
		return
	}
	if rest := c.feed(dir, b, t); len(rest) > 0 {
		c.hold(chunk{dir: dir, t: t}, rest)
	}
}

// feed reads b, and returns what is left where the side is blocked.
func (c *Conn) feed(dir reassembly.Direction, b []byte, t time.Time) (rest []byte) {
	s := &c.sides[dir]
	for len(b) > 0 {
		switch {
		case c.over != living:
			c.count(c.over, len(b))
			return nil
		case s.blocked:
			return b
		case s.lost:
			b = c.look(dir, s, b, t)
		case len(s.buf) == 0 && len(b) >= headerLen && validHeader(b) && len(b) >= headerLen+bodyLen(b):
			n := headerLen + bodyLen(b)
			if !c.record(dir, s, b[:n], false, t) {
				s.blocked = true
				return b
			}
			b = b[n:]
			c.tellNews(dir)
		default:
			b = c.gather(dir, s, b, t)
		}
	}
	return nil
}

// gather takes from b what belongs to a record in pieces, and reads it when it is
// whole.
func (c *Conn) gather(dir reassembly.Direction, s *side, b []byte, t time.Time) []byte {
	if len(s.buf) == 0 {
		s.buf = c.opener.pieces(min(len(b), 2048))
	}
	want := headerLen
	if len(s.buf) >= headerLen {
		want += bodyLen(s.buf)
	}
	n := min(want-len(s.buf), len(b))
	s.buf = append(s.buf, b[:n]...)
	b = b[n:]
	if len(s.buf) == headerLen && want == headerLen {
		if !validHeader(s.buf) {
			return c.derail(s, b)
		}
		want += bodyLen(s.buf)
	}
	if len(s.buf) == want {
		c.gathered(dir, s, t)
	}
	return b
}

// gathered reads the record in buf, which is whole.
func (c *Conn) gathered(dir reassembly.Direction, s *side, t time.Time) {
	buf := s.buf
	s.buf = nil
	if !c.record(dir, s, buf, true, t) {
		s.buf, s.blocked = buf, true
		return
	}
	c.opener.free(buf)
	c.tellNews(dir)
}

// derail is called where a record should begin and none does.
func (c *Conn) derail(s *side, b []byte) []byte {
	if s.key == nil {
		c.stop(hostile)
		c.count(hostile, len(b))
		return nil
	}
	c.lose(s)
	return b
}

// Gap implements reassembly.Consumer.
func (c *Conn) Gap(dir reassembly.Direction, n int64, t time.Time) {
	if c.over != living {
		return
	}
	if s := &c.sides[dir]; s.blocked {
		c.hold(chunk{dir: dir, t: t, gap: n}, nil)
	} else {
		c.gap(dir, s, n, t)
		c.tellNews(dir)
	}
	c.measure()
}

func (c *Conn) gap(dir reassembly.Direction, s *side, n int64, t time.Time) {
	if s.lost {
		c.lookAll(dir, s, t)
	}
	if c.over != living {
		return
	}
	if s.lost {
		c.skip(s, len(s.buf))
	} else {
		s.blocked = false
		c.lose(s)
	}
	s.hidden += n
	c.news = true // the other side may wait for what will not come
}

// lose begins to look for the next record. What there is of the one in progress is
// lost.
func (c *Conn) lose(s *side) {
	s.lost = true
	s.messages.reset()
	c.opener.stats.Lost += uint64(len(s.buf))
	s.hidden = int64(len(s.buf))
	c.opener.free(s.buf)
	s.buf = nil
	s.search = nil
}

// Conflict implements reassembly.Consumer. Records are authenticated: bytes that
// were chosen wrongly are not delivered, and others are right.
func (c *Conn) Conflict(reassembly.Direction, int64, int64, time.Time) {}

// Closed implements reassembly.Consumer. A Conn whose secrets may still come stays
// until the Opener gives it up.
func (c *Conn) Closed(reason reassembly.Reason, t time.Time) {
	c.closed, c.reason, c.end = true, reason, t
	if c.over != living {
		return
	}
	c.retry()
	if c.over == living && !c.waits() {
		c.finish()
	}
	c.measure()
}

// finish ends the connection.
func (c *Conn) finish() {
	for dir := range c.sides {
		if s := &c.sides[dir]; s.lost && c.over == living {
			c.lookAll(reassembly.Direction(dir), s, c.end)
		}
	}
	for dir := range c.sides {
		if c.over == living {
			c.tellLost(reassembly.Direction(dir), &c.sides[dir], c.end)
		}
	}
	next := c.next
	c.stop(ended)
	if next != nil {
		next.Closed(c.reason, c.end)
	}
}

// SetConsumer implements Place.
func (c *Conn) SetConsumer(next reassembly.Consumer) { c.next = next }

// Ignore implements Place: nothing more is opened.
func (c *Conn) Ignore() { c.stop(unwanted) }

// stop reads no more, for a reason.
func (c *Conn) stop(why fate) {
	if c.over != living {
		return
	}
	if why == ended && !c.opened {
		why = c.lastFate()
	}
	c.over = why
	c.judge()
	if c.using != nil {
		c.opener.keys.release(c.using)
		c.using = nil
	}
	for i := range c.sides {
		s := &c.sides[i]
		if n := len(s.buf); n > 0 {
			c.count(c.remainder(s), n)
			c.opener.free(s.buf)
		}
		*s = side{}
	}
	c.dropHeld()
	c.next, c.shake = nil, nil
	c.measure()
	c.opener.stats.Active--
	if !c.closed {
		c.place.Ignore()
	}
}

// remainder says what becomes of the bytes of a side that are not read any more.
func (c *Conn) remainder(s *side) fate {
	if c.over == ended && !s.blocked {
		return ended
	}
	if c.over == ended {
		return keyless
	}
	return c.over
}

// lastFate says why nothing of the connection was opened by its end.
func (c *Conn) lastFate() fate {
	switch {
	case c.missed || c.waits():
		return keyless
	case c.sides[0].fails > 0 || c.sides[1].fails > 0:
		return hostile
	}
	return ended
}

// noKeys counts bytes without secrets.
func (c *Conn) noKeys(n int) {
	c.opener.stats.NoKeys += uint64(n)
	c.missed = c.missed || n > 0
}

// count counts n bytes that are not read.
func (c *Conn) count(why fate, n int) {
	st := &c.opener.stats
	switch why {
	case unwanted:
		st.Unwanted += uint64(n)
	case hostile:
		st.Refused += uint64(n)
	case ended:
		st.Lost += uint64(n)
	default:
		st.NoKeys += uint64(n)
	}
}

// measure counts what waits.
func (c *Conn) measure() {
	c.judge()
	n := uint64(c.heldSize + len(c.sides[0].buf) + len(c.sides[1].buf))
	c.opener.stats.Waiting += n - c.counted
	c.counted = n
}
