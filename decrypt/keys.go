package decrypt

import (
	"github.com/wstap/wstap/reassembly"
)

// acquire finds the key of a side, whose next record is rec. It returns false if
// it is not known yet, or if the record has to be looked for again: then the side
// is lost.
func (c *Conn) acquire(dir reassembly.Direction, s *side, rec []byte) bool {
	h := c.shake
	if h == nil || c.opener.keys == nil {
		return false
	}
	if s.phase == cipherPhase {
		if !c.keys12() {
			if !h.hasClient && c.sides[reassembly.FromClient].lost {
				c.refind(s, rec) // the client random is found by trying
			}
			return false
		}
		s.key, s.seq = h.keys[dir], 0
		c.use()
		c.settle()
		return true
	}
	if h.suite == nil || !h.hasClient {
		if !h.hasClient && c.sides[reassembly.FromClient].lost {
			c.refind(s, rec)
		}
		return false
	}
	if s.phase == earlyPhase {
		if !h.answered && !c.sides[reassembly.FromServer].lost {
			return false // whether the server takes it is not known
		}
		if h.answered && !h.accepted {
			s.begin(handshakePhase)
			s.skipping = true
		}
	}
	v, ok := c.secret(dir, s.phase)
	if !ok && h.encrypted {
		c.tryInner(rec)
		v, ok = c.secret(dir, s.phase)
	}
	if !ok {
		if s.phase == handshakePhase {
			if _, later := c.secret(dir, trafficPhase); later {
				// The log lacks what protects the handshake, which hides no content.
				c.noKeys(len(rec))
				c.lose(s)
				s.hidden += int64(len(rec))
			}
		}
		return false
	}
	s.set(h.suite, v)
	c.use()
	c.settle()
	return true
}

// secret returns the secret of a direction in a phase.
func (c *Conn) secret(dir reassembly.Direction, p phase) (secret, bool) {
	h := c.shake
	v, ok := c.opener.keys.find(&h.client, labelOf(dir, p))
	return v, ok && int(v.n) == h.suite.hash.Size()
}

// labelOf returns the label of the secret of a direction in a phase of TLS 1.3.
func labelOf(dir reassembly.Direction, p phase) label {
	switch {
	case p == earlyPhase:
		return clientEarly
	case p == handshakePhase && dir == reassembly.FromClient:
		return clientHandshake
	case p == handshakePhase:
		return serverHandshake
	case dir == reassembly.FromClient:
		return clientTraffic
	}
	return serverTraffic
}

// set gives the side the key of a traffic secret.
func (s *side) set(k *suite, traffic secret) {
	s.key, s.traffic, s.seq = newKey13(k, traffic.bytes()), traffic, 0
}

// update goes on to the next generation of keys (RFC 8446, section 7.2).
func (s *side) update() { s.set(s.key.suite, nextSecret(s.key.suite, s.traffic)) }

func nextSecret(k *suite, traffic secret) secret {
	return newSecret(newExpander(k.hash, traffic.bytes()).label("traffic upd", k.hash.Size()))
}

// settle forgets what no key will need any more.
func (c *Conn) settle() {
	h := c.shake
	for i := range c.sides {
		s := &c.sides[i]
		if s.key == nil || s.phase != trafficPhase && (s.phase != cipherPhase || s.key != h.keys[i]) {
			return
		}
	}
	if h.suite != nil && !h.suite.tls13 {
		c.remember()
	}
	c.shake = nil
	for i := range c.sides {
		c.sides[i].messages.body = nil
	}
}

// keys12 derives the keys of TLS 1.2.
func (c *Conn) keys12() bool {
	h := c.shake
	if h.keys[0] != nil {
		return true
	}
	if h.suite == nil || h.suite.tls13 || !h.hasClient || !h.hasServer || !c.findMaster() {
		return false
	}
	h.keys = newKeys12(h.suite, h.master.bytes(), &h.client, &h.server, h.etm)
	return true
}

// use says that the connection goes on with secrets of the log, of which the first ones
// count: behind a renegotiation (TLS 1.2) nobody can join.
func (c *Conn) use() {
	if h := c.shake; c.using == nil && c.opener.keys.use(&h.client, h.master) {
		r := h.client
		c.using = &r
	}
}

// findMaster finds the master secret: by client random, or, for a session that is
// resumed and that not everybody logs again, by what it is resumed by.
func (c *Conn) findMaster() (ok bool) {
	h, keys := c.shake, c.opener.keys
	if h.master, ok = keys.find(&h.client, masterSecret); ok {
		return true
	}
	if len(h.session) > 0 {
		if h.master, ok = keys.session(bySession, h.session, masterSecret); ok {
			return true
		}
	}
	if len(h.ticket) > 0 && !h.full {
		if h.master, ok = keys.session(byTicket, h.ticket, masterSecret); ok {
			return true
		}
	}
	if len(h.premaster) > 0 {
		if pre, ok := keys.session(byPremaster, h.premaster, premasterSecret); ok {
			return h.fromPremaster(pre)
		}
	}
	return false
}

// fromPremaster derives the master secret (RFC 5246, section 8.1; RFC 7627).
func (h *handshake) fromPremaster(pre secret) bool {
	h.master.n = masterLen
	if !h.ems {
		prf(h.suite.hash, h.master.bytes(), pre.bytes(), "master secret", h.client[:], h.server[:])
		return true
	}
	sum, ok := h.said.sum(h.suite.hash)
	if ok {
		prf(h.suite.hash, h.master.bytes(), pre.bytes(), "extended master secret", sum)
	}
	return ok
}

// remember keeps the master secret for who resumes the session.
func (c *Conn) remember() {
	h, keys := c.shake, c.opener.keys
	if len(h.session) > 0 {
		keys.keepSession(bySession, h.session, h.master)
	}
	if len(h.issued) > 0 {
		keys.keepSession(byTicket, h.issued, h.master)
	}
}
