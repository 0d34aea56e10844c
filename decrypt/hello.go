package decrypt

import (
	"bytes"
	"strings"
)

// Handshake messages that matter here (RFC 8446, section 4; RFC 5246, section 7.4).
const (
	typeClientHello         = 1
	typeServerHello         = 2
	typeNewSessionTicket    = 4
	typeEndOfEarlyData      = 5
	typeEncryptedExtensions = 8
	typeClientKeyExchange   = 16
	typeFinished            = 20
	typeKeyUpdate           = 24
)

// Extensions.
const (
	extServerName       = 0
	extALPN             = 16
	extEncryptThenMAC   = 22
	extSessionTicket    = 35
	extEarlyData        = 42
	extVersions         = 43
	extEncryptedHello   = 0xfe0d // RFC 9849
	extExtendedMaster   = 23
	versionTLS12        = 0x0303
	versionTLS13        = 0x0304
	maxServerName       = 255
	maxProtocol         = 255
	helloRetryRequestID = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
		"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
)

// A clientHello is what matters of one.
type clientHello struct {
	random     random
	session    []byte // borrowed
	ticket     []byte // borrowed
	serverName string
	early      bool // 0-RTT data may follow
	encrypted  bool // another ClientHello may be encrypted in it, or so it looks
}

// A serverHello is what matters of one.
type serverHello struct {
	random         random
	session        []byte // borrowed
	version        uint16
	suite          uint16
	protocol       string // ALPN, in TLS 1.2
	encryptThenMAC bool
	extendedMaster bool
	retry          bool // it is a HelloRetryRequest
}

// A cursor reads from the front of bytes. After a failure it reads nothing.
type cursor struct {
	b    []byte
	fail bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.b, c.fail = nil, true
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) number(size int) (n int) {
	for _, b := range c.take(size) {
		n = n<<8 | int(b)
	}
	return n
}

// vector takes a length of size bytes and so many bytes.
func (c *cursor) vector(size int) []byte { return c.take(c.number(size)) }

// parseClientHello reads the body of a ClientHello.
func parseClientHello(b []byte) (h clientHello, ok bool) {
	c := cursor{b: b}
	c.number(2)
	copy(h.random[:], c.take(randomLen))
	h.session = c.vector(1)
	suites := c.vector(2)
	c.vector(1)
	if c.fail || len(h.session) > 32 || len(suites) < 2 {
		return h, false
	}
	for typ, e := range c.extensions() {
		switch typ {
		case extServerName:
			names := cursor{b: e}
			list := cursor{b: names.vector(2)}
			if list.number(1) == 0 {
				h.serverName = text(list.vector(2), maxServerName)
			}
		case extSessionTicket:
			h.ticket = e
		case extEarlyData:
			h.early = true
		case extEncryptedHello:
			h.encrypted = true
		}
	}
	return h, !c.fail
}

// parseServerHello reads the body of a ServerHello.
func parseServerHello(b []byte) (h serverHello, ok bool) {
	c := cursor{b: b}
	h.version = uint16(c.number(2))
	copy(h.random[:], c.take(randomLen))
	h.session = c.vector(1)
	h.suite = uint16(c.number(2))
	c.number(1)
	if c.fail || len(h.session) > 32 {
		return h, false
	}
	for typ, e := range c.extensions() {
		switch typ {
		case extVersions:
			v := cursor{b: e}
			h.version = uint16(v.number(2))
		case extEncryptThenMAC:
			h.encryptThenMAC = true
		case extExtendedMaster:
			h.extendedMaster = true
		case extALPN:
			h.protocol = protocolOf(e)
		}
	}
	h.retry = string(h.random[:]) == helloRetryRequestID
	return h, !c.fail
}

// protocolOf returns the protocol that a server has chosen (RFC 7301).
func protocolOf(extension []byte) string {
	e := cursor{b: extension}
	list := cursor{b: e.vector(2)}
	return text(list.vector(1), maxProtocol)
}

// parseEncryptedExtensions returns the protocol chosen, and whether early data is
// accepted.
func parseEncryptedExtensions(b []byte) (protocol string, early bool) {
	c := cursor{b: b}
	for typ, e := range c.extensions() {
		switch typ {
		case extALPN:
			protocol = protocolOf(e)
		case extEarlyData:
			early = true
		}
	}
	return protocol, early
}

// extensions yields the extensions of a list, which may be missing.
func (c *cursor) extensions() func(yield func(int, []byte) bool) {
	return func(yield func(int, []byte) bool) {
		if len(c.b) == 0 {
			return
		}
		list := cursor{b: c.vector(2)}
		for len(list.b) > 0 {
			typ := list.number(2)
			e := list.vector(2)
			if list.fail {
				c.fail = true
				return
			}
			if !yield(typ, e) {
				return
			}
		}
	}
}

// text returns at most n bytes of b as a string of printable ASCII, which is what
// names are made of; others are none.
func text(b []byte, n int) string {
	if len(b) > n || bytes.ContainsFunc(b, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return strings.Clone(string(b))
}

// maxKept is how long a handshake message may be that is looked into; hellos with
// post-quantum keys have less than 4 KiB.
const maxKept = 1 << 16

// messages puts the handshake messages of one direction together from records.
type messages struct {
	head  [4]byte // type(1) length(3)
	nhead int
	left  int    // bytes to come of the message
	body  []byte // collected, if it is looked into
}

// next takes from b up to the end of a message and returns what is left of b, and
// the message's type where it is whole. Its body is borrowed until the next call.
func (m *messages) next(b []byte) (rest []byte, typ byte, body []byte, whole bool) {
	if m.nhead < len(m.head) {
		n := copy(m.head[m.nhead:], b)
		m.nhead += n
		b = b[n:]
		if m.nhead < len(m.head) {
			return b, 0, nil, false
		}
		m.left = int(m.head[1])<<16 | int(m.head[2])<<8 | int(m.head[3])
		m.body = m.body[:0]
	}
	n := min(m.left, len(b))
	if m.kept() {
		m.body = append(m.body, b[:n]...)
	}
	m.left -= n
	b = b[n:]
	if m.left > 0 {
		return b, 0, nil, false
	}
	m.nhead = 0
	return b, m.head[0], m.body, true
}

// kept says that the message is looked into.
func (m *messages) kept() bool {
	switch m.head[0] {
	case typeClientHello, typeServerHello, typeNewSessionTicket, typeEncryptedExtensions, typeClientKeyExchange, typeKeyUpdate:
		return len(m.body)+m.left <= maxKept
	}
	return false
}

func (m *messages) reset() { *m = messages{body: m.body[:0]} }
