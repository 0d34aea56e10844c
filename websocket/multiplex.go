package websocket

import (
	"cmp"
	"strings"
	"time"

	"github.com/wstap/wstap/internal/budget"
	"github.com/wstap/wstap/internal/handshake"
	"github.com/wstap/wstap/internal/http2"
	"github.com/wstap/wstap/reassembly"
)

// A multiplex is the Consumer of an HTTP/2 connection. It puts a [socket] behind
// each stream that carries a WebSocket.
type multiplex struct {
	p *pipeline
	origin
	memory budget.Candidate
	conn   *http2.Conn
	counts http2.Counts // as they were counted last
	time   time.Time    // of the last bytes
	void   bool         // nothing more is read
	busy   bool         // conn is at work
	given  bool         // up, while it was
}

// newMultiplex returns the Consumer that follows o, where the client still sends
// skip bytes of the preface.
func newMultiplex(o *opening, skip int) *multiplex {
	x := &multiplex{p: o.p, origin: o.origin}
	x.offsets = [2]int64{o.sides[0].offset, o.sides[1].offset}
	x.conn = http2.New(x, skip, x.offsets)
	return x
}

// joinMultiplex returns the Consumer that follows o in the midst of HTTP/2, at the
// beginning of a frame in the directions that are in place.
func joinMultiplex(o *opening, inPlace [2]bool) *multiplex {
	x := &multiplex{p: o.p, origin: o.origin}
	x.offsets = [2]int64{o.sides[0].offset, o.sides[1].offset}
	x.conn = http2.Join(x, inPlace, x.offsets)
	return x
}

// Data implements reassembly.Consumer.
func (x *multiplex) Data(dir Direction, b []byte, t time.Time) {
	if x.void {
		x.p.counts.SkippedBytes += uint64(len(b))
		return
	}
	x.time = t
	if x.memory.Listed() || x.memory.Charged() == 0 {
		x.p.budget.Touch(&x.memory, x, openingCost)
	}
	x.busy = true
	reason, ok := x.conn.Data(dir, b, t)
	x.free(t)
	if !ok {
		if reason == reassembly.Evicted {
			x.p.counts.GivenUp++
		}
		x.ignore()
	}
}

// Gap implements reassembly.Consumer.
func (x *multiplex) Gap(dir Direction, n int64, t time.Time) {
	if !x.void {
		x.busy = true
		x.conn.Gap(dir, n, t)
		x.free(t)
	}
}

// free says that conn is no longer at work, and counts what it did.
func (x *multiplex) free(t time.Time) {
	x.busy = false
	x.count()
	if x.given {
		x.given = false
		x.end(reassembly.Evicted, t)
		x.ignore()
	}
}

// Conflict implements reassembly.Consumer.
func (x *multiplex) Conflict(dir Direction, offset, n int64, t time.Time) {
	if !x.void {
		x.conn.Conflict(dir, offset, n, t)
	}
}

// Closed implements reassembly.Consumer.
func (x *multiplex) Closed(reason reassembly.Reason, t time.Time) {
	x.end(reason, t)
	if x.refused != nil {
		x.p.tellEnd(x.refused, causes[reason], t)
	}
}

// GiveUp implements budget.Owner.
func (x *multiplex) GiveUp() {
	if x.busy { // what a stream holds asks for room
		x.given = true
		return
	}
	x.end(reassembly.Evicted, x.time)
	x.ignore()
}

// end ends all streams.
func (x *multiplex) end(reason reassembly.Reason, t time.Time) {
	if x.void {
		return
	}
	x.busy, x.void = true, true
	x.conn.Close(reason, t)
	x.busy, x.given = false, false
	x.count()
	x.p.budget.Leave(&x.memory)
}

// ignore reads no further.
func (x *multiplex) ignore() {
	x.p.budget.Leave(&x.memory)
	x.void = true
	if x.refused == nil {
		x.place.Ignore()
	}
}

// count counts what the connection was given.
func (x *multiplex) count() {
	n := x.conn.Counts()
	c := &x.p.counts
	c.HTTPBytes += n.Overhead - x.counts.Overhead
	c.SkippedBytes += n.Skipped - x.counts.Skipped
	c.HeldBytes += uint64(n.Held - x.counts.Held)
	x.counts = n
}

// Fits implements http2.Handler.
func (x *multiplex) Fits(n int) bool {
	n += openingCost
	more := n > x.memory.Charged()
	x.p.budget.Charge(&x.memory, n)
	return !more || x.p.budget.Fits(0, &x.memory)
}

// Open implements http2.Handler.
func (x *multiplex) Open(r *http2.Request, a *http2.Response, t time.Time) http2.Stream {
	x.p.carries(&x.origin, ProtocolWebSocket)
	info := x.describe(r, a)
	swap := r.From != FromClient
	if swap {
		info.Client, info.Server = info.Server, info.Client
	}
	k := &socket{p: x.p, info: info}
	if a.Status/100 == 2 {
		x.memory.Keep() // it is one
		k.deflate = handshake.ParseDeflate(k.info.Extensions)
		if a.Partial && k.info.Extensions == "" {
			k.deflate = handshake.UnseenDeflate
		}
	}
	x.p.tellOpen(k, nil, t)
	if swap {
		return swapped{k}
	}
	return k
}

// describe makes the Conn of a stream; either part of the handshake may be missing,
// and not all of it known.
func (x *multiplex) describe(r *http2.Request, a *http2.Response) *Conn {
	c := &Conn{Client: x.client, Server: x.server, TLS: x.tls, Proxied: x.proxied, Method: "CONNECT", AcceptValid: true}
	if r != nil {
		authority := cmp.Or(r.Authority, x.server.String())
		var url strings.Builder
		handshake.WriteURL(&url, []byte(cmp.Or(r.Scheme, "http")+"://"+authority+r.Path), []byte(authority), x.server, x.tls != nil)
		c.URL = url.String()
		c.setHeads(r.Fields, "")
	}
	if a != nil {
		c.Status = a.Status
		c.Subprotocol = a.Fields.Get("Sec-WebSocket-Protocol")
		c.Extensions = a.Fields.List("Sec-WebSocket-Extensions")
		c.setHeads(c.request(), a.Fields)
	}
	return c
}
