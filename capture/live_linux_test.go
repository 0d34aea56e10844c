package capture_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/testnet"
)

// listen captures in the host until the test ends.
func listen(t testing.TB, h *testnet.Host, name string, cfg *capture.Config) *capture.Live {
	t.Helper()
	var c capture.Config
	if cfg != nil {
		c = *cfg
	}
	c.Namespace = h.Path()
	l, err := capture.Listen(name, &c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// udp returns a sender and a receiving address in the two hosts.
func udp(t testing.TB, from, to *testnet.Host, addr netip.Addr) *net.UDPConn {
	t.Helper()
	var l, c *net.UDPConn
	var err error
	to.Do(func() { l, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	from.Do(func() { c, err = net.DialUDP("udp", nil, l.LocalAddr().(*net.UDPAddr)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// read1 reads one frame.
func read1(s capture.Source, f *capture.Frame) error {
	var one [1]capture.Frame
	for {
		n, err := s.Read(one[:])
		if n > 0 || err != nil {
			*f = one[0]
			return err
		}
	}
}

func TestLoopbackOnce(t *testing.T) {
	h := testnet.New(t)
	for _, name := range []string{"lo", capture.Any} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, h, name, nil)
			want := decode.LinkEthernet
			header := 14
			if name == capture.Any {
				want, header = decode.LinkSLL2, 20
			}
			if got := l.Info().Link; got != want {
				t.Fatalf("link type %v, want %v", got, want)
			}
			c := udp(t, h, h, netip.MustParseAddr("127.0.0.1"))
			const n = 1000
			for i := range n {
				fmt.Fprintf(c, "datagram %04d", i)
			}
			var f capture.Frame
			for i := range n {
				if err := read1(l, &f); err != nil {
					t.Fatal(err)
				}
				if len(f.Data) != header+28+13 || f.Length != len(f.Data) {
					t.Fatalf("frame %d: %d bytes of %d: % x", i, len(f.Data), f.Length, f.Data)
				}
				if got, want := string(f.Data[header+28:]), fmt.Sprintf("datagram %04d", i); got != want {
					t.Fatalf("frame %d: %q, want %q", i, got, want)
				}
				if f.Link != want || f.Interface != 1 || f.Direction != capture.Incoming || f.Checksum != capture.ChecksumNotReady {
					t.Fatalf("frame %d: %+v", i, f)
				}
				if d := time.Since(f.Time); d < 0 || d > time.Minute {
					t.Fatalf("frame %d: time %v", i, f.Time)
				}
				if name == capture.Any && (binary.BigEndian.Uint16(f.Data) != 0x0800 || binary.BigEndian.Uint32(f.Data[4:]) != 1 ||
					binary.BigEndian.Uint16(f.Data[8:]) != 772) {
					t.Fatalf("frame %d: cooked header % x", i, f.Data[:20])
				}
			}
			st, err := l.Stats()
			if err != nil || st.Captured != n || st.Received != n || st.Dropped != 0 {
				t.Errorf("%+v, %v", st, err)
			}
		})
	}
}

func TestCloseUnblocksRead(t *testing.T) {
	h := testnet.New(t)
	l := listen(t, h, "lo", nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		var f capture.Frame
		if err := read1(l, &f); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read: %v", err)
		}
		if err := read1(l, &f); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read again: %v", err)
		}
	})
	time.Sleep(20 * time.Millisecond)
	start := time.Now()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestListenErrors(t *testing.T) {
	h := testnet.New(t)
	_, err := capture.Listen("nosuch0", &capture.Config{Namespace: h.Path()})
	if !errors.Is(err, capture.ErrNoInterface) {
		t.Errorf("missing interface: %v", err)
	}
	_, err = capture.Listen("lo", &capture.Config{Namespace: "/nosuch/namespace"})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing namespace: %v", err)
	}
	for _, c := range []capture.Config{
		{SnapLen: -1}, {BufferSize: -1}, {BlockSize: 1 << 30}, {BlockTimeout: time.Hour}, {Workers: 1000}, {Direction: 9}, {Clock: 9},
	} {
		if l, err := capture.Listen("lo", &c); err == nil {
			t.Errorf("%+v: no error", c)
			l.Close()
		}
	}
}

// While nothing comes Read says so, with a time that goes on; but never one behind
// that of a frame which waits in a block that is not full.
func TestSilence(t *testing.T) {
	h := testnet.New(t)
	for _, workers := range []int{1, 2} {
		l := listen(t, h, "lo", &capture.Config{BlockTimeout: 300 * time.Millisecond, Filter: "udp", Workers: workers})
		c := udp(t, h, h, netip.MustParseAddr("127.0.0.1"))
		fs := make([]capture.Frame, 4)
		var last time.Time
		for round := range 3 {
			if _, err := c.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			for silences := 0; ; {
				n, err := l.Read(fs)
				if err != nil {
					t.Fatal(err)
				}
				if n > 0 && fs[0].Time.Before(last) {
					t.Errorf("a frame of %v after a silence until %v", fs[0].Time, last)
				}
				if n > 0 {
					last = fs[0].Time
				} else if now := fs[0].Time; round > 0 || !now.IsZero() {
					if now.Before(last) || time.Since(now) > 10*time.Second {
						t.Errorf("silence until %v, after %v", now, last)
					}
					last = now
					if silences++; silences == 3 {
						break
					}
				}
			}
		}
		if n := l.Stop(); n != nil {
			t.Error(n)
		}
		if n, err := l.Read(fs); n != 0 || err != io.EOF {
			t.Errorf("%d, %v after Stop", n, err)
		}
	}
}
