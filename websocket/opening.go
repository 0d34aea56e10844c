package websocket

import (
	"time"

	"github.com/wstap/wstap/internal/budget"
	"github.com/wstap/wstap/internal/handshake"
	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/internal/http2"
	"github.com/wstap/wstap/internal/resync"
	"github.com/wstap/wstap/reassembly"
)

// An opening is the Consumer of a connection that begins with HTTP, or whose
// beginning is not known. It reads HTTP/1.1 in both directions. Requests and responses are paired by their
// order (RFC 9112, section 9.3.2). A capture may show an answer before its
// question: what cannot be read yet is held.
type opening struct {
	p *pipeline
	origin
	memory budget.Candidate

	sides   [2]openingSide
	pending []pendingRequest    // requests without an answer
	asked   int                 // bytes of them
	lossy   bool                // a request may be missing: answers do not wait for theirs
	begun   bool                // a head was read
	void    bool                // this is no WebSocket: nothing more is read
	spoke   Direction           // who sent last
	next    reassembly.Consumer // who reads what follows

	impatient bool  // it is given up when maxSearched were
	searched  int64 // bytes in which frames were looked for
	spare     bool  // it may serve another connection
}

// An openingState says what a direction's next byte belongs to.
type openingState uint8

const (
	reading   openingState = iota // HTTP
	holding                       // not known before the other side was read on
	searching                     // frames, or HTTP, but where the next begins is not known
)

type openingSide struct {
	state     openingState
	guessed   bool  // where frames are supposed to begin
	probation uint8 // frames until that is believed
	offset    int64 // in the stream, of the next byte
	http      http1.Reader
	held      []byte
	marks     []mark
	lost      int64 // bytes of gaps since the last whole head
	tooLate   bool  // some of them waited for keys
	search    *search
	sniffer   *http2.Sniffer // while what is held may be HTTP/2
	conflicts []span
}

// A mark says when the bytes from an offset on came, or that a gap is there.
type mark struct {
	offset int
	gap    int64
	t      time.Time
}

// A pendingRequest is a request that waits for its response.
type pendingRequest struct {
	upgrade http1.Head // set where it asks for a WebSocket
	head    bool       // a HEAD request: the response has no body
	connect bool       // a CONNECT request: the response opens a tunnel
	cut     bool       // upgrade is the captured part of some GET request
	asked   moment     // when its head was whole
}

const (
	// maxHeld bounds what is held for each direction, and maxPending the requests.
	maxHeld    = 256 << 10
	maxPending = 256

	// What things are counted with besides the bytes that they hold.
	openingCost = 1 << 10
	pendingCost = 56
	markCost    = 40
)

// newOpening returns an opening at the beginning of a connection.
func (p *pipeline) newOpening(from origin) *opening {
	o := p.spareOpening()
	o.p, o.origin = p, from
	for dir := range o.sides {
		o.sides[dir].offset = from.offsets[dir]
		if from.midstream {
			o.sides[dir].state = searching
		}
	}
	o.lossy = from.midstream
	return o
}

// spareOpening returns one that is over, or a new one.
func (p *pipeline) spareOpening() *opening {
	n := len(p.spareOpenings)
	if n == 0 {
		return new(opening)
	}
	o := p.spareOpenings[n-1]
	p.spareOpenings = p.spareOpenings[:n-1]
	clear(o.pending)
	*o = opening{pending: o.pending[:0]}
	return o
}

// over takes back an opening that has handed over. Nobody may look at it after
// the next newOpening.
func (o *opening) over() {
	if p := o.p; o.next != nil && !o.spare && len(p.spareOpenings) < 64 && cap(o.pending) <= 16 {
		o.spare = true
		p.spareOpenings = append(p.spareOpenings, o)
	}
}

// Data implements reassembly.Consumer.
func (o *opening) Data(dir Direction, b []byte, t time.Time) {
	if !o.void {
		o.p.budget.Touch(&o.memory, o, openingCost)
	}
	o.data(dir, b, t)
	o.over()
}

func (o *opening) data(dir Direction, b []byte, t time.Time) {
	s := &o.sides[dir]
	for len(b) > 0 {
		n := 0
		switch {
		case o.next != nil:
			o.next.Data(dir, b, t)
			return
		case o.void:
			s.offset += int64(len(b))
			o.p.counts.SkippedBytes += uint64(len(b))
			return
		case s.state == searching:
			if !o.searchIn(dir, b, t) {
				return
			}
			continue
		case s.state == holding && !s.http.InBody() || dir == FromServer && o.early(s, b):
			o.hold(dir, b, t)
			return
		default:
			n = o.read(dir, s, b, t)
		}
		if n < 0 {
			return
		}
		b = b[n:]
	}
}

// read reads b as HTTP, and acts on a head. It returns how many bytes it took, or
// -1 for what is not HTTP, or more than there is room for.
func (o *opening) read(dir Direction, s *openingSide, b []byte, t time.Time) int {
	pending := s.http.Pending()
	n, head, ok := s.http.Next(b, dir == FromServer, t)
	if !ok {
		o.notHTTP(dir, pending, b, t)
		return -1
	}
	s.offset += int64(n)
	o.p.counts.HTTPBytes += uint64(n)
	switch {
	case head == "":
		if !s.http.AtStart() && !s.http.InBody() && !o.fits() {
			s.offset -= int64(n)
			o.p.counts.HTTPBytes -= uint64(n)
			o.ignore(len(b))
			return -1
		}
	case dir == FromClient:
		s.lost = 0
		ok = o.request(s, head, t)
	default:
		s.lost = 0
		ok = o.response(s, head, t)
	}
	if !ok && o.next == nil { // else the rest is the next one's
		s.offset -= int64(n)
		o.p.counts.HTTPBytes -= uint64(n)
		o.notHTTP(dir, pending, b, t)
		return -1
	}
	if head != "" {
		o.begun = true
	}
	return n
}

// early says whether b, the server's, has to wait for the request that it
// answers. What cannot be an answer does not wait.
func (o *opening) early(s *openingSide, b []byte) bool {
	if s.state != reading || len(o.pending) > 0 || o.lossy || !s.http.AtStart() {
		return false
	}
	return len(s.held) > 0 || http1.MaybeResponse(b) || http2.MaybeSettings(b)
}

// fits counts what the opening holds, and says whether there is room for it.
func (o *opening) fits() bool {
	n := openingCost + o.asked
	for i := range o.sides {
		s := &o.sides[i]
		n += s.http.Size() + len(s.held) + len(s.marks)*markCost
	}
	o.p.budget.Charge(&o.memory, n)
	return o.p.budget.Fits(0, &o.memory)
}

// notHTTP acts on b, which cannot be read, and on the beginning of a head that
// was pending before it. Where a connection begins with that, a front is to look
// what else it is. Otherwise it is given up.
func (o *opening) notHTTP(dir Direction, pending, b []byte, t time.Time) {
	all := append(pending[:len(pending):len(pending)], b[:min(len(b), 4096)]...)
	_, _, http := http1.Head(all).RequestLine()
	switch {
	case dir == FromServer:
		http = http1.LooksLikeResponse(all)
	case o.lossy: // a search would take it for that again
		http = http1.LooksLikeRequest(all)
	}
	switch {
	case http:
		o.p.carries(&o.origin, ProtocolHTTP)
		o.ignore(len(b))
	case o.begun:
		o.ignore(len(b))
	case o.lossy:
		if o.protocol == ProtocolUndecided {
			o.p.carries(&o.origin, ProtocolUnknown)
		}
		s := &o.sides[dir]
		s.http.Abandon()
		s.state, o.impatient = searching, true
		s.offset -= int64(len(pending))
		o.p.counts.HTTPBytes -= uint64(len(pending))
		o.data(dir, pending, t)
		o.data(dir, b, t)
	default:
		o.toFront(dir, pending, b, t)
	}
}

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
			var head http1.Head
			head, came[side] = s.http.Abandon()
			heads[side] = []byte(head)
		}
		held[side] = o.takeHeld(side)
		s.offset -= int64(len(heads[side]))
		o.p.counts.HTTPBytes -= uint64(len(heads[side]))
		from.offsets[side] = s.offset
	}
	f := o.p.newFront(from)
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

// GiveUp implements budget.Owner.
func (o *opening) GiveUp() { o.ignore(0) }

// ignore gives the connection up: it is no WebSocket. n bytes are left unread.
func (o *opening) ignore(n int) {
	o.clear(n)
	if o.refused == nil {
		o.place.Ignore()
	}
}

// clear drops all that waits to be read, and n bytes more.
func (o *opening) clear(n int) {
	o.void = true
	for i := range o.sides {
		s := &o.sides[i]
		n += len(s.held)
		o.p.counts.HeldBytes -= uint64(len(s.held))
		s.search.drop(o.p)
		*s = openingSide{offset: s.offset}
	}
	o.p.counts.SkippedBytes += uint64(n)
	o.p.budget.Leave(&o.memory)
	o.pending, o.asked = nil, 0
}

// hold keeps b for later.
func (o *opening) hold(dir Direction, b []byte, t time.Time) {
	s := &o.sides[dir]
	s.offset += int64(len(b))
	s.marks = append(s.marks, mark{offset: len(s.held), t: t})
	s.held = append(s.held, b...)
	o.p.counts.HeldBytes += uint64(len(b))
	if len(s.held) > maxHeld || len(s.marks) > maxHeld/16 || !o.fits() {
		o.release(dir)
	}
}

// release reads what is held although what it waits for did not come.
func (o *opening) release(dir Direction) {
	o.lossy = true
	if dir == FromClient {
		o.sides[dir].state = searching
	}
	o.resume(dir)
}

// resume reads on with what is held for a direction.
func (o *opening) resume(dir Direction) {
	if o.sides[dir].sniffer != nil {
		o.unsniff(dir)
		return
	}
	held := o.takeHeld(dir)
	held.replay(dir, o.data, o.gap)
}

// heldBytes are what was held for a direction, with what the marks say of them.
type heldBytes struct {
	bytes []byte
	marks []mark
}

// takeHeld takes what is held for a direction. It counts as not yet seen.
func (o *opening) takeHeld(dir Direction) heldBytes {
	s := &o.sides[dir]
	held := heldBytes{s.held, s.marks}
	s.held, s.marks = nil, nil
	o.p.counts.HeldBytes -= uint64(len(held.bytes))
	s.offset -= int64(len(held.bytes))
	for _, m := range held.marks {
		s.offset -= m.gap
	}
	return held
}

// replay gives out what was held, as it came.
func (b heldBytes) replay(dir Direction, data func(Direction, []byte, time.Time), gap func(Direction, int64, time.Time)) {
	for i, m := range b.marks {
		end := len(b.bytes)
		if i+1 < len(b.marks) {
			end = b.marks[i+1].offset
		}
		if m.gap > 0 {
			gap(dir, m.gap, m.t)
		} else {
			data(dir, b.bytes[m.offset:end], m.t)
		}
	}
}

// Gap implements reassembly.Consumer.
func (o *opening) Gap(dir Direction, n int64, t time.Time) {
	o.gap(dir, n, t)
	o.over()
}

// gap takes a gap before the connection became a WebSocket. A body is not looked
// at anyway; otherwise heads, and frames, are looked for from here on.
func (o *opening) gap(dir Direction, n int64, t time.Time) {
	s := &o.sides[dir]
	o.unsniff(dir)
	if o.next == nil && !o.void && s.state == searching {
		o.settle() // what came before the gap cannot get better
	}
	if o.next != nil {
		o.next.Gap(dir, n, t)
		return
	}
	s.offset += n
	s.tooLate = s.tooLate || o.p.opener.TooLate()
	switch {
	case o.void:
		if o.refused != nil {
			o.refused.tellGap(dir, n, t)
		}
		return
	case s.state == searching:
		s.lost += n
		s.search.gap(o.p, n)
		return
	case s.http.InBody():
		if s.http.SkipGap(n) {
			return
		}
	case s.state == holding || len(s.held) > 0:
		s.marks = append(s.marks, mark{offset: len(s.held), gap: n, t: t})
		if len(s.marks) > maxHeld/16 {
			o.release(dir)
		}
		return
	}
	cut, came := s.http.Abandon()
	if s.state == reading && cut != "" && o.cutHead(dir, s, cut, !t.Equal(came), t) {
		return
	}
	o.lossy = true
	s.lost += n
	s.state = searching
	if dir == FromClient && len(o.sides[FromServer].held) > 0 {
		o.resume(FromServer)
	}
}

// Conflict implements reassembly.Consumer.
func (o *opening) Conflict(dir Direction, offset, n int64, _ time.Time) {
	s := &o.sides[dir]
	s.conflicts = addSpan(s.conflicts, span{offset, offset + n})
}

// Closed implements reassembly.Consumer. What is held for want of the other side
// is read now.
func (o *opening) Closed(reason reassembly.Reason, t time.Time) {
	for _, dir := range []Direction{FromServer, FromClient} {
		o.unsniff(dir)
		if o.next == nil && len(o.sides[dir].held) > 0 {
			o.release(dir)
		}
	}
	if o.next == nil {
		o.settle()
	}
	if o.next != nil {
		o.next.Closed(reason, t)
		o.over()
		return
	}
	o.clear(0)
	if o.refused != nil {
		o.p.tellEnd(o.refused, causes[reason], t)
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
	o.leaveTo(r, o.p.newFront(inner))
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
		k.lost[dir] = !(s.state == holding && (info.request != "" || s.probation > 0) || dir == FromServer && info.Status != 0 && s.state != searching)
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
	for dir := range Direction(2) {
		held[dir].replay(dir, k.Data, k.Gap)
	}
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

// searchIn looks for frames in b. It returns false unless b is HTTP again.
func (o *opening) searchIn(dir Direction, b []byte, t time.Time) bool {
	s := &o.sides[dir]
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
	k := o.found(t, swap)
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
// ours.
func (o *opening) found(t time.Time, swap bool) *socket {
	var request http1.Head
	for _, r := range o.pending {
		if r.upgrade != "" {
			request = r.upgrade
		}
	}
	// What the client sent behind a request that was refused is no frames.
	if client := &o.sides[FromClient]; client.state == holding && http1.LooksLikeRequest(client.held) {
		client.state = searching
	}
	info := o.describe(request, "", swap)
	info.Midstream = true
	return o.become(info, handshake.UnseenDeflate, swap, nil, t)
}
