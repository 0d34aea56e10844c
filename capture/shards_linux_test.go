package capture_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/testnet"
)

// exchange opens conns TCP connections to an echo server on the address, and
// sends messages of 8 bytes to and fro on each, one goroutine a connection, which
// calls gate before each message. It returns how many messages there were in both
// directions.
func exchange(t testing.TB, from, to *testnet.Host, addr netip.Addr, conns, messages int, gate func()) int {
	t.Helper()
	l, err := to.Listen("tcp", netip.AddrPortFrom(addr, 7272).String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		for range conns {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			wg.Go(func() {
				defer c.Close()
				var b [8]byte
				for {
					if _, err := io.ReadFull(c, b[:]); err != nil {
						return
					}
					if _, err := c.Write(b[:]); err != nil {
						return
					}
				}
			})
		}
	})
	for i := range conns {
		wg.Go(func() {
			c, err := from.DialContext(t.Context(), "tcp", l.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			var b [8]byte
			for n := range messages {
				gate()
				binary.BigEndian.PutUint32(b[:], uint32(i))
				binary.BigEndian.PutUint32(b[4:], uint32(n))
				if _, err := c.Write(b[:]); err != nil {
					t.Error(err)
					return
				}
				if _, err := io.ReadFull(c, b[:]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return 2 * conns * messages
}

// A flow is one direction of a connection.
type flow struct{ src, dst netip.AddrPort }

// connection returns the same value for both directions.
func (f flow) connection() flow {
	if f.src.Compare(f.dst) > 0 {
		return flow{f.dst, f.src}
	}
	return f
}

// count reads a stopped or growing source to its end and returns the payload
// bytes of each flow. Bytes that were sent twice are counted once.
func count(t testing.TB, src capture.Source) map[flow]int {
	t.Helper()
	got := make(map[flow]int)
	next := make(map[flow]uint32)
	var f capture.Frame
	var p decode.Packet
	for {
		err := read1(src, &f)
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Errorf("Read: %v", err)
			return got
		}
		if err := p.Decode(f.Link, f.Data); err != nil {
			t.Errorf("Decode: %v: % x", err, f.Data)
			continue
		}
		if !p.TCP || p.PayloadLen == 0 && p.Flags&decode.SYN == 0 {
			continue
		}
		k := flow{p.Src(), p.Dst()}
		if p.Flags&decode.SYN != 0 {
			next[k] = p.Seq + 1
			continue
		}
		end := p.Seq + uint32(p.PayloadLen)
		if n := int32(end - next[k]); n > 0 {
			if int32(p.Seq-next[k]) > 0 {
				t.Errorf("%v > %v: a hole of %d bytes", k.src, k.dst, p.Seq-next[k])
				return got
			}
			got[k] += int(n)
			next[k] = end
		}
	}
}

func TestShards(t *testing.T) {
	h := testnet.New(t)
	for _, name := range []string{"lo", capture.Any} {
		for _, ip := range []string{"127.0.0.1", "::1"} {
			t.Run(name+" "+ip, func(t *testing.T) {
				l := listen(t, h, name, &capture.Config{Workers: 4, Filter: "tcp"})
				shards := l.Shards()
				if len(shards) != 4 {
					t.Fatalf("%d shards", len(shards))
				}
				counts := make([]map[flow]int, len(shards))
				var wg sync.WaitGroup
				for i, s := range shards {
					wg.Go(func() { counts[i] = count(t, s) })
				}
				const conns, messages = 64, 50
				want := exchange(t, h, h, netip.MustParseAddr(ip), conns, messages, keepUp(t, l))
				if err := l.Stop(); err != nil {
					t.Fatal(err)
				}
				wg.Wait()
				ring := make(map[flow]int)
				bytes, used := 0, 0
				for i, c := range counts {
					if len(c) > 0 {
						used++
					}
					for k, n := range c {
						if r, ok := ring[k.connection()]; ok && r != i {
							t.Errorf("%v is in rings %d and %d", k, r, i)
						}
						ring[k.connection()] = i
						bytes += n
					}
				}
				if len(ring) != conns || bytes != want*8 {
					t.Errorf("%d connections and %d bytes, want %d and %d", len(ring), bytes, conns, want*8)
				}
				if used < 2 {
					t.Errorf("%d rings were used", used)
				}
				st, err := l.Stats()
				if err != nil || st.Dropped != 0 || st.Captured != st.Received {
					t.Errorf("%+v, %v", st, err)
				}
			})
		}
	}
}

func TestMerge(t *testing.T) {
	h := testnet.New(t)
	l := listen(t, h, "lo", &capture.Config{Workers: 3, Filter: "tcp"})
	var got map[flow]int
	var wg sync.WaitGroup
	wg.Go(func() { got = count(t, l) })
	want := exchange(t, h, h, netip.MustParseAddr("127.0.0.1"), 32, 100, keepUp(t, l))
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	bytes := 0
	for _, n := range got {
		bytes += n
	}
	if len(got) != 64 || bytes != want*8 {
		t.Errorf("%d flows and %d bytes, want 64 and %d", len(got), bytes, want*8)
	}
}

func TestStop(t *testing.T) {
	h := testnet.New(t)
	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			l := listen(t, h, "lo", &capture.Config{Workers: workers, Filter: "udp"})
			c := udp(t, h, h, netip.MustParseAddr("127.0.0.1"))
			var f capture.Frame
			const n = 100
			for range n {
				fmt.Fprint(c, "before")
			}
			if err := l.Stop(); err != nil {
				t.Fatal(err)
			}
			for range n {
				fmt.Fprint(c, "after")
			}
			for i := range n {
				if err := read1(l, &f); err != nil {
					t.Fatalf("frame %d: %v", i, err)
				}
			}
			for range 2 {
				if err := read1(l, &f); err != io.EOF {
					t.Fatalf("at the end: %v, %q", err, f.Data)
				}
			}
			// Stopping wakes a reader that waits.
			l = listen(t, h, "lo", &capture.Config{Workers: workers})
			done := make(chan error)
			go func() { done <- read1(l, &f) }()
			if err := l.Stop(); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != io.EOF {
				t.Fatal(err)
			}
			l.Close()
			if err := read1(l, &f); errors.Is(err, io.EOF) {
				t.Fatalf("after Close: %v", err)
			}
		})
	}
}
