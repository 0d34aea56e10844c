package decrypt

import "github.com/wstap/wstap/reassembly"

// A late says which secrets of the log were tried on a side of a connection whose
// client random is not known: newest first, with few record numbers at first, then
// with more. A trial that is too long for one record goes on with the next, in the
// midst of an entry too.
type late struct {
	pass    int
	from    uint32 // entries before this one are to be tried
	entry   uint32 // that was not tried whole, the newest of them
	step    int    // the key of it to go on with
	offset  uint64 // and the number, behind the first one of the pass
	until   uint32 // down to this one
	seen    uint32 // entries that there were when the passes began
	version uint64 // of the log, then
	index   uint64 // records tried
	done    bool
}

// latePasses are the record numbers that each pass tries, up to the next one's.
var latePasses = []uint64{0, 1 << 8, 1 << 12, 1 << 16, 1 << 18, 2 << 18, 3 << 18, maxRange}

// recheck is how many of the newest entries are tried again when more comes: their
// lines may not have been there all.
const recheck = 8

// fewEntries is how many entries of the log are tried in every way. Of more, what is
// unlikely or takes long, a guess of the client that was wrong and
// ChaCha20-Poly1305, which has no filter, is tried in the first pass only.
const fewEntries = 64

// chachaRange is the number up to which ChaCha20-Poly1305 is tried then.
const chachaRange = 64

func (l *late) few() bool { return l.seen-l.until <= fewEntries }

// mayBeLate says whether secrets of the log are to be tried on a side.
func (c *Conn) mayBeLate(_ reassembly.Direction, s *side) bool {
	h := c.shake
	if h == nil || h.hasClient || !c.midstream && !c.sides[reassembly.FromClient].lost {
		return false
	}
	if h.suite != nil && !h.suite.tls13 && !h.hasServer {
		return false
	}
	if s.late == nil {
		s.late = &late{done: true}
	}
	if l := s.late; l.done {
		if v := c.opener.keys.version.Load(); v != l.version {
			all := c.opener.keys.newest()
			*l = late{from: all, until: l.seen - min(l.seen, recheck), seen: all, version: v, index: l.index}
		}
	}
	return !s.late.done
}

// tryLate tries secrets of the log on a record.
func (c *Conn) tryLate(dir reassembly.Direction, s *side, buf, rec []byte, hidden int64) (a *attempt, seq uint64, plain []byte, ok bool) {
	if !c.mayBeLate(dir, s) {
		return nil, 0, nil, false
	}
	o, h, l := c.opener, c.shake, s.late
	old := h.suite != nil && !h.suite.tls13
	if !old && (rec[0] != recordData || len(rec) < headerLen+1+16) || old && inClear(rec) {
		return nil, 0, nil, false
	}
	names := []label{labelOf(dir, trafficPhase)}
	switch {
	case old:
		names = []label{masterSecret}
	case c.midstream && (l.pass == 0 || l.few()): // which side is the client is a guess
		names = append(names, labelOf(dir.Reverse(), trafficPhase), labelOf(dir, handshakePhase))
	case !c.midstream:
		names = append(names, labelOf(dir, handshakePhase))
	}
	values := make([]secret, len(names))
	defer func() { l.index++ }()
	for budget := connEffort; budget > 0 && o.effort.left > 0; {
		r, n, more := o.keys.before(l.from, l.until, names, values)
		if !more {
			l.pass++
			l.from = l.seen
			if l.done = old || !c.midstream || l.pass == len(latePasses)-1; l.done {
				break
			}
			continue
		}
		l.enter(n)
		before, whole := o.effort.left, true
		x := entryTrial{c: c, dir: dir, random: &r, late: l, buf: buf, rec: rec, hidden: hidden}
		for i, v := range values {
			if a, seq, plain, ok = x.try(names[i], v); ok {
				h.client, h.hasClient = r, true
				return a, seq, plain, true
			}
			if whole = !x.broken; !whole {
				break
			}
		}
		if !whole {
			break // the next record goes on there
		}
		l.from = n
		budget -= max(1, before-o.effort.left)
	}
	return nil, 0, nil, false
}

// inClear says that a record of TLS 1.2 is not protected, as those before Finished.
func inClear(rec []byte) bool {
	switch body := rec[headerLen:]; rec[0] {
	case recordChangeCipher:
		return true
	case recordHandshake:
		return len(body) > 4 && body[0] == typeClientKeyExchange && int(body[1])<<16|int(body[2])<<8|int(body[3]) <= len(body)-4
	}
	return false
}

// enter begins with an entry, or goes on with it.
func (l *late) enter(n uint32) {
	if l.from != n+1 || l.entry != n {
		l.step, l.offset = 0, 0
	}
	l.from, l.entry = n+1, n
}

// learn takes what a secret that fits says of the connection.
func (c *Conn) learn(k *suite) {
	if c.shake.suite == nil && k.tls13 {
		c.shake.suite = k
		c.info.Version, c.info.Cipher = versionName(versionTLS13), k.name
	}
	c.news = true
}

// An entryTrial tries the secrets of an entry on a record.
type entryTrial struct {
	c      *Conn
	dir    reassembly.Direction
	random *random
	late   *late
	buf    []byte
	rec    []byte
	hidden int64
	step   int  // keys so far
	broken bool // there was too little effort left
}

// try tries one secret.
func (x *entryTrial) try(l label, v secret) (a *attempt, seq uint64, plain []byte, ok bool) {
	if v.n == 0 {
		return nil, 0, nil, false
	}
	c, h := x.c, x.c.shake
	if l == masterSecret {
		c.opener.effort.spend(costKey)
		keys := newKeys12(h.suite, v.bytes(), x.random, &h.server, h.etm)
		a = &attempt{phase: cipherPhase, key: keys[x.dir]}
		if seq, plain, ok = x.numbers(a, 0, c.numbers(a, x.hidden)); ok {
			h.master, h.keys = v, keys
		}
		return a, seq, plain, ok
	}
	for _, k := range suitesFor(h.suite, v) {
		if x.step < x.late.step {
			x.step++
			continue
		}
		c.opener.effort.spend(costKey)
		a = &attempt{phase: trafficPhase, key: newKey13(k, v.bytes()), traffic: v}
		if l == clientHandshake || l == serverHandshake {
			a.phase = handshakePhase
		}
		first, n := uint64(0), c.numbers(a, x.hidden)
		if c.midstream {
			low, high := latePasses[x.late.pass], latePasses[x.late.pass+1]
			if k.bulk == chacha && !x.late.few() {
				if x.late.pass > 0 {
					continue
				}
				high = chachaRange
			}
			first, n = low+x.late.index, high-low
		}
		if seq, plain, ok = x.numbers(a, first, n); ok || x.broken {
			return a, seq, plain, ok
		}
	}
	return nil, 0, nil, false
}

// numbers tries n numbers from first on, without those that were tried on the record
// before. Behind a loss there are few, and the next record may have others.
func (x *entryTrial) numbers(a *attempt, first, n uint64) (seq uint64, plain []byte, ok bool) {
	l, o := x.late, x.c.opener
	done := uint64(0)
	if x.c.midstream {
		done = min(l.offset, n)
	}
	a.from = first + done
	if seq, plain, ok = o.tryKey(a, x.buf, x.rec, n-done); ok {
		return seq, plain, true
	}
	if x.c.midstream && done+a.tried < n {
		l.step, l.offset, x.broken = x.step, done+a.tried, true
		return 0, nil, false
	}
	x.step++
	l.step, l.offset = 0, 0
	return 0, nil, false
}

// tryInner looks for the client random of an encrypted ClientHello (RFC 9849) by
// trying the handshake secrets of the log on the server's first record.
func (c *Conn) tryInner(rec []byte) {
	o, h := c.opener, c.shake
	if c.sides[reassembly.FromServer].phase != handshakePhase || c.sides[reassembly.FromServer].seq != 0 || rec[0] != recordData {
		return
	}
	all := o.keys.newest()
	if h.from == 0 {
		h.from, h.seen = all, all
	}
	buf := o.buffer()
	defer o.done(buf)
	var v [1]secret
	names := []label{serverHandshake}
	for budget := connEffort; ; budget -= costKey + costOpen {
		if budget <= 0 || o.effort.left == 0 {
			return // to go on with the next data
		}
		r, n, more := o.keys.before(h.from, h.tried, names, v[:])
		if !more {
			break
		}
		h.from = n
		if int(v[0].n) != h.suite.hash.Size() {
			continue
		}
		o.effort.spend(costKey + costOpen)
		k := newKey13(h.suite, v[0].bytes())
		if _, ok := k.open(&o.scratch, buf, rec[:headerLen], rec[headerLen:], 0); ok {
			h.client, h.encrypted, h.from = r, false, 0
			return
		}
	}
	h.from, h.tried = 0, h.seen-min(h.seen, recheck)
}
