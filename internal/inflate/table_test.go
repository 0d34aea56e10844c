package inflate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// lengths returns n code lengths, all 0 but those given as symbol, length.
func lengths(n int, pairs ...int) []uint8 {
	l := make([]uint8, n)
	for i := 0; i < len(pairs); i += 2 {
		l[pairs[i]] = uint8(pairs[i+1])
	}
	return l
}

func TestHandmade(t *testing.T) {
	lit, dist := fixedCodes()
	fixed := func() *bitWriter { return new(bitWriter).put(0, 1).put(1, 2) }
	two := lengths(258, 'a', 2, 'b', 2, 256, 2, 257, 2) // a, b, the end, a match of 3
	twoC := canonical(two)
	one := lengths(1, 0, 1)
	all15 := lengths(286)
	for i := range 14 { // 1, 2, ... 14, 15, 15 bits
		all15['a'+i] = uint8(i + 1)
	}
	all15[256], all15[285] = 15, 15
	all15C := canonical(all15)
	pre := func(order ...uint) *bitWriter { // a dynamic block's header and code length code
		w := new(bitWriter).put(0, 1).put(2, 2).put(0, 5).put(0, 5).put(uint(len(order)-4), 4)
		for _, l := range order {
			w.put(l, 3)
		}
		return w
	}
	long := bytes.Repeat([]byte("x"), 1<<16-1)

	tests := []struct {
		name string
		src  []byte
		want string
		err  error
	}{
		{"nothing", nil, "", nil},
		{"an empty message as RFC 7692 has it", []byte{0}, "", nil},
		{"RFC 7692, 7.2.3.1", []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}, "Hello", nil},
		{"RFC 7692, 7.2.3.3, stored", []byte{0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00}, "Hello", nil},
		{"RFC 7692, 7.2.3.4, final", []byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}, "Hello", nil},
		{"RFC 7692, 7.2.3.5, two blocks", []byte{0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00}, "Hello", nil},
		{"the tail left on", []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff}, "Hello", nil},
		{"final, nothing behind", new(bitWriter).put(1, 1).put(1, 2).symbol(lit, 'a').symbol(lit, 256).b, "a", nil},
		{"final, then more", new(bitWriter).put(1, 1).put(1, 2).symbol(lit, 'a').symbol(lit, 256).align().
			put(0, 1).put(1, 2).length(lit, 3).distance(dist, 1).symbol(lit, 256).sync(), "aaaa", nil},
		{"stored, all it can", new(bitWriter).put(0, 3).raw(0xff, 0xff, 0, 0).raw(long...).sync(), string(long), nil},
		{"stored, lengths differ", new(bitWriter).put(0, 3).raw(1, 0, 0xff, 0xff, 'a').sync(), "", ErrCorrupt},
		{"stored, cut", new(bitWriter).put(0, 3).raw(5, 0, 0xfa, 0xff, 'a', 'b').b, "ab", ErrShort},
		{"block type 3", new(bitWriter).put(0, 1).put(3, 2).sync(), "", ErrCorrupt},

		{"fixed, cut", fixed().symbol(lit, 'a').symbol(lit, 'b').b[:2], "", ErrShort},
		{"fixed, symbol 286", fixed().symbol(lit, 'a').symbol(lit, 286).sync(), "a", ErrCorrupt},
		{"fixed, symbol 287", fixed().symbol(lit, 287).sync(), "", ErrCorrupt},
		{"fixed, distance 30", fixed().symbol(lit, 'a').length(lit, 3).symbol(dist, 30).sync(), "a", ErrCorrupt},
		{"fixed, distance 31", fixed().symbol(lit, 'a').length(lit, 3).symbol(dist, 31).sync(), "a", ErrCorrupt},
		{"fixed, too far by one", fixed().symbol(lit, 'a').length(lit, 3).distance(dist, 2).sync(), "a", ErrHistory},
		{"fixed, too far by all", fixed().symbol(lit, 'a').length(lit, 3).distance(dist, 32768).sync(), "a", ErrHistory},
		{"fixed, nothing to refer to", fixed().length(lit, 3).distance(dist, 1).sync(), "", ErrHistory},
		{"fixed, a long run", fixed().symbol(lit, 'a').length(lit, 258).distance(dist, 1).length(lit, 258).distance(dist, 7).
			symbol(lit, 256).sync(), string(bytes.Repeat([]byte("a"), 517)), nil},

		{"dynamic", new(bitWriter).header(two, one).symbol(twoC, 'a').symbol(twoC, 'b').symbol(twoC, 256).sync(), "ab", nil},
		{"dynamic, one distance code", new(bitWriter).header(two, one).symbol(twoC, 'a').symbol(twoC, 257).put(0, 1).
			symbol(twoC, 256).sync(), "aaaa", nil},
		{"dynamic, the other distance code", new(bitWriter).header(two, one).symbol(twoC, 'a').symbol(twoC, 257).put(1, 1).
			symbol(twoC, 256).sync(), "a", ErrCorrupt},
		{"dynamic, no distance code, none used", new(bitWriter).header(two, lengths(1)).symbol(twoC, 'a').symbol(twoC, 256).sync(), "a", nil},
		{"dynamic, no distance code, one used", new(bitWriter).header(two, lengths(1)).symbol(twoC, 'a').symbol(twoC, 257).put(0, 9).sync(), "a", ErrCorrupt},
		{"dynamic, one distance code of two bits", new(bitWriter).header(two, lengths(1, 0, 2)).sync(), "", ErrCorrupt},
		{"dynamic, incomplete distance codes", new(bitWriter).header(two, lengths(2, 0, 1, 1, 2)).sync(), "", ErrCorrupt},
		{"dynamic, three distance codes of one bit", new(bitWriter).header(two, lengths(3, 0, 1, 1, 1, 2, 1)).sync(), "", ErrCorrupt},
		{"dynamic, only the end", new(bitWriter).header(lengths(257, 256, 1), one).put(0, 1).sync(), "", nil},
		{"dynamic, only the end, the other code", new(bitWriter).header(lengths(257, 256, 1), one).put(1, 1).sync(), "", ErrCorrupt},
		{"dynamic, no end", new(bitWriter).header(lengths(257, 'a', 1, 'b', 1), one).put(0, 5).sync(), "aaaaaaaaaaaa", ErrShort},
		{"dynamic, no literals", new(bitWriter).header(lengths(257), one).put(0, 9).sync(), "", ErrCorrupt},
		{"dynamic, incomplete", new(bitWriter).header(lengths(257, 'a', 1, 256, 2), one).put(0, 9).sync(), "", ErrCorrupt},
		{"dynamic, oversubscribed", new(bitWriter).header(lengths(257, 'a', 1, 'b', 1, 256, 2), one).put(0, 9).sync(), "", ErrCorrupt},
		{"dynamic, 287 literals", new(bitWriter).put(0, 1).put(2, 2).put(30, 5).put(0, 5).put(15, 4).sync(), "", ErrCorrupt},
		{"dynamic, 31 distances", new(bitWriter).put(0, 1).put(2, 2).put(0, 5).put(30, 5).put(15, 4).sync(), "", ErrCorrupt},
		{"dynamic, codes of 15 bits", new(bitWriter).header(all15, one).symbol(all15C, 'a').symbol(all15C, 'n').symbol(all15C, 285).put(0, 1).
			symbol(all15C, 'h').symbol(all15C, 256).sync(), "an" + string(bytes.Repeat([]byte("n"), 258)) + "h", nil},

		// The code length code; its lengths come for 16, 17, 18, 0, 8, ...
		{"code lengths, empty", pre(0, 0, 0, 0).put(0, 60).sync(), "", ErrCorrupt},
		{"code lengths, incomplete", pre(0, 0, 2, 2).put(0, 60).sync(), "", ErrCorrupt},
		{"code lengths, oversubscribed", pre(1, 1, 1, 1).put(0, 60).sync(), "", ErrCorrupt},
		{"code lengths, nothing to repeat", pre(1, 0, 1, 0).put(0, 60).sync(), "", ErrCorrupt},
		{"code lengths, only zeros", pre(0, 0, 1, 0).put(0, 1).put(127, 7).put(0, 1).put(109, 7).sync(), "", ErrCorrupt},
		{"code lengths, too many", pre(0, 0, 1, 0).put(0, 1).put(127, 7).put(0, 1).put(127, 7).sync(), "", ErrCorrupt},
		{"code lengths, the missing code", pre(0, 0, 1, 0).put(1, 1).sync(), "", ErrCorrupt},
		{"code lengths, cut", pre(0, 0, 0, 1, 1).b, "", ErrShort},
	}
	for _, tt := range tests {
		for _, pad := range []int{0, Pad} { // with and without spare capacity
			var d Decoder
			src := append(make([]byte, 0, len(tt.src)+pad), tt.src...)
			got, err := d.Message(src, nil, 1<<20)
			if string(got) != tt.want || err != tt.err {
				t.Errorf("%s: %.40q, %v; want %.40q, %v", tt.name, got, err, tt.want, tt.err)
			}
			compare(t, tt.src, nil)
		}
	}
}

// randomLengths returns the code lengths of a random complete code of at most
// max bits, for some of n symbols.
func randomLengths(r *rand.Rand, n, max int) []uint8 {
	leaves := []uint8{0}
	for want := 2 + r.IntN(n-1); len(leaves) < want; {
		// Splitting often the last leaf makes long codes.
		i := r.IntN(len(leaves))
		if r.IntN(3) == 0 {
			i = len(leaves) - 1
		}
		if int(leaves[i]) == max {
			if i = r.IntN(len(leaves)); int(leaves[i]) == max {
				want--
				continue
			}
		}
		leaves[i]++
		leaves = append(leaves, leaves[i])
	}
	l := make([]uint8, n)
	for i, s := range r.Perm(n)[:len(leaves)] {
		l[s] = leaves[i]
	}
	return l
}

// TestRandomCodes decodes blocks whose codes are random: all shapes of tables.
func TestRandomCodes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 600 {
		lit, dist := randomLengths(r, 286, 15), randomLengths(r, 30, 15)
		if lit[256] == 0 {
			for s, l := range lit {
				if l != 0 { // any other symbol gives its code away
					lit[256], lit[s] = l, 0
					break
				}
			}
		}
		litC, distC := canonical(lit), canonical(dist)
		w := new(bitWriter).header(lit, dist)
		var want []byte
		for range 200 {
			s := r.IntN(286)
			if lit[s] == 0 || s == 256 {
				continue
			}
			if s < 256 {
				want = append(want, byte(s))
				w.symbol(litC, s)
				continue
			}
			e := litSymbols[s]
			x := r.IntN(1 << (e & 0xff))
			ds := r.IntN(30)
			f := distSymbols[ds]
			y := r.IntN(1 << (f & 0xff))
			length, back := int(e>>16)+x, int(f>>16)+y
			if dist[ds] == 0 || back > len(want) {
				continue
			}
			w.symbol(litC, s).put(uint(x), uint(e&0xff)).symbol(distC, ds).put(uint(y), uint(f&0xff))
			for range length {
				want = append(want, want[len(want)-back])
			}
		}
		src := w.symbol(litC, 256).sync()
		var d Decoder
		got, err := d.Message(src, nil, 1<<20)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v; want %d\nliterals %v\ndistances %v", len(got), err, len(want), lit, dist)
		}
		compare(t, src, nil)
	}
}

// TestWindowSizes writes streams that use just the history that was negotiated,
// and one byte more.
func TestWindowSizes(t *testing.T) {
	lit, dist := fixedCodes()
	for bits := 9; bits <= 15; bits++ {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, uint64(bits)))
			var d Decoder
			var win Window
			win.Limit(bits)
			var all []byte // the stream's output
			for range 200 {
				w := new(bitWriter).put(0, 1).put(1, 2)
				begin := len(all)
				for range r.IntN(60) {
					back := 1 + r.IntN(1<<bits)
					if r.IntN(4) == 0 {
						back = 1 << bits
					}
					if back > len(all) || r.IntN(3) == 0 {
						c := byte(r.Uint32())
						w.symbol(lit, int(c))
						all = append(all, c)
						continue
					}
					n := 3 + r.IntN(256)
					w.length(lit, n).distance(dist, back)
					for range n {
						all = append(all, all[len(all)-back])
					}
				}
				got, err := d.Message(w.symbol(lit, 256).sync(), &win, 1<<20)
				if err != nil || !bytes.Equal(got, all[begin:]) {
					t.Fatalf("message at %d: %d bytes, %v; want %d", begin, len(got), err, len(all)-begin)
				}
				if win.Size() > 2<<bits+512 {
					t.Fatalf("a window of %d bytes holds %d", 1<<bits, win.Size())
				}
			}
			if bits == 15 {
				return // no distance is greater
			}
			w := new(bitWriter).put(0, 1).put(1, 2).length(lit, 3).distance(dist, 1<<bits+1).symbol(lit, 256)
			if _, err := d.Message(w.sync(), &win, 1<<20); err != ErrHistory {
				t.Errorf("one byte too far: %v", err)
			}
			// The error cost the history.
			w = new(bitWriter).put(0, 1).put(1, 2).length(lit, 3).distance(dist, 1).symbol(lit, 256)
			out, err := d.Message(w.sync(), &win, 1<<20)
			if n, miss := d.Unknown(); err != nil || !bytes.Equal(out, make([]byte, 3)) || n != 3 || len(miss) != 3 {
				t.Errorf("after an error: %q, %d unknown, %v", out, n, err)
			}
		})
	}
}
