package reassembly

import (
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/flowhash"
)

// Multipath TCP (RFC 8684): what applications say to each other is carried by
// subflows, each a TCP connection, and options say where the data of a subflow
// stands in the connection. Here a subflow is a Flow without a Consumer, of which
// the bytes that came in order are handed over, by data sequence number, to
// another Flow, which nothing in the table's keys leads to: that one is told to
// the Consumer, with its holes, copies and budgets as those of any other.

// A multipath is one MPTCP connection.
type multipath struct {
	index    uint32 // of the Flow that has its data; 0: none yet, or it has ended
	ended    bool
	version  uint8
	first    uint8 // that Flow's, as in the first subflow
	flags    uint16
	key      key
	keyed    [2]bool   // of each side of that Flow: token and idsn are known
	token    [2]uint32 // by which subflows join
	idsn     [2]uint32
	subflows int
}

// A subflow is what a Flow of an MPTCP connection needs besides.
type subflow struct {
	m     *multipath // nil: a join of a connection that is not known
	swap  int        // 1: its sides are the other way round in the connection
	sides [2]struct {
		maps  []mapping // by ssn, those that are still needed
		base  uint32    // number of the subflow that ssn 0 stands for
		based uint8     // 2: base is certain; 1: one mapping spoke for it, at tried
		tried uint32
		said  bool // a mapping was seen
	}
}

// A mapping says where n bytes of a subflow stand in the connection.
type mapping struct {
	seq, dsn, n uint32
	endless     bool
}

const (
	maxMappings    = 1 << 10 // of one side of a subflow
	maxAllMappings = 1 << 18
)

// multipaths are an Assembler's MPTCP connections.
type multipaths struct {
	subflows map[uint32]*subflow   // by index of their Flow
	conns    map[uint32]*multipath // by index of their Flow
	tokens   map[uint32]*multipath
	count    uint32
	mappings int
	nested   bool  // a subflow hands data over: budgets are seen to later
	over     *Flow // for a side of which budgets are to be seen to
	overSide int
	packet   decode.Packet
}

// handshakeOption sees whether a SYN, its answer, or the first segment after them
// makes f a subflow.
func (a *Assembler) handshakeOption(f *Flow, index uint32, side int, p *decode.Packet) {
	if len(p.Options) == 0 {
		return
	}
	o, ok := mptcp(p)
	if !ok {
		return
	}
	s := a.multi.subflows[index]
	switch {
	case o.join && s == nil: // that of the SYN has a token
		s = a.newSubflow(f, index)
		if m := a.multi.tokens[o.token]; m != nil && p.Flags&decode.ACK == 0 {
			s.m = m
			m.subflows++
			receiver := 0
			if m.keyed[1] && m.token[1] == o.token {
				receiver = 1
			}
			s.swap = receiver ^ 1 ^ side
		} else {
			a.stats.Orphans++
		}
	case o.capable && s == nil && p.Flags&decode.ACK != 0:
		s = a.newConnection(f, index, o.version)
	}
	if s != nil && s.m != nil && o.capable {
		a.learnKeys(s.m, side, p, &o)
	}
}

// learnKeys takes the keys of MP_CAPABLE. Version 0 has the client's on the SYN.
func (a *Assembler) learnKeys(m *multipath, side int, p *decode.Packet, o *mpOption) {
	for i := range o.known {
		if who := side ^ i; o.known[i] && !m.keyed[who] {
			m.keyed[who] = true
			m.token[who], m.idsn[who] = fromKey(o.keys[i], m.version)
			if a.multi.tokens[m.token[who]] == nil {
				a.multi.tokens[m.token[who]] = m
			}
		}
	}
}

func (a *Assembler) newSubflow(f *Flow, index uint32) *subflow {
	if a.multi.subflows == nil {
		a.multi.subflows = make(map[uint32]*subflow)
		a.multi.conns = make(map[uint32]*multipath)
		a.multi.tokens = make(map[uint32]*multipath)
	}
	s := new(subflow)
	a.multi.subflows[index] = s
	f.flags |= mpSubflow
	a.stats.Subflows++
	return s
}

func (a *Assembler) newConnection(f *Flow, index uint32, version uint8) *subflow {
	s := a.newSubflow(f, index)
	k := f.key()
	a.multi.count++
	k.space = k.space&1 | flowhash.Mix(uint64(k.space)^a.seed[0], uint64(a.multi.count)^a.seed[1]|1)&^1
	s.m = &multipath{version: version, key: k, first: f.first, flags: f.flags & (clientIsB | midstream), subflows: 1}
	return s
}

// connection returns the Flow that has the data of m, and makes it for the first.
func (a *Assembler) connection(m *multipath) (*Flow, uint32) {
	if m.ended {
		return nil, 0
	}
	if m.index != 0 {
		return a.table.flow(m.index), m.index
	}
	f, index := a.table.insert(&m.key, m.key.hash(&a.seed))
	m.index = index
	f.first, f.flags = m.first, m.flags|multi
	f.last = a.clock.now
	a.stats.Flows++
	if f.flags&midstream != 0 {
		a.stats.Midstream++
		f.half[0].flags |= lossy
		f.half[1].flags |= lossy
	}
	for side := range f.half {
		if m.keyed[side] {
			f.half[side].begin(m.idsn[side] + 1)
		}
	}
	a.multi.conns[index] = m
	a.enter(f, index, established)
	return f, index
}

// mapped takes the options of a segment of a subflow. It returns false if f is
// plain TCP after all: where the first data say nothing of a mapping, the two
// sides have fallen back to that (RFC 8684, section 3.7).
func (a *Assembler) mapped(f *Flow, index uint32, side int, p *decode.Packet) bool {
	s := a.multi.subflows[index]
	if s == nil {
		return false
	}
	if s.m == nil {
		return true
	}
	o, ok := mptcp(p)
	if !ok {
		if p.PayloadLen > 0 && s.m.index == 0 && !s.m.ended && !s.sides[side].said && s.m.subflows == 1 && f.half[side].offset == 0 {
			a.fallBack(f, index, s)
			return false
		}
		return true
	}
	if o.capable {
		a.learnKeys(s.m, side, p, &o)
	}
	in := side ^ s.swap
	if o.initial {
		if o.dsn = s.m.idsn[in] + 1; !s.m.keyed[in] {
			o.maps = false
		}
	}
	if o.maps && (p.PayloadLen > 0 || o.n > 0) {
		a.learnMapping(s, f, side, p, &o)
	}
	if !o.acks && !o.fin {
		return true
	}
	c, ci := a.connection(s.m)
	if c == nil {
		return true
	}
	a.touch(c, ci) // it lives as its subflows do
	q := &a.multi.packet
	*q = decode.Packet{Flags: decode.ACK, Seq: c.reach(in), Ack: o.ack, Window: p.Window}
	if o.acks {
		c.half[in].scale = f.half[side].scale
		a.acknowledge(c, ci, in, q)
	}
	if o.fin {
		q.Flags, q.Seq = decode.FIN, o.finAt
		a.fin(c, ci, in, q)
	}
	return true
}

func (a *Assembler) fallBack(f *Flow, index uint32, s *subflow) {
	a.forgetSubflow(index, s)
	a.forgetConnection(s.m)
	f.flags &^= mpSubflow
	a.stats.Subflows--
}

// learnMapping notes a mapping.
func (a *Assembler) learnMapping(s *subflow, f *Flow, side int, p *decode.Packet, o *mpOption) {
	h, d := &f.half[side], &s.sides[side]
	d.said = true
	switch {
	case d.based == 2:
	case h.flags&synced != 0:
		d.base, d.based = h.isn, 2
	case p.PayloadLen == 0:
		return
	default:
		// The SYN was not seen. The first segment of a mapping shows what its
		// numbers count from; two that agree are believed.
		base := p.Seq - o.ssn
		if d.based == 1 && base == d.base && o.ssn != d.tried {
			d.based = 2
			break
		}
		if d.based == 0 || before(base, d.base) || o.ssn != d.tried {
			d.base, d.tried, d.based = base, o.ssn, 1
		}
		return
	}
	n := mapping{seq: d.base + o.ssn, dsn: o.dsn, n: o.n, endless: o.n == 0}
	if !n.endless && !before(h.next, n.seq+n.n) {
		return // of what is over
	}
	i := len(d.maps)
	for i > 0 && before(n.seq, d.maps[i-1].seq) {
		i--
	}
	if i > 0 {
		last := &d.maps[i-1]
		if last.endless || !n.endless && !before(last.seq+last.n, n.seq+n.n) {
			return // known
		}
		if !n.endless && !before(last.seq+last.n, n.seq) && n.dsn-last.dsn == n.seq-last.seq {
			if end := n.seq + n.n - last.seq; i == len(d.maps) || !before(d.maps[i].seq, last.seq+end) {
				last.n = end // it goes on
				return
			}
		}
	}
	if len(d.maps) >= maxMappings || a.multi.mappings >= maxAllMappings {
		return
	}
	d.maps = append(d.maps, mapping{})
	copy(d.maps[i+1:], d.maps[i:])
	d.maps[i] = n
	a.multi.mappings++
}

// handOver gives what a subflow has in order, before its next, to its connection.
func (a *Assembler) handOver(f *Flow, index uint32, side int, b []byte, t time.Time) {
	s := a.multi.subflows[index]
	if s == nil || s.m == nil {
		a.stats.Skipped += uint64(len(b))
		a.stats.Unmapped += uint64(len(b))
		return
	}
	f.half[side].offset += int64(len(b))
	d := &s.sides[side]
	seq := f.half[side].next - uint32(len(b))
	for len(b) > 0 {
		for len(d.maps) > 0 && !d.maps[0].endless && !before(seq, d.maps[0].seq+d.maps[0].n) {
			d.maps = d.maps[:copy(d.maps, d.maps[1:])]
			a.multi.mappings--
		}
		n := len(b)
		if len(d.maps) == 0 || before(seq, d.maps[0].seq) {
			if len(d.maps) > 0 {
				n = min(n, int(d.maps[0].seq-seq))
			}
			a.stats.Skipped += uint64(n)
			a.stats.Unmapped += uint64(n)
		} else {
			m := &d.maps[0]
			if !m.endless {
				n = min(n, int(m.seq+m.n-seq))
			}
			a.connectionData(s.m, side^s.swap, m.dsn+(seq-m.seq), b[:n], t)
		}
		b = b[n:]
		seq += uint32(n)
	}
}

// connectionData takes data of a connection.
func (a *Assembler) connectionData(m *multipath, side int, dsn uint32, b []byte, t time.Time) {
	c, index := a.connection(m)
	if c == nil || c.state == closed || c.flags&ignored != 0 {
		a.stats.Skipped += uint64(len(b))
		return
	}
	a.touch(c, index)
	now, nested := a.time, a.multi.nested
	a.time, a.multi.nested = t, true
	ack := c.half[side^1].next
	if h := &c.half[side]; h.flags&acks != 0 {
		ack = h.ack
	}
	if !a.data(c, index, side, dsn, ack, b, len(b)) { // numbers that cannot be of this connection
		a.stats.Skipped += uint64(len(b))
		a.stats.Unmapped += uint64(len(b))
	}
	a.time, a.multi.nested = now, nested
}

// settle sees to the budgets of what subflows have handed over.
func (a *Assembler) settle() {
	if f := a.multi.over; f != nil {
		a.multi.over = nil
		a.limit(f, a.multi.overSide)
	}
}

// multipathEnded follows the end of a subflow, or of a connection's Flow. With its
// last subflow a connection ends.
func (a *Assembler) multipathEnded(f *Flow, index uint32, r Reason) {
	if m := a.multi.conns[index]; m != nil && f.flags&multi != 0 {
		a.forgetConnection(m)
		return
	}
	s := a.multi.subflows[index]
	if s == nil {
		return
	}
	a.forgetSubflow(index, s)
	if m := s.m; m != nil {
		if m.subflows--; m.subflows > 0 {
			return
		}
		if m.index != 0 {
			c := a.table.flow(m.index)
			for side := range f.half {
				if f.half[side].closes == closesByReset {
					c.half[side^s.swap].closes = closesByReset
				}
			}
			a.end(c, m.index, r)
		}
		a.forgetConnection(m)
	}
}

func (a *Assembler) forgetSubflow(index uint32, s *subflow) {
	for i := range s.sides {
		a.multi.mappings -= len(s.sides[i].maps)
		s.sides[i].maps = nil
	}
	delete(a.multi.subflows, index)
}

func (a *Assembler) forgetConnection(m *multipath) {
	for side, token := range m.token {
		if m.keyed[side] && a.multi.tokens[token] == m {
			delete(a.multi.tokens, token)
		}
	}
	if m.index != 0 {
		delete(a.multi.conns, m.index)
	}
	m.index, m.ended = 0, true
}
