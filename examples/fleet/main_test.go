package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/internal/packetgen"
)

// runMain makes this binary fleet itself: for tests that kill it.
const runMain = "FLEET_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// A process is a fleet that may be killed.
type process struct {
	*exec.Cmd
	out, errs lockedBuffer
	in        io.WriteCloser
}

// fleet starts a process.
func fleet(t testing.TB, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], args...)}
	p.Env = append(os.Environ(), runMain+"=1")
	p.Stdout, p.Stderr = &p.out, &p.errs
	var err error
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// kill is kill -9.
func (p *process) kill() {
	p.Process.Kill()
	p.Wait()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// until waits for something, for as long as a loaded machine may take.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no ", what)
		}
	}
}

// freePort returns an address where nobody listens.
func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// serve starts an engine as a process.
func serve(t testing.TB, addr, store string) *process {
	t.Helper()
	p := fleet(t, "serve", "--listen", addr, "--store", store)
	until(t, "engine", func() bool { return strings.Contains(p.errs.String(), "serving") })
	return p
}

// inside starts an engine in this process.
func inside(t testing.TB) engine.Access {
	t.Helper()
	s, err := (&serveOptions{listen: "127.0.0.1:0", store: t.TempDir()}).start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return engine.Access{NATS: s.ClientURL()}
}

const (
	request = "GET /chat?token=secret HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

// recording writes a capture of conversations in which the server counts, on two ports,
// and returns its name.
func recording(t testing.TB, conns, messages int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "chat.pcap")
	w, err := pcapfile.Create(name, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := make([]*packetgen.Conversation, conns)
	take := func(c *packetgen.Conversation) {
		for i := range c.Packets {
			p := &c.Packets[i]
			if err := w.WriteFrame(&capture.Frame{Data: p.Frame, Length: len(p.Frame), Time: p.Time, Link: decode.LinkEthernet}); err != nil {
				t.Fatal(err)
			}
		}
		c.Packets = c.Packets[:0]
	}
	for i := range list {
		c := packetgen.NewConversation()
		c.Client = netip.AddrPortFrom(c.Client.Addr(), uint16(20000+i))
		c.Server = netip.AddrPortFrom(c.Server.Addr(), uint16(80+i%2))
		c.NoAcks, c.Step = true, time.Microsecond
		c.Open()
		c.Send(packetgen.Client, []byte(request))
		c.Send(packetgen.Server, []byte(answer))
		list[i] = c
	}
	for n := range messages / conns {
		for _, c := range list {
			text := fmt.Sprintf(`{"n":%d,"text":"hi, all !"}`, n)
			c.Send(packetgen.Server, append([]byte{0x81, byte(len(text))}, text...))
			take(c)
		}
	}
	for _, c := range list {
		c.Close(packetgen.Client)
		take(c)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// tapOf returns a tap that reads a file.
func tapOf(t testing.TB, access engine.Access, name, file string) *tapOptions {
	t.Helper()
	o := &tapOptions{Access: access, name: name, read: []string{file}, spoolDir: filepath.Join(t.TempDir(), name), spoolSize: 64 << 20, quiet: true}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	return o
}

// readAll reads all that an engine has.
func readAll(t testing.TB, access engine.Access) ([]byte, tailCounts) {
	t.Helper()
	var out bytes.Buffer
	o := &tailOptions{Access: access, json: true, Reading: engine.Reading{Beginning: true, Once: true}}
	counts, err := o.run(t.Context(), &out)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), counts
}

// event is what tests ask of a line.
type event struct {
	Event, Tap, Boot, Connection, State, Text, Before string
	Seq, Events, Messages, Lost                       uint64
	Truncated                                         bool
	URL                                               string
}

func events(t testing.TB, b []byte) (list []event) {
	t.Helper()
	for line := range bytes.Lines(b) {
		var ev event
		if err := json.Unmarshal(line, &ev); err != nil {
			t.Fatalf("%v: %.200q", err, line)
		}
		list = append(list, ev)
	}
	return list
}

// checkOnce: of each tap the conversations of a recording came, every event once and in
// the order of its connection, and its accounts agree.
func checkOnce(t testing.TB, list []event, taps []string, conns, messages int) {
	t.Helper()
	type conversation struct {
		next       int
		open, over bool
	}
	got := map[string]map[string]*conversation{}
	events := map[string]uint64{}
	stops := map[string]event{}
	for _, ev := range list {
		if ev.Connection == "" {
			if ev.State == "stop" {
				stops[ev.Tap] = ev
			}
			continue
		}
		if got[ev.Tap] == nil {
			got[ev.Tap] = map[string]*conversation{}
		}
		c := got[ev.Tap][ev.Connection]
		if c == nil {
			c = &conversation{}
			got[ev.Tap][ev.Connection] = c
		}
		events[ev.Tap]++
		switch ev.Event {
		case "open":
			if c.open {
				t.Fatalf("%s opens twice", ev.Connection)
			}
			c.open = true
		case "message":
			var m struct{ N int }
			if err := json.Unmarshal([]byte(ev.Text), &m); err != nil || m.N != c.next || !c.open || c.over {
				t.Fatalf("%s: %s, want %d (open %v, over %v)", ev.Connection, ev.Text, c.next, c.open, c.over)
			}
			c.next++
		case "end":
			c.over = true
		}
	}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, taps) {
		t.Errorf("events of %v, want %v", names, taps)
	}
	for _, tap := range taps {
		if len(got[tap]) != conns {
			t.Errorf("%s: %d connections of %d", tap, len(got[tap]), conns)
		}
		for name, c := range got[tap] {
			if c.next != messages/conns || !c.over {
				t.Errorf("%s: %d messages of %d, over %v", name, c.next, messages/conns, c.over)
			}
		}
		if s := stops[tap]; s.Events != events[tap] || s.Messages != uint64(messages) || s.Lost != 0 {
			t.Errorf("%s tells %+v, and %d events came", tap, s, events[tap])
		}
	}
}

// runTaps runs taps side by side to their ends.
func runTaps(t testing.TB, taps ...*tapOptions) (wait func()) {
	t.Helper()
	var wg sync.WaitGroup
	for _, o := range taps {
		wg.Go(func() {
			tap, err := o.run(t.Context(), t.Context())
			if err != nil {
				t.Errorf("%s: %v", o.name, err)
				return
			}
			if c, out := tap.builder.Counts(), tap.out.Counts(); c.Events != c.Put || out.Events != c.Events+2 || tap.left != 0 {
				t.Errorf("%s: %+v, %+v, %d left", o.name, c, out, tap.left)
			}
		})
	}
	return wg.Wait
}

func canceledSoon(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// lines feeds lines of wsdump --json to a process.
func feedLines(t testing.TB, w io.Writer, conn, from, to int) {
	t.Helper()
	b := bufio.NewWriter(w)
	const ends = `"client":"10.0.0.1:40000","server":"10.0.0.2:80"`
	for n := from; n < to; n++ {
		if n == 0 {
			fmt.Fprintf(b, `{"event":"open","time":"2026-11-28T00:00:00Z","conn":%d,%s,"method":"GET","url":"ws://x/","status":101}`+"\n", conn, ends)
		}
		fmt.Fprintf(b, `{"event":"message","time":"2026-11-28T00:00:00Z","start":"2026-11-28T00:00:00Z","conn":%d,%s,"from":"server","opcode":"text","length":9,"wire_length":9,"frames":1,"compressed":false,"text":"{\"n\":%d}"}`+"\n", conn, ends, n)
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
}
