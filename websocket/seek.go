package websocket

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/handshake"
	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/internal/resync"
)

// A seeker looks for a request and its response where it is not known what else
// the two sides say. They are believed where each begins a segment or a line, and
// elsewhere where the response answers the request's key.
type seeker struct {
	past  [2]int // of what is held, nothing begins before
	heads [2][]sought
}

// A sought is a whole head.
type sought struct {
	at     int // in what is held
	begins bool
	key    [28]byte // the Sec-WebSocket-Accept; zero in what is no handshake
}

// maxSought bounds the heads remembered of a direction.
const maxSought = 8

// look goes on looking, and hands over where it found something.
func (f *front) look() {
	w := f.wait
	last := w.log[len(w.log)-1]
	if b := w.held[FromClient]; last.from == FromClient && looksLikeHello(b[len(b)-last.n:]) {
		f.passOver(FromClient, len(b)-last.n)
		f.tls()
		return
	}
	for dir := range Direction(2) {
		w.seek.add(dir, w.held[dir], func(at int) bool { return w.begins(dir, at) })
	}
	if at, ok := w.seek.pair(); ok {
		for dir, n := range at {
			f.passOver(Direction(dir), n)
		}
		// The request may have been captured last.
		slices.SortStableFunc(w.log, func(a, b arrival) int { return cmp.Compare(a.from, b.from) })
		f.leave(f.p.newFound)
	}
}

// looksLikeHello says whether b begins with a TLS record that holds a ClientHello.
func looksLikeHello(b []byte) bool { return len(b) > 5 && looksTLS(b) && b[0] == 22 && b[5] == 1 }

// looksLikeServerHello says the same of a ServerHello.
func looksLikeServerHello(b []byte) bool {
	return len(b) > 5 && looksTLS(b) && b[0] == 22 && b[5] == 2
}

// looksTLS says whether b begins with a TLS record.
func looksTLS(b []byte) bool { return decrypt.MaybeRecord(b) }

// begins says whether a segment or a line begins at a place of what is held.
func (w *waiting) begins(dir Direction, at int) bool {
	if at == 0 || w.held[dir][at-1] == '\n' {
		return true
	}
	for _, a := range w.log {
		if a.from == dir {
			if at -= a.n; at <= 0 {
				return at == 0
			}
		}
	}
	return false
}

// add looks for heads in b, which is what is held of a direction.
func (s *seeker) add(dir Direction, b []byte, begins func(at int) bool) {
	mark := []byte(" HTTP/1.") // behind a request's target
	if dir == FromServer {
		mark = mark[1:]
	}
	for len(s.heads[dir]) < maxSought {
		n := bytes.Index(b[s.past[dir]:], mark)
		if n < 0 {
			s.past[dir] = max(s.past[dir], len(b)-len(mark)+1)
			return
		}
		at := s.past[dir] + n
		if dir == FromClient {
			at = requestAt(b, at)
		}
		if at >= 0 {
			head := http1.Whole(b[at:])
			if head.None() {
				return
			}
			if h, ok := soughtIn(dir, &head); ok {
				h.at, h.begins = at, begins(at)
				s.heads[dir] = append(s.heads[dir], h)
			}
		}
		s.past[dir] += n + 1
	}
}

// soughtIn says whether a head is one.
func soughtIn(dir Direction, head *http1.Head) (h sought, ok bool) {
	if dir == FromServer {
		status := head.Status()
		if status == 101 {
			copy(h.key[:], head.Get(http1.Accept))
		}
		return h, status > 0
	}
	if _, _, ok = head.RequestLine(); ok && handshake.Upgrade(head) {
		h.key = handshake.AcceptKey(head.Get(http1.Key))
	}
	return h, ok
}

// methods may begin a connection's first request.
var methods = []string{"GET", "POST", "HEAD", "CONNECT", "OPTIONS", "PUT", "PATCH", "DELETE"}

// requestAt returns where a request line begins whose target ends at a place of
// b; -1 where there is none.
func requestAt(b []byte, end int) int {
	space := bytes.LastIndexByte(b[:end], ' ')
	if space < 0 || bytes.IndexByte(b[space:end], '\n') >= 0 {
		return -1
	}
	for _, m := range methods {
		if bytes.HasSuffix(b[:space], []byte(m)) {
			return space - len(m)
		}
	}
	return -1
}

// pair returns where a request and its response begin.
func (s *seeker) pair() (at [2]int, ok bool) {
	first := [2]int{-1, -1}
	for dir, heads := range s.heads {
		for i := range heads {
			if heads[i].begins {
				first[dir] = heads[i].at
				break
			}
		}
	}
	if first[FromClient] >= 0 && first[FromServer] >= 0 {
		return first, true
	}
	for _, c := range s.heads[FromClient] {
		for _, r := range s.heads[FromServer] {
			if c.key == r.key && c.key != [28]byte{} {
				return [2]int{c.at, r.at}, true
			}
		}
	}
	return at, false
}

// newFound returns an opening for what a seeker has found: it may be mistaken, and
// other requests may stand before.
func (p *pipeline) newFound(from *origin) *opening {
	o := p.newOpening(from)
	o.lossy = true
	for dir := range o.sides {
		o.sides[dir].state = reading
		o.sides[dir].probation = resync.Probation
	}
	return o
}

// newSearching returns an opening that looks for requests and frames, for a while.
func (p *pipeline) newSearching(from *origin) *opening {
	o := p.newLossy(from)
	o.impatient = true
	return o
}

// newLossy returns an opening that looks for requests and frames: the beginning of
// the connection is lost.
func (p *pipeline) newLossy(from *origin) *opening {
	o := p.newOpening(from)
	o.lossy = true
	for dir := range o.sides {
		o.sides[dir].state = searching
	}
	return o
}

// maxSearched is how many bytes of a connection are searched that began with
// something else.
const maxSearched = 256 << 10
