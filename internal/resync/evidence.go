package resync

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/frame"
	"github.com/wstap/wstap/internal/inflate"
)

// What tests cost, in bytes tested.
const (
	stepWork    = 16 // to look at a header
	inflateWork = 64 // to inflate a byte
)

const (
	// maxInflated bounds the compressed payload that is tested, and maxOutput what
	// it becomes.
	maxInflated = 8 << 10
	maxOutput   = 64 << 10
)

// A Tester judges payloads. It keeps scratch memory only, so that one serves all
// Searches of a goroutine.
type Tester struct {
	Inflater *inflate.Decoder
	plain    []byte
}

// evidence says how much a frame's payload speaks for it, or that it cannot be
// one, and what it cost to find out.
func (t *Tester) evidence(f *frame.Header, payload []byte) (bits, work int, ok bool) {
	if f.Masked || f.RSV() != 0 {
		if n := len(payload) + inflate.Pad; cap(t.plain) < n {
			t.plain = make([]byte, max(n, 2*cap(t.plain), 4096))
		}
		plain := t.plain[:len(payload)]
		frame.Mask(plain, payload, f.Key)
		payload = plain
	}
	switch {
	case f.RSV() != 0:
		return t.compressed(f, payload)
	case f.Opcode() == frame.Close && len(payload) > 0:
		if len(payload) < 2 {
			return 0, 0, false
		}
		code := binary.BigEndian.Uint16(payload)
		return 10, 0, (code >= 1000 && code < 1016 || code >= 3000 && code < 5000) && utf8.Valid(payload[2:])
	case f.Opcode() == frame.Text && f.Fin():
		return textBits(payload, f.Masked), 0, true
	}
	return 0, 0, true
}

// compressed judges a compressed payload.
func (t *Tester) compressed(f *frame.Header, payload []byte) (bits, work int, ok bool) {
	if !f.Fin() || len(payload) > maxInflated {
		return 0, 0, true
	}
	out, err := t.Inflater.Message(payload, nil, maxOutput)
	work = inflateWork*len(payload) + len(out)
	switch err {
	case nil, inflate.ErrLimit:
		// Random bits come to an end of a block too, but seldom just there.
		bits = min(8, len(payload))
		if f.Opcode() == frame.Text && err == nil {
			if !utf8.Valid(out) {
				return 0, work, false
			}
			bits += min(16, len(out))
		}
		return bits, work, true
	case inflate.ErrHistory:
		return 0, work, true
	}
	return 0, work, false
}

// textBits judges the payload of a text frame.
func textBits(b []byte, masked bool) int {
	if !utf8.Valid(b) {
		return -16
	}
	if masked {
		for _, ch := range b {
			if ch < ' ' && ch != '\t' && ch != '\n' && ch != '\r' || ch == 0x7f {
				return 0
			}
		}
		return min(24, len(b))
	}
	n := len(b)
	if n >= 2 && (b[0] == '{' && b[n-1] == '}' || b[0] == '[' && b[n-1] == ']') {
		return 8
	}
	return min(4, n)
}

// headerBits says how much a header speaks for itself.
func headerBits(f *frame.Header, usual byte) (n int) {
	switch b := f.First; b {
	case usual:
		n = 7
	case 0x00:
	case 0x01, 0x02, 0x41, 0x42:
		n = 3
	default:
		n = 5
	}
	if f.Masked {
		n++
	}
	return n
}
