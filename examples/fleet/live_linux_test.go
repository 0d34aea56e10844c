package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/internal/testnet"
)

// speaker serves one WebSocket in a host: say sends messages with numbers, and hear takes
// them at the other end.
func speaker(t *testing.T, h *testnet.Host) (say func(n, size int), end func()) {
	t.Helper()
	l, err := h.Listen("tcp", "127.0.0.1:7272")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		http.ReadRequest(bufio.NewReader(c))
		fmt.Fprint(c, answer)
		accepted <- c
	}()
	c, err := h.DialContext(t.Context(), "tcp", "127.0.0.1:7272")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, request)
	in := bufio.NewReaderSize(c, 1<<20)
	if _, err := http.ReadResponse(in, nil); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriterSize(<-accepted, 64<<10)
	next := 0
	random, noise := rand.NewChaCha8([32]byte{}), make([]byte, 1<<10)
	say = func(n, size int) {
		heard := make(chan error, 1)
		go func() {
			left := n * (size + 4)
			k, err := in.Discard(left)
			if err == nil && k != left {
				err = fmt.Errorf("%d bytes of %d", k, left)
			}
			heard <- err
		}()
		for range n {
			text := fmt.Sprintf(`{"n":%d}`, next)
			next++
			head := binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(size))
			_, _ = random.Read(noise)
			text += hex.EncodeToString(noise)[:size-len(text)] // which no packing makes smaller
			out.Write(append(head, text...))
		}
		out.Flush()
		if err := <-heard; err != nil {
			t.Fatal(err)
		}
	}
	return say, func() { c.Close() }
}

// TestLoss: a live capture without an engine, whose spool is full, goes on; what it loses
// is counted and told, to the event.
func TestLoss(t *testing.T) {
	h := testnet.New(t)
	addr := freePort(t)
	access := engine.Access{NATS: "nats://" + addr}
	o := tapOf(t, access, "a", "")
	o.read, o.iface, o.netns, o.filter, o.spoolSize = nil, "lo", h.Path(), "tcp port 7272", 1<<20
	listening := make(chan struct{})
	o.listening = func() { close(listening) }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan *tap)
	go func() {
		tap, err := o.run(ctx, t.Context())
		if err != nil {
			t.Error(err)
		}
		ended <- tap
	}()
	<-listening
	say, bye := speaker(t, h)
	const size, first, then = 1000, 25000, 100
	say(first, size) // 25 MB, and there is room for 17
	serve(t, addr, t.TempDir())
	until(t, "engine", func() bool { return stored(t, access) > 100 })
	say(then, size)
	bye()
	until(t, "end of the connection", func() bool {
		_, counts := readAll(t, access)
		return counts.lost > 0
	})
	cancel()
	tap := <-ended
	c := tap.builder.Counts()
	if c.Lost == 0 || c.Lost > first/2 || c.Put+c.Lost != c.Events || tap.left != 0 {
		t.Errorf("%+v, %d left", c, tap.left)
	}
	if s := tap.src.stats(); s.Messages != c.Messages || s.Capture.Dropped != 0 {
		t.Errorf("%d messages captured, %d packets dropped: %+v", s.Messages, s.Capture.Dropped, c)
	}
	out, counts := readAll(t, access)
	if counts.lost != c.Lost || counts.Missing != 0 {
		t.Errorf("%+v, want %d lost", counts, c.Lost)
	}
	seq, told, came := uint64(0), uint64(0), uint64(0)
	for _, ev := range events(t, out) {
		if ev.Event == "loss" {
			told += ev.Events
			seq += ev.Events
		}
		if seq++; ev.Seq != seq {
			t.Fatalf("seq %d, want %d: %+v", ev.Seq, seq, ev)
		}
		if ev.Event == "message" {
			came++
		}
	}
	if told != c.Lost || came != c.Messages-c.LostMessages {
		t.Errorf("%d told, %d came, %+v", told, came, c)
	}
	t.Logf("%+v", c)
}

// TestDemo runs the demo as somebody who has just built it.
func TestDemo(t *testing.T) {
	testnet.Require(t)
	p := fleet(t, "demo", "--json")
	if err := p.Wait(); err != nil {
		t.Fatal(err, p.errs.String())
	}
	said := map[string]int{}
	for _, ev := range events(t, []byte(p.out.String())) {
		if strings.Contains(ev.Text, "hi, all !") || strings.Contains(ev.Text, "你好 🌍") {
			said[ev.Tap]++
		}
	}
	// Who says something hears it too, and so does the other one who is there.
	if len(said) != 3 || said["node-1"] != 5 || said["node-2"] != 5 || said["node-3"] != 5 {
		t.Errorf("%v\n%s%s", said, p.out.String(), p.errs.String())
	}
}
