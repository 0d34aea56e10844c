package capture_test

import (
	"context"
	"errors"
	"fmt"
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
