package decrypt

import (
	"encoding/binary"

	"github.com/wstap/wstap/reassembly"
)

// A verdict says why nothing of a connection was opened so far.
type verdict uint8

const (
	open verdict = iota // or nothing is missing yet
	noSecrets
	joinedLate
	joinedLate12
	helloLost
	oldVersion
	otherSuite
	unverified
	verdicts
)

// conns returns the counter of a verdict, but for open.
func (s *Stats) conns(v verdict) *uint64 {
	return [verdicts]*uint64{
		noSecrets: &s.KeylessConns, joinedLate: &s.LateConns,
		joinedLate12: &s.Late12Conns, helloLost: &s.HelloLostConns,
		oldVersion: &s.OldConns, otherSuite: &s.UnsupportedConns, unverified: &s.UnverifiedConns,
	}[v]
}

// judge counts the connection by its verdict, which changes.
func (c *Conn) judge() {
	if c.opened && c.verdict == open {
		return
	}
	v := c.judged()
	if v == c.verdict {
		return
	}
	st, names := &c.opener.stats, &c.opener.names
	names.changed = true
	if c.verdict != open {
		*st.conns(c.verdict)--
		names.remove(c.named)
	}
	if c.verdict = v; v != open {
		*st.conns(v)++
		c.named = c.info.ServerName
		names.add(c.named, 1)
	}
	if v == otherSuite {
		c.opener.others.add("TLS "+c.info.Version+" "+c.info.Cipher, 1)
	}
}

func (c *Conn) judged() verdict {
	switch {
	case c.opened || c.over == unwanted || c.over == ended:
		return open
	case c.over == old:
		return oldVersion
	case c.over == unsupported:
		return otherSuite
	case c.over == hostile:
		return unverified
	case c.over == hopeless:
		return joinedLate12
	case c.over == living && !c.missed && !c.waits():
		return open
	case c.midstream:
		return joinedLate
	case c.over != living && c.verdict != open: // the reason was known before
		return c.verdict
	case c.lacksHello():
		return helloLost
	}
	return noSecrets
}

// lacksHello says that the log has the master secret, and that the ServerHello, whose
// random is needed too, was not captured.
func (c *Conn) lacksHello() bool {
	h := c.shake
	if h == nil || !h.hasClient || h.hasServer || !c.sides[reassembly.FromServer].lost || c.opener.keys == nil {
		return false
	}
	_, ok := c.opener.keys.find(&h.client, masterSecret)
	return ok
}

// looksOld says whether b, the next bytes of a connection that was joined late, and
// what was given before show that it is TLS 1.2: with AES-GCM and CCM the records begin
// with a number that goes up (RFC 5288, section 3).
func (s *side) looksOld(b []byte) bool {
	for len(b) >= headerLen+explicitLen && b[0] == recordData && validHeader(b) {
		n := binary.BigEndian.Uint64(b[headerLen:])
		if n > 1 && n == s.explicit {
			return true
		}
		s.explicit = n + 1
		b = b[min(len(b), headerLen+bodyLen(b)):]
	}
	return false
}
