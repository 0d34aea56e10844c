package frame

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestMask compares Mask and ASCII with one byte after the other, at every
// length that takes another way, in place and not.
func TestMask(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 140 {
		for range 20 {
			key := r.Uint32()
			if r.IntN(4) == 0 {
				key = 0
			}
			plain := make([]byte, n)
			for i := range plain {
				plain[i] = byte(r.Uint32()) & 0x7f
			}
			wantASCII := true
			if n > 0 && r.IntN(2) == 0 {
				plain[r.IntN(n)] |= 0x80
				wantASCII = false
			}
			masked := bytes.Clone(plain)
			for i := range masked {
				masked[i] ^= byte(key >> (8 * (i & 3)))
			}
			if got := ASCII(masked, key); got != wantASCII {
				t.Fatalf("ascii of %d bytes: %v", n, got)
			}
			dst := make([]byte, n+3)
			if got := Mask(dst, masked, key); got != wantASCII || !bytes.Equal(dst[:n], plain) || !bytes.Equal(dst[n:], make([]byte, 3)) {
				t.Fatalf("%d bytes with key %#x: %v, %x, want %x", n, key, got, dst, plain)
			}
			if got := Mask(masked, masked, key); got != wantASCII || !bytes.Equal(masked, plain) {
				t.Fatalf("%d bytes in place with key %#x: %v, %x, want %x", n, key, got, masked, plain)
			}
		}
	}
}

func BenchmarkASCII(b *testing.B) {
	src := make([]byte, 60)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if !ASCII(src, 0x01020304) {
			b.Fatal("zeros under a key of ASCII are ASCII")
		}
	}
}
