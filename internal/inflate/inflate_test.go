package inflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/wstap/wstap/internal/testkit"
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
			for i := range 40 {
				want := sample(r, []int{0, 1, 5, 100, 1000, 33000, 100000}[r.IntN(7)]+r.IntN(10))
				got, err := d.Message(c.message(want), &w, 1<<20)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("message %d of %d bytes: %v, got %d bytes", i, len(want), err, len(got))
				}
			}
		})
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(1, seed)) }

// TestLimit cuts messages at limits, and goes on with the history.
func TestLimit(t *testing.T) {
	r := newRand(1)
	n := testkit.Rounds(25, 10, 500)
	for _, limit := range []int{0, 1, 100, 5000, 40000, 200000} {
		var d Decoder
		var w Window
		z := newDeflater(6)
		for i := range n {
			want := sample(r, []int{50, 3000, 100000, 500000}[r.IntN(4)]+r.IntN(10))
			got, err := d.Message(z.message(want), &w, limit)
			if !bytes.Equal(got, want[:min(limit, len(want))]) || (err == ErrLimit) != (len(want) > limit) || err != nil && err != ErrLimit {
				t.Fatalf("limit %d, message %d of %d bytes: %d bytes, %v", limit, i, len(want), len(got), err)
			}
		}
	}
}

// TestBomb has a bomb end soon, and without much memory.
func TestBomb(t *testing.T) {
	src := newDeflater(1).message(make([]byte, 60<<20))
	var d Decoder
	var w Window
	out, err := d.Message(src, &w, 1000)
	if err != ErrLimit || len(out) != 1000 {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if w.known != 0 {
		t.Error("the history of a bomb is said to be known")
	}
	if n := cap(d.scratch) + w.Size(); n > 1<<20 {
		t.Errorf("%d bytes of memory held", n)
	}
}

// TestCut cuts a message everywhere: of what comes before the cut not more is
// lost than the literals of one round of the decoding loop.
func TestCut(t *testing.T) {
	// Rounds as long as they can be with fixed codes: two literals of nine bits,
	// a length and a distance with many extra bits.
	lit, dist := fixedCodes()
	w := new(bitWriter).put(0, 1).put(1, 2)
	n := 0
	for range 200 {
		w.symbol(lit, 200).symbol(lit, 201).length(lit, 250).distance(dist, min(n+2, 1<<15))
		n += 252
	}
	src := w.b
	before := 0
	for cut := range src {
		var d Decoder
		got, err := d.Message(bytes.Clone(src[:cut]), nil, 1<<20)
		if err == nil && cut > 0 || len(got) < before-3 {
			t.Fatalf("%d bytes of %d give %d, %v; one less gave %d", cut, len(src), len(got), err, before)
		}
		before = len(got)
	}
	if before < n-2*252 {
		t.Errorf("%d bytes of %d", before, n)
	}
}

// TestMemory holds Windows against what is in them.
func TestMemory(t *testing.T) {
	r := newRand(1)
	for _, size := range []int{20, 300, 5000, 20000, 200000} {
		var d Decoder
		var w Window
		z := newDeflater(1)
		for total := size; total < 300000; total += size {
			if _, err := d.Message(z.message(chat(r, 1, size)), &w, 1<<20); err != nil {
				t.Fatal(err)
			}
			if known := min(total, maxDist); w.known != known || w.Size() > max(2*known, 64) {
				t.Fatalf("messages of %d bytes: a history of %d bytes of %d takes %d", size, w.known, known, w.Size())
			}
		}
	}
}

// TestNoAllocation inflates as a tap does, without allocating.
func TestNoAllocation(t *testing.T) {
	for _, size := range []int{50, 300, 4 << 10, 100 << 10} {
		if testing.Short() && size > 10000 {
			continue
		}
		n := 200
		if size > 10000 {
			n = 20
		}
		msgs := compressed(size, 1, 3*n, 6, true)
		var d Decoder
		var w Window
		i := 0
		next := func() {
			m := msgs[i]
			i++
			if _, err := d.Message(m, &w, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		for range n {
			next()
		}
		if a := testing.AllocsPerRun(n, next); a != 0 {
			t.Errorf("messages of %d bytes: %v allocations each", size, a)
		}
	}
}

func ExampleDecoder() {
	// Two messages, the second in terms of the first (RFC 7692, section 7.2.3.2).
	var d Decoder
	var w Window
	for _, payload := range [][]byte{
		{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00},
		{0xf2, 0x00, 0x11, 0x00, 0x00},
	} {
		message, err := d.Message(payload, &w, 1<<20)
		fmt.Printf("%s %v\n", message, err)
	}
	// Output:
	// Hello <nil>
	// Hello <nil>
}
