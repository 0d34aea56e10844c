package testnet_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/wstap/wstap/internal/testnet"
)

// exchange sends a few bytes from one host to another over TCP.
func exchange(t *testing.T, from, to *testnet.Host, addr netip.Addr) {
	t.Helper()
	l, err := to.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		defer c.Close()
		b, _ := io.ReadAll(c)
		got <- string(b)
	}()
	c, err := from.DialContext(context.Background(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "hello")
	c.Close()
	if s := <-got; s != "hello" {
		t.Fatalf("%v: got %q", addr, s)
	}
}

func TestLoopback(t *testing.T) {
	h := testnet.New(t)
	exchange(t, h, h, netip.MustParseAddr("127.0.0.1"))
	exchange(t, h, h, netip.MustParseAddr("::1"))
}

func TestVeth(t *testing.T) {
	a, b := testnet.New(t), testnet.New(t)
	_, bi := testnet.Veth(t, a, b)
	exchange(t, a, b, bi.IPv4)
	exchange(t, a, b, bi.IPv6)

	bi.Down()
	if got := b.Lo(); got.Flags&net.FlagUp == 0 {
		t.Error("lo went down with the cable")
	}
	bi.Up()
	exchange(t, a, b, bi.IPv4)

	bi.Delete()
	a.Do(func() {
		if ifs, err := net.Interfaces(); err != nil || len(ifs) != 1 {
			t.Errorf("after Delete: %v, %v", ifs, err)
		}
	})
}

func TestDoReturnsTheThread(t *testing.T) {
	before, err := net.Interfaces()
	if err != nil {
		t.Skip(err)
	}
	h := testnet.New(t)
	h.Do(func() {
		if ifs, err := net.Interfaces(); err != nil || len(ifs) != 1 || ifs[0].Name != "lo" {
			t.Errorf("inside: %v, %v", ifs, err)
		}
	})
	after, err := net.Interfaces()
	if err != nil || len(after) != len(before) {
		t.Errorf("outside: %v before, %v after, %v", before, after, err)
	}
}

func TestTap(t *testing.T) {
	h := testnet.New(t)
	ifi, f := h.Tap("tap0")
	ifi.AddAddr(netip.MustParsePrefix("192.0.2.1/24"))
	// An ARP request for the host's address: the answer shows that frames pass
	// both ways.
	arp := []byte{
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6,
		0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 2, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1,
	}
	if _, err := f.Write(arp); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2048)
	for {
		n, err := f.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if n >= 22 && b[12] == 8 && b[13] == 6 && b[21] == 2 {
			return
		}
	}
}

func TestBridge(t *testing.T) {
	a, middle, b := testnet.New(t), testnet.New(t), testnet.New(t)
	ai, am := testnet.Veth(t, a, middle)
	bi, bm := testnet.Veth(t, b, middle)
	middle.Bridge("br0", am, bm)
	ai.AddAddr(netip.MustParsePrefix("192.0.2.1/24"))
	bi.AddAddr(netip.MustParsePrefix("192.0.2.2/24"))
	exchange(t, a, b, netip.MustParseAddr("192.0.2.2"))
}

func TestForward(t *testing.T) {
	a, router, b := testnet.New(t), testnet.New(t), testnet.New(t)
	_, ar := testnet.Veth(t, a, router)
	bi, br := testnet.Veth(t, b, router)
	router.Forward()
	a.Run("ip", "route", "add", "default", "via", ar.IPv4.String())
	b.Run("ip", "route", "add", "default", "via", br.IPv4.String())
	exchange(t, a, b, bi.IPv4)
}
