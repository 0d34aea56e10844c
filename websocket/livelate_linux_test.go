package websocket

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	coder "github.com/coder/websocket"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/testnet"
)

// TestLiveLate attaches to real endpoints that have shaken hands before, and talk on:
// the first line comes at once, before the answer is sent, and all come in order.
func TestLiveLate(t *testing.T) {
	for _, compress := range []coder.CompressionMode{coder.CompressionDisabled, coder.CompressionContextTakeover} {
		t.Run(fmt.Sprint("compression ", compress), func(t *testing.T) {
			h := testnet.New(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			client, server := liveTalk(ctx, t, h, compress)
			say := func(from, to *coder.Conn, text string) {
				if err := from.Write(ctx, coder.MessageText, []byte(text)); err != nil {
					t.Fatal(err)
				}
				if _, b, err := to.Read(ctx); err != nil || string(b) != text {
					t.Fatalf("%q, %v", b, err)
				}
			}
			say(client, server, "before the capture")
			src, err := capture.Listen("lo", &capture.Config{Namespace: h.Path(), Filter: "tcp", Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			tap := NewTap(src, nil)
			ch := tap.Messages(ctx)
			for i := range 4 {
				for dir, c := range [2]*coder.Conn{client, server} {
					text := fmt.Sprintf(`{"number":%d,"from":%q}`, i, Direction(dir))
					say(c, [2]*coder.Conn{server, client}[dir], text)
					m := receive(t, ch, 1)[0] // nobody says more before it comes
					if m.From != Direction(dir) || !agrees(m, Text, []byte(text)) || !m.Midstream {
						t.Fatalf("%s, want %s", describeMessage(m), text)
					}
				}
			}
			if err := tap.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// liveTalk returns both ends of a connection on a host's lo.
func liveTalk(ctx context.Context, t *testing.T, h *testnet.Host, compress coder.CompressionMode) (client, server *coder.Conn) {
	t.Helper()
	l, err := h.Listen("tcp", "127.0.0.1:7272")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan *coder.Conn)
	done := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := coder.Accept(w, r, &coder.AcceptOptions{CompressionMode: compress, CompressionThreshold: 1})
		if err != nil {
			t.Error(err)
		}
		accepted <- c
		<-done
	}))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(done) })
	transport := &http.Transport{DialContext: h.DialContext}
	client, _, err = coder.Dial(ctx, "ws://127.0.0.1:7272/", &coder.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, CompressionMode: compress, CompressionThreshold: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	server = <-accepted
	t.Cleanup(func() { client.CloseNow(); server.CloseNow() })
	return client, server
}
