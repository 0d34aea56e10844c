package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	coder "github.com/coder/websocket"

	"github.com/wstap/wstap/internal/testnet"
)

// TestTLS: a service of wss sees its own messages, of both versions of TLS.
func TestTLS(t *testing.T) {
	h := testnet.New(t)
	borrowed := httptest.NewTLSServer(nil) // for its certificate
	defer borrowed.Close()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var l log
		var s *Service
		var err error
		h.Do(func() {
			s, err = New(Config{
				Addr: "127.0.0.1:0", Interface: "lo", Log: slog.New(slog.NewTextHandler(&l, nil)),
				TLS: &tls.Config{Certificates: borrowed.TLS.Certificates, MaxVersion: version},
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- s.Run(ctx) }()
		transport := &http.Transport{DialContext: h.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		c, _, err := coder.Dial(t.Context(), fmt.Sprintf("wss://%v/echo", s.Addr()), &coder.DialOptions{HTTPClient: &http.Client{Transport: transport}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Write(t.Context(), coder.MessageText, []byte("hi, all !")); err != nil {
			t.Fatal(err)
		}
		if _, b, err := c.Read(t.Context()); err != nil || string(b) != "hi, all !" {
			t.Fatalf("got %q, %v", b, err)
		}
		for _, from := range []string{"client", "server"} {
			l.waitFor(t, "from="+from+` opcode=text bytes=9 text="hi, all !"`)
		}
		if err := c.Close(coder.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
		if st := s.Stats().TLS; st.OpenedConns != 1 || st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
	}
}
