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
// through decode and reassembly to a conn (conn.go) per TCP connection. That
// reads the opening handshake (opening.go, handshake.go; http2.go where the
// WebSocket is a stream of HTTP/2), then frames (frame.go) into messages,
// inflated by internal/inflate. Where it does not know where the next frame
// begins, resync.go looks for it. sink.go is the channel's sending end.
package websocket

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

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

	Method      string
	URL         string // ws://host/path, or the request's own form where it is absolute
	Subprotocol string // as chosen by the server
	Extensions  string // as accepted by the server
	Status      int    // of the response: 101 where the handshake succeeded (200 over HTTP/2)
	AcceptValid bool   // the response's Sec-WebSocket-Accept fits the request's key; true over HTTP/2, which has none

	// HeadersDropped says that the headers were not kept, and of the strings above
	// the beginnings only, because Config.MaxHeads was met.
	HeadersDropped bool

	request, response string // heads as sent, kept raw: parsed headers weigh three times as much
}

// Request returns the header of the opening request, parsed anew on each call;
// nil where the request was not seen. Unlike net/http's, it holds Host.
func (c *Conn) Request() http.Header { return parseHeader(c.request) }

// Response returns the header of the server's answer, parsed anew on each call;
// nil where the answer was not seen.
func (c *Conn) Response() http.Header { return parseHeader(c.response) }

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

// Gap tells bytes of a connection that were lost to the capture.
type Gap struct {
	Time  time.Time
	Conn  *Conn
	From  Direction
	Bytes int64
}

// End is the last event of a connection.
type End struct {
	Time time.Time
	Conn *Conn
	// Cause says how TCP ended: fin, rst, idle, evicted or eof. It is refused
	// where a handshake was, and another one follows on the same connection.
	Cause string
	// Closing are the sides' first close frames, in the order in which they
	// came: the first sender began to close. Empty where none was seen.
	Closing []Closing
	// Counts tell what each side sent, by Direction.
	Counts [2]Counts
}

func (*Open) event()    {}
func (*Message) event() {}
func (*Gap) event()     {}
func (*End) event()     {}
