package peers

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/internal/peers/capgen"
	"github.com/wstap/wstap/internal/peers/gopipe"
	wstap "github.com/wstap/wstap/websocket"
)

// BenchmarkPath goes the whole way from the bytes of a capture file to its
// messages. One operation is one capture of about 20,000 small messages.
func BenchmarkPath(b *testing.B) {
	for _, w := range capgen.Workloads(20000) {
		name := filepath.Join(b.TempDir(), "bench.pcap")
		want, err := w.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		file, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		measure := func(name string, read func() (n int, err error)) {
			b.Run(w.Name+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(file)))
				b.ReportAllocs()
				for b.Loop() {
					if n, err := read(); n != want.Messages || err != nil {
						b.Fatalf("%d messages of %d, %v", n, want.Messages, err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*want.Messages), "ns/message")
			})
		}
		open := func(workers int) *wstap.Tap {
			src, err := pcapfile.NewReader(bytes.NewReader(file), &pcapfile.Config{Workers: workers})
			if err != nil {
				b.Fatal(err)
			}
			return wstap.NewTap(src, nil)
		}
		channel := func(workers int) (n int, err error) {
			tap := open(workers)
			for range tap.Messages(context.Background()) {
				n++
			}
			return n, tap.Err()
		}
		measure("Events", func() (n int, err error) {
			for ev, err := range open(1).Events(context.Background()) {
				if err != nil {
					return n, err
				}
				if _, ok := ev.(*wstap.Message); ok {
					n++
				}
			}
			return n, nil
		})
		measure("Messages", func() (int, error) { return channel(1) })
		measure("Messages of 2 workers", func() (int, error) { return channel(2) })
		measure("gopacket", func() (int, error) {
			sum, err := gopipe.Messages(bytes.NewReader(file), nil)
			return sum.Messages, err
		})
	}
}

// The pipeline that wstap is compared with finds every message too.
func TestGopipe(t *testing.T) {
	for _, w := range capgen.Workloads(2000) {
		name := filepath.Join(t.TempDir(), "test.pcap")
		want, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := gopipe.Messages(f, nil)
		f.Close()
		if got != gopipe.Summary(want) || err != nil {
			t.Errorf("%s: %+v of %+v, %v", w.Name, got, want, err)
		}
	}
}
