package capture_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// Print who talks to port 7272 on any interface, until an interrupt.
func ExampleListen() {
	src, err := capture.Listen(capture.Any, &capture.Config{Filter: "tcp port 7272"})
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	// A Source does not look at a context. Stop lets it finish with what was
	// captured; Close would end it at once.
	context.AfterFunc(ctx, func() { src.Stop() })
	name := src.Info().InterfaceName
	var p decode.Packet
	for f, err := range capture.Frames(src) {
		if err != nil {
			log.Fatal(err)
		}
		if p.Decode(f.Link, f.Data) == nil && p.TCP {
			fmt.Println(f.Time, name(f.Interface), p.Src(), p.Dst(), p.PayloadLen)
		}
	}
	st, _ := src.Stats()
	fmt.Println(st.Captured, "frames,", st.Dropped, "dropped")
}

// A source of one's own: frames that are in memory.
type memory struct {
	frames []capture.Frame
	given  int
}

func (m *memory) Read(fs []capture.Frame) (int, error) {
	n := copy(fs, m.frames[m.given:])
	if m.given += n; n == 0 && len(fs) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (m *memory) Info() capture.Info {
	return capture.Info{Name: "memory", Link: decode.LinkEthernet}
}

func (m *memory) Stats() (capture.Stats, error) {
	return capture.Stats{Captured: uint64(m.given), Received: uint64(m.given)}, nil
}

func (m *memory) Stop() error  { m.frames = m.frames[:m.given]; return nil }
func (m *memory) Close() error { return nil }

// Choose frames by what no filter can say, and count what is left out.
func ExampleSelect() {
	src := &memory{frames: []capture.Frame{{Data: []byte("one")}, {Data: []byte("three")}, {Data: []byte("two")}}}
	short := capture.Select(src, func(f *capture.Frame) bool { return len(f.Data) == 3 })
	for f, err := range capture.Frames(short) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(f.Data))
	}
	st, _ := short.Stats()
	fmt.Println(st.Captured, "captured,", st.Skipped, "skipped")
	// Output:
	// one
	// two
	// 2 captured, 1 skipped
}

// Look at every frame on its way. With several shards f would have to lock.
func ExampleObserve() {
	src := &memory{frames: []capture.Frame{{Data: []byte("one")}, {Data: []byte("three")}}}
	bytes := 0
	seen := capture.Observe(src, func(f *capture.Frame) error {
		bytes += len(f.Data)
		return nil
	})
	for range capture.Frames(seen) {
	}
	fmt.Println(bytes, "bytes")
	// Output: 8 bytes
}

// Read each ring in a goroutine of its own. Both directions of a connection
// come from one ring, so nothing is shared.
func ExampleLive_Shards() {
	src, err := capture.Listen("eth0", nil)
	if err != nil {
		log.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, shard := range src.Shards() {
		wg.Go(func() {
			fs := make([]capture.Frame, 64)
			for {
				n, err := shard.Read(fs)
				if err != nil {
					if !errors.Is(err, net.ErrClosed) {
						log.Print(err)
					}
					return
				}
				for i := range fs[:n] {
					_ = &fs[i] // ...
				}
			}
		})
	}
	wg.Wait()
}
