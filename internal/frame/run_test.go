package frame

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// appendFrame appends a frame that says it has n bytes of payload.
func appendFrame(b []byte, first byte, n int, masked bool, key uint32, payload []byte) []byte {
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	switch {
	case n < 126:
		b = append(b, first, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, first, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, first, mask|127), uint64(n))
	}
	if masked {
		b = binary.LittleEndian.AppendUint32(b, key)
	}
	at := len(b)
	b = append(b, payload...)
	Mask(b[at:], b[at:], key)
	return b
}

// oneByOne is ReadRun as Parse and ASCII make it.
func oneByOne(b []byte, limit int) (r Run) {
	for {
		var h Header
		rest := b[r.Size:]
		n := h.Parse(rest)
		if n == 0 || h.First != WholeText && h.First != WholeBinary || h.Length > int64(len(rest)-n) || h.Length > int64(limit) {
			return r
		}
		size := int(h.Length)
		r.Size += n + size
		r.Bytes += size
		r.First, r.Largest = h.First, max(r.Largest, size)
		switch {
		case h.First == WholeBinary:
			r.Binary++
		case ASCII(rest[n:n+size], h.Key):
			r.Text++
		default:
			r.Text++
			r.Doubt = n + size
			return r
		}
	}
}

func TestReadRun(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	sizes := []int{0, 1, 3, 7, 8, 9, 31, 32, 33, 63, 64, 65, 125, 126, 127, 300, 1 << 16}
	ends := 0
	for range 20_000 {
		var b []byte
		for range rng.IntN(4) {
			size := sizes[rng.IntN(len(sizes))]
			p := make([]byte, size)
			if size > 0 && rng.IntN(4) == 0 {
				p[rng.IntN(size)] = 0x80
			}
			first := []byte{WholeText, WholeText, WholeBinary, 0x01, 0xc1, 0x88}[rng.IntN(6)]
			said := size
			if rng.IntN(8) == 0 {
				said += 1 + rng.IntN(200)
			}
			key := rng.Uint32()
			masked := rng.IntN(2) == 0
			if !masked {
				key = 0
			}
			b = appendFrame(b, first, said, masked, key, p)
		}
		b = b[:len(b)-min(len(b), rng.IntN(8)*rng.IntN(2))]
		limit := []int{1 << 20, 125, 64}[rng.IntN(3)]
		got, want := ReadRun(b, limit), oneByOne(b, limit)
		if got != want {
			t.Fatalf("%x, at most %d: %+v, want %+v", b, limit, got, want)
		}
		if want.Size > 0 && want.Size < len(b) {
			ends++
		}
	}
	if ends < 1000 {
		t.Errorf("only %d runs ended before their bytes", ends)
	}
}

func FuzzReadRun(f *testing.F) {
	f.Add(appendFrame(nil, WholeText, 5, true, 0x01020304, []byte("hello")), 100)               // masked
	f.Add([]byte{WholeText, 0, WholeBinary, 1, 0xff, WholeText, 2, 0xc3, 0xa9}, 100)            // in doubt at the end
	f.Add(append([]byte{WholeText, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 40)...), 1000) // more than there can be
	f.Add(appendFrame(nil, WholeText, 300, false, 0, make([]byte, 300)), 299)                   // over the limit
	f.Add([]byte{WholeText, 0x81, 1, 2, 3}, 100)                                                // ends in the key
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		limit = max(limit, 0)
		if got, want := ReadRun(b, limit), oneByOne(b, limit); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

func BenchmarkReadRun(b *testing.B) {
	var run []byte
	for range 20 {
		run = appendFrame(run, WholeText, 60, true, 0x01020304, make([]byte, 60))
	}
	for _, how := range []struct {
		name string
		read func([]byte, int) Run
	}{{"run", ReadRun}, {"one-by-one", oneByOne}} {
		b.Run(how.name, func(b *testing.B) {
			b.SetBytes(int64(len(run)))
			b.ReportAllocs()
			for b.Loop() {
				if r := how.read(run, 1<<20); r.Text != 20 {
					b.Fatal(r)
				}
			}
		})
	}
}
