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

// An Event is *Open, *Message, *Gap or *End.
//
// Of each connection Open comes first and End last, unless the Tap is ended before
// its source, and all of its events have the same *Conn, which no other connection
// has. Events of a connection come in the order of its packets.
//
// A connection whose handshake was not seen is found by what it says: with its first
// text message, otherwise with its fourth frame at the latest. What came before is
// told then, behind Open, with its own times: these may be earlier than Open's, and
// where one side is found later than the other, earlier than those of what the other
// one has said.
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
	// By are the sides that closed TCP, in the order of their FINs, or the one that
	// reset it: the first began. Empty where nobody did, where it was not seen, and
	// for a stream of HTTP/2 that ends before its connection. Not to be changed.
	By []Direction
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
