// Package frame reads WebSocket frames as they are on the wire (RFC 6455,
// section 5): headers, the masking, and the UTF-8 of text that comes in pieces.
// It keeps no state of a connection.
package frame

import (
	"encoding/binary"
	"math"
)

// MaxHeader is the length of the longest frame header in bytes.
const MaxHeader = 14

// The opcodes (RFC 6455, section 11.8).
const (
	Continuation = 0x0
	Text         = 0x1
	Binary       = 0x2
	Close        = 0x8
	Ping         = 0x9
	Pong         = 0xA
)

// RSV1 is the reserved bit that marks a compressed message (RFC 7692, section
// 6), as in a frame's first byte.
const RSV1 = 0x40

// MaxControl is the longest payload of a control frame in bytes (RFC 6455,
// section 5.5).
const MaxControl = 125

const (
	fin          = 0x80
	reservedBits = 0x70
)

// A Header is that of a frame (RFC 6455, section 5.2).
type Header struct {
	First  byte // FIN, reserved bits, opcode
	Masked bool
	Size   uint8  // bytes of the header itself
	form   uint8  // bits of the length's form: 7, 16 or 64
	Key    uint32 // as [Mask] takes it; 0 where there is none
	Length int64  // of the payload, in bytes
}

// Fin says that the frame is the last one of its message.
func (h *Header) Fin() bool { return h.First&fin != 0 }

// RSV returns the reserved bits, in their place in the first byte.
func (h *Header) RSV() byte { return h.First & reservedBits }

// Opcode returns the opcode, 0 to 15.
func (h *Header) Opcode() byte { return h.First & 0xf }

// Control says that this is a control frame.
func (h *Header) Control() bool { return h.First&8 != 0 }

// Parse reads the header that b begins with and returns its length, 0 where b
// ends inside it. A length of 2^63 and more, which is forbidden, becomes the
// largest int64.
func (h *Header) Parse(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	h.First = b[0]
	h.Masked = b[1]&0x80 != 0
	h.Length = int64(b[1] & 0x7f)
	h.form = 7
	n := 2
	switch h.Length {
	case 126:
		if len(b) < 4 {
			return 0
		}
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
		h.form = 16
		n = 4
	case 127:
		if len(b) < 10 {
			return 0
		}
		h.Length = int64(min(binary.BigEndian.Uint64(b[2:]), math.MaxInt64))
		h.form = 64
		n = 10
	}
	h.Key = 0
	if h.Masked {
		if len(b) < n+4 {
			return 0
		}
		h.Key = binary.LittleEndian.Uint32(b[n:])
		n += 4
	}
	h.Size = uint8(n)
	return n
}

// shortest returns the least length that needs the form used.
func (h *Header) shortest() int64 {
	switch h.form {
	case 16:
		return 126
	case 64:
		return 1 << 16
	}
	return 0
}

// Legal says whether a header follows the rules of RFC 6455, section 5, and RFC
// 7692 as far as it can be seen without knowing what came before: reserved bits
// and opcodes, the shortest form of the length, whole and short control frames.
func (h *Header) Legal() bool {
	if h.RSV()&^RSV1 != 0 || h.RSV() != 0 && (h.Opcode() == Continuation || h.Control()) || h.Opcode()&7 > 2 || h.Length < h.shortest() {
		return false
	}
	return !h.Control() || h.Fin() && h.Length <= MaxControl
}

// Plausible says whether b can be the first byte of a frame on a connection
// without other extensions than permessage-deflate.
func Plausible(b byte) bool {
	switch b {
	case 0x00, 0x01, 0x02, 0x41, 0x42, 0x80, 0x81, 0x82, 0xc1, 0xc2, 0x88, 0x89, 0x8a:
		return true
	}
	return false
}
