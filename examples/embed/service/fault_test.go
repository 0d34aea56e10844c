package service

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	coder "github.com/coder/websocket"

	"github.com/wstap/wstap/internal/testnet"
)

// start runs a service in the host. end ends it and returns what Run did.
func start(t *testing.T, h *testnet.Host, iface string) (s *Service, l *log, end func() error) {
	t.Helper()
	l = new(log)
	var err error
	h.Do(func() {
		s, err = New(Config{Addr: "127.0.0.1:0", Interface: iface, Log: slog.New(slog.NewTextHandler(l, nil))})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	return s, l, func() error {
		cancel()
		select {
		case err := <-ran:
			return err
		case <-time.After(time.Minute):
			return fmt.Errorf("Run does not end: %s", l)
		}
	}
}

// TestTapEnds: when the tap fails the service goes on, and /live tells.
func TestTapEnds(t *testing.T) {
	h := testnet.New(t)
	ifi, _ := testnet.Veth(t, h, testnet.New(t))
	s, l, end := start(t, h, ifi.Name)
	transport := &http.Transport{DialContext: h.DialContext}
	defer transport.CloseIdleConnections()
	live := func() (int, string) {
		resp, err := (&http.Client{Transport: transport}).Get(fmt.Sprintf("http://%v/live", s.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if code, text := live(); code != 200 {
		t.Errorf("%d %s", code, text)
	}
	ifi.Delete()
	l.waitFor(t, "interface is gone")
	if code, text := live(); code != http.StatusServiceUnavailable || s.TapErr() == nil {
		t.Errorf("%d %s", code, text)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestSlowClients: neither a client that asks half a question nor one that does
// not read its answers keeps the service from its end, or makes it a failure.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	h := testnet.New(t)
	s, l, end := start(t, h, "lo")
	half, err := h.DialContext(t.Context(), "tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	io.WriteString(half, "POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf")

	transport := &http.Transport{DialContext: h.DialContext}
	defer transport.CloseIdleConnections()
	c, _, err := coder.Dial(t.Context(), fmt.Sprintf("ws://%v/echo", s.Addr()), &coder.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := c.Write(ctx, coder.MessageBinary, make([]byte, 32<<10))
		cancel()
		if err != nil {
			break // both directions are full
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if got := s.Stats().Conns; got != 1 {
		t.Errorf("%d connections: %s", got, l)
	}
}
