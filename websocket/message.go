package websocket

import (
	"encoding/binary"
	"time"
)

// A Message is one message or control frame.
//
// Messages and Batches give out messages that belong to the receiver. One that is
// kept keeps up to 15 others, of 8 KiB in all, for they are made together: Clone is
// by itself. A Message of Events is borrowed, its Payload too, until the next
// iteration, and must not be written to, for later messages may be compressed in
// terms of it: Clone keeps it.
//
// A message may be compressed in terms of messages that the capture has not seen
// (RFC 7692, context takeover). Of what it copies from these, Unknown tells the
// number of bytes. In a text each of them is a U+FFFD in Payload, otherwise a 0.
type Message struct {
	Conn        *Conn
	Payload     []byte        // unmasked and inflated
	Start, Time time.Time     // when the first and the last byte were captured
	WireLength  int64         // payload bytes as sent, over all frames
	RoundTrip   time.Duration // of a pong: since the ping that it answers was captured
	Frames      int
	Unknown     int // bytes of Payload that could not be known, see above
	From        Direction
	Opcode      Opcode
	Compressed  bool       // sent compressed
	Truncated   bool       // bytes are missing from Payload, or the fragments before it are
	Undecoded   bool       // Payload is still compressed, or as an extension made it that is not known
	Conflict    bool       // some bytes were seen twice with different contents
	Midstream   bool       // found by looking for frames, not from the handshake on
	InvalidUTF8 bool       // a text message that is not UTF-8
	BadMask     bool       // a client's frame without a mask, or a server's with one
	RSV         byte       // reserved bits that no known extension explains, as in the frame's first byte: 0x40, 0x20 and 0x10
	Violations  Violations // other rules that it breaks
	Copy        bool       // it was given out before, by a connection of which this one's is a copy or which is one of it: see Conn.CopyOf
}

// Text returns the payload as a string, whatever the opcode.
func (m *Message) Text() string { return string(m.Payload) }

// Whole says that Payload is all that was sent, and known. Bytes that were seen
// twice with different contents (Conflict) are there.
func (m *Message) Whole() bool { return !m.Truncated && !m.Undecoded && m.Unknown == 0 }

// Clone returns a copy that belongs to the caller: one allocation, up to 32 KiB.
func (m *Message) Clone() *Message {
	c := newMessage(len(m.Payload))
	payload := append(c.Payload[:0], m.Payload...)
	*c = *m
	c.Payload = payload
	return c
}

// StatusNone is the status code of a close frame that carries none (RFC 6455,
// section 7.4.1).
const StatusNone = 1005

// CloseStatus returns the status code and reason of a close frame: StatusNone
// where it carries no code, and 0 for any other message.
func (m *Message) CloseStatus() (code int, reason string) {
	switch {
	case m.Opcode != Close:
		return 0, ""
	case len(m.Payload) < 2:
		return StatusNone, ""
	}
	return int(binary.BigEndian.Uint16(m.Payload)), string(m.Payload[2:])
}
