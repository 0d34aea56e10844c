package websocket

import (
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
func (o *opening) request(s *openingSide, head http1.Head, t time.Time) bool {
	if head.Line() == http2.PrefaceLine {
		o.toHTTP2(len(http2.PrefaceRest))
		return true
	}
	method, _, ok := head.RequestLine()
	fields := head.Fields()
	body := fields.Body()
	if !ok || body.Length < 0 || len(o.pending) >= maxPending {
		return false
	}
	o.p.carries(&o.origin, ProtocolHTTP)
	r := pendingRequest{head: method == http.MethodHead, connect: method == http.MethodConnect, asked: o.p.moment(t)}
	if handshake.Upgrade(fields) {
		r.upgrade = head
	}
	if r.upgrade != "" || r.connect {
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
func (o *opening) response(s *openingSide, head http1.Head, t time.Time) bool {
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
	fields := head.Fields()
	if status == http.StatusSwitchingProtocols {
		return o.switches(r, head, fields, t)
	}
	if r.upgrade != "" && handshake.Upgrade(r.upgrade.Fields()) {
		o.refuse(o.describe(r.upgrade, head, false), o.sight(&r, head, t), t)
	}
	body := fields.Body()
	if r.connect && status < 300 || o.lossy && r == (pendingRequest{}) && tunnels(status, fields, body) {
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
	if r.upgrade != "" || r.connect || r.cut {
		o.goOn() // refused: the client goes on with HTTP
	}
	return true
}

// tunnels says whether a response looks like that to a CONNECT, which is lost: it
// has no body (RFC 9110, section 9.3.6).
func tunnels(status int, fields http1.Fields, body http1.Framing) bool {
	return status < 300 && status != http.StatusNoContent && !body.Given && fields.Get("Content-Type") == ""
}

// switches acts on the answer that changes the protocol.
func (o *opening) switches(r pendingRequest, head http1.Head, fields http1.Fields, t time.Time) bool {
	if fields.HasToken("Upgrade", "h2c") { // the client's preface is still to come
		begun, _ := o.sides[FromClient].http.Abandon()
		o.toHTTP2(preface - len(begun))
		return true
	}
	if !handshake.Upgrade(fields) && (r.upgrade == "" || fields.Get("Upgrade") != "") {
		return false // to another protocol
	}
	o.accepted(r, head, handshake.ParseDeflate(fields.List("Sec-WebSocket-Extensions")), t)
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

// accepted makes the connection a WebSocket by the response to r.
func (o *opening) accepted(r pendingRequest, response http1.Head, deflate handshake.Deflate, t time.Time) {
	info := o.describe(r.upgrade, response, false)
	info.Midstream = r.upgrade == ""
	draft, framed := handshake.Draft(info.request, info.response)
	if info.Draft = draft; !framed {
		o.unread(info, t)
		return
	}
	o.become(info, deflate, false, o.sight(&r, response, t), t)
}

// expectAnswer adds a request that waits for its answer, if there is room.
func (o *opening) expectAnswer(r pendingRequest) bool {
	o.asked += pendingCost + len(r.upgrade)
	o.pending = append(o.pending, r)
	return o.fits()
}

// pop forgets the first request that waits.
func (o *opening) pop() {
	o.asked -= pendingCost + len(o.pending[0].upgrade)
	o.pending[0] = pendingRequest{}
	o.pending = o.pending[1:]
}

// answered returns the request that a response with the given status answers,
// which is no longer pending; the zero value where it was not seen. It returns
// false for what is not HTTP.
func (o *opening) answered(status int) (r pendingRequest, ok bool) {
	r = o.answeredFirst(status)
	for status == http.StatusSwitchingProtocols && o.lossy && (r.upgrade != "" || r.cut) && o.wentOn() {
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
	if o.lossy && r.upgrade != "" && !r.cut && status >= 200 && status < 400 {
		// Where requests were lost, a success is taken for the answer to one of
		// those rather than for a strange way to refuse a WebSocket.
		return pendingRequest{}
	}
	o.pop()
	for o.lossy && status == http.StatusSwitchingProtocols && r.upgrade == "" && !r.cut && len(o.pending) > 0 {
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
func (o *opening) cutHead(dir Direction, s *openingSide, cut http1.Head, lost bool, t time.Time) bool {
	whole := cut.WholeLines()
	if dir == FromClient {
		if !strings.HasPrefix(string(cut), "GET ") || len(o.pending) >= maxPending || handshake.OtherUpgrade(whole.Fields()) {
			return false
		}
		if !o.expectAnswer(pendingRequest{upgrade: whole, cut: true, asked: o.p.moment(t)}) {
			return false
		}
		s.state = holding
		s.probation, s.guessed = resync.Probation, lost
		if len(o.sides[FromServer].held) > 0 {
			o.resume(FromServer)
		}
		return true
	}
	if cut.Status() != http.StatusSwitchingProtocols || !http1.MaybeResponse([]byte(cut)) || handshake.OtherUpgrade(whole.Fields()) {
		return false
	}
	if whole == "" {
		whole = cut + "\r\n"
	}
	s.probation, s.guessed = resync.Probation, lost
	deflate := handshake.UnseenDeflate
	if v := whole.Fields().List("Sec-WebSocket-Extensions"); v != "" {
		deflate = handshake.ParseDeflate(v)
	}
	if r, ok := o.answered(http.StatusSwitchingProtocols); ok {
		o.accepted(r, whole, deflate, t)
	}
	return true
}

// describe makes the Conn of a handshake; either head may be missing. swap says
// that the client is the origin's server.
func (o *opening) describe(request, response http1.Head, swap bool) *Conn {
	c := &Conn{Client: o.client, Server: o.server, TLS: o.tls, Proxied: o.proxied, request: request.Fields(), response: response.Fields()}
	if o.stream != nil && request == "" {
		c = o.stream
	}
	if swap {
		c.Client, c.Server = c.Server, c.Client
	}
	if request != "" {
		method, target, _ := request.RequestLine()
		if c.Method = http.MethodGet; method != c.Method { // nearly always it is
			c.Method = strings.Clone(method)
		}
		c.URL = handshake.URL(target, c.request.Get("Host"), c.Server, o.tls != nil)
	}
	if response != "" {
		c.Status = response.Status()
		c.Subprotocol = c.response.Get("Sec-WebSocket-Protocol")
		c.Extensions = c.response.List("Sec-WebSocket-Extensions")
		accept := handshake.AcceptKey(c.request.Get("Sec-WebSocket-Key"))
		c.AcceptValid = request != "" && c.response.Get("Sec-WebSocket-Accept") == string(accept[:])
	}
	return c
}
