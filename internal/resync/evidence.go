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
	window   inflate.Window
	plain    []byte
}

// unmask returns a frame's payload unmasked, valid until the next call.
func (t *Tester) unmask(f *frame.Header, payload []byte) []byte {
	if n := len(payload) + inflate.Pad; cap(t.plain) < n {
		t.plain = make([]byte, max(n, 2*cap(t.plain), 4096))
	}
	plain := t.plain[:len(payload)]
	frame.Mask(plain, payload, f.Key)
	return plain
}

// evidence says how much a frame's payload speaks for it, or that it cannot be
// one, and what it cost to find out.
func (t *Tester) evidence(f *frame.Header, payload []byte) (bits, work int, ok bool) {
	if f.Masked || f.RSV() != 0 {
		payload = t.unmask(f, payload)
	}
	// What a key makes sense of was masked with it, unless the key does nothing.
	masked := f.Masked && f.Key != 0
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
		return textBits(payload, masked), 0, true
	case f.Opcode() == frame.Binary && f.Fin():
		return binaryBits(payload, masked), 0, true
	case f.Opcode() == frame.Text && masked:
		return max(0, textBits(trimRune(payload), true)), 0, true
	case f.Opcode() == frame.Continuation && (masked || f.Fin()):
		return max(0, textBits(trimRune(payload), masked)), 0, true
	}
	return 0, 0, true
}

// trimRune returns b without the parts of characters at its ends.
func trimRune(b []byte) []byte {
	for i := 0; i < utf8.UTFMax-1 && len(b) > 0 && !utf8.RuneStart(b[0]); i++ {
		b = b[1:]
	}
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if last := b[len(b)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				b = b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// compressed judges a compressed payload. What it refers back to is not known.
func (t *Tester) compressed(f *frame.Header, payload []byte) (bits, work int, ok bool) {
	if !f.Fin() || len(payload) > maxInflated {
		return 0, 0, true
	}
	t.window.Forget()
	out, err := t.Inflater.Message(payload, &t.window, maxOutput)
	work = inflateWork*len(payload) + len(out)
	if err != nil && err != inflate.ErrLimit {
		return 0, work, false
	}
	// Random bits come to an end of a block too, but seldom just there.
	bits = min(8, len(payload))
	if f.Opcode() == frame.Text && err == nil {
		known, ok := t.knownText(out)
		if !ok {
			return 0, work, false
		}
		bits += min(16, known)
	}
	return bits, work, true
}

// knownText returns how much the known bytes of an inflated text speak for it, or
// that they are no text.
func (t *Tester) knownText(out []byte) (bits int, ok bool) {
	_, miss := t.Inflater.Unknown()
	for i := 0; i < len(out); {
		end := i
		for end < len(out) && (miss == nil || !miss[end]) {
			end++
		}
		run := out[i:end]
		if miss != nil {
			run = trimRune(run)
		}
		n := textBits(run, true)
		if n < 0 {
			return 0, false
		}
		bits += n
		for i = end; i < len(out) && miss[i]; i++ {
		}
	}
	return bits, true
}

// binaryBits judges the payload of a binary frame: many are one packet of MQTT.
func binaryBits(b []byte, masked bool) int {
	if len(b) >= 2 && b[0]>>4 >= 1 && b[0]>>4 <= 14 && (b[0]>>4 == 3 || b[0]&15 == 0 || b[0]&15 == 2) {
		if n, length := binary.Uvarint(b[1:]); length > 0 && length <= 4 && n == uint64(len(b)-1-length) {
			if masked {
				return 10
			}
			return 6
		}
	}
	return 0
}

// subscribes says whether a frame may be a SUBSCRIBE packet of MQTT, whose first
// byte is that of a binary frame.
func subscribes(f *frame.Header, payload []byte) bool {
	return f.First == 0x82 && len(payload) >= 6 && int(binary.BigEndian.Uint16(payload[2:])) <= len(payload)-5 && payload[len(payload)-1] <= 2
}

// textBits judges a text. What is masked can hardly be a text by chance; of what is
// not, all of a protocol may be text.
func textBits(b []byte, masked bool) int {
	good, odd := 0, 0 // in fifths of a bit
	for i := 0; i < len(b) && i < 256; {
		c := b[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return -16
			}
			good += 20 * (n - 1)
			i += n
			continue
		}
		switch i++; {
		case c >= ' ' && c != 0x7f, c == '\n', c == '\r', c == '\t':
			good += 7
		case (c == 0 || c == 0x1e) && i == len(b): // ends STOMP's and SignalR's
		default:
			odd++
		}
	}
	if odd > 0 || !utf8.Valid(b) {
		if !utf8.Valid(b) {
			return -16
		}
		return 0
	}
	if masked {
		return min(28, good/5)
	}
	return min(16, good/5)
}

// headerBits says how much a header speaks for itself.
func headerBits(f *frame.Header, usual byte) (n int) {
	switch f.First {
	case 0x81, 0xc1:
		n = 7
	case 0x82, 0xc2:
		n = 6
	case 0x00:
	case 0x01, 0x02, 0x41, 0x42:
		n = 3
	default:
		n = 5
	}
	if f.First == usual && usual != 0 {
		n = 7
	}
	if f.Masked {
		n++
	}
	return n
}
