package websocket

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/reassembly"
)

// residentBytes is what of the process is in memory; elsewhere than on Linux,
// what the runtime has of the system and has not given back.
func residentBytes() int {
	var kb int
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(rest, &kb); err == nil {
		return kb << 10
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.Sys - m.HeapReleased)
}

// idleSource opens n connections, exchanges a message each way on each, and
// leaves them.
type idleSource struct {
	n, conn  int
	compress bool
	size     int   // of a message
	tls      *wire // if not nil, what passes on each connection
	packets  []packetgen.Packet
	atEnd    func()
	atLast   func() // if not nil, it is called before the last one, which comes a day later
}

func (s *idleSource) Read(fs []capture.Frame) (int, error) {
	if len(s.packets) == 0 {
		if s.conn == s.n {
			s.atEnd()
			return 0, io.EOF
		}
		s.packets = s.converse()
		s.conn++
	}
	n := min(len(fs), len(s.packets))
	for i, p := range s.packets[:n] {
		fs[i] = capture.Frame{Data: p.Frame, Length: len(p.Frame), Time: p.Time, Link: decode.LinkEthernet}
	}
	s.packets = s.packets[n:]
	return n, nil
}

func (s *idleSource) converse() []packetgen.Packet {
	c := packetgen.NewConversation()
	if s.atLast != nil && s.conn == s.n-1 {
		s.atLast()
		c.Time = c.Time.Add(24 * time.Hour)
	}
	c.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(s.conn >> 16), byte(s.conn >> 8), byte(s.conn)}), 40000)
	c.Open()
	if s.tls != nil {
		for _, p := range s.tls.pieces[:len(s.tls.pieces)-s.tls.ending] {
			c.Send(packetgen.Side(p.from), p.data)
		}
		return c.Packets
	}
	c.Send(packetgen.Client, []byte(request))
	answer, b0 := response, byte(0x81)
	payload := fmt.Appendf(nil, `{"login":%d,%*d}`, s.conn, s.size, 1)
	if s.compress {
		answer, b0 = deflated, 0xC1
		payload = stored(payload)
	}
	c.Send(packetgen.Server, []byte(answer))
	for dir := range Direction(2) {
		c.Send(packetgen.Side(dir), testFrame(dir, b0, payload))
	}
	return c.Packets
}

// stored is b compressed at no cost of time: in stored blocks.
func stored(b []byte) (out []byte) {
	for len(b) > 0 {
		n := min(len(b), 0xffff)
		out = append(out, 0, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		out, b = append(out, b[:n]...), b[n:]
	}
	return append(out, 0) // of the empty block whose rest RFC 7692 leaves out
}

func (s *idleSource) Info() capture.Info            { return capture.Info{Link: decode.LinkEthernet} }
func (s *idleSource) Stop() error                   { return nil }
func (s *idleSource) Close() error                  { return nil }
func (s *idleSource) Stats() (capture.Stats, error) { return capture.Stats{}, nil }

const idleEnv = "WSTAP_TEST_IDLE"

// An idleCase is so many idle connections, and what they may take.
type idleCase struct {
	Name     string
	Compress bool
	N, Size  int // connections, and bytes of a message
	Budget   int // megabytes
}

// raceDetector says whether it is on: it takes memory of its own.
func raceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestIdleMemory: 100,000 connections that were opened, told a message each way
// and are silent fit in 140 MB, the whole process included, and with WSTAP_LONG=1 a
// million in 1.1 GB, headers and all. With compression
// each direction keeps in addition what it sent last, 32 KiB at most.
func TestIdleMemory(t *testing.T) {
	if v := os.Getenv(idleEnv); v != "" {
		var c idleCase
		if err := json.Unmarshal([]byte(v), &c); err != nil {
			t.Fatal(err)
		}
		c.run(t)
		return
	}
	cases := []idleCase{
		{"plain", false, 100000, 40, 140},
		{"compressed", true, 20000, 40, 60},
		{"compressed, windows full", true, 1000, 33000, 110},
	}
	if os.Getenv(testkit.LongEnv) != "" {
		cases = append(cases, idleCase{"a million", false, 1_000_000, 40, 1100})
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if raceDetector() {
				c.N, c.Budget = c.N/20, 1000
			}
			v, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(exe, "-test.run=^TestIdleMemory$", "-test.v")
			cmd.Env = append(os.Environ(), idleEnv+"="+string(v))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, " MB ") {
					t.Log(strings.TrimSpace(line))
				}
			}
		})
	}
}

func (c *idleCase) run(t *testing.T) {
	grown, kept, living := 0, 0, 0
	var tap *Tap
	s := &idleSource{n: c.N, compress: c.Compress, size: c.Size, atEnd: func() {
		for range tap.Conns() {
			living++
		}
		grown = residentBytes()
		debug.FreeOSMemory()
		kept = residentBytes()
	}}
	tap = NewTap(s, &Config{MaxHeads: 1 << 30, Reassembly: &reassembly.Config{MaxFlows: c.N}})
	opens, messages := 0, 0
	for e, err := range tap.Events(context.Background()) {
		switch e := e.(type) {
		case nil:
			t.Fatal(err)
		case *Open:
			opens++
			if e.Conn.HeadersDropped {
				t.Fatal("headers were dropped")
			}
		case *Message:
			if e.Truncated || e.Undecoded || e.Compressed != c.Compress {
				t.Fatal(describeMessage(e))
			}
			messages++
		}
	}
	t.Logf("%d MB resident, %d MB with garbage: %d bytes a connection", kept>>20, grown>>20, kept/c.N)
	if living != c.N {
		t.Errorf("only %d of %d live", living, c.N)
	}
	if opens != c.N || messages != 2*c.N || kept > c.Budget<<20 {
		t.Errorf("%d connections, %d messages, more than %d MB", opens, messages, c.Budget)
	}
}

// TestMemoryAfterPeak: when many connections have ended, little of their memory is left.
func TestMemoryAfterPeak(t *testing.T) {
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	n := testkit.Rounds(50_000, 5000, 100_000)
	peak, after := 0, 0
	s := &idleSource{n: n, size: 40, atLast: func() { peak = heap() }, atEnd: func() { after = heap() }}
	tap := NewTap(s, &Config{Reassembly: &reassembly.Config{RecentBytes: -1, IdleTimeout: time.Hour}})
	before := heap()
	if err := tap.Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	peak, after = peak-before, after-before
	t.Logf("%d bytes at the peak, %d after it", peak, after)
	if most := 1 << 20; peak < 500*n || after > most {
		t.Errorf("%d bytes at the peak, %d after it, not %d", peak, after, most)
	}
}

// TestIdleTLSMemory: 10,000 idle connections of wss take at most 50 MB more than in
// clear.
func TestIdleTLSMemory(t *testing.T) {
	w := converseTLS(t, 1, nil, chatLine)
	n := testkit.Rounds(10000, 1000, 10000)
	var heap [2]uint64
	for i, tls := range []*wire{nil, w} {
		s := &idleSource{n: n, size: 40, tls: tls, atEnd: func() {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			heap[i] = m.HeapAlloc
		}}
		keys := w.keyLog()
		tap := NewTap(s, &Config{Keys: keys})
		if err := tap.Count(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st := tap.Stats(); st.Messages != uint64(2*n) || st.Conns != uint64(n) {
			t.Fatalf("%d messages on %d connections", st.Messages, st.Conns)
		}
	}
	more := int(heap[1]-heap[0]) / n
	t.Logf("%d bytes a connection, %d in clear", int(heap[1])/n, int(heap[0])/n)
	if more > 50_000_000/10000 {
		t.Errorf("%d bytes more than in clear", more)
	}
}
