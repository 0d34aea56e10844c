package reassembly

import (
	"encoding/binary"
	"math"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/flowhash"
)

// Two connections can live with the same addresses and ports: those on both
// sides of a transparent proxy, or of a firewall that renumbers, where a capture
// sees both. Here each is a leg, a flow of its own. They are told apart by where
// they were captured, then by their sequence numbers. What was captured somewhere
// else with the same numbers is a copy and belongs to the flow that there is.

const (
	// maxLegs is how many flows may have one key.
	maxLegs = 4
	// near is how far from what is expected next a number of the same
	// connection can be.
	near = 1 << 24
)

// place names where p was captured: the interface, the two MACs, and VLAN tags.
// 0: nothing is known of it.
func (a *Assembler) place(p *decode.Packet) uint32 { return a.placeOf(p, p.SrcMAC(), p.DstMAC()) }

// opposite is the place of the answers to p; 0: not known.
func (a *Assembler) opposite(p *decode.Packet) uint32 {
	if p.Link != decode.LinkEthernet {
		return 0
	}
	return a.placeOf(p, p.DstMAC(), p.SrcMAC())
}

func (a *Assembler) placeOf(p *decode.Packet, src, dst []byte) uint32 {
	if a.pieced || len(src) == 0 && a.device == 0 {
		return 0
	}
	h := uint64(a.device)
	if c, ok := p.Cooked(); ok {
		h = h<<32 | uint64(c.Interface)
	}
	h = flowhash.Fold(h^macNumber(src)^a.seed[0], a.seed[1]|1)
	h = flowhash.Fold(h^macNumber(dst)^a.seed[0], a.seed[1]|1)
	return flowhash.Mix(h^uint64(a.taggedSpace(p)), a.seed[2]|1) | 1
}

// macNumber makes a number of a MAC, of 8 bytes at most.
func macNumber(b []byte) (n uint64) {
	if len(b) == 6 { // nearly always
		return uint64(binary.BigEndian.Uint32(b))<<16 | uint64(binary.BigEndian.Uint16(b[4:]))
	}
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// A placed remembers at which other places the copies of a flow's packets are
// captured, as well as it can in little memory: of what has the same hash the
// last few.
type placed [1 << 10][4]struct{ tag, index uint32 }

// tag names a side's packets at a place.
func (a *Assembler) tag(l *lookup, place uint32) uint32 {
	return flowhash.Mix(uint64(l.hash)<<1^uint64(l.from)^a.seed[3], uint64(place)|1<<32)
}

func (p *placed) add(tag, index uint32) {
	set := &p[tag%uint32(len(p))]
	copy(set[1:], set[:])
	set[0].tag, set[0].index = tag, index
}

func (p *placed) has(tag, index uint32) bool {
	for _, e := range &p[tag%uint32(len(p))] {
		if e.tag == tag {
			return e.index == index
		}
	}
	return false
}

// forget forgets the copies of one flow.
func (p *placed) forget(index uint32) {
	for i := range p {
		for j := range p[i] {
			if p[i][j].index == index {
				p[i][j].tag, p[i][j].index = 0, 0
			}
		}
	}
}

// awaits says whether p is the one answer to f's SYN: nothing to tell apart.
func (f *Flow) awaits(p *decode.Packet, l *lookup) bool {
	h, o := &f.half[f.first^l.from], &f.half[f.first^l.from^1]
	return f.state == halfOpen && p.Flags&decode.ACK != 0 && h.flags&synced == 0 && o.flags&synced != 0 && p.Ack == o.next
}

// leg returns the flow that p belongs to; nil: it begins one. There is at least
// one flow of its key.
func (a *Assembler) leg(p *decode.Packet, l *lookup) (*Flow, uint32) {
	var found [maxLegs]uint32
	all := found[:a.table.same(&l.key, l.hash, &found)]
	at := a.place(p)
	var index uint32
	switch p.Flags & (decode.SYN | decode.ACK | decode.RST) {
	case decode.SYN:
		index = a.legOfSYN(all, p, l, at)
	case decode.SYN | decode.ACK:
		index = a.legOfAnswer(all, p, l, at)
	default:
		index = a.legOf(all, p, l, at)
	}
	if index == 0 {
		return nil, 0
	}
	return a.table.flow(index), index
}

// legOfSYN returns the leg that a SYN is of: one with its number, or one that was
// captured at the same place, whose ports may be in use again.
func (a *Assembler) legOfSYN(all []uint32, p *decode.Packet, l *lookup, at uint32) uint32 {
	var here, closedHere, anyClosed uint32
	for _, i := range all {
		f := a.table.flow(i)
		side := int(f.first ^ l.from)
		h, place := &f.half[side], a.table.aside(i).place[side]
		same := at == 0 || place == 0 || place == at || a.placed.has(a.tag(l, at), i)
		switch {
		case f.state != closed && h.flags&synced != 0 && h.isn == p.Seq:
			if !same {
				a.placed.add(a.tag(l, at), i)
			}
			return i
		case f.state == closed:
			if anyClosed = i; same {
				closedHere = i
			}
		case same:
			here = i
		}
	}
	switch {
	case here != 0:
		return here
	case closedHere != 0:
		return closedHere
	case len(all) < maxLegs:
		return 0
	case anyClosed != 0:
		return anyClosed
	}
	return all[0]
}

// legOfAnswer returns the leg whose SYN is answered by p. If it has been
// answered with another number at another place, somebody between the two
// renumbers the server alone, and p is of a leg of its own.
func (a *Assembler) legOfAnswer(all []uint32, p *decode.Packet, l *lookup, at uint32) uint32 {
	var waiting, other uint32
	// onSYN is how much of the data on its SYN a leg would find acknowledged.
	onSYN := func(i uint32) uint32 {
		f := a.table.flow(i)
		side := int(f.first ^ l.from)
		n := uint32(math.MaxUint32)
		if o := &f.half[side^1]; o.flags&seen != 0 && f.state != closed {
			n = p.Ack - o.isn - 1
		}
		if f.flags&reopening != 0 && f.reopener() != side {
			n = min(n, p.Ack-f.reopen()-1)
		}
		return n
	}
	least := uint32(maxOnSYN)
	for _, i := range all {
		least = min(least, onSYN(i))
	}
	for _, i := range all {
		if onSYN(i) != least {
			continue
		}
		f := a.table.flow(i)
		side := int(f.first ^ l.from)
		switch h := &f.half[side]; {
		case h.flags&synced != 0 && h.isn == p.Seq:
			if at != 0 && a.table.aside(i).place[side] != at {
				a.placed.add(a.tag(l, at), i)
			}
			return i
		case h.flags&synced == 0 || f.flags&reopening != 0:
			waiting = i
		default:
			other = i
		}
	}
	switch {
	case waiting != 0:
		return waiting
	case other == 0:
		return a.legOf(all, p, l, at)
	}
	f := a.table.flow(other)
	side := int(f.first ^ l.from)
	if place := a.table.aside(other).place[side]; at == 0 || place == 0 || place == at || len(all) == maxLegs {
		return other
	}
	a.table.aside(other).place[side^1] = 0 // the SYN had one number at both places
	a.placed.forget(other)
	return 0
}

// legOf returns the leg that a segment belongs to.
func (a *Assembler) legOf(all []uint32, p *decode.Packet, l *lookup, at uint32) uint32 {
	var best uint32
	var bestRank, bestDistance int64
	unplaced := true
	for _, i := range all {
		f := a.table.flow(i)
		side := int(f.first ^ l.from)
		place := a.table.aside(i).place[side]
		dseq, dack := f.apart(side, p.Seq), int64(0)
		if p.Flags&decode.ACK != 0 {
			dack = f.apart(side^1, p.Ack)
		}
		rank := int64(0)
		if f.state != closed {
			rank++
		}
		if dseq < near && dack < near {
			rank += 8
		}
		switch {
		case at == 0:
		case place == at || a.placed.has(a.tag(l, at), i):
			rank += 4
			unplaced = false
		case place == 0 && dseq == 0 && dack == 0: // it is the place that was not known
			rank += 4
		case place == 0:
			rank += 2
		}
		if d := dseq + dack; best == 0 || rank > bestRank || rank == bestRank && d < bestDistance {
			best, bestRank, bestDistance = i, rank, d
		}
	}
	if best == 0 || at == 0 || !unplaced {
		return best
	}
	// A place that is new. A copy is known by its contents.
	for _, i := range all {
		f := a.table.flow(i)
		side := int(f.first ^ l.from)
		if len(p.Payload) > 0 && f.apart(side^1, p.Ack) < near && before(p.Seq, f.half[side].next) && a.delivered(f, i, side, p) == sameBytes {
			a.placed.add(a.tag(l, at), i)
			return i
		}
	}
	if f := a.table.flow(best); bestDistance == 0 {
		if place := &a.table.aside(best).place[f.first^l.from]; *place == 0 {
			*place = at
		}
	}
	return best
}

// apart is how far a number is from what comes next of side.
func (f *Flow) apart(side int, n uint32) int64 {
	h := &f.half[side]
	if h.flags&seen == 0 {
		return 0
	}
	d, further := int64(int32(n-h.next)), int64(int32(n-f.reach(side)))
	return min(max(d, -d), max(further, -further))
}

// elsewhere says whether p, which is not what f expects, is of another
// connection, captured at another place: its numbers are far away, stand for
// other bytes, or acknowledge what was not sent. The last alone proves little, for
// routers that share a load each have a MAC, so it counts where the SYN, which
// would have told the two apart, was not seen.
func (a *Assembler) elsewhere(f *Flow, index uint32, side int, p *decode.Packet) bool {
	place := a.table.aside(index).place[side]
	if place == 0 || f.flags&legs != 0 {
		return false
	}
	h, o := &f.half[side], &f.half[side^1]
	d := int32(p.Seq - h.next)
	ahead := int32(0)
	if p.Flags&decode.ACK != 0 && o.flags&seen != 0 {
		ahead = int32(p.Ack - o.next)
	}
	switch {
	case d > near || d < -near || ahead > near || ahead < -near:
	case f.flags&midstream != 0 && before(f.reach(side), p.Seq) && (ahead > 0 || h.flags&acks != 0 && before(p.Ack, h.ack)):
	case d == -1 && p.PayloadLen == 1: // a keep-alive probe may hold anything
		return false
	case d < 0 && a.delivered(f, index, side, p) == otherBytes:
	default:
		return false
	}
	at := a.place(p)
	if at == 0 || at == place {
		return false
	}
	var found [maxLegs]uint32
	k := f.key()
	return a.table.same(&k, k.hash(&a.seed), &found) < maxLegs
}

// What recent bytes say of a segment.
const (
	unknownBytes = iota
	sameBytes
	otherBytes
)

// delivered compares a segment that was sent already with what was delivered.
func (a *Assembler) delivered(f *Flow, index uint32, side int, p *decode.Packet) int {
	h := &f.half[side]
	b, result := p.Payload, unknownBytes
	end := p.Seq + uint32(len(b))
	if before(h.next, end) { // its end is new
		b = b[:h.next-p.Seq]
		end = h.next
	}
	ref := h.record
	for range maxLook {
		from, old, last, ok := a.recent.get(owner(index, side), ref)
		if !ok || before(h.next, from+uint32(len(old))) {
			return result
		}
		to := from + uint32(len(old))
		lo, hi := later(p.Seq, from), to
		if before(end, to) {
			hi = end
		}
		if before(lo, hi) {
			if string(b[lo-p.Seq:hi-p.Seq]) != string(old[lo-from:hi-from]) {
				return otherBytes
			}
			result = sameBytes
		}
		if !before(p.Seq, from) {
			return result
		}
		ref = last
	}
	return result
}

func later(a, b uint32) uint32 {
	if before(a, b) {
		return b
	}
	return a
}

// split marks the flows of a key as legs where there are several.
func (a *Assembler) split(k *key, hash uint32) {
	var found [maxLegs]uint32
	for _, i := range found[:a.table.same(k, hash, &found)] {
		a.table.flow(i).flags |= legs
	}
}
