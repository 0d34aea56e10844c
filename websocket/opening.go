package websocket

import (
	"time"

	"github.com/wstap/wstap/internal/budget"
	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/internal/http2"
	"github.com/wstap/wstap/reassembly"
)

// An opening is the Consumer of a connection that begins with HTTP, or whose
// beginning is not known. It reads HTTP/1.1 in both directions. Requests and
// responses are paired by their order (RFC 9112, section 9.3.2). A capture may show
// an answer before its question: what cannot be read yet is held (held.go). When it
// is known what the connection is, another Consumer takes over (handover.go).
type opening struct {
	p *pipeline
	origin
	memory budget.Candidate

	sides   [2]openingSide
	pending []pendingRequest    // requests without an answer
	asked   int                 // bytes of them
	kept    *http1.Head         // of the first request that waits: its memory is used again
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

// A pendingRequest is a request that waits for its response.
type pendingRequest struct {
	upgrade *http1.Head // one that asks for a WebSocket, else nil
	head    bool        // a HEAD request: the response has no body
	connect bool        // a CONNECT request: the response opens a tunnel
	cut     bool        // upgrade is the captured part of some GET request
	asked   moment      // when its head was whole
}

// request returns the head of a request for a WebSocket, or none.
func (r *pendingRequest) request() *http1.Head {
	if r.upgrade == nil {
		return new(http1.Head)
	}
	return r.upgrade
}

const (
	// maxHeld bounds what is held for each direction, and maxPending the requests.
	maxHeld    = 256 << 10
	maxPending = 256

	// What things are counted with besides the bytes that they hold.
	openingCost = 1 << 10
	pendingCost = 56
	headCost    = 112
	markCost    = 40
)

// newOpening returns an opening at the beginning of a connection.
func (p *pipeline) newOpening(from *origin) *opening {
	o := p.spareOpening()
	o.p, o.origin = p, *from
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
	pending, kept := o.pending, o.kept
	*o = opening{}
	o.pending, o.kept = pending[:0], kept
	return o
}

// over takes back an opening that has handed over. Nobody may look at it after
// the next newOpening.
func (o *opening) over() {
	if p := o.p; o.next != nil && !o.spare && len(p.spareOpenings) < 64 && cap(o.pending) <= 16 && (o.kept == nil || cap(o.kept.Raw()) <= 4<<10) {
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
	var head http1.Head
	n, ok := s.http.Next(b, dir == FromServer, t, &head)
	if !ok {
		o.notHTTP(dir, pending, b, t)
		return -1
	}
	s.offset += int64(n)
	o.p.counts.HTTPBytes += uint64(n)
	switch {
	case head.None():
		if !s.http.AtStart() && !s.http.InBody() && !o.fits() {
			s.offset -= int64(n)
			o.p.counts.HTTPBytes -= uint64(n)
			o.ignore(len(b))
			return -1
		}
	case dir == FromClient:
		s.lost = 0
		ok = o.request(s, &head, t)
	default:
		s.lost = 0
		ok = o.response(s, &head, t)
	}
	if !ok && o.next == nil { // else the rest is the next one's
		s.offset -= int64(n)
		o.p.counts.HTTPBytes -= uint64(n)
		o.notHTTP(dir, pending, b, t)
		return -1
	}
	if !head.None() {
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
	if k := o.kept; k != nil && (len(o.pending) == 0 || o.pending[0].upgrade != k) { // else it is counted there
		n += headCost + cap(k.Raw())
	}
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
	_, _, http := http1.RequestLine(all)
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
	case o.begun && !o.lossy:
		o.ignore(len(b))
	case o.lossy: // an answer may have been taken for another request's
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
	o.pending, o.asked, o.kept = nil, 0, nil
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
	if s.state == reading && len(cut) > 0 && o.cutHead(dir, s, cut, !t.Equal(came), t) {
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
