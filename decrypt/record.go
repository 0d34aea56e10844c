package decrypt

import (
	"time"

	"github.com/wstap/wstap/reassembly"
)

// record reads a whole record, which is opened in place where it is the Conn's own. It
// returns false if something has to be known first: then nothing was done.
func (c *Conn) record(dir reassembly.Direction, s *side, rec []byte, own bool, t time.Time) bool {
	if s.phase == clearPhase {
		if done, ok := c.clear(dir, s, rec); done {
			return ok
		}
	}
	if c.tls13() && rec[0] != recordData {
		return c.unprotected(rec)
	}
	if s.key == nil && !c.acquire(dir, s, rec) {
		return s.lost // then it has been looked through
	}
	o := c.opener
	var buf []byte
	if !own {
		buf = o.buffer()
		defer o.done(buf)
	}
	plain, ok := s.key.open(&o.scratch, buf, rec[:headerLen], rec[headerLen:], s.seq)
	if !ok {
		c.refuse(s, rec)
		return true
	}
	s.seq++
	s.fails, s.skipping = 0, false
	c.content(dir, s, rec, plain, t)
	return true
}

// tls13 says that the connection is known to be TLS 1.3.
func (c *Conn) tls13() bool {
	if c.shake != nil && c.shake.suite != nil {
		return c.shake.suite.tls13
	}
	for i := range c.sides {
		if k := c.sides[i].key; k != nil {
			return k.suite.tls13
		}
	}
	return false
}

// clear reads a record that is not protected, or so it seems; done is false for
// one that is. ok is what record returns.
func (c *Conn) clear(dir reassembly.Direction, s *side, rec []byte) (done, ok bool) {
	h := c.shake
	if dir == reassembly.FromClient && h.suite == nil && rec[0] != recordHandshake && rec[0] != recordAlert {
		if c.sides[reassembly.FromServer].lost {
			// The ServerHello will not come.
			c.refind(s, rec)
			return true, true
		}
		switch {
		case rec[0] == recordData && h.retry: // 0-RTT data, which the server left out
			c.opener.stats.Refused += uint64(len(rec))
		case rec[0] == recordChangeCipher && (h.retry || h.early): // for middleboxes
			c.opener.stats.Overhead += uint64(len(rec))
		default:
			return true, false
		}
		return true, true
	}
	switch rec[0] {
	case recordHandshake:
		c.opener.stats.Overhead += uint64(len(rec))
		c.handshakeData(dir, s, rec[headerLen:])
	case recordChangeCipher:
		c.opener.stats.Overhead += uint64(len(rec))
		if h.suite != nil && !h.suite.tls13 {
			s.begin(cipherPhase)
		}
	case recordAlert:
		c.opener.stats.Overhead += uint64(len(rec))
	default:
		switch {
		case dir == reassembly.FromClient && h.suite.tls13:
			s.begin(handshakePhase)
			if h.early && !h.retry {
				s.begin(earlyPhase)
			}
			return false, false
		default: // data that nothing protects
			c.refind(s, rec)
		}
	}
	return true, true
}

// begin changes what protects the records of a side.
func (s *side) begin(p phase) {
	s.phase, s.key, s.seq = p, nil, 0
}

// unprotected reads a record that is not protected where others are: an alert, or
// the change of cipher that middleboxes want to see (RFC 8446, appendix D.4).
func (c *Conn) unprotected(rec []byte) bool {
	if rec[0] == recordHandshake {
		c.opener.stats.Refused += uint64(len(rec))
	} else {
		c.opener.stats.Overhead += uint64(len(rec))
	}
	return true
}

// refind leaves a record that cannot be read in its place, and looks for what
// follows.
func (c *Conn) refind(s *side, rec []byte) {
	c.opener.stats.Lost += uint64(len(rec))
	c.lose(s)
	s.hidden += int64(len(rec))
}

// maxFails is how many records one behind the other may fail to verify before a
// connection is given up.
const maxFails = 100

// refuse takes a record that does not verify.
func (c *Conn) refuse(s *side, rec []byte) {
	c.opener.stats.Refused += uint64(len(rec))
	if s.skipping && s.fails < maxFails {
		s.fails++
		return
	}
	c.fail(s)
	if c.over == living {
		c.lose(s)
		s.hidden += int64(len(rec))
	}
}

func (c *Conn) fail(s *side) {
	if s.fails++; s.fails >= maxFails {
		c.stop(hostile)
	}
}

// content takes the content of a record that was opened.
func (c *Conn) content(dir reassembly.Direction, s *side, rec, plain []byte, t time.Time) {
	typ := rec[0]
	if s.key.suite.tls13 {
		n := len(plain)
		for n > 0 && plain[n-1] == 0 {
			n--
		}
		if n < len(plain) {
			s.padded = true
		}
		if n == 0 { // no type
			c.opener.stats.Refused += uint64(len(rec))
			return
		}
		typ, plain = plain[n-1], plain[:n-1]
	}
	st := &c.opener.stats
	if typ != recordData {
		st.Overhead += uint64(len(rec))
		switch {
		case typ == recordHandshake:
			c.handshakeData(dir, s, plain)
		case typ == recordChangeCipher && s.phase == cipherPhase: // of a renegotiation
			s.begin(cipherPhase)
		}
		return
	}
	st.Opened += uint64(len(plain))
	st.Overhead += uint64(len(rec) - len(plain))
	if len(plain) > 0 {
		c.deliver(dir, plain, t)
	}
}

// deliver gives plaintext on.
func (c *Conn) deliver(dir reassembly.Direction, plain []byte, t time.Time) {
	if c.receiver() != nil {
		c.next.Data(dir, plain, t)
	}
}

// receiver returns the Consumer of the plaintext.
func (c *Conn) receiver() reassembly.Consumer {
	if !c.opened {
		c.opened = true
		c.opener.stats.OpenedConns++
		c.next = c.accept(c, c.midstream)
	}
	return c.next
}
