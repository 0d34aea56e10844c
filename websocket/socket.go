package websocket

import (
	"time"

	"github.com/wstap/wstap/internal/frame"
	"github.com/wstap/wstap/internal/handshake"
	"github.com/wstap/wstap/internal/inflate"
	"github.com/wstap/wstap/internal/resync"
	"github.com/wstap/wstap/reassembly"
)

// A socket is the Consumer of a WebSocket connection whose handshake was told, and
// reads its frames. A million idle ones must fit in memory: what only a busy
// connection needs hangs on pointers. And of ten thousand each packet finds little in
// the processor's caches, so what it needs stands in few of their lines, of 64 bytes:
// the client's in the first and the third, the server's in the first two and the fourth
// (TestLayout).
type socket struct {
	p        *pipeline
	info     *Conn
	deflate  handshake.Deflate
	unwanted bool    // refused by Config.Accept: counted, and not given out
	untold   bool    // its Open waits for room in the channel
	judged   bool    // its Conn is whole, where nobody but Tap.Conns asks for it
	doubt    bool    // frames were found where none are, and since then none that were
	lost     [2]bool // directions of which it is not known where the next frame begins
	halves   [2]half
	history  [2]*inflate.History // what compressed messages refer to; nil before the first
	place    int                 // in the pipeline's roll, from 1; 0: not there
	traffic
}

// A swapped is the Consumer of a connection of which the flow's client is the
// socket's server.
type swapped struct{ *socket }

func (s swapped) Data(dir Direction, b []byte, t time.Time) { s.socket.Data(dir.Reverse(), b, t) }
func (s swapped) Gap(dir Direction, n int64, t time.Time)   { s.socket.Gap(dir.Reverse(), n, t) }
func (s swapped) Lost(dir Direction, n int64, t time.Time)  { s.socket.Lost(dir.Reverse(), n, t) }
func (s swapped) Conflict(dir Direction, at, n int64, t time.Time) {
	s.socket.Conflict(dir.Reverse(), at, n, t)
}

// A half is one direction of a socket.
type half struct {
	guessed   bool  // where frames began was
	probation uint8 // frames until that is believed
	usual     byte  // first byte of the last message's first frame
	nhead     uint8 // bytes in head of the header in progress
	offset    int64 // in the stream, of the next byte

	open  *assembly // the message in progress; before it a control frame that stands in it
	*rare           // nil until one of its fields is needed
}

// rare is the part of a half that idle and simple connections do without.
type rare struct {
	head      [frame.MaxHeader]byte // a header cut by a segment's end
	start     time.Time             // when its first byte came
	search    *search               // where the half is lost
	conflicts []span
	missed    []span    // where frames were lost, to where the next one was found
	told      *coverage // what was given out of all copies; nil: there are none
	shift     int64     // from an offset of this stream to the one in told
}

func (h *half) needRare() *rare {
	if h.rare == nil {
		h.rare = &rare{}
	}
	return h.rare
}

// Data implements reassembly.Consumer.
func (k *socket) Data(dir Direction, b []byte, t time.Time) {
	h := &k.halves[dir&1]
	if k.lost[dir&1] {
		k.searchIn(dir, h, b, t)
		return
	}
	if k.p.silent {
		n := k.countPlain(dir, h, b, t)
		if n == len(b) {
			return
		}
		b = b[n:]
	}
	k.frames(dir, h, b, t)
}

// Lost implements http2.Stream, and serves TLS. What is lost may be any frame's, so
// none goes on behind it.
func (k *socket) Lost(dir Direction, n int64, t time.Time) {
	if a := k.halves[dir].open; a != nil {
		a.left = min(a.left, n-1)
	}
	k.Gap(dir, n, t)
}

// Gap implements reassembly.Consumer.
func (k *socket) Gap(dir Direction, n int64, t time.Time) {
	h := &k.halves[dir]
	r := h.needRare()
	r.missed = addSpan(r.missed, span{h.offset, h.offset + n})
	h.offset += n
	k.tellGap(dir, n, t)
	switch a := h.open; {
	case k.lost[dir]:
		h.search.gap(k.p, n)
	case a != nil && a.left >= n: // framing goes on behind it
		a.truncated = true
		a.text.Gap()
		a.full = a.full || a.compressed || a.packed // what follows cannot be inflated
		a.left -= n
		a.key = frame.Rotate(a.key, n)
		if a.left == 0 {
			k.endFrame(dir, h, t)
		}
	default:
		k.abandon(dir, h, t)
		k.forget(dir)
		k.lost[dir] = true
	}
}

// forget forgets what the messages of a direction refer to.
func (k *socket) forget(dir Direction) {
	if h := k.history[dir]; h != nil {
		h.Forget()
	}
}

// Conflict implements reassembly.Consumer.
func (k *socket) Conflict(dir Direction, offset, n int64, _ time.Time) {
	r := k.halves[dir].needRare()
	r.conflicts = addSpan(r.conflicts, span{offset, offset + n})
}

// conflicted says whether a conflict was seen from an offset of the stream on to
// the present one, and forgets those that no message to come has part in.
func (h *half) conflicted(from int64) (found bool) {
	past := h.offset
	if h.open != nil { // a control frame stands in a message
		past = h.open.begin
	}
	keep := h.conflicts[:0]
	for _, s := range h.conflicts {
		if s.from < h.offset && s.to > from {
			found = true
		}
		if s.to > past {
			keep = append(keep, s)
		}
	}
	h.conflicts = keep
	return found
}

// Closed implements reassembly.Consumer.
func (k *socket) Closed(reason reassembly.Reason, t time.Time) {
	for dir := range Direction(2) {
		if h := &k.halves[dir]; h.rare != nil {
			h.search.drop(k.p)
		}
	}
	for dir := range Direction(2) {
		h := &k.halves[dir]
		k.abandon(dir, h, t)
		k.p.histories.Remove(k.history[dir])
	}
	k.p.tellEnd(k, causes[reason], t)
}

// searchIn looks for the next frame in b.
func (k *socket) searchIn(dir Direction, h *half, b []byte, t time.Time) {
	if h.needRare(); h.search == nil {
		h.search = new(search)
	}
	h.offset += int64(len(b))
	if h.search.add(k.p, b, t, k.target(dir), nil) {
		k.settle(dir)
	}
}

// target says what a search in a half looks for.
func (k *socket) target(dir Direction) *resync.Target {
	return &resync.Target{Masked: dir == FromClient, Deflate: k.deflate.On, Usual: k.halves[dir].usual, Judged: k.p.tap.cfg.OnlyWebSocket, Doubt: k.doubt}
}

// settle reads on where the search in a direction has found the next frame.
func (k *socket) settle(dir Direction) {
	var found [2]*search
	found[dir] = k.found(dir, k.target(dir))
	k.begin(found)
}

// found returns the search in a lost direction if it has found the next frame.
func (k *socket) found(dir Direction, target *resync.Target) *search {
	h := &k.halves[dir]
	if !k.lost[dir] || h.rare == nil || h.search == nil || !h.search.match(k.p, target) {
		return nil
	}
	found := h.search
	h.search = nil
	return found
}

// foundAgain says that what was missed ends where the next frame was found.
func (h *half) foundAgain() {
	if n := len(h.needRare().missed); n > 0 {
		h.missed[n-1].to = h.offset
	} else { // the beginning was lost
		h.missed = []span{{0, h.offset}}
	}
}

// begin reads frames from where searches have found them, on probation.
func (k *socket) begin(found [2]*search) {
	for dir, s := range found {
		if s != nil {
			h := &k.halves[dir]
			k.lost[dir], h.guessed, h.probation = false, true, resync.Probation
			h.offset -= int64(s.Held())
			h.foundAgain()
			s.release(k.p)
		}
	}
	for dir, s := range inOrder(found) {
		k.Data(dir, s.b, s.t)
	}
}

// lose goes back to looking for frames: what was found a few frames ago, of
// which b is the rest, was none.
func (k *socket) lose(dir Direction, h *half, b []byte, t time.Time) {
	k.abandon(dir, h, t)
	k.forget(dir)
	h.probation = 0
	k.lost[dir], k.doubt = true, k.info.Midstream
	k.p.counts.WrongFinds++
	if k.info.Midstream {
		k.p.tap.servers.remove(k.info.Server)
	}
	k.searchIn(dir, h, b, t)
}
