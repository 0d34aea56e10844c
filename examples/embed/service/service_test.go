package service

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	coder "github.com/coder/websocket"

	"github.com/wstap/wstap/internal/testnet"
)

// log is a slog destination that can be read meanwhile.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) waitFor(t *testing.T, word string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(l.String(), word); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %q in the log:\n%s", word, l)
		}
	}
}

func TestService(t *testing.T) {
	h := testnet.New(t)
	before := runtime.NumGoroutine()
	var l log
	var s *Service
	var err error
	h.Do(func() {
		s, err = New(Config{Addr: "127.0.0.1:0", Interface: "any", Log: slog.New(slog.NewTextHandler(&l, nil))})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()

	transport := &http.Transport{DialContext: h.DialContext}
	client := &http.Client{Transport: transport}
	c, _, err := coder.Dial(t.Context(), fmt.Sprintf("ws://%v/echo", s.Addr()), &coder.DialOptions{HTTPClient: client})
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
	resp, err := client.Get(fmt.Sprintf("http://%v/live", s.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "ok\n" || resp.StatusCode != 200 {
		t.Errorf("/live: %d %q %v", resp.StatusCode, b, err)
	}
	resp.Body.Close()

	cancel()
	if _, _, err := c.Read(t.Context()); coder.CloseStatus(err) != coder.StatusGoingAway {
		t.Errorf("the client hears %v", err)
	}
	select {
	case err := <-ran:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run does not end")
	}
	for _, want := range []string{"opcode=close bytes=18 code=1001", "messages=4 connections=1 dropped=0 lost_bytes=0"} {
		if !strings.Contains(l.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, l.String())
		}
	}
	transport.CloseIdleConnections()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("goroutines left:\n%s", buf[:runtime.Stack(buf, true)])
		}
	}
}

// TestUntapped: where the tap is refused the service serves.
func TestUntapped(t *testing.T) {
	h := testnet.New(t)
	var l log
	var s *Service
	var err error
	h.Do(func() {
		s, err = New(Config{Addr: "127.0.0.1:0", Interface: "nosuch0", Log: slog.New(slog.NewTextHandler(&l, nil))})
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.TapErr() == nil || !strings.Contains(l.String(), "not tapped") {
		t.Errorf("tapped? %s", &l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	transport := &http.Transport{DialContext: h.DialContext}
	defer transport.CloseIdleConnections()
	c, _, err := coder.Dial(t.Context(), fmt.Sprintf("ws://%v/echo", s.Addr()), &coder.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(t.Context(), coder.MessageBinary, []byte{1}); err != nil {
		t.Error(err)
	}
	if _, b, err := c.Read(t.Context()); err != nil || len(b) != 1 {
		t.Errorf("got %q, %v", b, err)
	}
	if err := c.Close(coder.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}
