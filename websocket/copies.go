package websocket

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/wstap/wstap/internal/http1"
)

// A capture may see one connection at several places of its way. The nonce in
// Sec-WebSocket-Key tells which handshakes may be the same one, and what lies
// between the places tells how they look:
//
//   - A NAT changes an address or a port and keeps the sequence numbers, a tunnel
//     keeps both. A firewall changes the numbers, of one side or of both, and mostly
//     keeps the addresses. A transparent proxy ends TCP, so that the numbers are
//     others, and keeps the addresses. All of them pass the heads on byte for byte,
//     and all that follows. These are copies.
//   - A reverse proxy ends TCP and speaks for itself, from an address of its own to
//     another server. Most change the heads too. These are legs with the same key.
//   - A client may use the same key always. Its connections go to the same server
//     from the same address, one after the other or from several ports.
//
// So a copy has the same key and heads, byte for byte, and either the same four
// addresses and ports as a connection that still lives, or an initial sequence
// number in common while the two handshakes were under way together. Neither is so
// where a client has merely another port: no NAT does that. Where a firewall
// changes addresses and all numbers there is no evidence, and a key that is the same.

// A sighting is a handshake that was seen.
type sighting struct {
	p               *pipeline
	k               *socket // nil once ended
	number          uint64
	key, heads      uint64 // hashes
	client, server  netip.AddrPort
	numbered        bool
	numbers         [2]uint32 // initial sequence numbers; of one seen late, those of the first bytes
	found           [2]uint64 // hashes of where a connection was found mid-stream, by Direction, and 0
	asked, answered moment
	end             moment    // valid where k is nil
	past            [2]past   // the same
	group           *group    // nil as long as there is no copy
	older, newer    *sighting // the ones before and behind it in the chain of its key
	gone            bool      // forgotten
	uses            int       // by recognise, while the lock is not held
}

// A past is what a direction of a connection gave out.
type past struct {
	top    int64 // the end of it in the stream
	missed []span
}

// A moment is when something was captured. Within a pipeline packets come in that
// order, which is known where clocks are coarse, or wrong.
type moment struct {
	t int64  // nanoseconds since 1970; over centuries some number, which will do
	n uint64 // the order in the pipeline
}

func (p *pipeline) moment(t time.Time) moment {
	p.moments++
	return moment{t.UnixNano(), p.moments}
}

// before says that m, of s, was before n, of o.
func (s *sighting) before(m moment, o *sighting, n moment) bool {
	if s.p == o.p {
		return m.n < n.n
	}
	return m.t <= n.t
}

// A group is a connection with its copies.
type group struct {
	first uint64       // Number of the first one
	told  [2]*coverage // by Direction, with the offsets of the first one
	// numbers are those of the first one's sighting.
	numbers [2]uint32
}

var sightingSeed = maphash.MakeSeed()

// sight returns what was seen of a handshake; nil where there is no key.
func (o *opening) sight(r *pendingRequest, response *http1.Head, t time.Time) *sighting {
	key := r.request().Get(http1.Key)
	if len(key) == 0 {
		return nil
	}
	s := o.p.newSighting()
	s.p, s.client, s.server, s.numbered, s.numbers = o.p, o.client, o.server, o.numbered, o.numbers
	s.asked, s.answered = r.asked, o.p.moment(t)
	s.key = maphash.Bytes(sightingSeed, key)
	s.heads = bits.RotateLeft64(maphash.Bytes(sightingSeed, r.upgrade.Raw()), 1) ^ maphash.Bytes(sightingSeed, response.Raw())
	return s
}

// newSighting returns one that was forgotten, or a new one. They are forgotten in the
// order in which they are made, so that several may share an allocation.
func (p *pipeline) newSighting() *sighting {
	if n := len(p.spareSightings); n > 0 {
		s := p.spareSightings[n-1]
		p.spareSightings = p.spareSightings[:n-1]
		*s = sighting{}
		return s
	}
	if len(p.sightings) == 0 {
		p.sightings = make([]sighting, 16)
	}
	s := &p.sightings[0]
	p.sightings = p.sightings[1:]
	return s
}

// freeSighting takes back one that was forgotten.
func (p *pipeline) freeSighting(s *sighting) {
	if s.uses == 0 && len(p.spareSightings) < 64 {
		p.spareSightings = append(p.spareSightings, s)
	}
}

// sameConnection says that s and o are the same connection; s was answered later.
func (s *sighting) sameConnection(o *sighting) bool {
	switch {
	case s.heads != o.heads:
		return false
	case s.client == o.client && s.server == o.server:
		return o.k != nil || s.before(s.asked, o, o.end)
	case s.otherPort(o):
		return false
	}
	return s.together(o) && s.numbered && o.numbered && (s.numbers[0] == o.numbers[0] || s.numbers[1] == o.numbers[1])
}

// otherPort says that s and o have nothing but the key in common: a client that uses
// it always.
func (s *sighting) otherPort(o *sighting) bool {
	return s.server == o.server && s.client.Port() != o.client.Port() && s.client.Addr() == o.client.Addr()
}

// otherLeg says that s and o, with the same key, are two legs of a proxy.
func (s *sighting) otherLeg(o *sighting) bool {
	return s.together(o) && (s.server != o.server || s.client == o.client)
}

// together says that two handshakes were under way at the same time.
func (s *sighting) together(o *sighting) bool {
	return s.before(s.asked, o, o.answered) && o.before(o.asked, s, s.answered)
}

const (
	// maxSightings bounds the handshakes that are remembered, and sightingAge for
	// how long, in time of packets.
	maxSightings = 4096
	sightingAge  = 10 * time.Second
	// maxSameKey bounds those that a new one is compared with.
	maxSameKey = 16
)

// sightings are the handshakes of late, over all pipelines. A pipeline may take mu
// while it holds its own, and takes another one's only while it holds neither.
// Tables of a fixed size take a third of the time of maps that grow.
type sightings struct {
	mu       sync.Mutex
	queue    []*sighting          // the oldest first
	byKey    []*sighting          // the newest of those whose hashes end alike; older leads on
	byNumber []*sighting          // by the end of the number
	late     map[uint64]*sighting // by where it was found mid-stream
}

const (
	keyChains = 1024
	maxChain  = 4 * maxSameKey // how far one is followed
)

// add adds a sighting of the pipeline that is at work.
func (l *sightings) add(s *sighting) {
	if l.byKey == nil {
		l.byKey, l.byNumber = make([]*sighting, keyChains), make([]*sighting, maxSightings)
	}
	for len(l.queue) > 0 && (len(l.queue) == maxSightings || s.answered.t-l.queue[0].answered.t > int64(sightingAge)) {
		old := l.queue[0]
		l.forget(old)
		s.p.freeSighting(old)
		l.queue[0] = nil
		l.queue = l.queue[1:]
	}
	l.queue = append(l.queue, s)
	if s.isLate() {
		l.addLate(s)
	} else {
		chain := &l.byKey[s.key%keyChains]
		if s.older = *chain; s.older != nil {
			s.older.newer = s
		}
		*chain = s
	}
	number := &l.byNumber[s.number%maxSightings]
	if *number != nil { // its end would not be noted
		l.forget(*number)
	}
	*number = s
}

// forget keeps s from being found. What is behind it in its chain is older.
func (l *sightings) forget(s *sighting) {
	l.forgetLate(s)
	s.cut()
	if s.newer != nil {
		s.newer.cut()
	}
	s.gone, s.k, s.group, s.past = true, nil, nil, [2]past{}
	if chain := &l.byKey[s.key%keyChains]; *chain == s {
		*chain = nil
	}
	if number := &l.byNumber[s.number%maxSightings]; *number == s {
		*number = nil
	}
}

// cut ends the chain of a key behind s.
func (s *sighting) cut() {
	if s.older != nil {
		s.older.newer, s.older = nil, nil
	}
}

// find returns the connection that s is a copy of, or else the other leg that was
// seen first.
func (l *sightings) find(s *sighting) (same, leg *sighting) {
	if l.byKey == nil {
		return nil, nil
	}
	if s.isLate() {
		return l.findLate(s), nil
	}
	n, alike := 0, 0
	for o := l.byKey[s.key%keyChains]; o != nil; o = o.older {
		if o.key == s.key {
			alike++
			if s.asked.n < o.answered.n || s.p != o.p || s.client == o.client { // else merely the key is the same
				if s.sameConnection(o) {
					same = o // the first one
				}
				if s.otherLeg(o) {
					leg = o
				}
			}
		}
		if n++; n == maxChain || alike == maxSameKey {
			o.cut()
		}
	}
	if same != nil {
		return same, nil
	}
	return nil, leg
}

// ended notes that a connection has.
func (l *sightings) ended(k *socket, cause Cause, t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byNumber == nil {
		return
	}
	s := l.byNumber[k.info.Number%maxSightings]
	if s == nil || s.gone || s.number != k.info.Number {
		return
	}
	if s.group == nil { // there may be a copy yet
		s.past = k.past()
	}
	s.k, s.end = nil, k.p.moment(t)
	if cause == CauseRefused { // what is asked behind it is another handshake
		s.end = s.answered
	}
}

// recognise gives k its number, and says what it has to do with others.
func (p *pipeline) recognise(k *socket, s *sighting) {
	l := &p.tap.recent
	l.mu.Lock()
	k.info.Number = p.tap.conn.Add(1)
	s.k, s.number = k, k.info.Number
	same, leg := l.find(s)
	if leg != nil {
		k.info.SameKey = leg.number
		if leg.group != nil {
			k.info.SameKey = leg.group.first
		}
	}
	if same == nil {
		l.add(s)
		l.mu.Unlock()
		return
	}
	same.uses++
	l.mu.Unlock()
	g := p.groupOf(same)
	g.join(k, s)
	k.info.CopyOf = g.first
	p.counts.ConnCopies++
	l.mu.Lock()
	same.uses--
	s.group = g
	l.add(s)
	l.mu.Unlock()
}

// groupOf returns the group of a connection, which may be another pipeline's.
func (p *pipeline) groupOf(s *sighting) *group {
	l, q := &p.tap.recent, s.p
	if q != p {
		if p.busy {
			p.mu.Unlock()
			defer p.mu.Lock()
		}
		q.mu.Lock()
		defer q.mu.Unlock()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case s.group != nil:
	case q != p && q.ending: // it cannot be looked at: what it gives out is not known
		return &group{first: s.number, told: [2]*coverage{{}, {}}, numbers: s.numbers}
	case s.k == nil:
		s.group = newGroup(s, &s.past)
	default:
		then := s.k.past()
		s.group = newGroup(s, &then)
		s.group.join(s.k, s)
	}
	return s.group
}

// past returns what was given out up to now.
func (k *socket) past() (p [2]past) {
	for dir := range p {
		h := &k.halves[dir]
		p[dir].top = h.offset
		if h.rare != nil {
			p[dir].missed = slices.Clone(h.missed)
		}
		if missed := &p[dir].missed; k.lost[dir] { // up to now
			*missed = append(*missed, span{0, h.offset})
			if n := len(*missed); n > 1 {
				(*missed)[n-1].from = (*missed)[n-2].from
			}
		}
	}
	return p
}

// newGroup returns the group of a connection of which messages were given out
// already.
func newGroup(s *sighting, then *[2]past) *group {
	g := &group{first: s.number, numbers: s.numbers}
	for dir := range g.told {
		g.told[dir] = &coverage{top: then[dir].top}
		for _, s := range then[dir].missed {
			g.told[dir].add(hole{span: s})
		}
	}
	return g
}

// join adds a connection to a group.
func (g *group) join(k *socket, s *sighting) {
	for dir := range g.told {
		r := k.halves[dir].needRare()
		r.told = g.told[dir]
		if s.isLate() {
			r.shift = int64(int32(s.numbers[dir] - g.numbers[dir]))
		}
	}
}
