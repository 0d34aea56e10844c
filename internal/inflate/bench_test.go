package inflate

import (
	"compress/flate"
	"fmt"
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
	{60, 200, 10000},
	{200, 200, 10000},
	{600, 200, 10000},
	{4000, 20, 1000},
	{1 << 20, 2, 6},
}

// compressed returns a workload's messages: message i is of stream i % streams.
func compressed(size, streams, messages, level int, takeover bool) (msgs [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	var ds []*deflater
	for range streams {
		ds = append(ds, newDeflater(level))
	}
	for i := range messages {
		d := ds[i%streams]
		if !takeover {
			d.w.Reset(&d.buf)
		}
		msgs = append(msgs, d.message(chat(r, i, size)))
	}
	return msgs
}

// BenchmarkMessage inflates messages as a tap does. Beside other inflaters it is
// in internal/peers.
func BenchmarkMessage(b *testing.B) {
	for _, level := range []int{flate.BestSpeed, 6, flate.HuffmanOnly} {
		for _, takeover := range []bool{true, false} {
			if takeover && level == flate.HuffmanOnly {
				continue // it has no use for history
			}
			for _, wl := range workloads {
				if !takeover { // one is as good as many, and a Writer slow to reset
					wl.streams, wl.messages = 1, max(wl.messages/10, 1)
				}
				b.Run(fmt.Sprintf("level=%d/takeover=%v/size=%d", level, takeover, wl.size), func(b *testing.B) {
					msgs := compressed(wl.size, wl.streams, wl.messages, level, takeover)
					var d Decoder
					wins := make([]Window, wl.streams)
					src := make([]byte, 0, 2<<20)
					b.SetBytes(int64(wl.size))
					i := 0
					for b.Loop() {
						src = append(src[:0], msgs[i]...)
						var w *Window
						if takeover {
							w = &wins[i%wl.streams]
						}
						if out, err := d.Message(src, w, 1<<24); err != nil || len(out) != wl.size {
							b.Fatal(len(out), err)
						}
						if i++; i == len(msgs) {
							i = 0
							for k := range wins {
								wins[k].Reset()
							}
						}
					}
				})
			}
		}
	}
}
