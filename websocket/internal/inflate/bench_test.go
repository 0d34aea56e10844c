package inflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

var words = []string{"hi", "all", "the", "chat", "server", "says", "nothing", "new", "today", "mynick", "online",
	"everyone", "see", "you", "tomorrow", "lunch", "at", "noon", "build", "is", "green", "red", "again", "who", "broke", "it"}

// chat is a chat message of n bytes.
func chat(r *rand.Rand, i, n int) []byte {
	b := fmt.Appendf(make([]byte, 0, n+60), `{"type":"say","from":"%08x","n":%d,"content":"`, r.Uint32(), i)
	for len(b) < n-2 {
		b = append(b, words[r.IntN(len(words))]...)
		b = append(b, ' ')
	}
	return append(b[:max(n-2, 0)], `"}`...)
}

// workloads are streams of chat messages: the small ones of 200 streams in turn,
// more than the nearest caches hold the history of.
var workloads = []struct {
	size, streams, messages int
}{
	{50, 200, 20000},
	{300, 200, 40000},
	{4 << 10, 20, 1000},
	{1 << 20, 2, 6},
}

// compressed returns a workload's messages: message i is of stream i % streams.
func compressed(size, streams, messages, level int) (msgs [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	var ds []*deflater
	for range streams {
		ds = append(ds, newDeflater(level))
	}
	for i := range messages {
		msgs = append(msgs, ds[i%streams].message(chat(r, i, size)))
	}
	return msgs
}

// BenchmarkMessage inflates messages with context takeover, as a tap does.
func BenchmarkMessage(b *testing.B) {
	for _, level := range []int{flate.BestSpeed, flate.DefaultCompression} {
		for _, wl := range workloads {
			var msgs [][]byte
			name := fmt.Sprintf("level=%d/size=%d", level, wl.size)
			b.Run(name+"/inflater=ours", func(b *testing.B) {
				if msgs == nil {
					msgs = compressed(wl.size, wl.streams, wl.messages, level)
				}
				var d Decoder
				wins := make([]Window, wl.streams)
				src := make([]byte, 0, 2<<20)
				b.SetBytes(int64(wl.size))
				i := 0
				for b.Loop() {
					src = append(src[:0], msgs[i]...)
					if out, err := d.Message(src, &wins[i%wl.streams], 1<<24); err != nil || len(out) != wl.size {
						b.Fatal(len(out), err)
					}
					if i++; i == len(msgs) {
						i = 0
						for k := range wins {
							wins[k].Forget()
						}
					}
				}
			})
			b.Run(name+"/inflater=flate", func(b *testing.B) {
				if msgs == nil {
					msgs = compressed(wl.size, wl.streams, wl.messages, level)
				}
				// The usual way: a reader for each stream, whose input never ends.
				type stream struct {
					in bytes.Buffer // of which the reader leaves the end for later
					r  io.Reader
				}
				ss := make([]stream, wl.streams)
				reset := func() {
					for k := range ss {
						ss[k].in.Reset()
						if ss[k].r == nil {
							ss[k].r = flate.NewReader(&ss[k].in)
						}
						ss[k].r.(flate.Resetter).Reset(&ss[k].in, nil)
					}
				}
				reset()
				out := make([]byte, wl.size)
				src := make([]byte, 0, 2<<20)
				b.SetBytes(int64(wl.size))
				i := 0
				for b.Loop() {
					src = append(append(src[:0], msgs[i]...), 0, 0, 0xff, 0xff)
					s := &ss[i%wl.streams]
					s.in.Write(src)
					if _, err := io.ReadFull(s.r, out); err != nil {
						b.Fatal(err)
					}
					if i++; i == len(msgs) {
						i = 0
						reset()
					}
				}
			})
		}
	}
}
