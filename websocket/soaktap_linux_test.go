package websocket

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/reassembly"
)

// soakEnv makes TestSoak the process that taps, so that what it uses is the taps'
// alone: it holds the path of the namespace and how often to take samples. Until
// its standard input ends, the process reports on descriptor 3, a line each:
//
//	open TAP ID
//	message TAP SIDE ID NUMBER
//	end TAP ID CAUSE SPOILED
//	wrong TAP what is wrong
//	sample {…}
//	stats TAP {…}
//	left {…} before and after all
const soakEnv = "WSTAP_TEST_SOAK"

// soakPayload is message n of connection id: of a length of its own, so that
// messages are less than a segment and more than one.
func soakPayload(id, n int) []byte {
	b := fmt.Appendf(nil, "soak %d %d ", id, n)
	fill := (id*7919 + n*104729) % 400
	if n%16 == 15 {
		fill *= 25
	}
	return append(b, bytes.Repeat([]byte{'a' + byte((id+n)%26)}, fill)...)
}

// A sample is what the process uses.
type sample struct {
	RSS, Heap                int // bytes; Heap after a collection
	Goroutines, Files, Rings int
	Flows                    int // in the tables of all taps
}

func takeSample(taps []*Tap) (s sample, err error) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	s.Heap, s.Goroutines = int(m.HeapAlloc), runtime.NumGoroutine()
	s.RSS = residentBytes()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return s, err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	s.Files, s.Rings = len(files), strings.Count(string(maps), "socket:")
	for _, tap := range taps {
		st := tap.Stats()
		s.Flows += st.Reassembly.Active + st.Reassembly.TimeWait
	}
	return s, err
}

// A soakTap is one of the taps: they differ in how they are read.
type soakTap struct {
	name     string
	cfg      capture.Config
	tapCfg   Config
	messages bool          // not Events
	pause    time.Duration // of the consumer, every 3,000 messages
	filters  bool          // the filter changes on the way
}

var soakTaps = []soakTap{
	{name: "events", filters: true},
	{name: "messages", messages: true, cfg: capture.Config{Workers: 2}, tapCfg: Config{Buffer: 256}, pause: 300 * time.Millisecond},
	{name: "small", cfg: capture.Config{BufferSize: 512 << 10}, pause: 400 * time.Millisecond},
}

// reporter writes lines to the parent.
type reporter struct {
	mu sync.Mutex
	w  *bufio.Writer
}

func (r *reporter) line(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.w, format+"\n", args...)
}

func (r *reporter) json(name string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		b = []byte(err.Error())
	}
	r.line("%s %s", name, b)
}

// tapForSoak taps and reports as v, the value of soakEnv, says.
func tapForSoak(t *testing.T, v string) {
	namespace, every, _ := strings.Cut(v, " ")
	interval, err := time.ParseDuration(every)
	if err != nil {
		t.Fatal(err)
	}
	out := &reporter{w: bufio.NewWriterSize(os.NewFile(3, "reports"), 1<<16)}
	done := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(done)
	}()
	before, err := takeSample(nil)
	if err != nil {
		t.Fatal(err)
	}
	var taps []*Tap
	var captures []*capture.Live
	var wg sync.WaitGroup
	for _, st := range soakTaps {
		st.cfg.Namespace, st.cfg.Filter = namespace, soakFilters[0]
		// Silence ends a connection soon, so that a soak of minutes sees it.
		const soon = 30 * time.Second
		st.tapCfg.Reassembly = &reassembly.Config{IdleTimeout: soon, HandshakeTimeout: soon, CloseTimeout: soon}
		l, err := capture.Listen(capture.Any, &st.cfg)
		if err != nil {
			t.Fatal(err)
		}
		tap := NewTap(l, &st.tapCfg)
		taps, captures = append(taps, tap), append(captures, l)
		wg.Go(func() { st.read(tap, out) })
		if st.filters {
			wg.Go(func() { changeFilters(t, l, done) })
		}
	}
	out.line("ready")
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-tick.C:
			s, err := takeSample(taps)
			if err != nil {
				t.Error(err)
			}
			out.json("sample", s)
		}
		out.mu.Lock()
		out.w.Flush()
		out.mu.Unlock()
	}
	for _, l := range captures {
		if err := l.Stop(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	for i, tap := range taps {
		if err := tap.Err(); err != nil {
			t.Error(soakTaps[i].name, err)
		}
		out.json("stats "+soakTaps[i].name, tap.Stats())
	}
	var after sample
	for range 100 { // goroutines take a moment to end
		if after, err = takeSample(taps); err != nil {
			t.Fatal(err)
		}
		if after.Goroutines <= before.Goroutines && after.Files <= before.Files {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	out.json("left", [2]sample{before, after})
	if err := out.w.Flush(); err != nil {
		t.Error(err)
	}
}

// soakFilters all let the soak's messages pass.
var soakFilters = []string{"tcp port 7272", "tcp port 7272 or udp", "(ip and port 7272) or (ip6 and port 7272)"}

func changeFilters(t *testing.T, l *capture.Live, done <-chan struct{}) {
	for i := 1; ; i++ {
		select {
		case <-done:
			return
		case <-time.After(250 * time.Millisecond):
		}
		if err := l.SetFilter(soakFilters[i%len(soakFilters)]); err != nil {
			t.Error(err)
		}
	}
}

// read reads a tap to its end and reports what it gives out.
func (st *soakTap) read(tap *Tap, out *reporter) {
	n := 0
	message := func(m *Message) (id int, spoiled bool) {
		if n++; st.pause > 0 && n%3000 == 0 {
			time.Sleep(st.pause)
		}
		spoiled = m.Truncated || m.Undecoded || m.Conflict
		id, number, ok := parseSoak(m)
		switch {
		case !ok || spoiled:
		case !bytes.Equal(m.Payload, soakPayload(id, number)) || (m.Opcode == Binary) != (number&1 == 1):
			out.line("wrong %s %s", st.name, describeMessage(m))
		default:
			out.line("message %s %d %d %d", st.name, m.From, id, number)
		}
		return id, spoiled
	}
	if st.messages {
		for m := range tap.Messages(context.Background()) {
			message(m)
		}
		return
	}
	spoiled := map[*Conn]bool{}
	for e, err := range tap.Events(context.Background()) {
		switch e := e.(type) {
		case *Open:
			if id, ok := soakID(e.Conn); ok {
				out.line("open %s %d", st.name, id)
			}
		case *Gap:
			spoiled[e.Conn] = true
		case *Message:
			if _, bad := message(e); bad {
				spoiled[e.Conn] = true
			}
		case *End:
			if id, ok := soakID(e.Conn); ok {
				out.line("end %s %d %s %v", st.name, id, e.Cause, spoiled[e.Conn])
			}
			delete(spoiled, e.Conn)
		case nil:
			out.line("wrong %s %v", st.name, err)
		}
	}
}

// soakID reads the number of a connection from its URL.
func soakID(c *Conn) (id int, ok bool) {
	_, number, _ := strings.Cut(c.URL, "/soak/")
	id, err := strconv.Atoi(number)
	return id, err == nil
}

// parseSoak reads the beginning of a soakPayload.
func parseSoak(m *Message) (id, n int, ok bool) {
	words := strings.SplitN(string(m.Payload[:min(len(m.Payload), 40)]), " ", 4)
	if len(words) != 4 || words[0] != "soak" {
		return 0, 0, false
	}
	id, err1 := strconv.Atoi(words[1])
	n, err2 := strconv.Atoi(words[2])
	return id, n, err1 == nil && err2 == nil
}

// thirds returns the mean of the second third of the samples and of the last.
func thirds(samples []sample, value func(sample) int) (second, last float64) {
	mean := func(s []sample) (sum float64) {
		for _, v := range s {
			sum += float64(value(v)) / float64(len(s))
		}
		return sum
	}
	n := len(samples)
	return mean(samples[n/3 : 2*n/3]), mean(samples[2*n/3:])
}

func most(samples []sample, value func(sample) int) int {
	return value(slices.MaxFunc(samples, func(a, b sample) int { return value(a) - value(b) }))
}
