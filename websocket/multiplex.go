package websocket

import (
	"cmp"
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
	memory  budget.Candidate
	conn    *http2.Conn
	counts  http2.Counts // as they were counted last
	refused *socket      // by HTTP/1 before, its end still to be told
	time    time.Time    // of the last bytes
	void    bool         // nothing more is read
}

// newMultiplex returns the Consumer that follows o, where the client still sends
// skip bytes of the preface.
func newMultiplex(o *opening, skip int) *multiplex {
	x := &multiplex{p: o.p, origin: o.origin, refused: o.refused}
	x.offsets = [2]int64{o.sides[0].offset, o.sides[1].offset}
	x.conn = http2.New(x, skip, x.offsets)
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
	reason, ok := x.conn.Data(dir, b, t)
	x.count()
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
		x.conn.Gap(dir, n, t)
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
	x.end(reassembly.Evicted, x.time)
	x.ignore()
}

// end ends all streams.
func (x *multiplex) end(reason reassembly.Reason, t time.Time) {
	if x.void {
		return
	}
	x.conn.Close(reason, t)
	x.count()
	x.p.budget.Leave(&x.memory)
	x.void = true
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
	info := &Conn{Client: x.client, Server: x.server, Method: "CONNECT", AcceptValid: true, request: r.Fields, response: a.Fields}
	info.URL = handshake.URL(cmp.Or(r.Scheme, "http")+"://"+r.Authority+r.Path, r.Authority, x.server)
	info.Status = a.Status
	info.Subprotocol = a.Fields.Get("Sec-WebSocket-Protocol")
	info.Extensions = a.Fields.List("Sec-WebSocket-Extensions")
	k := &socket{p: x.p, info: info}
	if a.Status/100 == 2 {
		x.memory.Keep() // it is one
		k.deflate = handshake.ParseDeflate(info.Extensions)
	}
	x.p.tellOpen(k, nil, t)
	return k
}
