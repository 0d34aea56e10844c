// Package websocket taps WebSocket traffic: from a capture.Source to the opening
// handshakes and messages of every connection in it.
//
//	src, err := capture.Listen("any", &capture.Config{Filter: "tcp port 7272"})
//	...
//	tap := websocket.NewTap(src, nil)
//	for msg := range tap.Messages(ctx) {
//		fmt.Println(msg.Time, msg.Conn, msg.From, msg.Text())
//	}
//	if err := tap.Err(); err != nil { ... }
//
// The way of the data: pipeline.go reads frames of a Source and feeds them
// through decode and reassembly to a chain of Consumers for each TCP connection
// (chain.go). opening.go reads the handshake, socket.go frames, which frames.go
// puts together to messages, multiplex.go HTTP/2. emit.go gives events out, and
// sink.go is the channel's sending end.
package websocket

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/reassembly"
)

// A Direction says which side of a connection sent something.
type Direction = reassembly.Direction

// The directions of a Message.
const (
	FromClient = reassembly.FromClient
	FromServer = reassembly.FromServer
)

// An Opcode is the type of a message or control frame (RFC 6455, section 5.2).
type Opcode uint8

// The opcodes. The others up to 15 are reserved; messages that carry one are
// reported as they are.
const (
	Text   Opcode = 0x1
	Binary Opcode = 0x2
	Close  Opcode = 0x8
	Ping   Opcode = 0x9
	Pong   Opcode = 0xA
)

var opcodeNames = [16]string{
	"continuation", "text", "binary", "0x3", "0x4", "0x5", "0x6", "0x7",
	"close", "ping", "pong", "0xb", "0xc", "0xd", "0xe", "0xf",
}

// String returns "text", "binary", "close", "ping" or "pong", and the number of
// a reserved opcode, "0x3" for instance.
func (o Opcode) String() string { return opcodeNames[o&0xF] }

// Control says that o is the opcode of a control frame.
func (o Opcode) Control() bool { return o&8 != 0 }

// A Conn is one WebSocket connection. Once told in an event it does not change,
// so it may be kept and read from any goroutine.
type Conn struct {
	Number         uint64 // 1, 2, 3 … in the order of discovery
	Client, Server netip.AddrPort
	Midstream      bool // the capture began after the opening handshake: the rest may be empty
	TLS            *TLS // of a wss connection, not to be changed; nil: it is not in TLS
	// Proxied is what the header of a proxy before it says (haproxy's PROXY
	// protocol); nil where there was none with addresses.
	Proxied *Proxied

	Method      string
	URL         string // ws://host/path, wss: in TLS, or the request's own form where it is absolute
	Subprotocol string // as chosen by the server
	Extensions  string // as accepted by the server
	Status      int    // of the response: 101 where the handshake succeeded (200 over HTTP/2)
	AcceptValid bool   // the response's Sec-WebSocket-Accept fits the request's key; true over HTTP/2, which has none

	// Draft names the draft before RFC 6455 that is spoken: "hixie-75", "hixie-76" or
	// "hybi-00" to "hybi-12". Empty for the RFC. Before "hybi-07" frames were others,
	// which are not read.
	Draft string
	// CopyOf is the Number of the connection that this one is a copy of: the same
	// connection, captured at another place on its way, as before and behind a NAT,
	// within a tunnel and without, or on both sides of a proxy or firewall that
	// keeps the addresses. 0: of none. It is the first that was told, the same for
	// all copies. Their messages are given out all the same; see Message.Copy. A
	// connection whose handshake was not seen, or that is one of HTTP/2, is never
	// known for a copy.
	CopyOf uint64
	// SameKey is the Number of another connection with the same Sec-WebSocket-Key:
	// this one is its next leg, behind a proxy that passes the key on, or the leg
	// before. 0: of none.
	SameKey uint64

	// HeadersDropped says that the headers were not kept, and of the strings above
	// the beginnings only, because Config.MaxHeads was met.
	HeadersDropped bool

	request, response http1.Fields // as sent, kept raw: parsed headers weigh three times as much
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
	p := redact.ProtocolsOf(c.request.List("Sec-WebSocket-Protocol"))
	m.URL = redact.URL(c.URL)
	m.Subprotocol = p.Mask(c.Subprotocol)
	m.request = p.Fields(c.request)
	m.response = p.Fields(c.response)
	return &m
}

// Request returns the header of the opening request, parsed anew on each call;
// nil where the request was not seen. Unlike net/http's, it holds Host.
func (c *Conn) Request() http.Header { return c.request.Header() }

// Response returns the header of the server's answer, parsed anew on each call;
// nil where the answer was not seen.
func (c *Conn) Response() http.Header { return c.response.Header() }

// WithHeaders returns a copy of c whose Request and Response return these
// headers, for who makes events without a Tap. The headers are not kept.
func (c *Conn) WithHeaders(request, response http.Header) *Conn {
	m := *c
	m.request, m.response = http1.NewFields(request), http1.NewFields(response)
	return &m
}

// String returns the number and the addresses: "1 127.0.0.1:36534-127.0.0.1:7272".
func (c *Conn) String() string { return fmt.Sprintf("%d %v-%v", c.Number, c.Client, c.Server) }

// An Event is *Open, *Message, *Gap or *End.
type Event interface{ event() }

// Open tells a finished opening handshake, accepted or refused, or a connection
// found mid-stream.
type Open struct {
	Time time.Time
	Conn *Conn
}

// Gap tells bytes of a connection that are missing.
type Gap struct {
	Time  time.Time
	Conn  *Conn
	From  Direction
	Bytes int64
	// Reason says why, where they were not lost to the capture: LateKeys.
	Reason string
}

// LateKeys is the Reason of a Gap in TLS: the secrets came when as much as
// Config.MaxWaiting waited for them. The Bytes are about as many.
const LateKeys = "keys came too late"

// End is the last event of a connection.
type End struct {
	Time time.Time
	Conn *Conn
	// Cause says how the connection ended.
	Cause Cause
	// Duration is the time since its Open.
	Duration time.Duration
	// Closing are the sides' first close frames, in the order in which they
	// came: the first sender began to close. Empty where none was seen.
	Closing []Closing
	// Counts tell what each side sent, by Direction.
	Counts [2]Counts
}

// A Cause says how a connection ended. Unless it is CauseRefused, it is how TCP
// did.
type Cause string

// The causes of an End.
const (
	CauseFIN     Cause = "fin"     // both sides closed
	CauseRST     Cause = "rst"     // a reset in the window
	CauseIdle    Cause = "idle"    // nothing was seen for too long
	CauseEvicted Cause = "evicted" // given up for a budget
	CauseReused  Cause = "reused"  // a new connection on the same pair of ports
	CauseEOF     Cause = "eof"     // the source ended first
	CauseRefused Cause = "refused" // the handshake was, and another one follows on the same connection
)

// causes are the Causes by [reassembly.Reason].
var causes = [...]Cause{
	reassembly.FIN:     CauseFIN,
	reassembly.RST:     CauseRST,
	reassembly.Idle:    CauseIdle,
	reassembly.Evicted: CauseEvicted,
	reassembly.Reused:  CauseReused,
	reassembly.EOF:     CauseEOF,
}

func (*Open) event()    {}
func (*Message) event() {}
func (*Gap) event()     {}
func (*End) event()     {}
