package wstaptest

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/websocket"
)

// A Conn makes the packets of a TCP connection, as a capture of Ethernet shows them,
// a millisecond apart. Each method adds the packets of what it is named after; data
// is acknowledged. The first may be any: without Open the connection is one that the
// capture joined late.
type Conn struct {
	talk   *packetgen.Conversation
	frames []capture.Frame
	added  int // frames that a Source has
	lose   int
}

// NewConn returns a connection between two addresses, of which both are IPv4 or both
// IPv6. Zero ones mean 10.0.0.1:40000 and 10.0.0.2:80.
func NewConn(client, server netip.AddrPort) *Conn {
	c := &Conn{talk: packetgen.NewConversation()}
	if client.IsValid() {
		c.talk.Client = client
	}
	if server.IsValid() {
		c.talk.Server = server
	}
	return c
}

// Open makes TCP's handshake.
func (c *Conn) Open() {
	c.talk.Open()
	c.take()
}

// Upgrade makes the opening handshake of a WebSocket for a path such as "/chat?room=1"
// (RFC 6455, section 1.2), which the server accepts.
func (c *Conn) Upgrade(path string) {
	c.Data(websocket.FromClient, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %v\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, c.talk.Server))
	c.Data(websocket.FromServer, []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"))
}

// Data makes one side send bytes of any kind.
func (c *Conn) Data(from websocket.Direction, b []byte) {
	c.talk.Send(packetgen.Side(from&1), b)
	c.take()
}

// Message makes one side send a message in one frame, masked as it has to be.
func (c *Conn) Message(from websocket.Direction, op websocket.Opcode, payload []byte) {
	b := []byte{0x80 | byte(op), 0}
	switch n := len(payload); {
	case n < 126:
		b[1] = byte(n)
	case n < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if from == websocket.FromServer {
		c.Data(from, append(b, payload...))
		return
	}
	b[1] |= 0x80
	key := [4]byte{0x12, 0x34, 0x56, 0x78}
	b = append(b, key[:]...)
	for i, p := range payload {
		b = append(b, p^key[i%4])
	}
	c.Data(from, b)
}

// Text makes one side send a text message.
func (c *Conn) Text(from websocket.Direction, text string) {
	c.Message(from, websocket.Text, []byte(text))
}

// Close makes one side close: with a close frame that the other one returns, then TCP.
func (c *Conn) Close(from websocket.Direction, code int, reason string) {
	payload := append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	c.Message(from, websocket.Close, payload)
	c.Message(from.Reverse(), websocket.Close, payload[:2])
	c.Shut(from)
}

// Shut makes one side close TCP, and then the other one.
func (c *Conn) Shut(from websocket.Direction) {
	c.talk.Close(packetgen.Side(from & 1))
	c.take()
}

// Reset makes one side reset the connection.
func (c *Conn) Reset(from websocket.Direction) {
	c.talk.Reset(packetgen.Side(from & 1))
	c.take()
}

// Lose has the capture miss the next n packets that carry data. The sides do not
// notice.
func (c *Conn) Lose(n int) { c.lose += n }

// Sleep lets time pass before the next packet.
func (c *Conn) Sleep(d time.Duration) { c.talk.Time = c.talk.Time.Add(d) }

// Frames returns the packets that were made and captured so far.
func (c *Conn) Frames() []capture.Frame { return c.frames }

// take takes the packets that were made.
func (c *Conn) take() {
	for _, p := range c.talk.Packets {
		if c.lose > 0 && len(p.TCP.Payload) > 0 {
			c.lose--
			continue
		}
		c.frames = append(c.frames, capture.Frame{Data: p.Frame, Length: len(p.Frame), Time: p.Time, Link: decode.LinkEthernet})
	}
	c.talk.Packets = c.talk.Packets[:0]
}
