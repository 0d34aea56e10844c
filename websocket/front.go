package websocket

import (
	"slices"
	"time"

	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/budget"
	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/internal/http2"
	"github.com/wstap/wstap/internal/proxyproto"
	"github.com/wstap/wstap/internal/socks"
	"github.com/wstap/wstap/reassembly"
)

// A front is the Consumer of a connection until it is known what it begins with.
// It reads what proxies put before the data, and then looks again at what follows;
// HTTP it hands over to an [opening]. The first byte tells most: what can only be
// HTTP is not held. Behind what is not understood it looks for a handshake (see
// [seeker]), and when that takes too long, an opening looks for frames as well.
//
// What TLS protects begins with any of these again: see [pipeline.newTLS].
type front struct {
	p *pipeline
	origin
	skip int64    // bytes of the client's that are passed over: of a header, behind its addresses
	wait *waiting // nil where nothing waits
}

// A waiting is what a front holds until more comes.
type waiting struct {
	memory    budget.Candidate
	held      [2][]byte
	log       []arrival
	began     time.Time // when the first of it came
	conflicts [2][]span
	notHTTP   bool    // an opening has tried
	seek      *seeker // nil unless the beginning is not understood
}

// An arrival is what came at a time: bytes, or a gap.
type arrival struct {
	t    time.Time
	n    int   // bytes held
	gap  int64 // bytes lost
	from Direction
}

// A front holds at most this, and not longer than this after the first of it.
const (
	maxFront    = 16 << 10 // bytes of a direction
	maxArrivals = 256
	maxWait     = 5 * time.Second
)

const (
	waitingCost = 1 << 10 // what a waiting is counted with besides what it holds
	arrivalCost = 48
)

// newFront returns a front at the beginning of a connection.
func (p *pipeline) newFront(from *origin) *front {
	n := len(p.spareFronts)
	if n == 0 {
		return &front{p: p, origin: *from}
	}
	f := p.spareFronts[n-1]
	p.spareFronts = p.spareFronts[:n-1]
	*f = front{p: p, origin: *from}
	return f
}

// Data implements reassembly.Consumer.
func (f *front) Data(dir Direction, b []byte, t time.Time) {
	if f.wait == nil && f.skip == 0 && (dir == FromClient && onlyHTTP(b) || dir == FromServer && f.midstream && !looksTLS(b)) {
		o := f.p.newOpening(&f.origin)
		f.place.SetConsumer(o)
		if p := f.p; len(p.spareFronts) < 64 {
			p.spareFronts = append(p.spareFronts, f)
		}
		o.Data(dir, b, t)
		return
	}
	if dir == FromClient && f.skip > 0 {
		if b = b[f.pass(int64(len(b))):]; len(b) == 0 {
			return
		}
	}
	f.hold(arrival{t: t, n: len(b), from: dir}, b)
	f.read()
	if w := f.wait; w != nil && (w.full(dir, t) || !f.fits()) {
		f.giveIn()
	}
}

// onlyHTTP says whether what begins with b can begin nothing that we know but HTTP.
func onlyHTTP(b []byte) bool {
	return b[0] > ' ' && b[0] < 0x7f && (b[0] != 'P' || len(b) > 2 && b[2] != 'O')
}

// answer says whether b, the server's first bytes, may be those of HTTP: then they
// answer a request that comes later, or is lost.
func answer(b []byte) bool { return http1.MaybeResponse(b) || http2.MaybeSettings(b) }

// early says that an answer of HTTP is held, and that what the client has said so
// far may still be HTTP too.
func (w *waiting) early() bool {
	return w.seek == nil && len(w.held[FromServer]) > 0 && answer(w.held[FromServer])
}

// full says that enough was held.
func (w *waiting) full(dir Direction, t time.Time) bool {
	n := len(w.held[dir])
	if w.early() {
		return n > maxHeld || len(w.log) > maxHeld/16
	}
	return n > maxFront || len(w.log) > maxArrivals || t.Sub(w.began) > maxWait
}

// pass takes up to n bytes that are passed over.
func (f *front) pass(n int64) int64 {
	n = min(n, f.skip)
	f.skip -= n
	f.offsets[FromClient] += n
	f.p.counts.HTTPBytes += uint64(n)
	return n
}

// hold keeps what came.
func (f *front) hold(a arrival, b []byte) {
	if f.wait == nil {
		f.wait = &waiting{began: a.t}
	}
	w := f.wait
	w.log = append(w.log, a)
	w.held[a.from] = append(w.held[a.from], b...)
	f.p.counts.HeldBytes += uint64(len(b))
	f.p.budget.Touch(&w.memory, f, waitingCost)
}

// fits counts what the front holds, and says whether there is room for it.
func (f *front) fits() bool {
	w := f.wait
	f.p.budget.Charge(&w.memory, waitingCost+cap(w.held[0])+cap(w.held[1])+cap(w.log)*arrivalCost)
	return f.p.budget.Fits(0, &w.memory)
}

// read goes on with what is held, as far as it is known what that is.
func (f *front) read() {
	for f.wait != nil {
		w := f.wait
		if w.seek != nil {
			f.look()
			return
		}
		client, server := w.held[FromClient], w.held[FromServer]
		if len(client) == 0 {
			if f.midstream && looksTLS(server) {
				f.tls()
			}
			return
		}
		switch client[0] {
		case 'P', '\r':
			h, n, ok := proxyproto.Parse(client)
			if ok && n > 0 {
				f.proxied(h, n)
				continue
			} else if ok {
				return
			}
		case 4, 5:
			d, ok := socks.Parse(client, server)
			if ok && d.Refused {
				f.p.carries(&f.origin, ProtocolUnknown)
				f.ignore()
				return
			} else if ok && d.Over {
				f.took(d.Client, d.Server)
				continue
			} else if ok {
				return
			}
		}
		switch {
		case looksTLS(client):
			f.tls()
		case mayBeTLS(client):
		case !w.notHTTP && f.mayBeHTTP(client, server):
			f.leave(f.p.newOpening)
		case f.midstream:
			f.giveIn()
		default:
			f.p.carries(&f.origin, ProtocolUnknown)
			w.seek = new(seeker)
			f.look()
		}
		return
	}
}

// mayBeHTTP says whether an opening is to have a look.
func (f *front) mayBeHTTP(client, server []byte) bool {
	if len(server) > 0 && !answer(server) {
		return false
	}
	for len(client) > 1 && (client[0] == '\r' || client[0] == '\n') {
		client = client[1:]
	}
	return client[0] == '\r' || client[0] == '\n' || http1.MaybeRequest(client)
}

// mayBeTLS says that b is the beginning of a TLS record's header.
func mayBeTLS(b []byte) bool {
	return len(b) < 5 && b[0] == 22 && (len(b) == 1 || b[1] == 3) && (len(b) <= 2 || b[2] <= 4)
}

// proxied acts on a PROXY header of n bytes. Of several, the one nearest to the
// data tells where it comes from.
func (f *front) proxied(h proxyproto.Header, n int) {
	if h.Source.IsValid() {
		f.origin.proxied = &Proxied{Client: h.Source, Server: h.Destination}
	}
	f.skip = int64(max(0, n-len(f.wait.held[FromClient])))
	f.took(n-int(f.skip), 0)
}

// took says that the first bytes that are held were understood.
func (f *front) took(client, server int) {
	f.p.counts.HTTPBytes += uint64(client + server)
	f.drop(FromClient, client)
	f.drop(FromServer, server)
	if w := f.wait; len(w.held[0]) == 0 && len(w.held[1]) == 0 {
		f.p.budget.Leave(&w.memory)
		f.wait = nil
	}
}

// drop takes the first n bytes of a direction out of what is held.
func (f *front) drop(dir Direction, n int) {
	w := f.wait
	f.offsets[dir] += int64(n)
	f.p.counts.HeldBytes -= uint64(n)
	w.held[dir] = w.held[dir][n:]
	log := w.log[:0]
	for _, a := range w.log {
		if a.from == dir && n > 0 {
			k := min(n, a.n)
			n -= k
			if a.n -= k; a.n == 0 {
				continue
			}
		}
		log = append(log, a)
	}
	w.log = log
}

// tls hands over to what opens a connection whose next bytes are TLS.
func (f *front) tls() {
	w := f.wait
	late := f.midstream && !looksLikeHello(w.held[FromClient])
	if late && looksLikeServerHello(w.held[FromServer]) {
		late = false
		w.log = slices.Insert(w.log, 0, arrival{t: w.began, gap: 1, from: FromClient}) // the ClientHello
	}
	if server := w.held[FromServer]; !late && len(server) > 0 && !decrypt.MaybeHello(server) {
		f.passOver(FromServer, len(server)) // said before TLS began
	}
	f.p.carries(&f.origin, ProtocolTLS)
	f.p.endRefused(&f.origin, w.began)
	f.leaveTo(f.p.newTLS(late))
}

// passOver leaves the first n bytes that are held of a direction unread.
func (f *front) passOver(dir Direction, n int) {
	f.p.counts.SkippedBytes += uint64(n)
	f.drop(dir, n)
}

// ignore gives the connection up.
func (f *front) ignore() {
	f.skipHeld()
	if f.refused == nil {
		f.place.Ignore()
		return
	}
	o := f.p.newOpening(&f.origin) // which ends what was told
	o.clear(0)
	f.place.SetConsumer(o)
}

// skipHeld gives up what is held.
func (f *front) skipHeld() {
	if w := f.wait; w != nil {
		n := uint64(len(w.held[0]) + len(w.held[1]))
		f.p.counts.HeldBytes -= n
		f.p.counts.SkippedBytes += n
		f.p.budget.Leave(&w.memory)
		f.wait = nil
	}
}

// GiveUp implements budget.Owner.
func (f *front) GiveUp() { f.ignore() }

// giveIn hands over to an opening that looks for requests and frames: what is held
// cannot be understood, or was held for too long.
func (f *front) giveIn() {
	if f.midstream || f.wait.early() {
		f.leave(f.p.newOpening)
		return
	}
	f.p.carries(&f.origin, ProtocolUnknown)
	f.leave(f.p.newSearching)
}

// leave hands over to an opening.
func (f *front) leave(next func(*origin) *opening) {
	f.leaveTo(func(o *origin) reassembly.Consumer { return next(o) })
}

// leaveTo hands over to another Consumer.
func (f *front) leaveTo(next func(*origin) reassembly.Consumer) {
	w, r := f.wait, relayAt(f.p, f.place)
	f.wait, f.place = nil, r
	f.p.counts.HeldBytes -= uint64(len(w.held[0]) + len(w.held[1]))
	f.p.budget.Leave(&w.memory)
	r.SetConsumer(next(&f.origin))
	for dir, conflicts := range w.conflicts {
		for _, c := range conflicts {
			r.Conflict(Direction(dir), c.from, c.to-c.from, w.began)
		}
	}
	for _, a := range w.log {
		if a.gap > 0 {
			r.Gap(a.from, a.gap, a.t)
		} else {
			r.Data(a.from, w.held[a.from][:a.n], a.t)
			w.held[a.from] = w.held[a.from][a.n:]
		}
	}
}

// Gap implements reassembly.Consumer.
func (f *front) Gap(dir Direction, n int64, t time.Time) {
	if dir == FromClient && f.skip >= n {
		f.pass(n)
		f.p.counts.HTTPBytes -= uint64(n) // it was not seen
		return
	}
	if f.wait == nil && f.skip == 0 {
		if f.protocol == ProtocolUndecided {
			f.p.carries(&f.origin, ProtocolMidstream)
		}
		o := f.p.newLossy(&f.origin)
		f.place.SetConsumer(o)
		o.Gap(dir, n, t)
		return
	}
	f.hold(arrival{t: t, gap: n, from: dir}, nil)
	f.giveIn()
}

// Conflict implements reassembly.Consumer.
func (f *front) Conflict(dir Direction, offset, n int64, t time.Time) {
	if f.wait == nil {
		f.wait = &waiting{began: t}
	}
	c := &f.wait.conflicts[dir]
	*c = addSpan(*c, span{offset, offset + n})
}

// Closed implements reassembly.Consumer. What is held is read now.
func (f *front) Closed(reason reassembly.Reason, t time.Time) {
	if f.wait == nil {
		f.wait = &waiting{}
		f.leave(f.p.newOpening)
	} else {
		f.giveIn()
	}
	f.place.(*relay).Closed(reason, t)
}
