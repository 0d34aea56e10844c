package inflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// deflater compresses messages as RFC 7692 says, with context takeover.
type deflater struct {
	buf bytes.Buffer
	w   *flate.Writer
}

func newDeflater(level int) *deflater {
	d := &deflater{}
	d.w, _ = flate.NewWriter(&d.buf, level)
	return d
}

func (d *deflater) message(b []byte) []byte {
	d.buf.Reset()
	d.w.Write(b)
	d.w.Flush()
	return bytes.TrimSuffix(bytes.Clone(d.buf.Bytes()), []byte{0, 0, 0xff, 0xff})
}

// sample returns n bytes of one of several natures.
func sample(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+64)
	switch r.IntN(5) {
	case 0:
		for len(b) < n {
			b = append(b, byte(r.Uint32()))
		}
	case 1:
		for len(b) < n {
			b = fmt.Appendf(b, `{"type":"say","n":%d,"content":"hi, all !"}`, r.IntN(1000))
		}
	case 2:
		b = append(b, strings.Repeat("x", n)...)
	case 3:
		for len(b) < n {
			b = append(b, byte(r.NormFloat64()*20+100))
		}
	case 4:
		for len(b) < n {
			c := byte(r.Uint32())
			for range r.IntN(9) {
				b = append(b, c, c>>1)
			}
		}
	}
	return b[:n]
}

func TestAgainstFlate(t *testing.T) {
	for level := flate.HuffmanOnly; level <= 9; level++ {
		t.Run(fmt.Sprint(level), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(level+9)))
			var d Decoder
			var w Window
			c := newDeflater(level)
			for i := range 150 {
				want := sample(r, []int{0, 1, 5, 100, 1000, 33000, 100000}[r.IntN(7)]+r.IntN(10))
				got, err := d.Message(c.message(want), &w, 1<<20)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("message %d of %d bytes: %v, got %d bytes", i, len(want), err, len(got))
				}
			}
		})
	}
}
