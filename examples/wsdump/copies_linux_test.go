package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/internal/testnet"
)

// exchanges is how many messages each side sends in the tests below.
const exchanges = 200

// A wire is three hosts in a row, and where the client finds the server.
type wire struct {
	client, middle, server *testnet.Host
	dial, listen           string
}

// newWire makes the hosts, and returns the ends of the cables between them.
func newWire(t *testing.T) (w wire, client, left, right, server *testnet.Interface) {
	w = wire{client: testnet.New(t), middle: testnet.New(t), server: testnet.New(t)}
	client, left = testnet.Veth(t, w.client, w.middle)
	server, right = testnet.Veth(t, w.server, w.middle)
	return w, client, left, right, server
}

// bridged joins the cables.
func bridged(t *testing.T) wire {
	w, client, left, right, server := newWire(t)
	w.middle.Bridge("br0", left, right)
	client.AddAddr(netip.MustParsePrefix("192.0.2.1/24"))
	server.AddAddr(netip.MustParsePrefix("192.0.2.2/24"))
	w.dial, w.listen = "192.0.2.2:7272", "192.0.2.2:7272"
	return w
}

// published is a port of the middle that is the server's, as docker makes it.
func published(t *testing.T) wire {
	w, _, left, right, server := newWire(t)
	w.middle.Forward()
	w.middle.Run("nft", "add table ip wstap;"+
		"add chain ip wstap pre { type nat hook prerouting priority dstnat; };"+
		"add chain ip wstap post { type nat hook postrouting priority srcnat; };"+
		"add rule ip wstap pre tcp dport 8080 dnat to "+server.IPv4.String()+":7272;"+
		"add rule ip wstap post oifname "+right.Name+" masquerade")
	w.dial, w.listen = left.IPv4.String()+":8080", server.IPv4.String()+":7272"
	return w
}

// proxied is a transparent proxy in the middle: it ends TCP, and uses the client's
// and the server's addresses.
func proxied(t *testing.T) wire {
	w, client, left, right, server := newWire(t)
	w.middle.Forward()
	w.client.Run("ip", "route", "add", "default", "via", left.IPv4.String())
	w.server.Run("ip", "route", "add", "default", "via", right.IPv4.String())
	w.middle.Run("ip", "rule", "add", "fwmark", "1", "lookup", "100")
	w.middle.Run("ip", "route", "add", "local", "default", "dev", "lo", "table", "100")
	w.middle.Run("nft", "add table ip wstap;"+
		"add chain ip wstap pre { type filter hook prerouting priority mangle; };"+
		"add rule ip wstap pre meta l4proto tcp socket transparent 1 meta mark set 1 accept;"+
		"add rule ip wstap pre iifname "+left.Name+" tcp dport 7272 tproxy to :9000 meta mark set 1 accept")
	w.dial, w.listen = server.IPv4.String()+":7272", server.IPv4.String()+":7272"

	transparent := func(_, _ string, c syscall.RawConn) error {
		var option error
		err := c.Control(func(fd uintptr) {
			option = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TRANSPARENT, 1),
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		})
		return errors.Join(err, option)
	}
	var l net.Listener
	var err error
	w.middle.Do(func() {
		l, err = (&net.ListenConfig{Control: transparent}).Listen(context.Background(), "tcp4", "0.0.0.0:9000")
	})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { l.Close(); running.Wait() })
	running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			if got := in.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(); got != client.IPv4 {
				t.Errorf("a connection of %v", got)
			}
			var out net.Conn
			w.middle.Do(func() {
				d := net.Dialer{LocalAddr: in.RemoteAddr(), Control: transparent}
				out, err = d.Dial("tcp4", in.LocalAddr().String())
			})
			if err != nil {
				t.Error(err)
				in.Close()
				return
			}
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				running.Go(func() {
					io.Copy(way[0], way[1])
					way[0].(*net.TCPConn).CloseWrite()
				})
			}
		}
	})
	return w
}

// TestCopiesLive: what passes several interfaces of a host is shown once, as one
// connection, and with --copies at every place where it is another one.
func TestCopiesLive(t *testing.T) {
	for _, c := range []struct {
		name   string
		make   func(*testing.T) wire
		copies int // of the connection
	}{
		{"bridge", bridged, 0},
		{"published port", published, 1},
		{"transparent proxy", proxied, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := c.make(t)
			echoServer(t, w.server, w.listen)
			once := startLive(t, w.middle, "--json", "tcp")
			all := startLive(t, w.middle, "--json", "--copies", "tcp")
			conn := dial(t, w.client, w.dial, websocket.CompressionContextTakeover)
			for i := range exchanges {
				if err := exchange(t.Context(), conn, fmt.Sprint("message ", i)); err != nil {
					t.Fatal(err)
				}
			}
			conn.Close(websocket.StatusNormalClosure, "")

			shown := events(t, untilEnds(once, 1+c.copies))
			messages, opens := 0, 0
			for _, e := range shown {
				switch e.Event {
				case "message":
					if e.Conn != 1 {
						t.Fatalf("a message of connection %d", e.Conn)
					}
					if want := fmt.Sprint("message ", messages/2); messages < 2*exchanges && *e.Text != want {
						t.Fatalf("message %d is %q", messages, *e.Text)
					}
					messages++
				case "open":
					opens++
					if (e.Conn == 1) != (e.CopyOf == 0) {
						t.Errorf("connection %d is a copy of %d", e.Conn, e.CopyOf)
					}
				}
			}
			const both = 2*exchanges + 2 // and the close frames
			if messages != both || opens != 1+c.copies {
				t.Errorf("%d messages of %d connections, want %d of %d", messages, opens, both, 1+c.copies)
			}
			if n := strings.Count(untilEnds(all, 1+c.copies), `{"event":"message"`); n != both*(1+c.copies) {
				t.Errorf("with --copies %d messages, want %d", n, both*(1+c.copies))
			}
			said := once.stderr.String()
			if !strings.Contains(said, fmt.Sprintf("%d messages on 1 connection\n", both)) ||
				c.copies > 0 && !strings.Contains(said, fmt.Sprintf("%d messages left out", both)) {
				t.Error(said)
			}
		})
	}
}

// untilEnds reads lines until so many connections have ended, and the rest.
func untilEnds(l *live, n int) string {
	l.t.Helper()
	var text strings.Builder
	for n > 0 {
		line := l.line()
		text.WriteString(line)
		if strings.HasPrefix(line, `{"event":"end"`) {
			n--
		}
	}
	return text.String() + l.end(syscall.SIGINT)
}
