package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/testnet"
)

// output collects what a program prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// wait waits until the output holds parts, one behind the other.
func (o *output) wait(t *testing.T, parts ...string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		rest, ok := o.String(), true
		for _, p := range parts {
			if ok {
				_, rest, ok = strings.Cut(rest, p)
			}
		}
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %q in\n%s", parts, o.String())
		}
	}
}

// TestSameLive lets both programs watch one connection.
func TestSameLive(t *testing.T) {
	testnet.Require(t)
	tcpdump := oracle(t)
	for _, iface := range []string{"lo", "any"} {
		t.Run(iface, func(t *testing.T) {
			host := testnet.New(t)
			args := []string{"-n", "-l", "-S", "-t", "-vv", "-i", iface, "tcp"}
			var wantOut, wantErr, gotOut, gotErr output
			cmd := exec.Command(tcpdump, args...)
			cmd.Stdout, cmd.Stderr = &wantOut, &wantErr
			var err error
			host.Do(func() { err = cmd.Start() })
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			status := make(chan int)
			go host.Do(func() { status <- run(ctx, args, nil, &gotOut, &gotErr) })
			wantErr.wait(t, "listening on")
			gotErr.wait(t, "listening on")

			talk(t, host)
			end := []string{"Flags [F.]", "Flags [F.]", "Flags [.]"}
			wantOut.wait(t, end...)
			gotOut.wait(t, end...)
			cmd.Process.Signal(os.Interrupt)
			cancel()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if s := <-status; s != 0 {
				t.Errorf("exit status %d", s)
			}
			if gotOut.String() != wantOut.String() {
				t.Errorf("got\n%s\nwant\n%s", gotOut.String(), wantOut.String())
			}
			// On lo tcpdump's kernel counts the copies that it drops itself.
			head, tail, _ := strings.Cut(gotErr.String(), "received by filter")
			wantHead, wantTail, _ := strings.Cut(wantErr.String(), "received by filter")
			cutLine := func(s string) string { return s[:strings.LastIndex(s, "\n")+1] }
			if cutLine(head) != cutLine(wantHead) || tail != wantTail {
				t.Errorf("standard error\n%s\nwant\n%s", gotErr.String(), wantErr.String())
			}
		})
	}
}

// talk opens a connection in the host and closes it from the client's side.
func talk(t *testing.T, host *testnet.Host) {
	l, err := host.Listen("tcp", "127.0.0.1:7272")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = io.Copy(c, c)
			c.Close()
		}
		done <- err
	}()
	c, err := host.DialContext(t.Context(), "tcp", "127.0.0.1:7272")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	c.(*net.TCPConn).CloseWrite()
	if err := <-done; err != nil {
		t.Error(err)
	}
	c.Close()
}
