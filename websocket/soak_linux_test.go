package websocket

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/internal/testnet"
)

var soak = flag.Duration("wstap.soak", soakDefault(), "how long TestSoak taps live traffic; memory is judged from a minute on")

func soakDefault() time.Duration {
	if testkit.Long() {
		return 90 * time.Second
	}
	return 2 * time.Second
}

// A soaked connection: what was sent on it, by direction, and what of that the
// other side received.
type soaked struct{ sent, received [2]int }

// A soaker makes the traffic and hears what the taps say.
type soaker struct {
	t      *testing.T
	ctx    context.Context // of all connections
	stop   chan struct{}   // no new ones
	server *testnet.Host

	mu    sync.Mutex
	conns []soaked
	taps  map[string]*heard
}

// heard is what a tap gave out, and what of it was clean: seen from its
// handshake to its FIN without a loss.
type heard struct {
	messages [2]map[int]int // how many, by connection
	next     [2]map[int]int // the least number that may come next
	clean    map[int]bool
	opened   map[int]int
	stats    Stats
}

// TestSoak: taps of several kinds watch a host whose clients come and go, by all
// ways in and out, among floods, damaged packets and interfaces that go down.
// Every message that was received is given out by each tap or its loss has a
// name, and nothing grows.
func TestSoak(t *testing.T) {
	if v := os.Getenv(soakEnv); v != "" {
		tapForSoak(t, v)
		return
	}
	a, b := testnet.New(t), testnet.New(t)
	_, steady := testnet.Veth(t, a, b)
	_, shaky := testnet.Veth(t, a, b)
	tun, device := b.Tap("tap0")
	ctx, cancel := context.WithCancel(t.Context())
	s := &soaker{t: t, ctx: ctx, stop: make(chan struct{}), server: b, taps: map[string]*heard{}}
	for _, st := range soakTaps {
		s.taps[st.name] = &heard{clean: map[int]bool{}, opened: map[int]int{}}
		for dir := range 2 {
			s.taps[st.name].messages[dir], s.taps[st.name].next[dir] = map[int]int{}, map[int]int{}
		}
	}
	l, err := b.Listen("tcp", "[::]:7272")
	if err != nil {
		t.Fatal(err)
	}
	server := http.Server{Handler: http.HandlerFunc(s.echo)}
	go server.Serve(l)

	cmd, reports, end := s.startTaps()
	samples := make(chan []sample, 1)
	go func() { samples <- s.listen(reports) }()

	var wg, idle sync.WaitGroup
	for i, from := range []struct {
		host *testnet.Host
		addr netip.Addr
	}{
		{b, netip.MustParseAddr("127.0.0.1")}, {b, netip.IPv6Loopback()}, {a, steady.IPv4}, {a, steady.IPv6}, {a, shaky.IPv4},
	} {
		for j := range 4 {
			wg.Go(func() { s.client(from.host, from.addr, rand.New(rand.NewPCG(uint64(i), uint64(j)))) })
		}
		for range 20 {
			idle.Go(func() { s.idle(from.host, from.addr) })
		}
	}
	wg.Go(func() { s.flood(device) })
	wg.Go(func() { s.flap(tun, 50*time.Millisecond) })
	wg.Go(func() { s.flap(shaky, 700*time.Millisecond) })
	start := time.Now()
	for time.Since(start) < *soak { // not one sleep: the process may be stopped meanwhile
		time.Sleep(100 * time.Millisecond)
	}
	close(s.stop)
	late := time.AfterFunc(5*time.Second, cancel) // some wait for a link that was down
	wg.Wait()
	idle.Wait()
	late.Stop()
	cancel()
	server.Close()
	end()
	all := <-samples
	if err := cmd.Wait(); err != nil {
		t.Errorf("the taps: %v", err)
	}
	s.judge(all)
}

// startTaps starts the process with the taps. It ends some time after end is
// called.
func (s *soaker) startTaps() (cmd *exec.Cmd, reports *bufio.Scanner, end func()) {
	cmd = exec.Command("/proc/self/exe", "-test.run=^TestSoak$", "-test.timeout=0", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %v", soakEnv, s.server.Path(), max(*soak/120, 20*time.Millisecond)))
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	w.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { cmd.Process.Kill(); r.Close() })
	reports = bufio.NewScanner(bufio.NewReaderSize(r, 1<<16))
	reports.Buffer(nil, 1<<20)
	if !reports.Scan() || reports.Text() != "ready" {
		s.t.Fatalf("the taps do not begin: %q", reports.Text())
	}
	return cmd, reports, func() { in.Close() }
}

// listen notes what the taps report, until they end.
func (s *soaker) listen(reports *bufio.Scanner) (samples []sample) {
	for reports.Scan() {
		kind, rest, _ := strings.Cut(reports.Text(), " ")
		var name, cause string
		var dir, id, n int
		var spoiled bool
		var err error
		switch kind {
		case "sample":
			var one sample
			err = json.Unmarshal([]byte(rest), &one)
			samples = append(samples, one)
		case "stats":
			name, text, _ := strings.Cut(rest, " ")
			err = json.Unmarshal([]byte(text), &s.taps[name].stats)
		case "left":
			var both [2]sample
			err = json.Unmarshal([]byte(rest), &both)
			if before, after := both[0], both[1]; after.Goroutines > before.Goroutines || after.Files > before.Files || after.Rings > 0 {
				s.t.Errorf("left behind: before %+v, after %+v", before, after)
			}
		case "open":
			if _, err = fmt.Sscan(rest, &name, &id); err == nil {
				s.taps[name].opened[id]++
			}
		case "end":
			if _, err = fmt.Sscan(rest, &name, &id, &cause, &spoiled); err == nil {
				s.taps[name].clean[id] = cause == "fin" && !spoiled && s.taps[name].opened[id] == 1
			}
		case "message":
			if _, err = fmt.Sscan(rest, &name, &dir, &id, &n); err == nil {
				s.message(name, dir, id, n)
			}
		default:
			s.t.Errorf("%s", reports.Text())
		}
		if err != nil {
			s.t.Errorf("%q: %v", reports.Text(), err)
		}
	}
	if err := reports.Err(); err != nil {
		s.t.Error(err)
	}
	return samples
}

// message notes message n that a tap gave out: sent before, and once.
func (s *soaker) message(name string, dir, id, n int) {
	h := s.taps[name]
	s.mu.Lock()
	sent := 0
	if id < len(s.conns) {
		sent = s.conns[id].sent[dir]
	}
	s.mu.Unlock()
	if n < h.next[dir][id] || n >= sent {
		s.t.Errorf("%s: message %d of side %d of connection %d: expected from %d on, sent %d", name, n, dir, id, h.next[dir][id], sent)
	}
	h.next[dir][id] = n + 1
	h.messages[dir][id]++
}

// judge compares what was received with what the taps gave out, and asks for
// memory that does not grow.
func (s *soaker) judge(samples []sample) {
	total := 0
	for _, c := range s.conns {
		total += c.received[0] + c.received[1]
	}
	s.t.Logf("%v: %d connections, %d messages received", *soak, len(s.conns), total)
	for _, st := range soakTaps {
		h := s.taps[st.name]
		missing, clean, spoiled := 0, 0, 0
		for id, c := range s.conns {
			for dir := range 2 {
				n := max(0, c.received[dir]-h.messages[dir][id])
				missing += n
				if h.clean[id] && n > 0 {
					spoiled++
				}
			}
			if h.clean[id] {
				clean++
			}
		}
		k := &h.stats.Capture
		s.t.Logf("%s: %d messages missing, %d connections clean; packets received %d, dropped %d, refused by a later filter %d; "+
			"%d messages of %d connections, %d dropped, %d bytes in gaps", st.name, missing, clean, k.Received, k.Dropped, k.Skipped,
			h.stats.Messages, h.stats.Conns, h.stats.MessageDropped, h.stats.LostBytes)
		checkAccounts(s.t, st.name, h.stats, true)
		if k.Dropped == 0 && uint64(missing) > h.stats.MessageDropped {
			s.t.Errorf("%s: %d messages are missing, and only %d dropped", st.name, missing, h.stats.MessageDropped)
		}
		if spoiled > 0 {
			s.t.Errorf("%s: messages are missing of %d connections that it saw whole", st.name, spoiled)
		}
		if !st.messages && clean == 0 || h.stats.Messages == 0 {
			s.t.Errorf("%s saw nothing", st.name)
		}
	}
	if len(samples) < 3 {
		s.t.Fatalf("%d samples", len(samples))
	}
	// How many flows there are at a time hangs on how fast the machine lets
	// clients come and go: memory may follow them.
	busier := 1.0
	for _, v := range []struct {
		name  string
		value func(sample) int
		slack float64 // beside 10 %
	}{
		{"goroutines", func(s sample) int { return s.Goroutines }, 2},
		{"files", func(s sample) int { return s.Files }, 2},
		{"rings", func(s sample) int { return s.Rings }, 0},
		{"flows", func(s sample) int { return s.Flows }, 2000},
		{"heap bytes", func(s sample) int { return s.Heap }, 4 << 20},
		{"resident bytes", func(s sample) int { return s.RSS }, 16 << 20},
	} {
		second, last := thirds(samples, v.value)
		s.t.Logf("%s: %.0f in the second third, %.0f in the last, %d at most", v.name, second, last, most(samples, v.value))
		if *soak >= time.Minute && last > second*busier*1.1+v.slack {
			s.t.Errorf("%s grow", v.name)
		}
		if v.name == "flows" {
			busier = max(1, last/second)
		}
	}
}
