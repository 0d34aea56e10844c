package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPcapDrops(t *testing.T) {
	for said, want := range map[string]int{
		"10 packets captured\n12 packets received by filter\n2 packets dropped by kernel\n": 2,
		"10 packets captured\n11 packets received by filter\n1 packet dropped by kernel\n":  1,
	} {
		if n, err := pcapDrops(said); n != want || err != nil {
			t.Errorf("%d, %v of %q", n, err, said)
		}
	}
	if n, err := pcapDrops("killed"); err == nil {
		t.Errorf("%d of a program that says nothing", n)
	}
}

// The counters grow: the last ones count, and what a flow says is none of them.
func TestSuricataDrops(t *testing.T) {
	const stats = `{"timestamp":"2026-11-28T13:00:00.000000+0000","event_type":"stats","stats":{"uptime":8,"capture":{"kernel_packets":900,"kernel_drops":`
	for text, want := range map[string]int{
		stats + "3}}}\n" + stats + "7}}}\n" + `{"event_type":"flow","flow":{"pkts_toserver":5}}`: 7,
		stats + "0}}}\n": 0,
	} {
		path := filepath.Join(t.TempDir(), "eve.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := suricataDrops(path); n != want || err != nil {
			t.Errorf("%d, %v, want %d", n, err, want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("the next run's statistics would follow these")
		}
	}
	path := filepath.Join(t.TempDir(), "eve.json")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := suricataDrops(path); err == nil {
		t.Errorf("%d of no statistics", n)
	}
}

// TestTapper: what is measured is what the program does while messages pass.
func TestTapper(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a network namespace")
	}
	lazy := &tapper{name: "sleep", ready: "ready", args: []string{"sh", "-c",
		"echo ready >&2; trap 'echo 0 packets dropped by kernel >&2; exit' INT; while :; do sleep 0.1; done"}, drops: pcapDrops}
	few := traffic{200, 2000, 50_000}
	if d, err := lazy.contestant(few).run(); err != nil || d > 100*time.Millisecond || lazy.runs != 1 {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip(err)
	}
	at := &tapper{name: "tcpdump", ready: "listening on", args: []string{"tcpdump", "-i", "lo", "-w", "/dev/null", "tcp"}, drops: func(said string) (int, error) {
		var n int
		_, err := fmt.Sscan(said[strings.Index(said, "\n")+1:], &n)
		if n < few.messages {
			t.Errorf("%d packets of %d messages: %s", n, few.messages, said)
		}
		return 0, err
	}}
	if _, err := at.contestant(few).run(); err != nil {
		t.Error(err)
	}
}
