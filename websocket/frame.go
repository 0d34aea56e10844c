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
	fin    bool
	masked bool
	rsv    uint8 // the reserved bits, in place
	opcode Opcode
	key    uint32 // as unmask takes it
	size   uint8  // of the length's form: 7, 16 or 64 bits
	bytes  uint8  // of the header itself
	length int64
}

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

// first returns the header's first byte.
func (h *header) first() byte {
	b := byte(h.opcode) | h.rsv
	if h.fin {
		b |= 0x80
	}
	return b
}

// parse reads the header that b begins with and returns its length, 0 where b
// ends inside it.
func (h *header) parse(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	b0, b1 := b[0], b[1]
	n := 2
	length := int64(b1 & 0x7f)
	h.size = 7
	if length >= 126 {
		if length == 126 {
			if len(b) < 4 {
				return 0
			}
			length = int64(binary.BigEndian.Uint16(b[2:]))
			n = 4
			h.size = 16
		} else {
			if len(b) < 10 {
				return 0
			}
			u := binary.BigEndian.Uint64(b[2:])
			if u > math.MaxInt64 {
				u = math.MaxInt64 // forbidden; all that follows is payload
			}
			length = int64(u)
			n = 10
			h.size = 64
		}
	}
	h.fin = b0&0x80 != 0
	h.rsv = b0 & rsvs
	h.opcode = Opcode(b0 & 0xf)
	h.length = length
	h.masked = b1&0x80 != 0
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
