package websocket

import (
	"bytes"
	"time"

	"github.com/wstap/wstap/internal/handshake"
	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/internal/resync"
)

// How an opening finds a connection whose handshake was not, or only half, seen.

// searchIn looks for frames in b. It returns false unless b is HTTP again.
func (o *opening) searchIn(dir Direction, b []byte, t time.Time) bool {
	s := &o.sides[dir]
	if dir == FromClient && s.lost > 0 {
		if at := handshakeIn(b); at >= 0 {
			o.readFrom(at, b, t)
			return false
		}
	}
	if s.sniffer != nil {
		if !o.sniff(dir, b, t) {
			o.search(dir, b, t)
		}
		return false
	}
	if dir == FromClient && http1.LooksLikeRequest(b) || dir == FromServer && http1.LooksLikeResponse(b) {
		s.search.drop(o.p)
		s.search = nil
		s.state = reading
		return true
	}
	if o.looksTLS(s, b) {
		o.toTLS(dir, b, t)
		return false
	}
	if o.searched += int64(len(b)); o.impatient && o.searched > maxSearched {
		o.ignore(len(b))
		return false
	}
	if o.stream != nil || !o.sniff(dir, b, t) {
		o.search(dir, b, t)
	}
	return false
}

// handshakeIn returns where in a client's segment a whole opening handshake begins,
// behind the rest of what proxies put before it; -1: there is none.
func handshakeIn(b []byte) int {
	end := bytes.Index(b, []byte(" HTTP/1."))
	if end < 0 {
		return -1
	}
	at := requestAt(b, end)
	if at < 0 {
		return -1
	}
	if head := http1.Whole(b[at:]); !handshake.Upgrade(&head) {
		return -1
	}
	return at
}

// readFrom reads a client's segment on as HTTP from a place on.
func (o *opening) readFrom(at int, b []byte, t time.Time) {
	s := &o.sides[FromClient]
	o.unsniff(FromClient)
	if o.next == nil && !o.void {
		s.search.drop(o.p)
		s.search, s.state = nil, reading
		s.offset += int64(at)
		o.p.counts.SkippedBytes += uint64(at)
		b = b[at:]
	}
	o.data(FromClient, b, t)
}

// search looks for frames in b.
func (o *opening) search(dir Direction, b []byte, t time.Time) {
	s := &o.sides[dir]
	s.offset += int64(len(b))
	if s.search == nil {
		s.search = new(search)
	}
	if o.spoke != dir {
		s.search.Turn()
	}
	o.spoke = dir
	if s.search.add(o.p, b, t, unknown, &o.memory) {
		o.settle()
	}
}

// unknown is what is known of a connection that may be no WebSocket.
var unknown = &resync.Target{Unknown: true}

// settle makes the connection a WebSocket if what is searched in both directions
// says so.
func (o *opening) settle() {
	var sides [2]*search
	for dir := range o.sides {
		if s := &o.sides[dir]; s.state == searching {
			sides[dir] = s.search
		}
	}
	if sides == [2]*search{} {
		return
	}
	swap, t, ok := o.p.judge(sides, o.trust())
	if !ok {
		return
	}
	if swap { // only clients mask: the addresses are the wrong way round
		o.sides[0], o.sides[1] = o.sides[1], o.sides[0]
	}
	k := o.found(t, swap, o.sightLate(swap, t))
	var found [2]*search
	for dir := range Direction(2) {
		target := k.target(dir)
		target.Judged = true
		found[dir] = k.found(dir, target)
	}
	k.begin(found)
}

// trust says how little evidence is enough.
func (o *opening) trust() resync.Trust {
	switch t := o.p.tap; {
	case t.cfg.OnlyWebSocket:
		return resync.Promised
	case t.servers.has(o.server) || t.servers.has(o.client):
		return resync.Server
	}
	return resync.Stranger
}

// found makes a connection whose handshake was not, or only half, seen one of
// ours. seen may be nil.
func (o *opening) found(t time.Time, swap bool, seen *sighting) *socket {
	request, response := new(http1.Head), new(http1.Head)
	for _, r := range o.pending {
		if r.upgrade != nil {
			request = r.upgrade
		}
	}
	// What the client sent behind a request that was refused is no frames.
	if client := &o.sides[FromClient]; client.state == holding && http1.LooksLikeRequest(client.held) {
		client.state = searching
	}
	info := o.describe(request, response, swap)
	info.Midstream = true
	return o.become(info, handshake.UnseenDeflate, swap, seen, t)
}
