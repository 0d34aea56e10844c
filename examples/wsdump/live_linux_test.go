package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wstap/wstap/internal/testnet"
)

// A live is a wsdump that captures in a host of its own.
type live struct {
	t      testing.TB
	cmd    *exec.Cmd
	pipe   io.ReadCloser
	out    *bufio.Reader // of pipe
	stderr *tail
}

// tail gathers what a process says and lets tests wait for a word of it.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func (l *live) waitFor(word string) {
	l.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(l.stderr.String(), word); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("no %q on standard error: %s", word, l.stderr)
		}
	}
}

// startLive starts wsdump in the host and waits until it listens.
func startLive(t testing.TB, h *testnet.Host, args ...string) *live {
	t.Helper()
	l := &live{t: t, cmd: command(t, args...), stderr: new(tail)}
	l.cmd.Stderr = l.stderr
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	l.pipe, l.out = out, bufio.NewReaderSize(out, 1<<20)
	h.Do(func() { err = l.cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.cmd.Process.Kill()
		l.cmd.Wait()
	})
	l.waitFor("listening on")
	return l
}

// line reads a line, as soon as it is there.
func (l *live) line() string {
	l.t.Helper()
	s, err := l.out.ReadString('\n')
	if err != nil {
		l.t.Fatalf("%v after %q; standard error: %s", err, s, l.stderr)
	}
	return s
}

// end sends a signal and returns the rest of the output.
func (l *live) end(s os.Signal) string {
	l.t.Helper()
	if err := l.cmd.Process.Signal(s); err != nil {
		l.t.Fatal(err)
	}
	return l.wait()
}

func (l *live) wait() string {
	l.t.Helper()
	rest, err := io.ReadAll(l.out)
	if err := errors.Join(err, l.cmd.Wait()); err != nil {
		l.t.Errorf("%v; standard error: %s", err, l.stderr)
	}
	return string(rest)
}

// echoServer echoes on every address, compressed where the client offers it.
func echoServer(t testing.TB, h *testnet.Host, addrs ...string) {
	t.Helper()
	for _, addr := range addrs {
		l, err := h.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
				CompressionMode: websocket.CompressionContextTakeover, CompressionThreshold: 1,
			})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.CloseNow()
			for {
				typ, b, err := c.Read(r.Context())
				if err != nil || c.Write(r.Context(), typ, b) != nil {
					return
				}
			}
		}))
		s.Listener.Close()
		s.Listener = l
		s.Start()
		t.Cleanup(s.Close)
	}
}

func dial(t testing.TB, h *testnet.Host, addr string, mode websocket.CompressionMode) *websocket.Conn {
	t.Helper()
	transport := &http.Transport{DialContext: h.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	c, _, err := websocket.Dial(t.Context(), "ws://"+addr+"/", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, CompressionMode: mode, CompressionThreshold: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func exchange(ctx context.Context, c *websocket.Conn, text string) error {
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		return err
	}
	_, b, err := c.Read(ctx)
	if err == nil && string(b) != text {
		err = fmt.Errorf("sent %.50q, got %.50q", text, b)
	}
	return err
}

var liveMessages = flag.Int("wsdump.messages", 100_000, "messages of TestLive")

// TestLive: 50 clients and a server exchange 100,000 messages over IPv4 and
// IPv6, plain and compressed. wsdump sees every one in order and drops none.
func TestLive(t *testing.T) {
	h := testnet.New(t)
	const clients = 50
	each := *liveMessages / clients / 2
	if testing.Short() {
		each /= 5
	}
	addrs := []string{"127.0.0.1:7272", "[::1]:7272"}
	echoServer(t, h, addrs...)
	l := startLive(t, h, "--json", "-v", "port", "7272")

	type key struct {
		client, from string
	}
	seen := map[key][]string{}
	done := make(chan error, 1)
	go func() {
		ends := 0
		var texts int
		for ends < clients {
			line, err := l.out.ReadString('\n')
			if err != nil {
				done <- fmt.Errorf("after %d messages and %d ends: %w", texts, ends, err)
				return
			}
			e := events(t, line)[0]
			switch {
			case e.Event == "end":
				ends++
			case e.Event == "gap":
				done <- fmt.Errorf("a gap of %d bytes", e.Bytes)
				return
			case e.Opcode == "text":
				texts++
				k := key{e.Client, e.From}
				seen[k] = append(seen[k], *e.Text)
			}
		}
		done <- nil
	}()

	var wg sync.WaitGroup
	for i := range clients {
		mode := websocket.CompressionDisabled
		if i&2 != 0 {
			mode = websocket.CompressionContextTakeover
		}
		c := dial(t, h, addrs[i&1], mode)
		wg.Go(func() {
			for j := range each {
				if err := exchange(t.Context(), c, chatter(i, j)); err != nil {
					t.Errorf("client %d, message %d: %v", i, j, err)
					return
				}
			}
			if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("%v; standard error: %s", err, l.stderr)
		}
	case <-time.After(time.Minute):
		t.Fatalf("wsdump has not seen it all; standard error: %s", l.stderr)
	}
	l.end(os.Interrupt)

	if len(seen) != 2*clients {
		t.Fatalf("%d streams, want %d", len(seen), 2*clients)
	}
	for k, texts := range seen {
		if len(texts) != each {
			t.Errorf("%v: %d messages, want %d", k, len(texts), each)
			continue
		}
		var i int
		fmt.Sscanf(texts[0], "client %d ", &i)
		for j, text := range texts {
			if text != chatter(i, j) {
				t.Errorf("%v: message %d is %.50q", k, j, text)
				break
			}
		}
	}
	for _, want := range []string{"on 50 connections\n", "\n0 packets dropped by kernel\n", "\n0 bytes lost in gaps\n"} {
		if !strings.Contains(l.stderr.String(), want) {
			t.Errorf("standard error lacks %q: %s", want, l.stderr)
		}
	}
	checkAccounts(t, l.stderr.String())
}

// chatter is message j of client i; some are longer than a segment.
func chatter(i, j int) string {
	return fmt.Sprintf("client %d says %d 你好%s", i, j, strings.Repeat(" hi, all !", j%13*j%7))
}

// TestLiveAtOnce: a message is printed when it passes, not later, and what
// passed before a signal is printed before the end.
func TestLiveAtOnce(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		l := startLive(t, h, "-Ans", "4096", "-iany", "port", "7272")
		c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
		if line := l.line(); !strings.Contains(line, " open 101 GET ws://127.0.0.1:7272/") {
			t.Errorf("got %q", line)
		}
		if err := exchange(t.Context(), c, "hi, all !"); err != nil {
			t.Fatal(err)
		}
		for _, arrow := range []string{"->", "<-"} {
			if line := l.line(); !strings.Contains(line, arrow+" 127.0.0.1:7272 text 9 hi, all !\n") {
				t.Errorf("got %q", line)
			}
		}
		l.cmd.Process.Signal(syscall.SIGUSR1)
		l.waitFor("2 messages on 1 connection\n")
		const more = 20
		for i := range more {
			if err := exchange(t.Context(), c, fmt.Sprint("again ", i)); err != nil {
				t.Fatal(err)
			}
		}
		rest := l.end(sig)
		if n := strings.Count(rest, "again"); n != 2*more {
			t.Errorf("%v: %d of %d messages before the end:\n%s", sig, n, 2*more, rest)
		}
		if !strings.HasSuffix(rest, " end eof\n") {
			t.Errorf("%v: the connection has no end: %.200q", sig, rest)
		}
		l.waitFor(fmt.Sprintf("%d messages on 1 connection\n", 2+2*more))
		c.CloseNow()
	}
}

// TestLiveCount: -c ends a capture by itself.
func TestLiveCount(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	saved := filepath.Join(t.TempDir(), "saved.pcap")
	l := startLive(t, h, "-ilo", "-c", "3", "-w", saved, "--print", "-q")
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	for range 2 {
		if err := exchange(t.Context(), c, "hi, all !"); err != nil {
			t.Fatal(err)
		}
	}
	if out := l.wait(); strings.Count(out, " text 9\n") != 3 {
		t.Errorf("got %s", out)
	}
	if r := mustWork(t, "-r", saved, "--count"); r.stdout != "3 messages\n" && r.stdout != "4 messages\n" {
		t.Errorf("saved %s", r.stdout)
	}
}

// TestLiveHead: a closed pipe ends a capture quietly at the next message.
func TestLiveHead(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	l := startLive(t, h, "--json")
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	l.line()
	l.pipe.Close()
	var err error
	waited := make(chan struct{})
	go func() { err = l.cmd.Wait(); close(waited) }()
	for i := 0; ; i++ {
		if err := exchange(t.Context(), c, "hi, all !"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-waited:
			if err != nil || strings.Count(l.stderr.String(), "\n") != 1 {
				t.Errorf("%v: %s", err, l.stderr)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
		if i == 1000 {
			t.Fatal("wsdump goes on without a reader")
		}
	}
}

// TestRelinquish: -Z gives up root once the capture is open.
func TestRelinquish(t *testing.T) {
	h := testnet.New(t)
	if os.Geteuid() != 0 || !canSetUser() {
		t.Skip("-Z needs root with more than one user")
	}
	echoServer(t, h, "127.0.0.1:7272")
	l := startLive(t, h, "-Z", "nobody", "-q", "-w", filepath.Join(t.TempDir(), "saved.pcap"), "--print")
	c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
	l.line() // so it captures
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nUid:\t65534\t65534\t65534\t65534\n", "\nGid:\t65534\t65534\t65534\t65534\n",
		"\nCapPrm:\t0000000000000000\n", "\nCapEff:\t0000000000000000\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("status lacks %q:\n%s", want, status)
		}
	}
	if err := exchange(t.Context(), c, "hi"); err != nil {
		t.Fatal(err)
	}
	if rest := l.line() + l.line() + l.end(os.Interrupt); strings.Count(rest, " text 2\n") != 2 {
		t.Errorf("after -Z: %q", rest)
	}
	if r := wsdump(t, "-Z", "no-such-user", "-r", recordings[0]); r.status != 1 || !strings.Contains(r.stderr, "no such user") {
		t.Errorf("exit status %d: %s", r.status, r.stderr)
	}
}

// canSetUser says whether this root may become nobody: not so in a user
// namespace that maps root alone.
func canSetUser() bool {
	m, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && len(bytes.Fields(m)) == 3 && string(bytes.Fields(m)[2]) != "1"
}

func asNobody(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 {
		return // an ordinary user already
	}
	if !canSetUser() {
		t.Skip("no second user here")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = "/"
}

// TestNoPrivilege: the refusal says what to grant.
func TestNoPrivilege(t *testing.T) {
	if status, err := os.ReadFile("/proc/self/status"); err != nil || !bytes.Contains(status, []byte("\nCapAmb:\t0000000000000000\n")) {
		t.Skip("programs inherit capabilities here: run without ambient ones")
	}
	cmd := command(t, "port", "7272")
	asNobody(t, cmd)
	r := finish(t, cmd)
	if r.status != 1 || !strings.Contains(r.stderr, "CAP_NET_RAW") || !strings.Contains(r.stderr, "setcap cap_net_raw+ep ") ||
		strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("exit status %d: %s", r.status, r.stderr)
	}
	unreadable := tempFile(t, []byte("x"))
	cmd = command(t, "-r", unreadable)
	asNobody(t, cmd)
	if r := finish(t, cmd); r.status != 1 || !strings.Contains(r.stderr, "permission denied") {
		t.Errorf("exit status %d: %s", r.status, r.stderr)
	}
	// What needs no privilege works without.
	for _, args := range [][]string{{"-D"}, {"-d", "port", "7272"}, {"--help"}} {
		cmd = command(t, args...)
		asNobody(t, cmd)
		if r := finish(t, cmd); r.status != 0 {
			t.Errorf("%q: exit status %d: %s", args, r.status, r.stderr)
		}
	}
}

// wantDemo holds the demo to the walkthrough's conversation.
func wantDemo(t *testing.T, r result) {
	t.Helper()
	if r.status != 0 {
		t.Fatalf("exit status %d: %s", r.status, r.stderr)
	}
	n := 0
	for _, want := range []string{`"mynick"`, `"hi, all !"`, `"第二人"`, "你好 🌍", " close 5 1000 bye", " end "} {
		i := strings.Index(r.stdout[n:], want)
		if i < 0 {
			t.Errorf("no %s in its place:\n%s", want, r.stdout)
			continue
		}
		n += i
	}
}

func TestDemoAsRoot(t *testing.T) {
	testnet.Require(t)
	start := time.Now()
	r := mustWork(t, "--demo")
	wantDemo(t, r)
	if !strings.Contains(r.stderr, "listening on lo") || time.Since(start) > 10*time.Second {
		t.Errorf("after %v: %s", time.Since(start), r.stderr)
	}
	if n := len(describe(t, events(t, mustWork(t, "--demo", "--json").stdout))); n != 15 {
		t.Errorf("%d messages", n)
	}
	if r := mustWork(t, "--demo", "--count"); r.stdout != "15 messages\n" {
		t.Errorf("--count: %s", r.stdout)
	}
	if r := mustWork(t, "--demo", "-c", "2", "-q"); strings.Count(r.stdout, " text ") != 2 {
		t.Errorf("-c 2: %s", r.stdout)
	}
	if r := wsdump(t, "--demo", "prot", "80"); r.status != 2 {
		t.Errorf("exit status %d: %s", r.status, r.stderr)
	}
}

func TestDemoAsUser(t *testing.T) {
	testnet.Require(t)
	cmd := command(t, "--demo")
	asNobody(t, cmd)
	r := finish(t, cmd)
	if strings.Contains(r.stderr, "replaying") {
		if os.Getenv(testnet.RequireEnv) == "1" {
			t.Fatal(r.stderr)
		}
		t.Skip(r.stderr)
	}
	wantDemo(t, r)
}

// TestDemoReplay forbids namespaces and gets the recording.
func TestDemoReplay(t *testing.T) {
	testnet.Require(t)
	cmd := command(t, "--demo")
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c",
		`echo 0 >/proc/sys/user/max_user_namespaces && echo 0 >/proc/sys/user/max_net_namespaces && exec "$@"`, "sh"}, cmd.Args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	r := finish(t, cmd)
	wantDemo(t, r)
	if !strings.Contains(r.stderr, "replaying a recording") {
		t.Errorf("it does not say that it replays: %s", r.stderr)
	}
}

// TestDemoSignal: a signal ends both processes of the demo.
func TestDemoSignal(t *testing.T) {
	testnet.Require(t)
	cmd := command(t, "--demo", "-A")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Error(err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	io.Copy(io.Discard, out) // until the last holder has gone
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
