package inflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"
)

// oracle inflates one message with compress/flate. clean says that it came to
// the end of the tail; late, that it failed no earlier than in the tail.
func oracle(src, history []byte) (out []byte, clean, late bool) {
	const behind = 9 // bytes added
	in := bytes.NewReader(append(append([]byte{}, src...), 0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff))
	all := bytes.Clone(history)
	for {
		r := flate.NewReaderDict(in, all)
		b, err := io.ReadAll(r)
		all = append(all, b...)
		if err != nil {
			var at flate.CorruptInputError
			late = errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &at) && in.Len() <= behind-1
			return all[len(history):], false, late
		}
		// A final block ends the stream; what follows it begins a new one with
		// the same history.
		if in.Len() <= behind {
			return all[len(history):], true, false
		}
	}
}

// compare has a message inflated by both. They must agree in the output and on
// whether it is good, except that ours takes a message without an empty block at
// its end, or with the whole of one, as whole, and that it takes no symbols from
// the tail.
func compare(t *testing.T, src, history []byte) {
	t.Helper()
	var d Decoder
	w := new(Window)
	w.store(history)
	got, err := d.Message(bytes.Clone(src), w, 1<<22)
	want, clean, late := oracle(src, history)
	if len(want) > 1<<22 {
		return
	}
	switch {
	case err == ErrShort && bytes.HasPrefix(want, got):
		// The end came inside a block: compress/flate reads on in the tail, and may
		// see symbols in it. Whole messages are compared by FuzzStream.
	case clean:
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v; flate has %d bytes\nsrc %x", len(got), err, len(want), src)
		}
	case err == nil:
		if !late || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, no error; flate has %d bytes and an error\nsrc %x", len(got), len(want), src)
		}
	default:
		if n := min(len(got), len(want)); !bytes.Equal(got[:n], want[:n]) {
			t.Fatalf("both fail, but of %d and %d bytes the first %d differ\nsrc %x", len(got), len(want), n, src)
		}
	}
	if err != nil && w.known != 0 {
		t.Fatal("history kept after an error")
	}
	if err == nil {
		all := append(bytes.Clone(history), got...)
		if have := w.buf[len(w.buf)-w.known:]; len(have) != min(len(all), maxDist) || !bytes.HasSuffix(all, have) {
			t.Fatalf("the history of %d bytes is not the last of the output", w.known)
		}
	}
}

// store makes b the history.
func (w *Window) store(b []byte) {
	b = b[max(0, len(b)-w.max()):]
	w.buf = append(w.buf[:0], b...)
	w.known = len(b)
}

// FuzzMessage inflates any bytes, and compares with compress/flate.
func FuzzMessage(f *testing.F) {
	lit, dist := fixedCodes()
	f.Add([]byte{}, uint16(0))                                                                                      // nothing
	f.Add([]byte{0}, uint16(0))                                                                                     // an empty message
	f.Add([]byte{0x43}, uint16(53))                                                                                 // a symbol that the tail would complete
	f.Add([]byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}, uint16(0))                                              // a fixed block
	f.Add([]byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}, uint16(0))                                        // a final block
	f.Add([]byte{0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00}, uint16(0))          // a flush in the middle
	f.Add([]byte{0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00}, uint16(0))                      // stored
	f.Add(newDeflater(9).message(chat(newRand(1), 1, 3000)), uint16(0))                                             // dynamic
	f.Add(newDeflater(flate.HuffmanOnly).message(chat(newRand(1), 1, 3000)), uint16(0))                             // no distances
	f.Add(new(bitWriter).put(0, 1).put(1, 2).length(lit, 258).distance(dist, 5).symbol(lit, 256).sync(), uint16(9)) // history
	f.Add(new(bitWriter).put(0, 1).put(1, 2).length(lit, 9).distance(dist, 9).symbol(lit, 256).sync(), uint16(8))   // just beyond it
	f.Add(new(bitWriter).put(1, 1).put(1, 2).symbol(lit, 256).align().put(0, 1).put(1, 2).length(lit, 9).distance(dist, 9).symbol(lit, 256).sync(), uint16(9000))
	f.Fuzz(func(t *testing.T, src []byte, n uint16) {
		history := make([]byte, n)
		for i := range history {
			history[i] = byte(i * i >> 7)
		}
		compare(t, src, history)
	})
}

// FuzzStream sends messages through a flate.Writer, and inflates them. Each byte
// of plan is one: its length, and whether it is flushed in its middle.
func FuzzStream(f *testing.F) {
	f.Add([]byte("hi, all !"), []byte{9, 9, 9}, int8(1), true, byte(15))                   // the same again
	f.Add([]byte("hi, all !"), []byte{9, 9, 9}, int8(1), false, byte(15))                  // without context takeover
	f.Add([]byte(`{"type":"say"}`), []byte{200, 255, 14, 0, 127}, int8(9), true, byte(15)) // large ones among small ones
	f.Add([]byte{1, 2, 3}, []byte{3, 255, 255}, int8(0), true, byte(15))                   // stored
	f.Add([]byte("abcabcabcabc"), []byte{12, 255, 30}, int8(-2), true, byte(15))           // Huffman codes only
	f.Add([]byte("x"), []byte{255, 255, 255, 255, 1}, int8(6), true, byte(3))              // cut by the limit
	f.Fuzz(func(t *testing.T, data, plan []byte, level int8, takeover bool, limitBits byte) {
		if level < -2 || level > 9 || len(plan) > 64 || len(data) == 0 {
			return
		}
		z := newDeflater(int(level))
		var d Decoder
		var win *Window
		if takeover {
			win = new(Window)
		}
		limit := 1 << (limitBits % 24)
		for i, p := range plan {
			n := int(p&0x7f) * int(p&0x7f) * 4
			want := make([]byte, n)
			for j := range want {
				want[j] = data[(j+j>>10)%len(data)] + byte(i>>2)
			}
			if !takeover {
				z.w.Reset(&z.buf)
			}
			z.buf.Reset()
			if p&0x80 != 0 {
				z.w.Write(want[:n/2])
				z.w.Flush()
				z.w.Write(want[n/2:])
			} else {
				z.w.Write(want)
			}
			z.w.Flush()
			src := bytes.TrimSuffix(z.buf.Bytes(), []byte{0, 0, 0xff, 0xff})
			got, err := d.Message(src, win, limit)
			wantErr := error(nil)
			if n > limit {
				want, wantErr = want[:limit], ErrLimit
			}
			if err != wantErr || !bytes.Equal(got, want) {
				t.Fatalf("message %d of %d bytes: %d bytes, %v", i, n, len(got), err)
			}
		}
	})
}
