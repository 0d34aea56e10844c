package wstaptest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/websocket"
	"github.com/wstap/wstap/wstaptest"
)

// told is what a tap tells of a source, a line an event.
func told(t *testing.T, src capture.Source) string {
	t.Helper()
	var lines []string
	for e, err := range websocket.NewTap(src, nil).Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		switch e := e.(type) {
		case *websocket.Open:
			lines = append(lines, fmt.Sprintf("open %s %v %v", e.Conn.Path(), e.Conn.AcceptValid, e.Conn.Midstream))
		case *websocket.Message:
			lines = append(lines, fmt.Sprintf("%v %v %d %.9q %v", e.From, e.Opcode, len(e.Payload), e.Payload, e.BadMask))
		case *websocket.Gap:
			lines = append(lines, fmt.Sprintf("gap %v %d", e.From, e.Bytes))
		case *websocket.End:
			lines = append(lines, fmt.Sprintf("end %s %v", e.Cause, e.By))
		}
	}
	return strings.Join(lines, "\n")
}

// TestConn: what is made by hand is what a tap sees.
func TestConn(t *testing.T) {
	for _, addrs := range [][2]string{{"", ""}, {"[fd00::1]:5000", "[fd00::2]:80"}} {
		client, _ := netip.ParseAddrPort(addrs[0])
		server, _ := netip.ParseAddrPort(addrs[1])
		c := wstaptest.NewConn(client, server)
		c.Open()
		c.Upgrade("/chat?room=1")
		c.Text(websocket.FromClient, "hi, all !")
		c.Message(websocket.FromServer, websocket.Binary, make([]byte, 200))
		c.Message(websocket.FromClient, websocket.Binary, make([]byte, 70000))
		c.Lose(1)
		c.Text(websocket.FromServer, "nobody sees this")
		c.Text(websocket.FromServer, "but this")
		c.Sleep(2 * time.Minute) // a file's hole may be filled for a minute
		c.Close(websocket.FromServer, 1000, "bye")
		const want = `open /chat true false
client text 9 "hi, all !" false
server binary 200 "\x00\x00\x00\x00\x00\x00\x00\x00\x00" false
client binary 70000 "\x00\x00\x00\x00\x00\x00\x00\x00\x00" false
gap server 18
server text 8 "but this" false
server close 5 "\x03\xe8bye" false
client close 2 "\x03\xe8" false
end fin [server client]`
		if got := told(t, wstaptest.NewSource(c)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	late := wstaptest.NewConn(netip.AddrPort{}, netip.AddrPort{})
	late.Text(websocket.FromClient, `{"type":"say"}`)
	late.Reset(websocket.FromClient)
	if got, want := told(t, wstaptest.NewSource(late)), "open  false true\nclient text 14 \"{\\\"type\\\":\\\"\" false\nend rst [client]"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	shut := wstaptest.NewConn(netip.AddrPort{}, netip.AddrPort{})
	shut.Open()
	shut.Sleep(time.Hour)
	shut.Shut(websocket.FromClient)
	if f := shut.Frames(); len(f) != 6 || f[3].Time.Sub(f[2].Time) < time.Hour {
		t.Errorf("%d frames", len(f))
	}
}

// TestLiveSource: a live source waits for what is added, in the order of time, until
// it is stopped, or closed.
func TestLiveSource(t *testing.T) {
	src := wstaptest.NewLiveSource()
	a, b := wstaptest.NewConn(netip.AddrPort{}, netip.AddrPort{}), wstaptest.NewConn(netip.MustParseAddrPort("10.0.0.1:40001"), netip.AddrPort{})
	tap := websocket.NewTap(src, nil)
	ch := tap.Messages(context.Background())
	for _, c := range []*wstaptest.Conn{a, b} {
		c.Open()
		c.Upgrade("/")
	}
	src.Add(a, b)
	for i := range 3 {
		a.Text(websocket.FromClient, fmt.Sprint("a", i))
		b.Sleep(time.Microsecond)
		b.Text(websocket.FromServer, fmt.Sprint("b", i))
		src.Add(b, a)
		for _, want := range []string{"a", "b"} {
			if got := (<-ch).Text(); got != fmt.Sprint(want, i) {
				t.Errorf("%q, want %s%d", got, want, i)
			}
		}
	}
	if st, _ := src.Stats(); !src.Info().Live || st.Captured != uint64(len(a.Frames())+len(b.Frames())) || st.Received != st.Captured {
		t.Errorf("%+v", st)
	}
	tap.Stop()
	if _, open := <-ch; open || tap.Err() != nil {
		t.Errorf("%v", tap.Err())
	}

	src = wstaptest.NewLiveSource()
	src.Add(a) // which adds nothing: it was added before
	src.Stop()
	if n, err := src.Read(make([]capture.Frame, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
	src.Close()
	if _, err := src.Read(make([]capture.Frame, 1)); err != net.ErrClosed {
		t.Error(err)
	}
	if err := src.Stop(); err != net.ErrClosed {
		t.Errorf("Stop after Close: %v", err)
	}
}
