package frame

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name  string
		b     []byte
		n     int
		h     Header
		legal bool
	}{
		{"text", []byte{0x81, 5}, 2, Header{First: 0x81, Size: 2, form: 7, Length: 5}, true},
		{"masked", []byte{0x82, 0x80 | 1, 1, 2, 3, 4}, 6, Header{First: 0x82, Masked: true, Size: 6, form: 7, Key: 0x04030201, Length: 1}, true},
		{"16 bits", []byte{0x02, 126, 0, 126}, 4, Header{First: 0x02, Size: 4, form: 16, Length: 126}, true},
		{"16 bits too many", []byte{0x02, 126, 0, 125}, 4, Header{First: 0x02, Size: 4, form: 16, Length: 125}, false},
		{"64 bits", []byte{0x80, 127, 0, 0, 0, 0, 0, 1, 0, 0}, 10, Header{First: 0x80, Size: 10, form: 64, Length: 1 << 16}, true},
		{"64 bits too many", []byte{0x80, 127, 0, 0, 0, 0, 0, 0, 255, 255}, 10, Header{First: 0x80, Size: 10, form: 64, Length: 65535}, false},
		{"the forbidden bit", append([]byte{0x82, 127}, bytes.Repeat([]byte{0xff}, 8)...), 10, Header{First: 0x82, Size: 10, form: 64, Length: math.MaxInt64}, true},
		{"a long ping", []byte{0x89, 126, 0, 126}, 4, Header{First: 0x89, Size: 4, form: 16, Length: 126}, false},
		{"a ping in fragments", []byte{0x09, 0}, 2, Header{First: 0x09, Size: 2, form: 7}, false},
		{"a reserved opcode", []byte{0x83, 0}, 2, Header{First: 0x83, Size: 2, form: 7}, false},
		{"compressed", []byte{0xc1, 0}, 2, Header{First: 0xc1, Size: 2, form: 7}, true},
		{"RSV1 on a continuation", []byte{0xc0, 0}, 2, Header{First: 0xc0, Size: 2, form: 7}, false},
		{"RSV2", []byte{0xa1, 0}, 2, Header{First: 0xa1, Size: 2, form: 7}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for n := range c.n {
				if new(Header).Parse(c.b[:n]) != 0 {
					t.Errorf("a header in %d of %d bytes", n, c.n)
				}
			}
			var h Header
			if n := h.Parse(append(c.b, "payload"...)); n != c.n || h != c.h || h.Legal() != c.legal {
				t.Errorf("%d, %+v, legal %v", n, h, h.Legal())
			}
		})
	}
}

// FuzzParse: a header that is written again from what was read is the same bytes,
// but for the forbidden highest bit of a length.
func FuzzParse(f *testing.F) {
	f.Add([]byte{0x81, 0x05})                                     // short
	f.Add([]byte{0x81, 0x85, 1, 2, 3, 4})                         // masked
	f.Add([]byte{0x82, 126, 1, 0})                                // 16 bits
	f.Add([]byte{0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4}) // 64 bits, masked
	f.Fuzz(func(t *testing.T, b []byte) {
		var h Header
		n := h.Parse(b)
		if n == 0 {
			if len(b) >= MaxHeader {
				t.Fatalf("no header in %x", b)
			}
			return
		}
		w := []byte{h.First, 0}
		switch h.form {
		case 7:
			w[1] = byte(h.Length)
		case 16:
			w[1] = 126
			w = binary.BigEndian.AppendUint16(w, uint16(h.Length))
		default:
			w[1] = 127
			w = binary.BigEndian.AppendUint64(w, uint64(h.Length))
		}
		if h.Masked {
			w[1] |= 0x80
			w = binary.LittleEndian.AppendUint32(w, h.Key)
		}
		if n != int(h.Size) || !bytes.Equal(w, b[:n]) && h.Length != math.MaxInt64 {
			t.Errorf("%x read as %+v", b[:n], h)
		}
		if h.Legal() && !Plausible(h.First) {
			t.Errorf("%x is legal but not plausible", b[:n])
		}
	})
}
