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
package websocket

import (
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

// The opcodes.
const (
	Text   Opcode = 0x1
	Binary Opcode = 0x2
	Close  Opcode = 0x8
	Ping   Opcode = 0x9
	Pong   Opcode = 0xA
)

// A Conn is one WebSocket connection. Once told in an event it does not change.
type Conn struct {
	Number         uint64 // 1, 2, 3 … in the order of discovery
	Client, Server netip.AddrPort
	Midstream      bool // the capture began after the opening handshake: the rest is empty

	Method, URL, Subprotocol, Extensions string
	Status                               int
	AcceptValid                          bool
	Request, Response                    http.Header
}

// An Event is *Open, *Message, *Gap or *End.
type Event interface{ event() }

// Open tells a finished opening handshake, accepted or refused, or a connection
// found mid-stream.
type Open struct {
	Time time.Time
	Conn *Conn
}

// A Message is one message or control frame.
type Message struct {
	Conn        *Conn
	From        Direction
	Opcode      Opcode
	Payload     []byte    // unmasked and inflated
	Start, Time time.Time // when the first and the last byte were captured
	WireLength  int64     // payload bytes as sent, over all frames
	Frames      int
	Compressed  bool // sent compressed
	Truncated   bool // bytes are missing from Payload
	Undecoded   bool // Payload is still compressed
	Conflict    bool // some bytes were seen twice with different contents
	Midstream   bool // found by looking for frames, not from the handshake on
	InvalidUTF8 bool // a text message that is not UTF-8
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
	Time  time.Time
	Conn  *Conn
	Cause string // fin, rst, idle, evicted or eof
}

func (*Open) event()    {}
func (*Message) event() {}
func (*Gap) event()     {}
func (*End) event()     {}
