package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/internal/testnet"
)

// limited gives cmd a limit of 512-byte blocks for the files that it writes.
func limited(cmd *exec.Cmd, blocks int) {
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", fmt.Sprintf(`ulimit -f %d; exec "$@"`, blocks), "sh"}, cmd.Args...)
}

// saved reads how many packets an error says are in the file of -w.
func saved(t *testing.T, stderr string) (n int) {
	t.Helper()
	var of int
	_, said, ok := strings.Cut(stderr, ": of ")
	if _, err := fmt.Sscanf(said, "%d packets %d are saved\n", &of, &n); !ok || err != nil || n > of || strings.Count(stderr, "\nwsdump: ") != 1 {
		t.Errorf("it does not say once what is saved: %s", stderr)
	}
	return n
}

// TestNoRoom: a file that may not grow keeps what is whole, and what is not
// there is told.
func TestNoRoom(t *testing.T) {
	for _, name := range []string{"saved.pcap", "saved.pcapng"} {
		name = filepath.Join(t.TempDir(), name)
		cmd := command(t, "-r", recordings[0], "-w", name)
		limited(cmd, 20)
		r := finish(t, cmd)
		if r.status != 1 || !strings.Contains(r.stderr, "file too large") || !strings.Contains(r.stderr, " on 2 connections\n") {
			t.Errorf("exit status %d: %s", r.status, r.stderr)
		}
		n := saved(t, r.stderr)
		if r := mustWork(t, "-r", name, "-q"); n == 0 || !strings.Contains(r.stderr, fmt.Sprintf("\n%d packets captured\n", n)) {
			t.Errorf("%d packets are said to be saved: %s", n, r.stderr)
		}
	}
	name := filepath.Join(t.TempDir(), "out.json")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := command(t, "-r", recordings[0], "--json")
	limited(cmd, 20)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &stderr
	if cmd.Run(); cmd.ProcessState.ExitCode() != 1 || strings.Count(stderr.String(), "file too large") != 1 {
		t.Errorf("%v: %s", cmd.ProcessState, &stderr)
	}
	b, err := os.ReadFile(name)
	if err != nil || len(events(t, string(b))) < 3 {
		t.Errorf("%v: %.200s", err, b)
	}
}

// TestSavedPipe: packets for a reader that has gone are a failure.
func TestSavedPipe(t *testing.T) {
	cmd := command(t, "-r", recordings[0], "-w", "-")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 100))
	out.Close()
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("%v: %s", cmd.ProcessState, &stderr)
	}
	saved(t, stderr.String())

	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		if f, err := os.Open(fifo); err == nil {
			f.Read(make([]byte, 100))
			f.Close()
		}
	}()
	r := wsdump(t, "-r", recordings[0], "-w", fifo)
	if r.status != 1 || !strings.Contains(r.stderr, "broken pipe") {
		t.Errorf("exit status %d: %s", r.status, r.stderr)
	}
	saved(t, r.stderr)
}

// TestNoSuchUser: nothing is overwritten for a user that there is not.
func TestNoSuchUser(t *testing.T) {
	name := tempFile(t, []byte("precious"))
	if r := wsdump(t, "-Z", "no-such-user", "-r", recordings[0], "-w", name); r.status != 1 {
		t.Errorf("exit status %d: %s", r.status, r.stderr)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "precious" {
		t.Errorf("%v, %q", err, b)
	}
}

// stuck starts wsdump and waits until the pipe of its output is full.
func stuck(t *testing.T, args ...string) (cmd *exec.Cmd, stderr *tail) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	cmd, stderr = command(t, append(args, "-r", recordings[0])...), new(tail)
	cmd.Stdout, cmd.Stderr = w, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	awaitFull(t, r)
	return cmd, stderr
}

// awaitFull waits until the pipe is full that r reads.
func awaitFull(t *testing.T, r *os.File) {
	t.Helper()
	room, err := unix.FcntlInt(r.Fd(), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		n, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		if n > room-4096 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes in the pipe", n)
		}
	}
}

// TestStuck: a signal ends wsdump also where nobody takes its output, with a
// word about what is lost.
func TestStuck(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for _, args := range [][]string{{"-A"}, {"-w", "-"}} {
		cmd, stderr := stuck(t, args...)
		cmd.Process.Signal(syscall.SIGTERM)
		wg.Go(func() {
			cmd.Wait()
			if s := stderr.String(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(s, "nobody takes the output") || !strings.Contains(s, " packets captured\n") {
				t.Errorf("%q: %v: %s", args, cmd.ProcessState, s)
			}
		})
	}
	wg.Wait()
}

// TestSlowReader: while nobody takes its output wsdump counts what the kernel
// has no room for; when somebody does, every line is whole.
func TestSlowReader(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	l := startLive(t, h, "--json", "-B", "512")
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	text := strings.Repeat("hi, all !", 3000)
	talk := func(n int) {
		for range n {
			if err := exchange(t.Context(), c, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	for deadline := time.Now().Add(time.Minute); ; {
		talk(100)
		told := l.stderr.String()
		l.cmd.Process.Signal(syscall.SIGUSR1)
		for strings.Count(l.stderr.String(), "lost in gaps\n") == strings.Count(told, "lost in gaps\n") && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if !strings.HasSuffix(before(l.stderr.String(), " packets dropped by kernel\n"), "\n0") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing is dropped: %s", l.stderr)
		}
	}
	talk(20) // so that not only acknowledgments are dropped
	lost := 0
	for _, e := range events(t, l.end(os.Interrupt)) {
		if e.Event == "gap" {
			lost++
		}
	}
	if lost == 0 || strings.Contains(l.stderr.String()[strings.LastIndex(l.stderr.String(), "captured"):], "\n0 bytes lost in gaps") {
		t.Errorf("%d gaps are told: %s", lost, l.stderr)
	}
}

// before returns what stands before the last sep of s.
func before(s, sep string) string { return s[:max(strings.LastIndex(s, sep), 0)] }

// TestSignalAtOnce: as soon as wsdump says that it begins, signals end it in
// good order, and SIGUSR1 does not end it.
func TestSignalAtOnce(t *testing.T) {
	h := testnet.New(t)
	for i := range 12 {
		sig := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}[i%3]
		l := startLive(t, h, "--json")
		if i%2 == 0 {
			l.cmd.Process.Signal(syscall.SIGUSR1)
		}
		l.end(sig)
		if !strings.HasSuffix(l.stderr.String(), "\n0 bytes lost in gaps\nno messages: no packet passed the filter\n") {
			t.Errorf("%v: %s", sig, l.stderr)
		}
	}
}

// TestNohup: started by nohup(1) wsdump outlives its terminal.
func TestNohup(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	signal.Ignore(syscall.SIGHUP)
	l := startLive(t, h, "-q")
	signal.Reset(syscall.SIGHUP)
	hangups()
	l.cmd.Process.Signal(syscall.SIGHUP)
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	l.line()
	if err := exchange(t.Context(), c, "hi, all !"); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(l.end(syscall.SIGTERM), " text 9\n"); n != 2 {
		t.Errorf("%d messages: %s", n, l.stderr)
	}
}

// TestStopped: who is stopped and goes on has lost nothing that the ring holds.
func TestStopped(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	l := startLive(t, h, "-q")
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	l.line()
	for range 3 {
		l.cmd.Process.Signal(syscall.SIGSTOP)
		for range 50 {
			if err := exchange(t.Context(), c, "hi, all !"); err != nil {
				t.Fatal(err)
			}
		}
		l.cmd.Process.Signal(syscall.SIGCONT)
	}
	if n := strings.Count(l.end(os.Interrupt), " text 9\n"); n != 300 {
		t.Errorf("%d messages: %s", n, l.stderr)
	}
}

// TestInterfaceGone: the end of the interface is a failure that names it, and
// what was captured before is told.
func TestInterfaceGone(t *testing.T) {
	a, b := testnet.New(t), testnet.New(t)
	ai, bi := testnet.Veth(t, a, b)
	addr := bi.IPv4.String() + ":7272"
	echoServer(t, b, addr)
	name := filepath.Join(t.TempDir(), "saved.pcap")
	l := startLive(t, a, "-i", ai.Name, "-q", "-w", name, "--print")
	c := dial(t, a, addr, websocket.CompressionDisabled)
	if err := exchange(t.Context(), c, "hi"); err != nil {
		t.Fatal(err)
	}
	out := l.line() + l.line() + l.line()
	ai.Delete()
	l.cmd.Wait()
	if s := l.stderr.String(); l.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(s, ai.Name+": interface is gone\n2 messages on 1 connection\n") {
		t.Errorf("%v: %s", l.cmd.ProcessState, s)
	}
	if strings.Count(out, " text 2\n") != 2 || mustWork(t, "-r", name, "--count").stdout != "2 messages\n" {
		t.Errorf("printed %s", out)
	}
}

// TestInterfaceName: the kernel takes nearly any byte in a name, and it must not
// reach a terminal as a control code.
func TestInterfaceName(t *testing.T) {
	a, b := testnet.New(t), testnet.New(t)
	ai, bi := testnet.Veth(t, a, b)
	bi.Down()
	ai.Down()
	ai.Rename("a\x1b[31mb")
	l := startLive(t, a, "-i", "a\x1b[31mb")
	l.end(os.Interrupt)
	if s := l.stderr.String(); strings.Contains(s, "\x1b") || !strings.Contains(s, `a\x1b[31mb is down`) || !strings.Contains(s, `listening on a\x1b[31mb`) {
		t.Errorf("%q", s)
	}
}

// TestKill: whenever wsdump is killed, its file of packets can be read up to
// where it was cut, and its lines are whole up to the last. Told to end, it
// leaves everything whole.
func TestKill(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	stop := make(chan struct{})
	talked := make(chan struct{})
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	go func() {
		defer close(talked)
		for {
			select {
			case <-stop:
				return
			default:
				if err := exchange(t.Context(), c, strings.Repeat("hi, all !", 100)); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(100 * time.Microsecond) // a file that is read in no time
			}
		}
	}()
	defer func() { close(stop); <-talked }()
	for i := range testkit.Rounds(5, 5, 50) {
		name := filepath.Join(t.TempDir(), []string{"saved.pcap", "saved.pcapng"}[i%2])
		args := []string{"-w", name, "--print", "--json"}
		if i%3 == 0 {
			args = append(args, "-U")
		}
		l := startLive(t, h, args...)
		var out []byte
		for until := time.Now().Add(time.Duration(rand.Int64N(int64(200 * time.Millisecond)))); time.Now().Before(until) || len(out) == 0; {
			out = append(out, l.line()...)
		}
		sig := []os.Signal{os.Kill, syscall.SIGTERM}[i/2%2]
		l.cmd.Process.Signal(sig)
		b := make([]byte, 1<<20)
		for {
			n, err := l.out.Read(b)
			out = append(out, b[:n]...)
			if err != nil {
				break
			}
		}
		l.cmd.Wait()
		events(t, string(out[:bytes.LastIndexByte(out, '\n')+1]))
		r := wsdump(t, "-r", name, "--count")
		if sig == syscall.SIGTERM {
			_, lines, _ := strings.Cut(l.stderr.String(), " connection\n")
			captured, _, _ := strings.Cut(lines, "\n")
			if l.cmd.ProcessState.ExitCode() != 0 || out[len(out)-1] != '\n' || r.status != 0 || !strings.Contains(r.stderr, "\n"+captured+"\n") {
				t.Errorf("%v: %s, and then of the file: %s", l.cmd.ProcessState, l.stderr, r.stderr)
			}
		} else if r.status != 0 && !(r.status == 1 && strings.Contains(r.stderr, ": cut short at byte ")) {
			t.Errorf("exit status %d: %s", r.status, r.stderr)
		}
	}
}

// TestSavedAtOnce: what is captured is in the file within about a second,
// however little it is.
func TestSavedAtOnce(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	name := filepath.Join(t.TempDir(), "saved.pcap")
	l := startLive(t, h, "-w", name)
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	if err := exchange(t.Context(), c, "hi, all !"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); mustWork(t, "-r", name, "--count").stdout != "2 messages\n"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is saved")
		}
	}
	l.cmd.Process.Kill()
	var exit *exec.ExitError
	if err := l.cmd.Wait(); !errors.As(err, &exit) {
		t.Error(err)
	}
	if r := mustWork(t, "-r", name, "--count"); r.stdout != "2 messages\n" {
		t.Error(r.stdout)
	}
}
