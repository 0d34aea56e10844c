package websocket

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/wstap/wstap/internal/handshake"
	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/internal/http2"
	"github.com/wstap/wstap/internal/resync"
)

// preface is the length of the client's preface of HTTP/2.
const preface = len(http2.PrefaceLine + "\r\n\r\n" + http2.PrefaceRest)

// request acts on a request's head. It returns false for what is not HTTP, or
// more than there is room for.
func (o *opening) request(s *openingSide, head *http1.Head, t time.Time) bool {
	if string(head.Line()) == http2.PrefaceLine {
		o.toHTTP2(len(http2.PrefaceRest))
		return true
	}
	method, _, ok := head.RequestLine()
	body := head.Body()
	if !ok || body.Length < 0 || len(o.pending) >= maxPending {
		return false
	}
	o.p.carries(&o.origin, ProtocolHTTP)
	r := pendingRequest{head: string(method) == http.MethodHead, connect: string(method) == http.MethodConnect, asked: o.p.moment(t)}
	if handshake.Upgrade(head) {
		r.upgrade = o.keep(head)
	}
	if r.upgrade != nil || r.connect {
		s.state = holding
	}
	if !r.connect {
		s.http.Expect(body.Length, body.Chunked)
	}
	if !o.expectAnswer(r) {
		return false
	}
	if len(o.sides[FromServer].held) > 0 {
		o.resume(FromServer)
	}
	return true
}

// response acts on a response's head. It returns false for what is not HTTP.
func (o *opening) response(s *openingSide, head *http1.Head, t time.Time) bool {
	status := head.Status()
	switch {
	case status == 0:
		return false
	case status < 200 && status != http.StatusSwitchingProtocols:
		return true // the final response follows
	}
	o.p.carries(&o.origin, ProtocolHTTP)
	r, ok := o.answered(status)
	if !ok {
		return false
	}
	if status == http.StatusSwitchingProtocols {
		return o.switches(&r, head, t)
	}
	if request := r.request(); handshake.Upgrade(request) {
		o.refuse(o.describe(request, head, false), o.sight(&r, head, t), t)
	}
	body := head.Body()
	if r.connect && status < 300 || o.lossy && r == (pendingRequest{}) && tunnels(status, head, body) {
		o.toTunnel()
		return true
	}
	switch {
	case r.head || status == http.StatusNoContent || status == http.StatusNotModified:
	case !body.Given || body.Length < 0: // until the connection closes
		return false
	default:
		s.http.Expect(body.Length, body.Chunked)
	}
	if r.upgrade != nil || r.connect || r.cut {
		o.goOn() // refused: the client goes on with HTTP
	}
	return true
}

// tunnels says whether a response looks like that to a CONNECT, which is lost: it
// has no body (RFC 9110, section 9.3.6).
func tunnels(status int, head *http1.Head, body http1.Framing) bool {
	return status < 300 && status != http.StatusNoContent && !body.Given && head.Fields().Get("Content-Type") == ""
}

// switches acts on the answer that changes the protocol.
func (o *opening) switches(r *pendingRequest, head *http1.Head, t time.Time) bool {
	switch {
	case handshake.Upgrade(head) || r.upgrade != nil && !handshake.OtherUpgrade(head):
		o.accepted(r, head, false, t)
	case head.HasToken(http1.Upgrade, "h2c"): // the client's preface is still to come
		begun, _ := o.sides[FromClient].http.Abandon()
		o.toHTTP2(preface - len(begun))
	default: // to another protocol
		return false
	}
	return true
}

// goOn reads on, as HTTP, with what the client sent behind a request that asked
// for a change of protocol.
func (o *opening) goOn() {
	if s := &o.sides[FromClient]; s.state == holding {
		s.state, s.probation, s.guessed = reading, 0, false
		o.resume(FromClient)
	}
}

// accepted makes the connection a WebSocket by the response to r, of which a part
// may be missing.
func (o *opening) accepted(r *pendingRequest, response *http1.Head, cut bool, t time.Time) {
	request := r.request()
	info := o.describe(request, response, false)
	info.Midstream = request.None()
	draft, framed := handshake.Draft(request, response)
	if info.Draft = draft; !framed {
		o.unread(info, t)
		return
	}
	deflate := handshake.ParseDeflate(info.Extensions)
	if cut && info.Extensions == "" {
		deflate = handshake.UnseenDeflate
	}
	o.become(info, deflate, false, o.sight(r, response, t), t)
}

// keep returns a copy of a head that remains while its request waits: mostly no other
// one does, and it is made where the last one was.
func (o *opening) keep(head *http1.Head) *http1.Head {
	h := o.kept
	if h == nil || len(o.pending) > 0 {
		h = new(http1.Head)
	}
	if len(o.pending) == 0 {
		o.kept = h
	}
	h.Copy(head)
	return h
}

// expectAnswer adds a request that waits for its answer, if there is room.
func (o *opening) expectAnswer(r pendingRequest) bool {
	o.asked += r.cost()
	o.pending = append(o.pending, r)
	return o.fits()
}

func (r *pendingRequest) cost() int {
	n := pendingCost
	if r.upgrade != nil {
		n += headCost + len(r.upgrade.Raw())
	}
	return n
}

// pop forgets the first request that waits.
func (o *opening) pop() {
	o.asked -= o.pending[0].cost()
	o.pending[0] = pendingRequest{}
	if len(o.pending) == 1 {
		o.pending = o.pending[:0] // room for the next one
	} else {
		o.pending = o.pending[1:]
	}
}

// answered returns the request that a response with the given status answers,
// which is no longer pending; the zero value where it was not seen. It returns
// false for what is not HTTP.
func (o *opening) answered(status int) (r pendingRequest, ok bool) {
	r = o.answeredFirst(status)
	for status == http.StatusSwitchingProtocols && o.lossy && (r.upgrade != nil || r.cut) && o.wentOn() {
		if o.void || o.next != nil {
			return r, false
		}
		r = o.answeredFirst(status) // r was refused: the answer is lost
	}
	return r, true
}

// answeredFirst returns the first that can be meant of the pending requests.
func (o *opening) answeredFirst(status int) (r pendingRequest) {
	if len(o.pending) == 0 {
		return r
	}
	r = o.pending[0]
	if o.lossy && r.upgrade != nil && !r.cut && status >= 200 && status < 400 {
		// Where requests were lost, a success is taken for the answer to one of
		// those rather than for a strange way to refuse a WebSocket.
		return pendingRequest{}
	}
	o.pop()
	for o.lossy && status == http.StatusSwitchingProtocols && r.upgrade == nil && !r.cut && len(o.pending) > 0 {
		r = o.pending[0]
		o.pop()
	}
	return r
}

// wentOn reads on with what the client sent after asking for a change of
// protocol where these are more requests.
func (o *opening) wentOn() bool {
	s := &o.sides[FromClient]
	if s.state != holding || len(s.marks) == 0 || s.marks[0].gap > 0 || !http1.LooksLikeRequest(s.held) {
		return false
	}
	o.goOn()
	return true
}

// cutHead acts on the captured part of a head whose rest is lost. A snapshot
// length cuts most heads, but it keeps their first line and leaves a gap that
// ends with them: where that line can belong to an opening handshake, frames are
// supposed to follow behind the gap, on probation. Where packets were lost, that
// is a guess. It reports whether it did.
func (o *opening) cutHead(dir Direction, s *openingSide, cut []byte, lost bool, t time.Time) bool {
	head, line := http1.Cut(cut)
	if dir == FromClient {
		if !bytes.HasPrefix(cut, []byte("GET ")) || len(o.pending) >= maxPending || line && handshake.OtherUpgrade(&head) {
			return false
		}
		r := pendingRequest{cut: true, asked: o.p.moment(t)}
		if line {
			r.upgrade = &head
		}
		if !o.expectAnswer(r) {
			return false
		}
		s.state = holding
		s.probation, s.guessed = resync.Probation, lost
		if len(o.sides[FromServer].held) > 0 {
			o.resume(FromServer)
		}
		return true
	}
	if head.Status() != http.StatusSwitchingProtocols || !http1.MaybeResponse(cut) || handshake.OtherUpgrade(&head) {
		return false
	}
	s.probation, s.guessed = resync.Probation, lost
	if r, ok := o.answered(http.StatusSwitchingProtocols); ok {
		o.accepted(&r, &head, true, t)
	}
	return true
}

// describe makes the Conn of a handshake; either head may be none. swap says
// that the client is the origin's server.
func (o *opening) describe(request, response *http1.Head, swap bool) *Conn {
	c := o.stream
	if c == nil || !request.None() {
		c = &Conn{Client: o.client, Server: o.server, TLS: o.tls, Proxied: o.proxied}
	}
	if swap {
		c.Client, c.Server = c.Server, c.Client
	}
	c.keep(request, response)
	if !response.None() {
		c.Status = response.Status()
		c.Subprotocol = response.GetFrom(c.response(), http1.Protocol)
		c.Extensions = response.ListFrom(c.response(), http1.Extensions)
		if !request.None() && !o.p.unseen {
			c.AcceptValid = handshake.Accepts(response.Get(http1.Accept), request.Get(http1.Key))
		}
	}
	return c
}

// judge works AcceptValid out where that was left for who asks for c. Counting goes
// without its hash: see BenchmarkAccepts.
func (c *Conn) judge() {
	if !c.AcceptValid && c.asked > 0 {
		c.AcceptValid = handshake.Accepts([]byte(c.response().Get("Sec-WebSocket-Accept")), []byte(c.request().Get("Sec-WebSocket-Key")))
	}
}

// keep keeps what c has of the heads, in one string.
func (c *Conn) keep(request, response *http1.Head) {
	if request.None() {
		if !response.None() {
			c.setHeads(c.request(), response.Fields())
		}
		return
	}
	method, target, _ := request.RequestLine()
	if c.Method = http.MethodGet; string(method) != c.Method { // nearly always it is
		c.Method = string(method)
	}
	host, asked, answered := request.Get(http1.Host), request.RawFields(), response.RawFields()
	var text strings.Builder
	text.Grow(len("wss://") + len(host) + len(target) + len(asked) + len(answered)) // no more: it is kept
	handshake.WriteURL(&text, target, host, c.Server, c.TLS != nil)
	url := text.Len()
	text.Write(asked)
	text.Write(answered)
	all := text.String()
	c.URL, c.heads, c.asked = all[:url], http1.Fields(all[url:]), uint32(len(asked))
}
