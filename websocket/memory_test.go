package websocket

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// idleSource opens n connections, exchanges a message on each, and leaves them.
type idleSource struct {
	n, conn  int
	compress bool
	packets  []packetgen.Packet
	atEnd    func()
}

func (s *idleSource) Next(f *capture.Frame) error {
	if len(s.packets) == 0 {
		if s.conn == s.n {
			s.atEnd()
			return io.EOF
		}
		c := packetgen.NewConversation()
		c.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(s.conn >> 16), byte(s.conn >> 8), byte(s.conn)}), 40000)
		c.Open()
		c.Send(packetgen.Client, []byte(request))
		if s.compress {
			c.Send(packetgen.Server, []byte(deflated))
		} else {
			c.Send(packetgen.Server, []byte(response))
		}
		c.Send(packetgen.Client, frame(FromClient, 0x81, fmt.Appendf(nil, `{"login":%d}`, s.conn)))
		s.packets = c.Packets
		s.conn++
	}
	p := &s.packets[0]
	s.packets = s.packets[1:]
	*f = capture.Frame{Data: p.Frame, Length: len(p.Frame), Time: p.Time, Link: decode.LinkEthernet}
	return nil
}
func (s *idleSource) LinkType() decode.LinkType     { return decode.LinkEthernet }
func (s *idleSource) Close() error                  { return nil }
func (s *idleSource) Stats() (capture.Stats, error) { return capture.Stats{}, nil }

// TestIdleMemory: 100,000 connections that were opened, told one message and are
// silent fit in 200 MB. WSTAP_LONG=1 opens as many; otherwise it is a third.
func TestIdleMemory(t *testing.T) {
	n := 33000
	if os.Getenv("WSTAP_LONG") != "" {
		n = 100000
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	opens := 0
	s := &idleSource{n: n, atEnd: func() {
		runtime.GC()
		runtime.ReadMemStats(&after)
	}}
	for e, err := range NewTap(s, nil).Events(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := e.(*Open); ok {
			opens++
		}
	}
	per := float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
	t.Logf("%d connections, %.0f bytes each live, %d MB from the system", opens, per, after.Sys>>20)
	if opens != n || per > 2000 {
		t.Errorf("%d connections of %.0f bytes", opens, per)
	}
}
