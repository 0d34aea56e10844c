package decrypt

import (
	"crypto/cipher"
	"encoding/binary"
	"time"

	"github.com/wstap/wstap/reassembly"
)

// A search is what the next record may be protected with where it is not known
// how many records were lost before it.
type search struct{ attempts []attempt }

// An attempt is a key that the next record may have. Its number is from, or behind
// that by no more than as many records as were hidden.
type attempt struct {
	phase   phase
	key     *key
	traffic secret
	from    uint64
	same    bool   // it is the side's key
	next    bool   // it comes behind a KeyUpdate
	tried   uint64 // numbers, last
	filter  *filter
}

// generations is how many KeyUpdates a loss may hide.
const generations = 2

// newSearch gathers what is possible.
func (c *Conn) newSearch(dir reassembly.Direction, s *side) *search {
	x := &search{}
	if s.key != nil {
		x.attempts = append(x.attempts, attempt{phase: s.phase, key: s.key, traffic: s.traffic, from: s.seq, same: true})
		if !s.key.suite.tls13 {
			return x
		}
		if s.phase == trafficPhase {
			x.updates(s.key.suite, s.traffic)
			return x
		}
	}
	h := c.shake
	switch {
	case h == nil || !h.hasClient:
	case h.suite != nil && !h.suite.tls13:
		if c.keys12() {
			x.attempts = append(x.attempts, attempt{phase: cipherPhase, key: h.keys[dir]})
		}
	default:
		for p := s.phase; p <= trafficPhase; p++ {
			if p == handshakePhase && (s.key == nil || s.phase < p) && !c.midstream || p == trafficPhase {
				x.add13(c, dir, p)
			}
		}
	}
	return x
}

// add13 adds the key of a phase of TLS 1.3.
func (x *search) add13(c *Conn, dir reassembly.Direction, p phase) {
	h := c.shake
	v, ok := c.opener.keys.find(&h.client, labelOf(dir, p))
	if !ok {
		return
	}
	for _, k := range suitesFor(h.suite, v) {
		x.attempts = append(x.attempts, attempt{phase: p, key: newKey13(k, v.bytes()), traffic: v})
		if p == trafficPhase {
			x.updates(k, v)
		}
	}
}

// updates adds the keys that follow a traffic secret.
func (x *search) updates(k *suite, v secret) {
	for range generations {
		v = nextSecret(k, v)
		x.attempts = append(x.attempts, attempt{phase: trafficPhase, key: newKey13(k, v.bytes()), traffic: v, next: true})
	}
}

// suitesFor returns the suites that a secret can be of: the one that is known, or
// the usual ones with its hash.
func suitesFor(known *suite, v secret) []*suite {
	switch {
	case known != nil && (!known.tls13 || int(v.n) != known.hash.Size()):
		return nil
	case known != nil:
		return []*suite{known}
	case v.n == 48:
		return []*suite{suites()[0x1302]}
	case v.n == 32:
		return []*suite{suites()[0x1301], suites()[0x1303]}
	}
	return nil
}

// look looks for the next record in b and what is there already. It returns what
// comes behind one that was found.
func (c *Conn) look(dir reassembly.Direction, s *side, b []byte, t time.Time) (rest []byte) {
	if c.opener.keys == nil {
		c.stop(keyless)
		return b
	}
	if c.midstream && s.key == nil && s.looksOld(b) {
		c.stop(hopeless)
		return b
	}
	if s.search == nil {
		s.search = c.newSearch(dir, s)
	}
	if len(s.search.attempts) == 0 && !c.mayBeLate(dir, s) {
		c.skip(s, len(s.buf))
		s.hidden += int64(len(b))
		c.noKeys(len(b))
		return nil
	}
	s.buf = append(s.buf, b...)
	return c.scan(dir, s, t, false)
}

// lookAll looks through what is there: no more will follow.
func (c *Conn) lookAll(dir reassembly.Direction, s *side, t time.Time) {
	for s.lost && len(s.buf) > 0 && s.search != nil && c.over == living {
		n := len(s.buf)
		rest := c.scan(dir, s, t, true)
		if len(rest) > 0 {
			if rest = c.feed(dir, rest, t); len(rest) > 0 { // blocked: no more will come of it
				c.noKeys(len(rest))
			}
		}
		if len(s.buf) == n {
			return
		}
	}
}

// skip drops n bytes of what is looked through.
func (c *Conn) skip(s *side, n int) {
	s.hidden += int64(n)
	s.buf = append(s.buf[:0], s.buf[n:]...)
	c.countSkipped(s, n)
}

func (c *Conn) countSkipped(s *side, n int) {
	if s.key == nil && c.midstream {
		c.noKeys(n)
	} else {
		c.opener.stats.Lost += uint64(n)
	}
}

// maxTries is how many records that none of the keys fits are looked at before a
// connection is given up.
const maxTries = 2000

// scan tries each place in buf where a record may begin. atEnd says that a record
// that is not whole will not become so.
func (c *Conn) scan(dir reassembly.Direction, s *side, t time.Time, atEnd bool) (rest []byte) {
	off := 0
	for ; off < len(s.buf); off++ {
		b := s.buf[off:]
		if !maybeHeader(b) {
			continue
		}
		if len(b) < headerLen {
			if atEnd {
				continue
			}
			break
		}
		n := headerLen + bodyLen(b)
		if n > headerLen+maxRecord {
			continue
		}
		if len(b) < n {
			if atEnd {
				continue
			}
			break
		}
		if !maybeHeader(b[n:]) {
			continue
		}
		if c.try(dir, s, b[:n], off, t) {
			return b[n:]
		}
		if s.tries++; s.tries == maxTries && len(s.search.attempts) > 0 {
			c.stop(hostile)
			return nil
		}
	}
	c.skip(s, off)
	return nil
}

// maybeHeader says whether b can begin with a record's header, as far as it goes.
func maybeHeader(b []byte) bool {
	return (len(b) < 1 || b[0] >= recordChangeCipher && b[0] <= recordData) &&
		(len(b) < 2 || b[1] == 3) && (len(b) < 3 || b[2] <= 4)
}

// try tries the record at off in buf, and reads on if it verifies.
func (c *Conn) try(dir reassembly.Direction, s *side, rec []byte, off int, t time.Time) bool {
	o := c.opener
	buf := o.buffer()
	defer o.done(buf)
	hidden := s.hidden + int64(off)
	for i := range s.search.attempts {
		a := &s.search.attempts[i]
		if seq, plain, ok := c.tryAttempt(a, buf, rec, hidden); ok {
			c.found(dir, s, a, seq, hidden, off, rec, plain, t)
			return true
		}
	}
	if a, seq, plain, ok := c.tryLate(dir, s, buf, rec, hidden); ok {
		c.found(dir, s, a, seq, hidden, off, rec, plain, t)
		return true
	}
	return false
}

// tryAttempt tries a key. Of a connection that was joined late all numbers are tried
// from one record to the next, and low ones with each: the records before may have had
// another key.
func (c *Conn) tryAttempt(a *attempt, buf, rec []byte, hidden int64) (seq uint64, plain []byte, ok bool) {
	o := c.opener
	if !c.midstream || a.same {
		return o.tryKey(a, buf, rec, c.numbers(a, hidden))
	}
	at := a.from
	a.from = 0
	if seq, plain, ok = o.tryKey(a, buf, rec, lowRange); !ok {
		a.from = at
		seq, plain, ok = o.tryKey(a, buf, rec, maxRange)
		a.from = (at + a.tried) % maxRange
	}
	return seq, plain, ok
}

// maxRange is how many record numbers are tried with a key where nothing is known, and
// lowRange those that are likely: the records before may have had another key.
const (
	maxRange = 1 << 20
	lowRange = 1 << 8
)

// range_ returns how many numbers a record may have with a key.
func (c *Conn) numbers(a *attempt, hidden int64) uint64 {
	if c.midstream && !a.same {
		return maxRange
	}
	least, _ := a.key.suite.overhead()
	return uint64(hidden/int64(least)) + 1
}

// tryKey tries n numbers.
func (o *Opener) tryKey(a *attempt, buf, rec []byte, n uint64) (seq uint64, plain []byte, ok bool) {
	k := a.key
	if k.suite.tls13 && (rec[0] != recordData || len(rec) < headerLen+1+k.suite.tag) {
		return 0, nil, false
	}
	if a.filter == nil && n > costKey {
		a.filter = newFilter(k, a.traffic)
	}
	cost := costOpen
	if k.cbc != nil {
		cost *= 4
	}
	spend := max(leastEffort, min(o.effort.left, connEffort))
	a.tried = 0
	for seq = a.from; seq < a.from+n && spend > 0; seq++ {
		a.tried++
		if a.filter != nil {
			spend--
			o.effort.spend(1)
			if !a.filter.passes(rec[headerLen:], seq) {
				continue
			}
		}
		spend -= cost
		o.effort.spend(cost)
		if plain, ok = k.open(&o.scratch, buf, rec[:headerLen], rec[headerLen:], seq); ok {
			return seq, plain, true
		}
	}
	return 0, nil, false
}

// found goes on with a record that was found, of which hidden bytes lie before.
func (c *Conn) found(dir reassembly.Direction, s *side, a *attempt, seq uint64, hidden int64, off int, rec, plain []byte, t time.Time) {
	c.countSkipped(s, off)
	n, exact := lostContent(s, a, seq, hidden)
	k := *a
	s.phase, s.key, s.traffic, s.seq = k.phase, k.key, k.traffic, seq+1
	s.lost, s.search, s.late, s.hidden, s.fails, s.tries = false, nil, nil, 0, 0, 0
	s.buf = nil // the caller goes on with the rest of it
	if n > 0 && (c.opened || !c.midstream) {
		c.tellGap(dir, s, n, exact, t)
	}
	s.tooLate = false
	if c.over != living {
		c.count(c.over, len(rec))
		return
	}
	if c.shake != nil {
		c.learn(k.key.suite)
		c.use()
		c.settle()
	}
	c.content(dir, s, rec, plain, t)
}

// lostContent returns how much content was lost before a record that was found,
// and whether that is exact.
func lostContent(s *side, a *attempt, seq uint64, hidden int64) (n int64, exact bool) {
	over, exact := a.key.suite.overhead()
	first := uint64(0) // number of the first record with content
	if a.phase == cipherPhase {
		first = 1 // behind Finished
	}
	switch {
	case a.phase == handshakePhase || a.phase == earlyPhase:
		return 0, false
	case a.same:
		records := int64(seq - s.seq)
		if records == 0 || seq <= first {
			return 0, false
		}
		return max(1, hidden-records*int64(over)), exact && !s.padded && s.seq >= first
	case !a.next && seq <= first:
		return 0, false
	}
	return max(1, hidden-int64(over)), false
}

// A loser is a Consumer that takes a loss whose length is not known exactly, so
// that nothing goes on behind it as if it were.
type loser interface {
	Lost(dir reassembly.Direction, n int64, t time.Time)
}

// tellGap tells the next Consumer that content was lost.
func (c *Conn) tellGap(dir reassembly.Direction, s *side, n int64, exact bool, t time.Time) {
	next := c.receiver()
	if next == nil {
		return
	}
	c.opener.tooLate = s.tooLate
	defer func() { c.opener.tooLate = false }()
	if l, ok := next.(loser); ok && !exact {
		l.Lost(dir, n, t)
		return
	}
	next.Gap(dir, n, t)
}

// tellLost tells at the end what was not found again.
func (c *Conn) tellLost(dir reassembly.Direction, s *side, t time.Time) {
	if n := s.hidden + int64(len(s.buf)); s.lost && c.opened && n > 0 && s.key != nil {
		c.tellGap(dir, s, n, false, t)
	}
}

// A filter tells nearly all wrong numbers of a record of TLS 1.3 by the last byte
// of its content, which is the type of the record: that takes one block.
type filter struct {
	block cipher.Block
	iv    [nonceLen]byte
	tag   int
	ccm   bool
	in    [16]byte
	out   [16]byte
}

// newFilter returns nil where there is none for a key.
func newFilter(k *key, traffic secret) *filter {
	s := k.suite
	if !s.tls13 || s.bulk == chacha {
		return nil
	}
	f := &filter{block: newAES(newExpander(s.hash, traffic.bytes()).label("key", s.key)), iv: k.iv, tag: s.tag}
	f.ccm = s.bulk == ccm
	return f
}

// passes says whether a record can have a number.
func (f *filter) passes(body []byte, seq uint64) bool {
	last := len(body) - f.tag - 1
	nonce, counter := f.in[:], uint32(last/16)
	if f.ccm {
		nonce[0] = 2
		nonce = nonce[1:]
		counter++
	} else {
		counter += 2
	}
	copy(nonce, f.iv[:])
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(f.iv[4:])^seq)
	if f.ccm {
		putUint24(f.in[13:], counter)
	} else {
		binary.BigEndian.PutUint32(f.in[12:], counter)
	}
	f.block.Encrypt(f.out[:], f.in[:])
	typ := f.out[last%16] ^ body[last]
	return typ == 0 || typ >= recordAlert && typ <= recordData // 0: padding
}
