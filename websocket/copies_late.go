package websocket

import (
	"encoding/binary"
	"hash/maphash"
	"time"

	"github.com/wstap/wstap/reassembly"
)

// A connection that is found mid-stream has no handshake by which its copies could be
// known. But the same packets lead to the same find: copies have in common how far in
// the sequence numbers of TCP they had come, and what was said there. Where the numbers
// are changed on the way, they stay two connections.

const (
	// lateApart is how far apart copies are found, in time of packets.
	lateApart = time.Second
	// maxLateBytes is how much of what was said last is compared.
	maxLateBytes = 64
)

// sightLate returns what was seen of a connection when it was found; nil where there
// is nothing to know a copy by.
func (o *opening) sightLate(swap bool, t time.Time) *sighting {
	flow, ok := o.place.(*reassembly.Flow)
	if !ok {
		return nil
	}
	numbers, ok := flow.Firsts()
	if !ok {
		return nil
	}
	if swap {
		numbers[0], numbers[1] = numbers[1], numbers[0]
	}
	m := o.p.moment(t)
	s := o.p.newSighting()
	s.p, s.client, s.server, s.numbers, s.asked, s.answered = o.p, o.client, o.server, numbers, m, m
	for dir := range o.sides {
		if side := &o.sides[dir]; side.search != nil && side.search.Held() > 0 {
			s.found[dir] = saidAt(Direction(dir), numbers[dir]+uint32(side.offset), side.search)
		}
	}
	return s
}

// saidAt is a hash of what was said last in a direction, and its place.
func saidAt(dir Direction, number uint32, in *search) uint64 {
	var h maphash.Hash
	h.SetSeed(sightingSeed)
	h.Write(binary.BigEndian.AppendUint32([]byte{byte(dir)}, number))
	past := max(0, in.Held()-maxLateBytes)
	for b := range in.Rest() {
		n := min(past, len(b))
		h.Write(b[n:])
		past -= n
	}
	return h.Sum64() | 1 // not 0
}

func (s *sighting) isLate() bool { return s.found != [2]uint64{} }

// findLate returns the connection that s is a copy of.
func (l *sightings) findLate(s *sighting) *sighting {
	for _, at := range s.found {
		o := l.late[at]
		if at != 0 && o != nil && time.Duration(s.answered.t-o.answered.t).Abs() <= lateApart && (o.k != nil || s.before(s.asked, o, o.end)) {
			return o
		}
	}
	return nil
}

func (l *sightings) addLate(s *sighting) {
	if l.late == nil {
		l.late = map[uint64]*sighting{}
	}
	for _, at := range s.found {
		if at != 0 {
			l.late[at] = s
		}
	}
}

func (l *sightings) forgetLate(s *sighting) {
	for _, at := range s.found {
		if l.late[at] == s {
			delete(l.late, at)
		}
	}
}
