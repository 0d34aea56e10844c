package websocket

import (
	"context"
	"fmt"
	"github.com/wstap/wstap/internal/frame"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// A benchCapture is a capture in memory.
type benchCapture struct {
	name     string
	frames   *frameSource
	messages int
	bytes    int64 // of payload as delivered
}

var benchCaptures = map[string]*benchCapture{}

// benchmarkCapture makes a capture of conns connections that alternate, with
// per messages of the given size in each segment.
func makeCapture(tb testing.TB, name string, conns, messages, per, size int, compress bool) *benchCapture {
	tb.Helper()
	if c := benchCaptures[name]; c != nil {
		return c
	}
	r := rand.New(rand.NewPCG(1, 2))
	cs := make([]*packetgen.Conversation, conns)
	deflaters := make([][2]*compressor, conns)
	out := &benchCapture{name: name, messages: messages}
	s := &frameSource{}
	take := func(c *packetgen.Conversation) {
		f := source(c)
		s.link = f.link
		s.frames = append(s.frames, f.frames...)
		c.Packets = c.Packets[:0]
	}
	for i := range cs {
		c := packetgen.NewConversation()
		c.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), uint16(1024+r.IntN(60000)))
		c.Step = 1000
		c.MSS = 64000
		c.Open()
		c.Send(packetgen.Client, []byte(request))
		answer := response
		if compress {
			answer = deflated
			deflaters[i] = [2]*compressor{newCompressor(true), newCompressor(true)}
		}
		c.Send(packetgen.Server, []byte(answer))
		cs[i] = c
		take(c)
	}
	for n := 0; n < messages; {
		i := r.IntN(conns)
		dir := Direction(r.IntN(2))
		var b []byte
		for range min(per, messages-n) {
			payload := fmt.Appendf(nil, `{"type":"say","n":%d,"user":"user%d","content":"`, n, r.IntN(100))
			for len(payload) < size-2 {
				payload = append(payload, "the quick brown fox jumps over the lazy dog "[r.IntN(44)])
			}
			payload = append(payload, `"}`...)
			out.bytes += int64(len(payload))
			b0 := byte(0x81)
			if compress {
				b0, payload = 0xC1, deflaters[i][dir].message(payload)
			}
			b = append(b, randomFrame(r, dir, b0, payload)...)
			n++
		}
		cs[i].Send(packetgen.Side(dir), b)
		take(cs[i])
	}
	out.frames = s
	benchCaptures[name] = out
	return out
}

var benchShapes = []struct {
	name                       string
	conns, messages, per, size int
	compress                   bool
}{
	{"one small message a segment", 10, 50000, 1, 100, false},
	{"many small messages a segment", 10, 50000, 14, 100, false},
	{"compressed", 10, 50000, 1, 200, true},
	{"compressed, many a segment", 10, 50000, 14, 200, true},
	{"large messages", 4, 500, 1, 200000, false},
	{"10,000 connections", 10000, 50000, 1, 100, false},
}

func BenchmarkEvents(b *testing.B) {
	benchmarkTap(b, func(tap *Tap) (n int, err error) {
		for e, err := range tap.Events(context.Background()) {
			if err != nil {
				return n, err
			}
			if _, ok := e.(*Message); ok {
				n++
			}
		}
		return n, nil
	})
}

func BenchmarkMessages(b *testing.B) {
	benchmarkTap(b, func(tap *Tap) (n int, err error) {
		for range tap.Messages(context.Background()) {
			n++
		}
		return n, tap.Err()
	})
}

func BenchmarkBatches(b *testing.B) {
	benchmarkTap(b, func(tap *Tap) (n int, err error) {
		for batch := range tap.Batches(context.Background()) {
			for _, e := range batch {
				if _, ok := e.(*Message); ok {
					n++
				}
			}
		}
		return n, tap.Err()
	})
}

// benchmarkTap measures a way to take messages out of a Tap, of which take returns
// the number.
func benchmarkTap(b *testing.B, take func(*Tap) (int, error)) {
	for _, s := range benchShapes {
		b.Run(s.name, func(b *testing.B) {
			c := makeCapture(b, s.name, s.conns, s.messages, s.per, s.size, s.compress)
			b.SetBytes(c.bytes)
			b.ReportAllocs()
			for b.Loop() {
				src := *c.frames
				if n, err := take(NewTap(&src, nil)); err != nil || n != c.messages {
					b.Fatalf("%d messages, want %d: %v", n, c.messages, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.messages), "ns/message")
		})
	}
}

func BenchmarkUnmask(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src, dst := make([]byte, n), make([]byte, n)
			b.SetBytes(int64(n))
			for b.Loop() {
				frame.Mask(dst, src, 0x12345678)
			}
		})
	}
}

// TestAllocations: none for each message of Events, a fifth at most for each of
// Messages and Batches, or one for payloads that have an allocation of their own.
func TestAllocations(t *testing.T) {
	for _, s := range benchShapes {
		if s.conns > 100 {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			n := 6000
			if s.size > ownBuffer {
				n = 100
			}
			c := makeCapture(t, s.name+", short", s.conns, min(s.messages, n), s.per, s.size, s.compress)
			// Steady state: what is allocated in the second half.
			half := c.messages / 2
			var before, after runtime.MemStats
			n = 0
			src := *c.frames
			for e := range NewTap(&src, nil).Events(context.Background()) {
				if _, ok := e.(*Message); ok {
					if n++; n == half {
						runtime.ReadMemStats(&before)
					} else if n == c.messages {
						runtime.ReadMemStats(&after)
					}
				}
			}
			if got := after.Mallocs - before.Mallocs; got > uint64(half/100+5) {
				t.Errorf("Events: %d allocations for %d messages", got, half)
			}
			n = 0
			src = *c.frames
			for range NewTap(&src, &Config{Buffer: 1}).Messages(context.Background()) {
				if n++; n == half {
					runtime.ReadMemStats(&before)
				} else if n == c.messages {
					runtime.ReadMemStats(&after)
				}
			}
			most := 0.2
			if s.size > slabPayload {
				most = 1.05
			}
			if s.size > ownBuffer {
				most = 2.05
			}
			if got := float64(after.Mallocs-before.Mallocs) / float64(half); got > most {
				t.Errorf("Messages: %.3f allocations a message", got)
			}
			n = 0
			src = *c.frames
			for batch := range NewTap(&src, &Config{Buffer: sendTogether}).Batches(context.Background()) {
				for _, e := range batch {
					if _, ok := e.(*Message); !ok {
						continue
					}
					if n++; n == half {
						runtime.ReadMemStats(&before)
					} else if n == c.messages {
						runtime.ReadMemStats(&after)
					}
				}
			}
			if s.size > ownBuffer {
				most++ // a batch of one
			}
			if got := float64(after.Mallocs-before.Mallocs) / float64(half); got > most {
				t.Errorf("Batches: %.3f allocations a message", got)
			}
		})
	}
}

// A shardedFrames deals the connections of a capture to sources of their own.
type shardedFrames struct {
	frameSource
	shards []*frameSource
}

func (s *frameSource) shard(tb testing.TB, n int) *shardedFrames {
	all := &shardedFrames{}
	for range n {
		all.shards = append(all.shards, &frameSource{link: s.link})
	}
	var p decode.Packet
	for _, f := range s.frames {
		if err := p.Decode(f.Link, f.Data); err != nil {
			tb.Fatal(err)
		}
		src, dst := p.Src().Addr().As4(), p.Dst().Addr().As4()
		sum := int(src[2]^dst[2])<<8 | int(src[3]^dst[3]) // the same both ways
		to := all.shards[sum%n]
		to.frames = append(to.frames, f)
	}
	return all
}

func (s *shardedFrames) Shards() (all []capture.Source) {
	for _, src := range s.shards {
		c := &struct {
			frameSource
			_ [128]byte // no cache line with its neighbour
		}{frameSource: *src}
		all = append(all, &c.frameSource)
	}
	return all
}

// BenchmarkCount shows what more pipelines bring: nothing is read here, each has
// its frames in memory.
func BenchmarkCount(b *testing.B) {
	for _, s := range benchShapes {
		for _, pipelines := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/pipelines=%d", s.name, pipelines), func(b *testing.B) {
				c := makeCapture(b, s.name, s.conns, s.messages, s.per, s.size, s.compress)
				src := c.frames.shard(b, pipelines)
				b.SetBytes(c.bytes)
				for b.Loop() {
					tap := NewTap(src, nil)
					if err := tap.Count(context.Background()); err != nil {
						b.Fatal(err)
					}
					if n := tap.Stats().Messages; n != uint64(c.messages) {
						b.Fatalf("%d messages, want %d", n, c.messages)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.messages), "ns/message")
			})
		}
	}
}

// BenchmarkConns lists ten thousand connections.
func BenchmarkConns(b *testing.B) {
	tap := manyConns(b, 10000)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range tap.Conns() {
			n++
		}
		if n != 10000 {
			b.Fatal(n)
		}
	}
}

// manyConns returns a Tap that knows n connections.
func manyConns(tb testing.TB, n int) *Tap {
	c := makeCapture(tb, fmt.Sprintf("%d connections to list", n), n, 2*n, 1, 10, false)
	tap := NewTap(&frameSource{}, nil)
	p := newPipeline(tap, c.frames, func(Event, error) bool { return true }, nil)
	tap.pipes = []*pipeline{p}
	w := new(work)
	src := *c.frames
	for {
		n, err := src.Read(w.frames[:])
		if err != nil {
			return tap
		}
		p.work(w, n)
	}
}

// TestConns: connections come in order while others come and go, and a list of many
// is short work, which takes little memory.
func TestConns(t *testing.T) {
	tap := manyConns(t, 10000)
	p := tap.pipes[0]
	last, n := uint64(0), 0
	for s := range tap.Conns() {
		if s.Conn.Number <= last || s.Counts[0].Messages()+s.Counts[1].Messages() == 0 && s.Conn.Number == 0 {
			t.Fatalf("%d after %d", s.Conn.Number, last)
		}
		if last = s.Conn.Number; last == 5000 { // the loop's body works in between
			for _, k := range slices.Clone(p.told.sockets) {
				if k.info.Number > 9000 {
					p.tellEnd(k, CauseFIN, t0)
				}
			}
		}
		n++
	}
	if n != 9000 || last != 9000 || p.told.Len() != 9000 {
		t.Errorf("%d connections up to %d, %d left", n, last, p.told.Len())
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range tap.Conns() {
	}
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 40*9000 {
		t.Errorf("a list of 9,000 takes %d bytes", bytes)
	}
	for _, k := range slices.Clone(p.told.sockets) {
		p.tellEnd(k, CauseFIN, t0)
		p.told.remove(k) // which does nothing
	}
	for range tap.Conns() {
		t.Error("a connection that has ended")
	}
}
