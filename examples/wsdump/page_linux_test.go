package main

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
