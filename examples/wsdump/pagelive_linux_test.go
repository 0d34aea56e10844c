package main

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wstap/wstap/internal/testnet"
)

// browseLive is browse in a host, where the browser is too.
func browseLive(t *testing.T, h *testnet.Host, args ...string) *viewer {
	t.Helper()
	b := browse(t, func(cmd *exec.Cmd) (err error) {
		h.Do(func() { err = cmd.Start() })
		return err
	}, args...)
	b.client.Transport = &http.Transport{DialContext: h.DialContext}
	return b
}

// TestPageLive: messages appear as they pass. The page's own packets are neither
// shown, counted nor saved, whatever the filter, and do not take others with them.
func TestPageLive(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	for _, args := range []string{
		"-i lo", "-i any", "-i lo tcp or udp", "-i lo port 7272 or not port 7272", "-i lo --web=0.0.0.0", "-i any --web=[::1]", "-i lo -p --netns " + h.Path(),
	} {
		file := filepath.Join(t.TempDir(), "packets.pcap")
		b := browseLive(t, h, append([]string{"--web", "-w", file}, strings.Split(args, " ")...)...)
		if warned := strings.Contains(b.stderr.String(), "is open to the network"); warned != strings.Contains(args, "0.0.0.0") {
			t.Errorf("%s: %s", args, b.stderr)
		}
		if strings.Contains(args, "0.0.0.0") {
			if c, err := h.DialContext(t.Context(), "tcp", "[::1]:"+b.base.Port()); err == nil {
				c.Close()
				t.Errorf("%s: open to IPv6: %s", args, b.stderr)
			}
		}
		for range 20 {
			if s := b.stats(); s.Totals.Packets > 0 || s.Totals.Received > 0 || s.Why == nil || !s.Live || s.Ended {
				t.Fatalf("%s: %+v", args, s)
			}
		}
		c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
		for range 5 {
			if err := exchange(t.Context(), c, "hello"); err != nil {
				t.Fatal(err)
			}
		}
		b.waitFor(func() bool { return b.shown() == 10 }, "10 messages")
		download := tempFile(t, b.get("/api/export?format=pcapng"))
		if r := mustWork(t, "-r", download, "--count"); r.stdout != "10 messages\n" {
			t.Errorf("%s: packets so far: %+v", args, r)
		}
		c.CloseNow()
		r := b.end()
		if r.status != 0 || r.stdout != "" || strings.Contains(r.stderr, "goes on until") {
			t.Errorf("%s: %+v", args, r)
		}
		saved := mustWork(t, "-r", file, "--count", "not port 7272")
		if !strings.Contains(saved.stderr, "\n0 packets captured\n") {
			t.Errorf("%s: saved: %s", args, saved.stderr)
		}
	}
}

// TestPagePort: the same port at another address is not the page's.
func TestPagePort(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.2:8080")
	for _, filter := range []string{"tcp", "host 127.0.0.1 or host 127.0.0.2", "port 8080"} {
		b := browseLive(t, h, "--web=127.0.0.1:8080", "-i", "lo", filter)
		b.stats()
		c := dial(t, h, "127.0.0.2:8080", websocket.CompressionDisabled)
		if err := exchange(t.Context(), c, "hello"); err != nil {
			t.Fatal(err)
		}
		b.waitFor(func() bool { return b.shown() == 2 }, "2 messages")
		c.CloseNow()
		b.waitFor(func() bool { return b.stats().Totals.Connections == 1 }, "the only connection")
		if r := b.end(); r.status != 0 || !strings.Contains(r.stderr, "2 messages on 1 connection\n") {
			t.Errorf("%s: %+v", filter, r)
		}
	}
}

// TestPageLoad: however much the page is asked meanwhile, every message is captured
// and shown.
func TestPageLoad(t *testing.T) {
	h := testnet.New(t)
	const clients = 20
	each := *liveMessages / clients / 10
	echoServer(t, h, "127.0.0.1:7272")
	b := browseLive(t, h, "--web", "-i", "lo", "port", "7272")
	over := make(chan struct{})
	var asking, talking sync.WaitGroup
	for _, path := range []string{
		"/api/messages?match=no+such+thing&offset=-100", "/api/messages?match=/says+[0-9]*7/&limit=1000", "/api/timeline?buckets=500", "/api/connections?",
	} {
		asking.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(20 * time.Millisecond):
					b.get(path)
				}
			}
		})
	}
	for i := range clients {
		c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
		talking.Go(func() {
			defer c.CloseNow()
			for j := range each {
				if err := exchange(t.Context(), c, chatter(i, j)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	talking.Wait()
	want := uint64(2 * clients * each)
	b.waitFor(func() bool { return b.shown() >= want }, "all messages")
	close(over)
	asking.Wait()
	if n := b.shown(); n != want {
		t.Errorf("%d messages, want %d", n, want)
	}
	if r := b.end(); r.status != 0 || !strings.Contains(r.stderr, "\n0 packets dropped by kernel\n0 bytes lost in gaps\n") {
		t.Errorf("%+v", r)
	}
}

// TestPageDuration: the page outlives its capture.
func TestPageDuration(t *testing.T) {
	h := testnet.New(t)
	b := browseLive(t, h, "--web", "-i", "lo", "--duration", "200ms")
	b.ended()
	if s := b.stats(); !s.Live || s.Why == nil {
		t.Errorf("%+v", s)
	}
	if r := b.end(); r.status != 0 {
		t.Errorf("%+v", r)
	}
}

// TestPageDemo: the demo's page is where the browser is, not where the demo is.
func TestPageDemo(t *testing.T) {
	testnet.Require(t)
	b := browse(t, nil, "--demo", "--web")
	b.ended()
	if s := b.stats(); s.Totals.Messages != 15 || s.Source != "demo" || b.shown() != 15 {
		t.Errorf("%+v", s)
	}
	if r := b.end(); r.status != 0 || r.stdout != "" {
		t.Errorf("%+v", r)
	}
}
