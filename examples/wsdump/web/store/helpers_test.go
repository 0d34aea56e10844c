package store

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/wstap/wstap/websocket"
)

var began = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// conn returns a connection with some headers.
func conn(n uint64) *websocket.Conn {
	c := &websocket.Conn{
		Number: n, Client: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(n)), Server: netip.MustParseAddrPort("10.0.0.2:80"),
		Method: "GET", URL: fmt.Sprintf("ws://example.com/%d?token=secret", n), Status: 101, AcceptValid: true,
	}
	return c.WithHeaders(http.Header{"Cookie": {"a=b"}, "Host": {"example.com"}}, http.Header{"Upgrade": {"websocket"}})
}

// text returns the i-th message of a test, a millisecond after the one before.
func text(c *websocket.Conn, i int, s string) *websocket.Message {
	at := began.Add(time.Duration(i) * time.Millisecond)
	m := &websocket.Message{
		Conn: c, Payload: []byte(s), Start: at.Add(-time.Microsecond), Time: at, WireLength: int64(len(s)), Frames: 1,
		From: websocket.FromClient, Opcode: websocket.Text,
	}
	if i%2 == 1 {
		m.From = websocket.FromServer
	}
	return m
}

// filled returns a store of n messages of about 100 bytes on ten connections.
func filled(tb testing.TB, cfg *Config, n int) *Store {
	tb.Helper()
	s := New(cfg)
	tb.Cleanup(s.Close)
	var conns []*websocket.Conn
	for i := range 10 {
		c := conn(uint64(i + 1))
		conns = append(conns, c)
		s.Add(&websocket.Open{Time: began, Conn: c})
	}
	for i := range n {
		s.Add(text(conns[i%10], i, line(i)))
	}
	return s
}

func line(i int) string {
	return fmt.Sprintf(`{"type":"say","number":%d,"content":"the quick brown fox jumps over the lazy dog, and again %d"}`, i, i%97)
}

// view returns the view of a selection, searched to its end.
func view(tb testing.TB, s *Store, f Filter) *View {
	tb.Helper()
	v, err := s.View(&f)
	if err != nil {
		tb.Fatal(err)
	}
	if !v.catchUp(context.Background()) {
		tb.Fatal("not searched to the end")
	}
	return v
}
