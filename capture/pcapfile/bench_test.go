package pcapfile

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// BenchmarkShards reads a file of small frames of 100 connections. What is done
// with a frame takes about as long as reassembly: that is what there is to
// divide.
func BenchmarkShards(b *testing.B) {
	const frames = 200_000
	name := filepath.Join(b.TempDir(), "pcap")
	w, err := Create(name, decode.LinkEthernet, nil)
	if err != nil {
		b.Fatal(err)
	}
	var packets []packetgen.Packet
	for i := range 100 {
		c := packetgen.NewConversation()
		c.Client = netip.AddrPortFrom(c.Client.Addr(), uint16(1000+i))
		c.NoAcks = true
		c.Send(packetgen.Client, make([]byte, 60))
		packets = append(packets, c.Packets...)
	}
	for i := range frames {
		f := capture.Frame{Data: packets[i*7%len(packets)].Frame, Link: decode.LinkEthernet, Time: time.Unix(int64(i), 0)}
		if err := w.WriteFrame(&f); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		b.Fatal(err)
	}
	for _, workers := range []int{1, 2, 4} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			b.SetBytes(info.Size())
			for b.Loop() {
				r, err := Open(name, &Config{Workers: workers})
				if err != nil {
					b.Fatal(err)
				}
				var wg sync.WaitGroup
				for _, s := range r.Shards() {
					wg.Go(func() { consume(s) })
				}
				wg.Wait()
				if st, _ := r.Stats(); st.Captured != frames {
					b.Fatalf("%d frames of %d", st.Captured, frames)
				}
				r.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*frames), "ns/frame")
		})
	}
}

// consume decodes each frame some times.
func consume(s capture.Source) {
	var p decode.Packet
	fs := make([]capture.Frame, 64)
	for {
		n, err := s.Read(fs)
		if err != nil {
			return
		}
		for i := range fs[:n] {
			for range 4 {
				_ = p.Decode(fs[i].Link, fs[i].Data)
			}
		}
	}
}
