package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/internal/testnet"
)

// closing returns how many messages the closing lines tell, and fails where they
// are not there.
func closing(t *testing.T, stderr string) (messages int) {
	t.Helper()
	i := strings.Index(stderr, " on 1 connection\n")
	if i < 0 || !strings.Contains(stderr[i:], " bytes lost in gaps\n") {
		t.Fatalf("no closing lines: %s", stderr)
	}
	line := stderr[strings.LastIndexByte(stderr[:i], '\n')+1 : i]
	if _, err := fmt.Sscanf(line, "%d message", &messages); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	return messages
}

// TestSignalledTwice: timeout(1) signals the process and then its group. The file
// of -w is whole, and the closing lines are there.
func TestSignalledTwice(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	for i := range testkit.Rounds(30, 10, 100) {
		name := filepath.Join(t.TempDir(), "saved.pcap")
		l := startLive(t, h, "-w", name)
		c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
		if err := exchange(t.Context(), c, "hi, all !"); err != nil {
			t.Fatal(err)
		}
		sig := []os.Signal{syscall.SIGTERM, os.Interrupt}[i%2]
		l.cmd.Process.Signal(sig)
		time.Sleep(time.Duration(rand.Int64N(int64(20 * time.Millisecond)))) // it drains for 10 ms
		l.cmd.Process.Signal(sig)
		l.wait()
		if n := closing(t, l.stderr.String()); n != 2 {
			t.Errorf("%d messages: %s", n, l.stderr)
		}
		if r := mustWork(t, "-r", name, "--count"); r.stdout != "2 messages\n" {
			t.Errorf("round %d: the file has %s", i, r.stdout)
		}
	}
}

// TestInterruptedPipeline: Ctrl-C ends who reads the output as well. What was
// captured is told all the same.
func TestInterruptedPipeline(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	for i := range testkit.Rounds(8, 4, 50) {
		l := startLive(t, h, "--json")
		c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
		for range 20 {
			if err := exchange(t.Context(), c, strings.Repeat("hi, all !", 1000)); err != nil {
				t.Fatal(err)
			}
		}
		end := []func(){func() { l.pipe.Close() }, func() { l.cmd.Process.Signal(os.Interrupt) }}
		end[i%2]()
		end[1-i%2]()
		if err := l.cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, l.stderr)
		}
		if n := closing(t, l.stderr.String()); n != 40 {
			t.Errorf("%d messages: %s", n, l.stderr)
		}
	}
}

// TestSlowReaderEnd: a slow reader bounds the end, and not the other way round.
// What it has not got is told: no message is neither shown nor counted.
func TestSlowReaderEnd(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	l := startLive(t, h, "--json")
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	for range 300 {
		if err := exchange(t.Context(), c, strings.Repeat("hi, all !", 3000)); err != nil {
			t.Fatal(err)
		}
	}
	l.cmd.Process.Signal(os.Interrupt)
	signalled := time.Now()
	var got bytes.Buffer
	for ; ; time.Sleep(50 * time.Millisecond) { // 80 KB a second
		if _, err := io.CopyN(&got, l.pipe, 4096); err != nil {
			break
		}
		if time.Since(signalled) > 20*time.Second {
			t.Fatalf("it does not end: %s", l.stderr)
		}
		if l.cmd.Process.Signal(syscall.Signal(0)) != nil {
			break
		}
	}
	if err := l.cmd.Wait(); l.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v: %s", err, l.stderr)
	}
	var missing int
	_, said, _ := strings.Cut(l.stderr.String(), "nobody takes the output: ")
	if _, err := fmt.Sscanf(said, "%d messages not shown\n", &missing); err != nil {
		t.Fatalf("%v: %s", err, l.stderr)
	}
	whole := got.Bytes()[:bytes.LastIndexByte(got.Bytes(), '\n')+1]
	shown := 0
	for _, e := range events(t, string(whole)) {
		if e.Event == "message" {
			shown++
		}
	}
	if n := closing(t, l.stderr.String()); n != 600 || shown+missing != n || shown == 0 {
		t.Errorf("%d messages, of which %d are shown and %d are not", n, shown, missing)
	}
}

// TestInsist: who tells wsdump again to end, a second later, is not kept waiting,
// and gets the closing lines.
func TestInsist(t *testing.T) {
	for range testkit.Rounds(2, 1, 10) {
		cmd, stderr := stuck(t, "-A")
		cmd.Process.Signal(os.Interrupt)
		time.Sleep(1100 * time.Millisecond)
		cmd.Process.Signal(os.Interrupt)
		again := time.Now()
		cmd.Wait()
		if d := time.Since(again); d > patience-1100*time.Millisecond {
			t.Errorf("it ended %v after the second signal", d)
		}
		if s := stderr.String(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(s, " messages not shown\n") || !strings.Contains(s, " bytes lost in gaps\n") {
			t.Errorf("%v: %s", cmd.ProcessState, s)
		}
	}
}

// TestAllStuck: where nobody takes standard error either, a signal is an end too.
func TestAllStuck(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := command(t, "-r", recordings[0], "-A")
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	awaitFull(t, r)
	cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if _, ok := err.(*exec.ExitError); !ok {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(15 * time.Second):
		t.Error("it does not end")
	}
}

// TestWonder: after some seconds of traffic without a message wsdump says once why
// there is none.
func TestWonder(t *testing.T) {
	t.Parallel()
	h := testnet.New(t)
	ln, err := h.Listen("tcp", "127.0.0.1:7272")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.Copy(io.Discard, c)
	}()
	l := startLive(t, h)
	c, err := h.DialContext(t.Context(), "tcp", "127.0.0.1:7272")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begun := time.Now()
	for !strings.Contains(l.stderr.String(), "wsdump: no messages: among ") {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("it does not wonder: %s", l.stderr)
		}
	}
	if d := time.Since(begun); d < wondering-wondering/5 {
		t.Errorf("after %v", d)
	}
	time.Sleep(wondering)
	told := l.stderr.String()
	if strings.Count(told, "no messages") != 1 || !strings.Contains(told, "\t1 TCP connection of HTTP without") {
		t.Error(told)
	}
	l.end(os.Interrupt)
}
