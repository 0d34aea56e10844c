package websocket

import (
	"encoding/binary"
	"math"
)

// maxHeader is the length of the longest frame header.
const maxHeader = 14

// The reserved bits of a frame, as in its first byte.
const (
	rsv1 = 0x40
	rsvs = 0x70
)

// A header is that of a frame (RFC 6455, section 5.2).
type header struct {
	first  byte // FIN, reserved bits, opcode
	masked bool
	size   uint8  // of the length's form: 7, 16 or 64 bits
	bytes  uint8  // of the header itself
	key    uint32 // as unmask takes it; 0 where there is none
	length int64
}

func (h *header) fin() bool      { return h.first&0x80 != 0 }
func (h *header) rsv() byte      { return h.first & rsvs } // the reserved bits, in place
func (h *header) opcode() Opcode { return Opcode(h.first & 0xf) }

// shortest returns the least length that needs the form used.
func (h *header) shortest() int64 {
	switch h.size {
	case 16:
		return 126
	case 64:
		return 1 << 16
	}
	return 0
}

// parse reads the header that b begins with and returns its length, 0 where b
// ends inside it.
func (h *header) parse(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	h.first = b[0]
	h.masked = b[1]&0x80 != 0
	h.length = int64(b[1] & 0x7f)
	h.size = 7
	n := 2
	switch h.length {
	case 126:
		if len(b) < 4 {
			return 0
		}
		h.length = int64(binary.BigEndian.Uint16(b[2:]))
		h.size = 16
		n = 4
	case 127:
		if len(b) < 10 {
			return 0
		}
		// The highest bit is forbidden; all that follows is payload then.
		h.length = int64(min(binary.BigEndian.Uint64(b[2:]), math.MaxInt64))
		h.size = 64
		n = 10
	}
	h.key = 0
	if h.masked {
		if len(b) < n+4 {
			return 0
		}
		h.key = binary.LittleEndian.Uint32(b[n:])
		n += 4
	}
	h.bytes = uint8(n)
	return n
}
