package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/internal/testnet"
)

// TestRotation: -C, -W and -z on the way from a recording to files, whose
// messages are those of the recording when they are read as one.
func TestRotation(t *testing.T) {
	whole := mustWork(t, "-r", recordings[0], "--json").stdout
	for _, args := range [][]string{
		{"-C", "100k"}, {"-C", "50k", "-W", "50"}, {"-G", "5"}, {"-G", "5", "-C", "1m"},
	} {
		for _, name := range []string{"c.pcap", "c.pcapng", "c-%s.pcap", "c.pcap.gz"} {
			if (args[0] == "-G") != strings.Contains(name, "%") {
				continue
			}
			dir := t.TempDir()
			mustWork(t, append([]string{"-r", recordings[0], "-w", filepath.Join(dir, name)}, args...)...)
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(files) < 2 && !strings.HasSuffix(name, ".gz") {
				t.Errorf("%q: %q, %v", args, files, err)
			}
			var read []string
			for _, f := range files {
				read = append(read, "-r", f)
			}
			r := mustWork(t, append(read, "--json")...)
			if r.stdout != whole || !strings.Contains(r.stderr, "\n77 packets captured\n") {
				t.Errorf("%q %s: the files hold something else: %s", args, name, r.stderr)
			}
		}
	}
}

// TestAfterRotation: -z gets each file that is complete, and -W ends what -G
// rotates.
func TestAfterRotation(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$#\" >\"$1.done\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := mustWork(t, "-r", recordings[0], "-w", filepath.Join(dir, "c-%s"), "-G", "1", "-W", "2", "-z", script)
	if !strings.Contains(r.stderr, "wsdump: 2 files written") {
		t.Error(r.stderr)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		done, _ := filepath.Glob(filepath.Join(dir, "c-*.done"))
		if all, _ := filepath.Glob(filepath.Join(dir, "c-*")); len(done) == 2 && len(all) == 4 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q were told", done)
		}
	}
	r = mustWork(t, "-r", recordings[0], "-w", filepath.Join(dir, "x"), "-C", "100k", "-z", "/nonexistent")
	if !strings.Contains(r.stderr, "wsdump: -z: ") {
		t.Error(r.stderr)
	}
}

// TestDuration: the end comes by itself, and in good order.
func TestDuration(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	name := filepath.Join(t.TempDir(), "saved.pcap.gz")
	l := startLive(t, h, "--duration", "700ms", "-w", name)
	start := time.Now()
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	if err := exchange(t.Context(), c, "hi, all !"); err != nil {
		t.Fatal(err)
	}
	l.wait()
	if d := time.Since(start); d < 400*time.Millisecond || closing(t, l.stderr.String()) != 2 {
		t.Errorf("after %v: %s", d, l.stderr)
	}
	if r := mustWork(t, "-r", name, "--count"); r.stdout != "2 messages\n" {
		t.Error(r.stdout)
	}
}

// TestJSONFile: the file may be moved away at any time. SIGHUP begins a new one,
// and every line is whole in one of them.
func TestJSONFile(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	dir := t.TempDir()
	name := filepath.Join(dir, "out.json")
	l := startLive(t, h, "--json="+name)
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	rounds, each := 10, 20
	for i := range rounds {
		for range each {
			if err := exchange(t.Context(), c, strings.Repeat("hi, all !", 3000)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(name, fmt.Sprintf("%s.%d", name, i)); err != nil {
			t.Fatal(err)
		}
		l.cmd.Process.Signal(syscall.SIGHUP)
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(name); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("no new file: %s", l.stderr)
			}
		}
	}
	if out := l.end(syscall.SIGTERM); out != "" {
		t.Errorf("standard output: %.200s", out)
	}
	files, _ := filepath.Glob(name + "*")
	n := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := events(t, string(b))
		if len(lines) == 0 {
			continue // it was moved away before anything was captured
		}
		if lines[0].Event != "open" || len(lines) > 1 && lines[1].Event == "open" {
			t.Errorf("%s does not begin with the one handshake", f)
		}
		for _, e := range lines {
			if e.Event == "message" {
				n++
			}
		}
	}
	if len(files) != rounds+1 || n != 2*rounds*each {
		t.Errorf("%d messages in %d files: %s", n, len(files), l.stderr)
	}
}

// TestFollowName: a file that is rotated away is followed by the one that takes
// its name, and a connection goes on from one to the other.
func TestFollowName(t *testing.T) {
	b := unpacked(t, recordings[0])
	name := filepath.Join(t.TempDir(), "c.pcap")
	cmd := command(t, "-r", name, "--follow", "--json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	l := &live{t: t, cmd: cmd, pipe: out, stderr: new(tail)}
	cmd.Stderr = l.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.waitFor("waiting for")
	half := 24
	for i := range 40 { // of 77 packets
		_ = i
		half += 16 + int(uint32(b[half+8])|uint32(b[half+9])<<8|uint32(b[half+10])<<16|uint32(b[half+11])<<24)
	}
	write := func(parts ...[]byte) {
		t.Helper()
		if err := os.WriteFile(name+".new", []byte(strings.Join([]string{string(parts[0]), string(parts[1])}, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	write(b[:24], b[24:half])
	l.waitFor("reading from")
	time.Sleep(300 * time.Millisecond)
	write(b[:24], b[half:])
	time.Sleep(700 * time.Millisecond)
	cmd.Process.Signal(syscall.SIGTERM)
	var all strings.Builder
	buf := make([]byte, 1<<20)
	for {
		n, err := out.Read(buf)
		all.Write(buf[:n])
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, l.stderr)
	}
	wantMessages(t, all.String())
}

// TestStalledDisk: a file that takes nothing does not stop the capture. What is
// not saved is told.
func TestStalledDisk(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	opened := make(chan *os.File, 1)
	go func() {
		f, err := os.Open(fifo)
		if err != nil {
			t.Error(err)
		}
		opened <- f
	}()
	l := startLive(t, h, "-w", fifo, "--print", "-q")
	f := <-opened
	defer f.Close()
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	l.line()
	const rounds = 1000 // of 2 times 32 KiB, twice what waits
	text := strings.Repeat("x", 32<<10)
	done := make(chan error, 1)
	go func() {
		for range rounds {
			if err := exchange(t.Context(), c, text); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 2 * rounds {
		if s := l.line(); !strings.Contains(s, " text 32768\n") {
			t.Fatalf("%s", s)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	l.cmd.Process.Signal(os.Interrupt)
	go func() {
		buf := make([]byte, 1<<20)
		for {
			if _, err := f.Read(buf); err != nil {
				return
			}
		}
	}()
	l.wait()
	if s := l.stderr.String(); !strings.Contains(s, " packets not saved: the file of -w was too slow\n") || !strings.Contains(s, "\n0 packets dropped by kernel\n") || closing(t, s) != 2*rounds {
		t.Error(s)
	}
}
