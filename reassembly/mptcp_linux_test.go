package reassembly

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/testnet"
)

// TestMPTCPLive has the kernel talk over two paths, of which one fails on the way,
// and follows what is captured at one end.
func TestMPTCPLive(t *testing.T) {
	for _, fails := range []bool{false, true} {
		testnet.Require(t)
		if b, err := os.ReadFile("/proc/sys/net/mptcp/enabled"); err != nil || strings.TrimSpace(string(b)) != "1" {
			t.Skip("the kernel has no MPTCP")
		}
		c, s := testnet.New(t), testnet.New(t)
		var second *testnet.Interface
		for i, prefix := range []string{"10.0.1.", "10.0.2."} {
			x, y := testnet.Veth(t, c, s)
			x.AddAddr(netip.MustParsePrefix(prefix + "1/24"))
			y.AddAddr(netip.MustParsePrefix(prefix + "2/24"))
			if i == 1 {
				second = x
			}
		}
		for h, commands := range map[*testnet.Host][]string{
			c: {"mptcp limits set subflow 4 add_addr_accepted 4"},
			s: {"mptcp limits set subflow 4 add_addr_accepted 4", "mptcp endpoint add 10.0.2.2 signal"},
		} {
			for _, command := range commands {
				h.Do(func() {
					if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
						t.Skipf("ip %s: %v %s", command, err, out)
					}
				})
			}
		}
		frames := sniff(t, s)

		lc := net.ListenConfig{}
		lc.SetMultipathTCP(true)
		var l net.Listener
		s.Do(func() {
			var err error
			if l, err = lc.Listen(context.Background(), "tcp", ":7272"); err != nil {
				t.Fatal(err)
			}
		})
		defer l.Close()
		var said [2][]byte
		for i := range said {
			said[i] = make([]byte, 4<<20)
			for j := range said[i] {
				said[i][j] = byte('a' + rand.IntN(26))
			}
		}
		// talk says all that one side has to say, and waits for what the other says.
		talk := func(conn net.Conn, side int) {
			written := make(chan struct{})
			defer func() { <-written }()
			go func() {
				defer close(written)
				for b := said[side]; len(b) > 0; {
					n := min(len(b), 1+rand.IntN(8000))
					conn.Write(b[:n])
					b = b[n:]
					if len(b) > len(said[side])-40_000 { // until the paths are there
						time.Sleep(10 * time.Millisecond)
					}
				}
			}()
			conn.SetDeadline(time.Now().Add(30 * time.Second))
			if got, err := io.ReadAll(io.LimitReader(conn, int64(len(said[side^1])))); err != nil || !bytes.Equal(got, said[side^1]) {
				t.Errorf("side %d: %d bytes, %v", side, len(got), err)
			}
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			talk(conn, 1)
		}()
		d := net.Dialer{}
		d.SetMultipathTCP(true)
		var conn net.Conn
		c.Do(func() {
			var err error
			if conn, err = d.Dial("tcp", "10.0.1.2:7272"); err != nil {
				t.Fatal(err)
			}
		})
		if fails {
			time.AfterFunc(100*time.Millisecond, second.Down)
		}
		talk(conn, 0)
		conn.Close()
		<-done
		time.Sleep(200 * time.Millisecond)

		b := newBench(t, nil)
		var p decode.Packet
		other := 0 // bytes that went over the second path
		for _, f := range frames() {
			if p.Decode(decode.LinkEthernet, f.data) == nil {
				if p.TCP && (p.Src().Addr() == netip.MustParseAddr("10.0.2.2") || p.Dst().Addr() == netip.MustParseAddr("10.0.2.2")) {
					other += len(p.Payload)
				}
				packetAt(b.a, &p, f.at)
			}
		}
		stats := b.a.Stats()
		b.close()
		t.Logf("one path fails: %v: %d bytes over the second, %+v", fails, other, stats)
		if stats.Subflows < 2 {
			t.Errorf("%d subflows", stats.Subflows)
		}
		if len(b.flows) != 1 {
			t.Fatalf("%d flows", len(b.flows))
		}
		for dir, want := range said {
			if got := b.flows[0].streams[dir]; !bytes.Equal(got, want) {
				t.Errorf("one path fails: %v: %v: %d bytes of %d", fails, Direction(dir), len(got), len(want))
			}
		}
		if stats.Unmapped+stats.Orphans > 0 || stats.Conflict > 0 {
			t.Errorf("%+v", stats)
		}
	}
}

type sniffed struct {
	data []byte
	at   time.Time
}

// sniff captures on all Ethernet interfaces of h until what it returns is called.
func sniff(t *testing.T, h *testnet.Host) func() []sniffed {
	var fd int
	h.Do(func() {
		var err error
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_ALL))); err != nil {
			t.Fatal(err)
		}
	})
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000})
	var frames []sniffed
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		defer unix.Close(fd)
		b := make([]byte, 1<<17)
		for {
			n, _, err := unix.Recvfrom(fd, b, 0)
			if err == nil {
				frames = append(frames, sniffed{bytes.Clone(b[:n]), time.Now()})
				continue
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	return func() []sniffed {
		close(stop)
		<-stopped
		return frames
	}
}

func htons(n uint16) uint16 { return n<<8 | n>>8 }
