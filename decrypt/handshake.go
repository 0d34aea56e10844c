package decrypt

import (
	"bytes"

	"github.com/wstap/wstap/reassembly"
)

// A handshake is what is known of one that goes on.
type handshake struct {
	client, server random
	hasClient      bool
	hasServer      bool
	suite          *suite // nil: not known
	early          bool   // 0-RTT data is offered
	answered       bool   // whether it is accepted is known
	accepted       bool
	retry          bool   // there was a HelloRetryRequest
	encrypted      bool   // the client random may be another one: see ECH
	tried          uint32 // entries of the log before this one were tried then
	from, seen     uint32 // those before from are still to be tried, of those before seen; 0: none
	etm            bool   // encrypt-then-MAC
	ems            bool   // extended master secret
	full           bool   // no session is resumed

	offered, session []byte // session ids, of the client and the server
	ticket, issued   []byte // lookups of tickets: offered, and new
	premaster        []byte // the beginning of the encrypted premaster secret
	said             transcript
	master           secret
	keys             [2]*key // TLS 1.2
}

// handshakeData reads a piece of a handshake's messages.
func (c *Conn) handshakeData(dir reassembly.Direction, s *side, b []byte) {
	for len(b) > 0 && c.over == living {
		rest, typ, body, whole := s.messages.next(b)
		if c.shake != nil && s.phase == clearPhase {
			c.shake.said.add(dir, b[:len(b)-len(rest)], typ)
		}
		b = rest
		if whole {
			c.message(dir, s, typ, body)
		}
	}
}

// message acts on a handshake message.
func (c *Conn) message(dir reassembly.Direction, s *side, typ byte, body []byte) {
	switch typ {
	case typeClientHello:
		if dir == reassembly.FromClient {
			c.clientHello(s, body)
		}
	case typeServerHello:
		if dir == reassembly.FromServer {
			c.serverHello(s, body)
		}
	case typeEncryptedExtensions:
		if c.shake != nil && s.phase == handshakePhase {
			protocol, accepted := parseEncryptedExtensions(body)
			c.info.ALPN = protocol
			c.shake.answered, c.shake.accepted = true, accepted
			c.news = true
		}
	case typeEndOfEarlyData:
		if s.phase == earlyPhase {
			s.begin(handshakePhase)
		}
	case typeFinished:
		if s.phase == handshakePhase {
			s.begin(trafficPhase)
		}
	case typeKeyUpdate:
		if s.phase == trafficPhase && s.key != nil {
			s.update()
		}
	case typeNewSessionTicket:
		c.newTicket(s, body)
	case typeClientKeyExchange:
		if h := c.shake; h != nil && len(body) >= 10 {
			h.premaster = bytes.Clone(body[2:10])
			c.news = true
		}
	case 11, 12, 14: // Certificate, ServerKeyExchange, ServerHelloDone
		if h := c.shake; h != nil {
			h.full = true
		}
	}
}

func (c *Conn) clientHello(s *side, body []byte) {
	hello, ok := parseClientHello(body)
	switch {
	case !ok:
		if s.phase == clearPhase {
			c.stop(hostile)
		}
		return
	case s.phase == cipherPhase: // renegotiation
		c.shake = &handshake{}
	case s.phase != clearPhase || c.shake == nil:
		return
	}
	h := c.shake
	h.client, h.hasClient = hello.random, true
	h.early = hello.early && !h.retry
	h.encrypted = hello.encrypted
	h.offered = bytes.Clone(hello.session)
	if len(hello.ticket) > 0 {
		h.ticket = bytes.Clone(hello.ticket)
	}
	if c.info.ServerName == "" {
		c.info.ServerName = hello.serverName
	}
	c.news = true
	if c.opener.keys == nil {
		c.stop(keyless) // that is all that there is to tell
	}
}

func (c *Conn) serverHello(s *side, body []byte) {
	hello, ok := parseServerHello(body)
	h := c.shake
	switch {
	case !ok || h == nil || s.phase != clearPhase && s.phase != cipherPhase:
		return
	case hello.retry:
		h.retry, h.early = true, false
		c.news = true
		return
	}
	known := suites()[hello.suite]
	if s.phase == clearPhase {
		c.info.Version, c.info.Cipher = versionName(hello.version), suiteName(hello.suite)
	}
	switch {
	case hello.version < versionTLS12:
		c.stop(old)
		return
	case hello.version > versionTLS13 || known == nil || known.tls13 != (hello.version == versionTLS13):
		c.stop(unsupported)
		return
	}
	h.server, h.hasServer, h.suite = hello.random, true, known
	h.etm, h.ems = hello.encryptThenMAC && known.mac != 0 && (known.bulk == cbcAES || known.bulk == cbc3DES), hello.extendedMaster
	h.session = bytes.Clone(hello.session)
	if hello.protocol != "" {
		c.info.ALPN = hello.protocol
	}
	if !known.rsa {
		h.said.drop()
	}
	if known.tls13 {
		s.begin(handshakePhase)
	}
	c.news = true
}

func versionName(v uint16) string {
	switch v {
	case 0x0300:
		return "SSL 3.0"
	case 0x0301:
		return "1.0"
	case 0x0302:
		return "1.1"
	case versionTLS12:
		return "1.2"
	case versionTLS13:
		return "1.3"
	}
	return ""
}

// newTicket remembers the ticket of TLS 1.2 that the server gives (RFC 5077,
// section 3.3).
func (c *Conn) newTicket(s *side, body []byte) {
	h := c.shake
	if h == nil || h.suite == nil || h.suite.tls13 || len(body) < 6 {
		return
	}
	cur := cursor{b: body[4:]}
	if ticket := cur.vector(2); len(ticket) > 0 {
		h.issued = bytes.Clone(ticket)
	}
}
