package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wstap/wstap/examples/embed/service"
	"github.com/wstap/wstap/internal/testnet"
)

// TestMetrics talks to the service and reads its counters as Prometheus does.
func TestMetrics(t *testing.T) {
	h := testnet.New(t)
	var s *service.Service
	var err error
	h.Do(func() {
		s, err = service.New(service.Config{Addr: "127.0.0.1:0", Interface: "lo", Log: slog.New(slog.DiscardHandler)})
	})
	if err != nil {
		t.Fatal(err)
	}
	handle(s)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()

	transport := &http.Transport{DialContext: h.DialContext}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	c, _, err := websocket.Dial(t.Context(), fmt.Sprintf("ws://%v/echo", s.Addr()), &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(t.Context(), websocket.MessageText, []byte("hi, all !")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"\nwstap_messages_total 2\n", "\nwstap_connections_total 1\n", "\nwstap_connections_active 1\n",
		"\nwstap_packets_dropped_total 0\n", "\nwstap_payload_bytes_total 18\n", "\nwstap_up 1\n", "\ngo_goroutines "}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		resp, err := client.Get(fmt.Sprintf("http://%v/metrics", s.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp.Status, err)
		}
		missing := ""
		for _, w := range want {
			if !bytes.Contains(b, []byte(w)) {
				missing = w
			}
		}
		if missing == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %q in:\n%s", strings.TrimSpace(missing), b)
		}
	}
	c.CloseNow()
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}
