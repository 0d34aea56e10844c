package capture_test

import (
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/testnet"
)

// long is set by the long run of the project's checks.
var long = os.Getenv("WSTAP_LONG") == "1"

var messages = flag.Int("wstap.messages", either(long, 500_000, 20_000), "messages that each case of TestLoad exchanges")

func either[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// keepUp returns a function that waits while the readers of l are more than a
// tenth of a second behind. The ring lasts for some tenths, however few frames
// come: on a machine that has other work a test that counts frames must not be
// one of whether its readers get to run.
func keepUp(t testing.TB, l *capture.Live) (gate func()) {
	var behind atomic.Bool
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		was := uint64(0) // received
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			st, err := l.Stats()
			if err != nil {
				t.Error(err)
				return
			}
			behind.Store(st.Captured+st.Skipped+st.Dropped < was)
			was = st.Received
		}
	})
	t.Cleanup(func() { close(stop); wg.Wait() })
	return func() {
		for behind.Load() {
			time.Sleep(time.Millisecond)
		}
	}
}

// 100 clients and a server on one machine talk as fast as they can, and the
// capture, which shares the processors with them, sees all of it. Run it with
// -wstap.messages 500000, or WSTAP_LONG=1, for a figure to quote.
func TestLoad(t *testing.T) {
	h := testnet.New(t)
	a, b := testnet.New(t), testnet.New(t)
	_, bi := testnet.Veth(t, a, b)
	for _, tt := range []struct {
		iface    string
		on       *testnet.Host
		from, to *testnet.Host
		addr     netip.Addr
	}{
		{"lo", h, h, h, netip.MustParseAddr("127.0.0.1")},
		{capture.Any, h, h, h, netip.MustParseAddr("::1")},
		{bi.Name, b, a, b, bi.IPv4},
	} {
		for _, workers := range []int{0, 2} {
			t.Run(fmt.Sprint(tt.iface, " workers ", workers), func(t *testing.T) {
				const conns = 100
				each := *messages / conns / 2
				l := listen(t, tt.on, tt.iface, &capture.Config{Filter: "tcp port 7272", Workers: workers})
				shards := l.Shards()
				counts := make([]map[flow]int, len(shards))
				var wg sync.WaitGroup
				for i, s := range shards {
					wg.Go(func() { counts[i] = count(t, s) })
				}
				start := time.Now()
				want := exchange(t, tt.from, tt.to, tt.addr, conns, each, keepUp(t, l)) * 8
				d := time.Since(start)
				if err := l.Stop(); err != nil {
					t.Fatal(err)
				}
				wg.Wait()
				bytes := 0
				for _, c := range counts {
					for _, n := range c {
						bytes += n
					}
				}
				st, err := l.Stats()
				if err != nil || st.Dropped != 0 || st.Freezes != 0 || st.Captured != st.Received || bytes != want {
					t.Errorf("%d bytes of %d, %+v, %v", bytes, want, st, err)
				}
				t.Logf("%d messages, %d frames in %v", want/8, st.Captured, d.Round(time.Millisecond))
			})
		}
	}
}

// The same of frames with VLAN tags, made by hand.
func TestLoadVLAN(t *testing.T) {
	h := testnet.New(t)
	_, tap := h.Tap("tap0")
	for _, tt := range []struct{ iface, filter string }{
		{"tap0", "vlan 7 and udp port 7272"},
		{capture.Any, ""},
	} {
		for _, workers := range []int{0, 2} {
			t.Run(fmt.Sprint(tt.iface, " workers ", workers), func(t *testing.T) {
				l := listen(t, h, tt.iface, &capture.Config{Filter: tt.filter, Direction: capture.Incoming, Workers: workers})
				var wg sync.WaitGroup
				next := 0
				wg.Go(func() {
					var f capture.Frame
					for {
						err := read1(l, &f)
						if err == io.EOF {
							return
						}
						var n int
						if err == nil {
							_, err = fmt.Sscan(string(f.Data[len(f.Data)-8:]), &n)
						}
						if err != nil || n != next {
							t.Errorf("frame %d: %d, %v", next, n, err)
							return
						}
						next++
					}
				})
				gate := keepUp(t, l)
				for i := range *messages {
					gate()
					if _, err := tap.Write(datagram([]byte{0x81, 0, 0x20, 7}, fmt.Sprintf("%8d", i))); err != nil {
						t.Fatal(err)
					}
				}
				if err := l.Stop(); err != nil {
					t.Fatal(err)
				}
				wg.Wait()
				st, err := l.Stats()
				if err != nil || next != *messages || st.Dropped != 0 {
					t.Errorf("%d frames of %d, %+v, %v", next, *messages, st, err)
				}
			})
		}
	}
}
