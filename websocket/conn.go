package websocket

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/internal/redact"
)

// A Conn is one WebSocket connection. Once told in an event it does not change,
// so it may be kept and read from any goroutine. Its strings share memory: who keeps
// one of them alone keeps less with [strings.Clone].
//
// A million idle ones must fit in memory: fields stand so that there are no gaps.
type Conn struct {
	Number         uint64    // 1, 2, 3 … in the order of discovery
	Opened         time.Time // as its Open's
	Client, Server netip.AddrPort
	Midstream      bool // the capture began after the opening handshake: the rest may be empty
	AcceptValid    bool // the response's Sec-WebSocket-Accept fits the request's key; true over HTTP/2, which has none
	// HeadersDropped says that the headers were not kept, and of the strings below
	// the beginnings only, because Config.MaxHeads was met.
	HeadersDropped bool

	asked uint32       // bytes of heads that are the request's
	heads http1.Fields // the request's, then the response's, as sent: parsed headers weigh three times as much

	TLS *TLS // of a wss connection, not to be changed; nil: it is not in TLS
	// Proxied is what the header of a proxy before it says (haproxy's PROXY
	// protocol); nil where there was none with addresses.
	Proxied *Proxied

	Method      string
	URL         string // ws://host/path, wss: in TLS, or the request's own form where it is absolute
	Subprotocol string // as chosen by the server
	Extensions  string // as accepted by the server
	Status      int    // of the response: 101 where the handshake succeeded (200 over HTTP/2)

	// Draft names the draft before RFC 6455 that is spoken: "hixie-75", "hixie-76" or
	// "hybi-00" to "hybi-12". Empty for the RFC. Before "hybi-07" frames were others,
	// which are not read.
	Draft string
	// CopyOf is the Number of the connection that this one is a copy of: the same
	// connection, captured at another place on its way, as before and behind a NAT,
	// within a tunnel and without, or on both sides of a proxy or firewall that
	// keeps the addresses. 0: of none. It is the first that was told, the same for
	// all copies. Their messages are given out all the same; see Message.Copy. One
	// whose handshake was not seen is known for a copy by the sequence numbers of TCP
	// where it was found; in TLS and HTTP/2, and where these are changed, it is not.
	CopyOf uint64
	// SameKey is the Number of another connection with the same Sec-WebSocket-Key:
	// this one is its next leg, behind a proxy that passes the key on, or the leg
	// before. 0: of none.
	SameKey uint64
}

// A Proxied names the ends of the connection that a proxy passes on.
type Proxied struct {
	Client, Server netip.AddrPort
}

// Masked returns a copy of c in which what looks like a secret is replaced by
// three asterisks: cookies, credentials and tokens in the URL, in the headers
// and among the subprotocols, where browsers put them for want of headers. It
// goes by names and by form, so it is a help against accidents, not a proof.
func (c *Conn) Masked() *Conn {
	m := *c
	p := redact.ProtocolsOf(c.request().List("Sec-WebSocket-Protocol"))
	m.URL = redact.URL(c.URL)
	m.Subprotocol = p.Mask(c.Subprotocol)
	m.setHeads(p.Fields(c.request()), p.Fields(c.response()))
	return &m
}

func (c *Conn) request() http1.Fields  { return c.heads[:c.asked] }
func (c *Conn) response() http1.Fields { return c.heads[c.asked:] }

func (c *Conn) setHeads(request, response http1.Fields) {
	c.heads, c.asked = request+response, uint32(len(request))
}

// Accepted says that the server accepted the handshake, or that frames were found
// where it was not seen. Otherwise Status says how it was refused.
func (c *Conn) Accepted() bool {
	return c.Status == 0 || c.Status == http.StatusSwitchingProtocols || c.Method == http.MethodConnect && c.Status/100 == 2
}

// Path returns the path of URL as it was sent, without its query: "/chat". It is
// empty where the URL is not known.
func (c *Conn) Path() string {
	_, rest, ok := strings.Cut(c.URL, "://")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.IndexByte(rest, '/'); at >= 0 {
		return rest[at:]
	}
	return "/"
}

// Request returns the header of the opening request, parsed anew on each call;
// nil where the request was not seen. Unlike net/http's, it holds Host.
func (c *Conn) Request() http.Header { return c.request().Header() }

// Response returns the header of the server's answer, parsed anew on each call;
// nil where the answer was not seen.
func (c *Conn) Response() http.Header { return c.response().Header() }

// WithHeaders returns a copy of c whose Request and Response return these
// headers, for who makes events without a Tap. The headers are not kept.
func (c *Conn) WithHeaders(request, response http.Header) *Conn {
	m := *c
	m.setHeads(http1.NewFields(request), http1.NewFields(response))
	return &m
}

// String returns the number and the addresses: "1 127.0.0.1:36534-127.0.0.1:7272".
func (c *Conn) String() string { return fmt.Sprintf("%d %v-%v", c.Number, c.Client, c.Server) }
