package capture_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/internal/testnet"
)

// write sends a datagram to where nobody listens: the answer to the one before may be
// in the way.
func write(c net.Conn, b []byte) {
	if _, err := c.Write(b); err != nil {
		c.Write(b)
	}
}

// pace writes n datagrams a second for a while, and returns how many.
func pace(t *testing.T, h *testnet.Host, n int, d time.Duration, payload []byte) (sent int) {
	t.Helper()
	c, err := h.DialContext(t.Context(), "udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for begun := time.Now(); time.Since(begun) < d; time.Sleep(time.Millisecond) {
		for ; sent < int(time.Since(begun).Seconds()*float64(n)); sent++ {
			write(c, payload)
		}
	}
	return sent
}

// The default ring holds 5 s of 1,000 messages a second, of two packets each, and
// where its blocks may wait half a minute of 300 packets, while nobody reads.
func TestStandstill(t *testing.T) {
	half := testkit.Rounds(3, 1, 30) // of the half minute
	for _, tt := range []struct {
		packets, seconds, size int
		timeout                time.Duration
	}{{2000, testkit.Rounds(5, 1, 5), 200, 0}, {300, half, 1000, 120 * time.Millisecond}} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			h := testnet.New(t)
			l := listen(t, h, "lo", &capture.Config{Workers: 1, Filter: "udp dst port 9", BlockTimeout: tt.timeout})
			sent := pace(t, h, tt.packets, time.Duration(tt.seconds)*time.Second, make([]byte, tt.size))
			if err := l.Stop(); err != nil {
				t.Fatal(err)
			}
			read := 0
			for _, err := range capture.Frames(l) {
				if err != nil {
					t.Fatal(err)
				}
				read++
			}
			if st, err := l.Stats(); err != nil || st.Dropped > 0 || read != sent {
				t.Errorf("of %d packets %d are read, %d dropped, %v", sent, read, st.Dropped, err)
			}
		})
	}
}

// A lone frame is given out within 50 ms.
func TestIdleLatency(t *testing.T) {
	h := testnet.New(t)
	l := listen(t, h, "lo", &capture.Config{Filter: "udp dst port 9"})
	var sentAt atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan time.Duration)
	go func() {
		for range capture.Frames(l) {
			select {
			case got <- time.Duration(time.Now().UnixNano() - sentAt.Load()):
			case <-ctx.Done():
				return
			}
		}
	}()
	var c net.Conn
	var err error
	if c, err = h.DialContext(ctx, "udp", "127.0.0.1:9"); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	best := time.Hour // of each few, for a busy machine
	for range 10 {
		time.Sleep(70 * time.Millisecond)
		sentAt.Store(time.Now().UnixNano())
		write(c, []byte("hello"))
		select {
		case d := <-got:
			best = min(best, d)
		case <-time.After(20 * time.Second):
			t.Fatal("nothing comes")
		}
	}
	if best > 50*time.Millisecond {
		t.Errorf("a frame waits %v", best)
	}
}
