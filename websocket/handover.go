package websocket

import (
	"time"

	"github.com/wstap/wstap/internal/handshake"
	"github.com/wstap/wstap/reassembly"
)

// How an opening hands over to the Consumer that reads what follows.

// toFront hands all that was seen of a connection over to a front.
func (o *opening) toFront(dir Direction, pending, b []byte, t time.Time) {
	var heads [2][]byte
	var held [2]heldBytes
	came := [2]time.Time{t, t}
	r := relayAt(o.p, o.place)
	from := o.origin
	from.place = r
	for side := range Direction(2) {
		s := &o.sides[side]
		if heads[side] = pending; side != dir {
			heads[side], came[side] = s.http.Abandon()
		}
		held[side] = o.takeHeld(side)
		s.offset -= int64(len(heads[side]))
		o.p.counts.HTTPBytes -= uint64(len(heads[side]))
		from.offsets[side] = s.offset
	}
	f := o.p.newFront(&from)
	f.wait = &waiting{began: t, notHTTP: true}
	o.leaveTo(r, f)
	for side := range Direction(2) {
		if len(heads[side]) > 0 {
			r.Data(side, heads[side], came[side])
		}
		if side == dir {
			r.Data(side, b, t)
		}
		held[side].replay(side, r.Data, r.Gap)
	}
}

// leave hands over to the Consumer that reads what follows.
func (o *opening) leave(next reassembly.Consumer) {
	o.p.budget.Leave(&o.memory)
	o.next = next
	o.place.SetConsumer(next)
}

// leaveTo hands over to the Consumer at a relay.
func (o *opening) leaveTo(r *relay, next reassembly.Consumer) {
	o.p.budget.Leave(&o.memory)
	o.next = r
	r.SetConsumer(next)
}

// toHTTP2 hands over to a reader of HTTP/2, of which all but the last skip bytes
// of the client's preface were read.
func (o *opening) toHTTP2(skip int) {
	o.p.carries(&o.origin, ProtocolHTTP2)
	o.leave(newMultiplex(o, skip))
	for _, dir := range []Direction{FromServer, FromClient} {
		if len(o.sides[dir].held) > 0 {
			o.resume(dir)
		}
	}
}

// toTunnel hands over to a front: what follows is a connection of its own
// (RFC 9110, section 9.3.6).
func (o *opening) toTunnel() {
	held := o.takeHeld(FromClient)
	r := relayAt(o.p, o.place)
	inner := o.origin
	inner.place, inner.midstream = r, false
	o.p.carries(&inner, ProtocolUndecided)
	for dir := range o.sides {
		o.sides[dir].search.drop(o.p)
		inner.offsets[dir] = o.sides[dir].offset
	}
	o.leaveTo(r, o.p.newFront(&inner))
	held.replay(FromClient, r.Data, r.Gap)
}

// become makes the connection a WebSocket. Directions whose place in the stream
// is known read frames from there on, others look for them. seen may be nil.
func (o *opening) become(info *Conn, deflate handshake.Deflate, swap bool, seen *sighting, t time.Time) *socket {
	o.replace(t)
	o.p.carries(&o.origin, ProtocolWebSocket)
	k := &socket{p: o.p, info: info, deflate: deflate}
	var held [2]heldBytes
	for dir := range Direction(2) {
		s, h := &o.sides[dir], &k.halves[dir]
		held[dir] = o.takeHeld(dir)
		h.offset, h.guessed, h.probation = s.offset, s.guessed, s.probation
		k.lost[dir] = !(s.state == holding && (info.asked > 0 || s.probation > 0) || dir == FromServer && info.Status != 0 && s.state != searching)
		if s.search != nil {
			h.needRare().search, s.search = s.search, nil
		}
		if len(s.conflicts) > 0 {
			h.needRare().conflicts = s.conflicts
		}
	}
	if swap {
		o.leave(swapped{k})
	} else {
		o.leave(k)
	}
	o.p.tellOpen(k, seen, t)
	for dir := range Direction(2) {
		if n := o.sides[dir].lost; n > 0 {
			k.tellGapOf(dir, n, o.sides[dir].tooLate, t)
		}
	}
	replayBoth(held, k.Data, k.Gap)
	return k
}

// refuse tells a handshake that was not accepted.
func (o *opening) refuse(info *Conn, seen *sighting, t time.Time) {
	o.replace(t)
	o.p.carries(&o.origin, ProtocolWebSocket)
	o.refused = &socket{p: o.p, info: info}
	o.p.tellOpen(o.refused, seen, t)
}

// replace ends a refused connection when another handshake on it is told.
func (o *opening) replace(t time.Time) {
	if o.refused != nil {
		o.p.tellEnd(o.refused, CauseRefused, t)
		o.refused = nil
	}
}
