package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wstap/wstap/examples/embed/service"
	"github.com/wstap/wstap/internal/testnet"
)

var accountLine = regexp.MustCompile(`(?m)^wstap_account_(total|part_total|waiting)\{account="([^"]*)".*\} (.*)$`)

// unbalanced says which account's parts do not add up.
func unbalanced(t *testing.T, metrics string) string {
	missing := map[string]float64{}
	for _, m := range accountLine.FindAllStringSubmatch(metrics, -1) {
		n, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Error(err)
		}
		if m[1] == "total" {
			n = -n
		}
		missing[m[2]] += n
	}
	if len(missing) < 8 {
		t.Fatalf("%d accounts in:\n%s", len(missing), metrics)
	}
	for name, n := range missing {
		if n != 0 {
			return fmt.Sprintf("balance of %s, but %v", name, n)
		}
	}
	return ""
}

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
		"\nwstap_packets_dropped_total 0\n", "\nwstap_payload_bytes_total 18\n", `
wstap_account_part_total{account="delivered_bytes",part="frame_payload"} 18
`, "\nwstap_up 1\n", "\ngo_goroutines "}
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
		missing := unbalanced(t, string(b))
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
