package websocket

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/wstap/wstap/internal/handshake"
	"github.com/wstap/wstap/internal/packetgen"
)

// lives returns a capture of n connections, one after the other: handshakes, two
// messages, and the end.
func lives(n int) *frameSource {
	all := &frameSource{}
	for i := range n {
		c := packetgen.NewConversation()
		c.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 40000)
		c.Step = 1000
		key := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "nonce %010d", i))
		accept := handshake.AcceptKey([]byte(key))
		c.Open()
		c.Send(packetgen.Client, []byte(strings.Replace(request, "dGhlIHNhbXBsZSBub25jZQ==", key, 1)))
		c.Send(packetgen.Server, []byte(strings.Replace(response, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", string(accept[:]), 1)))
		c.Send(packetgen.Client, []byte(clientText("hello")))
		c.Send(packetgen.Server, []byte(serverText("hello")))
		c.Close(packetgen.Client)
		f := source(c)
		all.link = f.link
		all.frames = append(all.frames, f.frames...)
	}
	return all
}

// BenchmarkConnection is of connections' whole lives.
func BenchmarkConnection(b *testing.B) {
	const n = 1000
	frames := lives(n)
	ways := []struct {
		name string
		take func(*Tap) error
	}{
		{"count", func(tap *Tap) error { return tap.Count(context.Background()) }},
		{"events", func(tap *Tap) error {
			for range tap.Events(context.Background()) {
			}
			return tap.Err()
		}},
	}
	for _, w := range ways {
		b.Run(w.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				src := *frames
				tap := NewTap(&src, nil)
				if err := w.take(tap); err != nil || tap.Stats().Messages != 2*n {
					b.Fatalf("%v, %d messages", err, tap.Stats().Messages)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/connection")
		})
	}
}

// TestConnectionAllocations: a connection that is counted is its Conn, its text and its
// socket; what else it takes is used again, or shared.
func TestConnectionAllocations(t *testing.T) {
	mallocs := func(n int) uint64 {
		src := lives(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := NewTap(src, nil).Count(t.Context()); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	const n = 1000
	if got := float64(mallocs(2*n)-mallocs(n)) / n; got > 3.5 {
		t.Errorf("%.2f allocations", got)
	}
}
