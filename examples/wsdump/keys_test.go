package main

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The same conversation: wss.pcapng holds its secrets, wss.keys too, with CR and LF.
const (
	wssPcapng = "testdata/wss.pcapng"
	wssPcap   = "testdata/wss.pcap"
	wssKeys   = "testdata/wss.keys"
)

// opened checks that a wsdump has shown the conversation, and no secret.
func opened(t *testing.T, what string, r result) {
	t.Helper()
	if r.status != 0 || !strings.Contains(r.stdout, "再见") || !strings.Contains(r.stderr, "6 messages on 1 connection") {
		t.Errorf("%s: exit status %d\n%s%s", what, r.status, r.stdout, r.stderr)
	}
	b, err := os.ReadFile(wssKeys)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		for _, hex := range strings.Fields(l)[1:] {
			if strings.Contains(strings.ToLower(r.stdout+r.stderr), hex[:16]) {
				t.Errorf("%s: a secret is shown", what)
			}
		}
	}
}

// TestKeyLog: secrets of a file, of several, of standard input, of the capture file
// itself, and none.
func TestKeyLog(t *testing.T) {
	opened(t, "a block of the file", wsdump(t, "-r", wssPcapng))
	opened(t, "--json", wsdump(t, "-r", wssPcapng, "--json", "-v"))
	opened(t, "-v", wsdump(t, "-r", wssPcapng, "-v", "--show-secrets"))
	opened(t, "a file", wsdump(t, "-r", wssPcap, "--keylog", wssKeys))
	opened(t, "two files, of which one is not there", wsdump(t, "-r", wssPcap, "--keylog", filepath.Join(t.TempDir(), "none"), "--keylog", wssKeys))
	keys, err := os.Open(wssKeys)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	opened(t, "standard input", runWith(t, keys, "-r", wssPcap, "--keylog", "-"))

	r := mustWork(t, "-r", wssPcap)
	if r.stdout != "" || !strings.Contains(r.stderr, "1 TLS connection without keys") || !strings.Contains(r.stderr, "not opened: chat.example (1)\n") {
		t.Errorf("without keys: %s%s", r.stdout, r.stderr)
	}
	if r := mustWork(t, "-r", wssPcap, "--keylog", wssKeys, "--count"); r.stdout != "6 messages\n" {
		t.Errorf("--count: %s", r.stdout)
	}
	if r := wsdump(t, "-r", wssPcap, "--keylog", t.TempDir()); r.status != 1 {
		t.Errorf("a directory: %d %s", r.status, r.stderr)
	}
	if r := wsdump(t, "-r", "-", "--keylog", "-"); r.status != 2 {
		t.Errorf("both from standard input: %d %s", r.status, r.stderr)
	}
}

// TestKeyLogWritten: -w x.pcapng has the secrets, so that nothing else is needed to
// read it; a pcap file has not.
func TestKeyLogWritten(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"-r", wssPcap, "--keylog", wssKeys}, {"-r", wssPcapng}} {
		name := filepath.Join(dir, "out.pcapng")
		mustWork(t, append(args, "-w", name)...)
		opened(t, strings.Join(args, " "), wsdump(t, "-r", name))
	}
	name := filepath.Join(dir, "out.pcap")
	mustWork(t, "-r", wssPcapng, "-w", name)
	if r := mustWork(t, "-r", name); r.stdout != "" {
		t.Errorf("a pcap file: %s", r.stdout)
	}
}

// TestKeyLogLate: packets come through a pipe that stays open, and the key log
// later: what came before is shown then, although no packet follows.
func TestKeyLogLate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no pipes as files")
	}
	packets, err := os.ReadFile(wssPcap)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := os.ReadFile(wssKeys)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "keys.log")
	cmd := command(t, "-r", "-", "--keylog", name)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(packets); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if err := os.WriteFile(name, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	shown := make(chan string)
	go func() {
		var all strings.Builder
		buf := make([]byte, 4096)
		for !strings.Contains(all.String(), "end fin") {
			n, err := out.Read(buf)
			all.Write(buf[:n])
			if err != nil {
				break
			}
		}
		shown <- all.String()
		io.Copy(io.Discard, out)
	}()
	select {
	case got := <-shown:
		if !strings.Contains(got, "再见") || !strings.Contains(got, "end fin") {
			t.Errorf("shown: %s", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing is shown")
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
