package websocket

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"time"

	coder "github.com/coder/websocket"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testnet"
)

// The traffic of TestSoak.

// begin makes a connection.
func (s *soaker) begin(host *testnet.Host, addr netip.Addr, compress bool) (id int, c *coder.Conn, tcp net.Conn, err error) {
	s.mu.Lock()
	id = len(s.conns)
	s.conns = append(s.conns, soaked{})
	s.mu.Unlock()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		var err error
		tcp, err = host.DialContext(ctx, network, addr)
		return tcp, err
	}}
	opt := &coder.DialOptions{HTTPClient: &http.Client{Transport: transport}, CompressionThreshold: 1}
	if compress {
		opt.CompressionMode = coder.CompressionContextTakeover
	}
	c, _, err = coder.Dial(s.ctx, fmt.Sprintf("ws://%v/soak/%d", netip.AddrPortFrom(addr, 7272), id), opt)
	return id, c, tcp, err
}

// count adds to what was sent or received on a connection.
func (s *soaker) count(id int, f func(*soaked)) {
	s.mu.Lock()
	f(&s.conns[id])
	s.mu.Unlock()
}

// write sends message n as text or binary, in one frame or in several. It
// counts before: a tap may be faster than the return of the call.
func (s *soaker) write(c *coder.Conn, id, dir, n int) error {
	s.count(id, func(c *soaked) { c.sent[dir]++ })
	typ, b := []coder.MessageType{coder.MessageText, coder.MessageBinary}[n&1], soakPayload(id, n)
	if n%5 != 4 {
		return c.Write(s.ctx, typ, b)
	}
	w, err := c.Writer(s.ctx, typ)
	for len(b) > 0 && err == nil {
		k := min(len(b), 1+len(b)/2)
		_, err = w.Write(b[:k])
		b = b[k:]
	}
	if err == nil {
		err = w.Close()
	}
	return err
}

// read receives message n of the other side dir.
func (s *soaker) read(c *coder.Conn, id, dir, n int) error {
	_, b, err := c.Read(s.ctx)
	if err != nil {
		return err
	}
	if string(b) != string(soakPayload(id, n)) {
		s.t.Errorf("received %.50q as message %d of connection %d", b, n, id)
	}
	s.count(id, func(c *soaked) { c.received[dir]++ })
	return nil
}

// echo is the server's side of a connection.
func (s *soaker) echo(w http.ResponseWriter, r *http.Request) {
	id, ok := soakID(&Conn{URL: r.URL.Path})
	c, err := coder.Accept(w, r, &coder.AcceptOptions{CompressionMode: coder.CompressionContextTakeover, CompressionThreshold: 1})
	if err != nil || !ok {
		return
	}
	defer c.CloseNow()
	for n := 0; s.read(c, id, 0, n) == nil; n++ {
		if s.write(c, id, 1, n) != nil {
			return
		}
	}
}

func (s *soaker) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// client connects, talks and leaves, again and again. Errors are part of it.
func (s *soaker) client(host *testnet.Host, addr netip.Addr, r *rand.Rand) {
	for !s.stopped() {
		if r.IntN(10) == 0 { // a port where nobody listens
			if c, err := host.DialContext(s.ctx, "tcp", netip.AddrPortFrom(addr, 7273).String()); err == nil {
				c.Close()
			}
		}
		id, c, tcp, err := s.begin(host, addr, r.IntN(2) == 0)
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		messages := 1 + r.IntN(30)
		heard := make(chan struct{})
		go func() {
			defer close(heard)
			for n := 0; n < messages && s.read(c, id, 1, n) == nil; n++ {
			}
		}()
		abort := -1 // after this message
		if r.IntN(5) == 0 {
			abort = r.IntN(messages)
		}
		for n := 0; n < messages && n != abort && err == nil; n++ {
			if err = s.write(c, id, 0, n); n%7 == 3 && n < messages-1 && err == nil {
				c.Ping(s.ctx) // answered as long as there is more to read
			}
			time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
		}
		switch {
		case abort < 0 && err == nil:
			<-heard
			c.Close(coder.StatusNormalClosure, "bye")
		case r.IntN(2) == 0: // a reset
			tcp.(*net.TCPConn).SetLinger(0)
		}
		c.CloseNow()
		<-heard
	}
}

// idle holds a connection that says little.
func (s *soaker) idle(host *testnet.Host, addr netip.Addr) {
	id, c, _, err := s.begin(host, addr, true)
	if err != nil {
		return
	}
	defer c.CloseNow()
	for n := 0; ; n++ {
		if s.write(c, id, 0, n) != nil || s.read(c, id, 1, n) != nil {
			return
		}
		select {
		case <-s.stop:
			c.Close(coder.StatusNormalClosure, "bye")
			return
		case <-time.After(10 * time.Second):
		}
	}
}

// flood sends half-open connections, and conversations that were damaged on the
// way.
func (s *soaker) flood(device io.Writer) {
	r := rand.New(rand.NewPCG(9, 9))
	for i := 0; !s.stopped(); i++ {
		c, _ := converse(r, 5, []string{response, deflated}[i&1], r.IntN(2) == 0, loads[i%len(loads)].make)
		for _, f := range damage(r, source(c)).frames {
			device.Write(f.Data) // fails while the interface is down
		}
		for range 10 {
			syn := packetgen.NewConversation()
			syn.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(r.Uint32()), byte(r.Uint32())}), uint16(r.Uint32()))
			syn.Server = netip.AddrPortFrom(syn.Server.Addr(), 7272)
			device.Write(syn.Segment(packetgen.Client, decode.SYN, nil, nil).Frame)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// flap sets an interface down and up.
func (s *soaker) flap(ifi *testnet.Interface, every time.Duration) {
	for !s.stopped() {
		time.Sleep(every)
		ifi.Down()
		time.Sleep(2 * time.Millisecond)
		ifi.Up()
	}
}
