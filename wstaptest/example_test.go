package wstaptest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	coder "github.com/coder/websocket"

	"github.com/wstap/wstap/websocket"
	"github.com/wstap/wstap/wstaptest"
)

// A test of a service that looks at what went over the wire.
func ExampleRecord() {
	_ = func(t *testing.T) { // TestGreeting
		server := httptest.NewServer(http.HandlerFunc(echo))
		defer server.Close()
		rec := wstaptest.Record(t, nil, server.Listener.Addr())

		c, _, err := coder.Dial(t.Context(), server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Write(t.Context(), coder.MessageText, []byte("hi")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, m := range rec.Messages() {
			if m.Opcode == websocket.Text && m.Compressed {
				t.Errorf("%v sent %q compressed", m.From, m.Text())
			}
		}
	}
}

// Feed a tap with packets made by hand.
func ExampleConn() {
	conn := wstaptest.NewConn(netip.AddrPort{}, netip.AddrPort{})
	conn.Open()
	conn.Upgrade("/chat")
	conn.Text(websocket.FromClient, "hello")
	conn.Close(websocket.FromServer, 1001, "going away")
	tap := websocket.NewTap(wstaptest.NewSource(conn), nil)
	for msg := range tap.Messages(context.Background()) {
		fmt.Printf("%v %v %q\n", msg.From, msg.Opcode, msg.Payload)
	}
	// Output:
	// client text "hello"
	// server close "\x03\xe9going away"
	// client close "\x03\xe9"
}
