package inflate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/wstap/wstap/internal/testkit"
)

// TestPartial joins a stream late: what is said to be known is what was sent. After
// a Window's length of what is new the Window is whole, and the Decoder fast again.
func TestPartial(t *testing.T) {
	for _, level := range testkit.Rounds([]int{1, 4, 6, 9}, []int{6}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		for _, size := range []int{30, 500, 5000, 40_000} {
			t.Run(fmt.Sprintf("level %d, %d bytes", level, size), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(level), uint64(size)))
				var d Decoder
				var w Window
				c := newDeflater(level)
				for range 1 + 40_000/size {
					c.message(chat(r, 1, size))
				}
				w.Forget()
				const fresh = 30 // the message that refers to nothing before
				for i := range fresh + 10 {
					want := chat(r, 1, size)
					if i == fresh {
						want = make([]byte, 70_000)
						for i := range want {
							want[i] = byte(r.Uint32())
						}
					}
					got, err := d.Message(c.message(want), &w, 1<<20)
					n, miss := d.Unknown()
					if err != nil || len(got) != len(want) || n == 0 != (miss == nil) || miss != nil && len(miss) != len(got) {
						t.Fatalf("message %d: %v, %d bytes of %d, %d unknown of %d", i, err, len(got), len(want), n, len(miss))
					}
					for j := range got {
						if miss != nil && miss[j] {
							n--
							if got[j] != 0 {
								t.Fatalf("message %d: unknown byte is %#x", i, got[j])
							}
						} else if got[j] != want[j] {
							t.Fatalf("message %d: byte %d is %q, said to be %q", i, j, want[j], got[j])
						}
					}
					if n != 0 {
						t.Fatalf("message %d: %d more are said to be unknown", i, n)
					}
					if whole := !w.lost && w.past == nil; whole != (i >= fresh) {
						t.Fatalf("message %d: the Window is whole: %v", i, whole)
					}
					if w.Size() > 6*maxDist {
						t.Fatalf("message %d: %d bytes held", i, w.Size())
					}
				}
			})
		}
	}
}

// TestPartialErrors: what is no DEFLATE is an error here too, and costs what was
// known.
func TestPartialErrors(t *testing.T) {
	var d Decoder
	var w Window
	w.Forget()
	good := newDeflater(6).message([]byte("hello, hello"))
	for _, c := range []struct {
		name string
		src  []byte
		out  string
		err  error
	}{
		{"good", good, "hello, hello", nil},
		{"cut", good[:4], "he", ErrShort},
		{"block type 3", []byte{7}, "", ErrCorrupt},
		{"stored, cut", []byte{0, 5, 0, 0xfa, 0xff, 'a', 'b'}, "ab", ErrShort},
		{"stored, lengths differ", []byte{0, 5, 0, 0xfa, 0xfe, 'a'}, "", ErrCorrupt},
		{"nothing", nil, "", nil},
	} {
		out, err := d.Message(bytes.Clone(c.src), &w, 100)
		if string(out) != c.out && c.name != "cut" || err != c.err {
			t.Errorf("%s: %q, %v", c.name, out, err)
		}
		if err != nil && len(w.past.buf) != 0 {
			t.Errorf("%s: %q is still known", c.name, w.past.buf)
		}
	}
	if out, err := d.Message(bytes.Clone(good), &w, 5); string(out) != "hello" || err != ErrLimit {
		t.Errorf("limit: %q, %v", out, err)
	}
}

// FuzzPartial: a Decoder that knows no history never panics, keeps to its limit,
// and agrees with one for which the data is whole.
func FuzzPartial(f *testing.F) {
	f.Add(newDeflater(6).message([]byte("hello, hello")), byte(3))               // fixed codes
	f.Add(newDeflater(9).message(chat(newRand(1), 1, 3000)), byte(200))          // dynamic ones
	f.Add([]byte{0, 5, 0, 0xfa, 0xff, 'h', 'e', 'l', 'l', 'o', 0}, byte(9))      // stored
	f.Add([]byte{0xf2, 0x00, 0x11, 0x00, 0x00}, byte(9))                         // from the history
	f.Add(newDeflater(1).message(make([]byte, 100_000)), byte(1))                // beyond the limit
	f.Add([]byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0xf3, 0x48, 1, 0}, byte(9)) // a stream that ends
	f.Fuzz(func(t *testing.T, src []byte, limit byte) {
		most := int(limit) << 4
		var whole, late Decoder
		want, wantErr := whole.Message(bytes.Clone(src), nil, most)
		var w Window
		w.Forget()
		got, err := late.Message(bytes.Clone(src), &w, most)
		if len(got) > most {
			t.Fatalf("%d bytes, limit %d", len(got), most)
		}
		if wantErr == nil && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
		late.Message(bytes.Clone(src), &w, most) // with what was learnt
	})
}
