package peers

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	kflate "github.com/klauspost/compress/flate"

	"github.com/wstap/wstap/internal/inflate"
)

// An inflater inflates a message of one of several streams into out, which is
// of just its length. If fresh, it does so without the stream's history.
type inflater func(src, out []byte, stream int, fresh bool) error

// inflaters has ours, and the two that a Go program could use instead.
var inflaters = []struct {
	name string
	make func(streams int) inflater
}{
	{"wstap", func(streams int) inflater {
		var d inflate.Decoder
		windows := make([]inflate.Window, streams)
		return func(src, out []byte, stream int, fresh bool) error {
			w := &windows[stream]
			if fresh {
				w.Reset()
			}
			b, err := d.Message(src, w, 1<<24)
			if len(b) != len(out) {
				return fmt.Errorf("%d bytes, %v", len(b), err)
			}
			copy(out, b)
			return err
		}
	}},
	{"compress-flate", func(streams int) inflater { return readers(streams, flate.NewReader) }},
	{"klauspost", func(streams int) inflater { return readers(streams, kflate.NewReader) }},
}

// readers inflates in the usual way: a reader for each stream, whose input goes
// on with each message.
func readers(streams int, open func(io.Reader) io.ReadCloser) inflater {
	type stream struct {
		in bytes.Buffer
		r  io.ReadCloser
	}
	ss := make([]stream, streams)
	return func(src, out []byte, i int, fresh bool) error {
		s := &ss[i]
		if s.r == nil {
			s.r = open(&s.in)
		} else if fresh {
			s.in.Reset()
			if err := s.r.(flate.Resetter).Reset(&s.in, nil); err != nil {
				return err
			}
		}
		s.in.Write(src)
		s.in.Write([]byte{0, 0, 0xff, 0xff})
		_, err := io.ReadFull(s.r, out)
		return err
	}
}

// A packed message is of stream i % streams.
type packed struct{ src, want []byte }

// pack compresses chat messages of size bytes.
func pack(size, level, streams, n int, takeover bool) (msgs []packed) {
	r := rand.New(rand.NewPCG(1, 2))
	words := bytes.Fields([]byte("hi all the chat server says nothing new today everyone see you tomorrow lunch at noon " +
		"build is green red again who broke it"))
	bufs := make([]bytes.Buffer, streams)
	ws := make([]*flate.Writer, streams)
	for i := range ws {
		ws[i], _ = flate.NewWriter(&bufs[i], level)
	}
	for i := range n {
		b := fmt.Appendf(nil, `{"type":"say","from":"%08x","n":%d,"content":"`, r.Uint32(), i)
		for len(b) < size-2 {
			b = append(append(b, words[r.IntN(len(words))]...), ' ')
		}
		b = append(b[:size-2], `"}`...)
		buf, w := &bufs[i%streams], ws[i%streams]
		buf.Reset()
		if !takeover {
			w.Reset(buf)
		}
		w.Write(b)
		w.Flush()
		src := bytes.TrimSuffix(buf.Bytes(), []byte{0, 0, 0xff, 0xff})
		// With room behind it, as the tap has it.
		msgs = append(msgs, packed{append(make([]byte, 0, len(src)+inflate.Pad), src...), b})
	}
	return msgs
}

// BenchmarkInflate inflates permessage-deflate messages of many streams in turn,
// with context takeover and without.
func BenchmarkInflate(b *testing.B) {
	for _, level := range []int{flate.BestSpeed, 6, flate.HuffmanOnly} { // most servers have 6, as zlib
		for _, takeover := range []bool{true, false} {
			if takeover && level == flate.HuffmanOnly {
				continue // it has no use for history
			}
			for _, size := range []int{60, 200, 600, 4000, 1 << 20} {
				n := min(max(4<<20/size, 4), 10000)
				streams := max(n/50, 2)
				if !takeover { // one is as good as many, and a Writer slow to reset
					n, streams = min(n, 3000), 1
				}
				var msgs []packed
				for _, inf := range inflaters {
					b.Run(fmt.Sprintf("level=%d/takeover=%v/size=%d/%s", level, takeover, size, inf.name), func(b *testing.B) {
						if msgs == nil {
							msgs = pack(size, level, streams, n, takeover)
						}
						inflate := inf.make(streams)
						out := make([]byte, size)
						b.SetBytes(int64(size))
						next := func(i int) {
							if err := inflate(msgs[i].src, out, i%streams, !takeover || i < streams); err != nil {
								b.Fatal(err)
							}
						}
						for i, m := range msgs {
							if next(i); !bytes.Equal(out, m.want) {
								b.Fatalf("message %d is wrong", i)
							}
						}
						i := 0
						for b.Loop() {
							next(i)
							if i++; i == n {
								i = 0
							}
						}
					})
				}
			}
		}
	}
}
