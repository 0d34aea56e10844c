package websocket

import (
	"bytes"
	"fmt"
	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/internal/http2"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"github.com/wstap/wstap/reassembly"
)

// longHead returns a head of about n bytes that begins with begin.
func longHead(begin string, n int) []byte {
	var b bytes.Buffer
	b.WriteString(strings.TrimSuffix(begin, "\r\n"))
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "X-%d: %d\r\n", i, i)
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// storedMessage compresses b into one stored block.
func storedMessage(b []byte) []byte {
	n := len(b)
	return append(append([]byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}, b...), 0)
}

// heap returns the live bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A seen counts what a flood made the tap tell.
type seen struct {
	opens, undecoded, truncated, dropped, reason int
}

func (s *seen) yield(e Event, _ error) bool {
	switch e := e.(type) {
	case *Open:
		s.opens++
		if e.Conn.HeadersDropped {
			s.dropped++
		}
	case *Message:
		if e.Undecoded {
			s.undecoded++
		}
		if e.Truncated {
			s.truncated++
		}
	case *End:
		for _, c := range e.Closing {
			s.reason = max(s.reason, len(c.Reason))
		}
	}
	return true
}

// TestFloods gives thousands of connections what each may take, in all far more
// than the budgets: memory stays within them, and the answer tells.
func TestFloods(t *testing.T) {
	const budget, n = 1 << 18, 400
	upgrade, accept := longHead(request, 60000), longHead(response, 60000)
	random := randomBytes(newRand(1), 30000)
	window := testFrame(FromServer, 0xC2, storedMessage(random))
	closing := testFrame(FromServer, 0x88, append([]byte{3, 0xe8}, bytes.Repeat([]byte("x"), 60000)...))
	table := newH2Side()
	table.buf.WriteString(http2.PrefaceLine + "\r\n\r\n" + http2.PrefaceRest)
	table.enc.SetMaxDynamicTableSize(64 << 10)
	for i := range 500 {
		table.headers(uint32(2*i+1), false, fmt.Sprint("x", i), fmt.Sprint(i))
	}
	tables := table.take()
	bytewise := func(c reassembly.Consumer, from Direction, b string) {
		for i := range b {
			c.Data(from, []byte(b[i:i+1]), t0)
		}
	}
	for _, f := range []struct {
		name   string
		feed   func(c reassembly.Consumer, i int)
		answer func(s seen, st Stats) bool
	}{
		{"heads that do not end", func(c reassembly.Consumer, _ int) {
			c.Data(FromClient, upgrade[:40000], t0)
			c.Data(FromClient, upgrade[40000:len(upgrade)-2], t0)
		}, func(s seen, st Stats) bool { return st.GivenUp > n/2 && st.SkippedBytes == 0 }},
		{"beginnings of requests", func(c reassembly.Consumer, _ int) { c.Data(FromClient, []byte("GET /"), t0) },
			func(s seen, st Stats) bool { return st.GivenUp > n/4 }},
		{"requests without an answer", func(c reassembly.Consumer, _ int) { c.Data(FromClient, upgrade, t0) },
			func(s seen, st Stats) bool { return st.GivenUp > n/2 }},
		{"pipelined requests", func(c reassembly.Consumer, _ int) {
			c.Data(FromClient, []byte(strings.Repeat("GET / HTTP/1.1\r\n\r\n", maxPending)), t0)
		}, func(s seen, st Stats) bool { return st.GivenUp > n/4 }},
		{"refused with long heads", func(c reassembly.Consumer, _ int) {
			c.Data(FromClient, upgrade, t0)
			c.Data(FromServer, []byte("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), t0)
			c.Data(FromClient, []byte("GET / HTTP/1.1\r\n\r\n"), t0)
		}, func(s seen, st Stats) bool { return s.opens == n && st.GivenUp < n }},
		{"handshakes with long heads", func(c reassembly.Consumer, _ int) {
			c.Data(FromClient, upgrade, t0)
			c.Data(FromServer, accept, t0)
		}, func(s seen, st Stats) bool { return s.opens == n && s.dropped > n/2 && s.dropped < n }},
		{"answers held byte by byte", func(c reassembly.Consumer, _ int) {
			bytewise(c, FromServer, strings.Repeat("HTTP/1.1 200 OK\r\n", 20))
		}, func(s seen, st Stats) bool { return st.GivenUp > n/2 && st.SkippedBytes > 0 }},
		{"hunts byte by byte", func(c reassembly.Consumer, _ int) {
			f := c.(*seat).c.(*front)
			o := f.p.newOpening(&f.origin)
			o.sides[FromServer].state = searching
			c.(*seat).c = o
			bytewise(c, FromServer, "\x82\x7e\x7f\xff"+strings.Repeat("A", 300)) // may be a long frame
		}, func(s seen, st Stats) bool { return st.GivenUp > n/2 && st.SkippedBytes > 0 }},
		{"beginnings that are not understood", func(c reassembly.Consumer, _ int) {
			c.Data(FromClient, random[:maxFront], t0)
			c.Data(FromServer, random[:maxFront], t0)
		}, func(s seen, st Stats) bool { return st.GivenUp > n/2 && st.SkippedBytes > 0 }},
		{"beginnings byte by byte", func(c reassembly.Consumer, _ int) { bytewise(c, FromServer, strings.Repeat("+OK\r\n", 40)) },
			func(s seen, st Stats) bool { return st.GivenUp > n/2 && st.SkippedBytes > 0 }},
		{"SOCKS that is not answered", func(c reassembly.Consumer, _ int) {
			c.Data(FromClient, append([]byte{5, 1, 0}, random[:maxFront-3]...), t0)
		}, func(s seen, st Stats) bool { return st.GivenUp > n/2 && st.SkippedBytes > 0 }},
		{"unfinished messages", func(c reassembly.Consumer, _ int) {
			c.Data(FromClient, []byte(request), t0)
			c.Data(FromServer, []byte(response), t0)
			c.Data(FromServer, testFrame(FromServer, 0x02, random), t0)
		}, func(s seen, st Stats) bool { return s.truncated == n }},
		{"full windows", func(c reassembly.Consumer, _ int) {
			c.Data(FromClient, []byte(request), t0)
			c.Data(FromServer, []byte(deflated), t0)
			c.Data(FromServer, window, t0)
			c.Data(FromServer, window, t0)
		}, func(s seen, st Stats) bool { return st.WindowsDropped > n/2 && s.undecoded == 0 }},
		{"close frames of 60 kB", func(c reassembly.Consumer, _ int) {
			c.Data(FromClient, []byte(request), t0)
			c.Data(FromServer, []byte(response), t0)
			c.Data(FromServer, closing, t0)
		}, func(s seen, st Stats) bool { return s.opens == n && s.reason == maxReason }},
		{"HPACK tables", func(c reassembly.Consumer, _ int) { c.Data(FromClient, tables, t0) },
			func(s seen, st Stats) bool { return st.GivenUp > n/2 }},
	} {
		t.Run(f.name, func(t *testing.T) {
			var s seen
			r := newRecorder(&Config{MaxBuffered: budget, MaxWindows: budget, MaxHeads: budget})
			r.p.yield = s.yield
			conns := make([]reassembly.Consumer, n)
			for i := range conns {
				conns[i] = newSeat(r.p, false)
			}
			before, most := heap(), 0
			for i, c := range conns {
				f.feed(c, i)
				most = max(most, r.p.budget.Held())
			}
			if grown := heap() - before; grown > 3*budget+maxSpare+n*1500 {
				t.Errorf("the heap grew by %d kB", grown>>10)
			}
			if most > budget+1<<17 || r.p.histories.Held() > budget {
				t.Errorf("%d bytes counted, %d of windows", most, r.p.histories.Held())
			}
			for _, c := range conns {
				c.Closed(reassembly.EOF, t0)
			}
			r.p.publish()
			var st Stats
			r.p.addStats(&st)
			if !f.answer(s, st) {
				t.Errorf("%+v, %d given up, %d windows dropped, %d skipped", s, st.GivenUp, st.WindowsDropped, st.SkippedBytes)
			}
			if r.p.budget.Held() != 0 || st.HeldBytes != 0 || r.p.histories.Held() != 0 || r.p.tap.heads.Load() != 0 || r.p.tap.buffered.Held() != 0 {
				t.Errorf("left: %d bytes, %d of them held, %d of windows, %d of heads", r.p.budget.Held(), st.HeldBytes, r.p.histories.Held(), r.p.tap.heads.Load())
			}
			runtime.KeepAlive(conns)
		})
	}
}

// TestWindowsDropped: what refers to a history that was given up is flagged, what
// does not decodes, and a direction in use keeps its own.
func TestWindowsDropped(t *testing.T) {
	r := newRecorder(&Config{MaxWindows: 1 << 20})
	open := func() reassembly.Consumer {
		c := newSeat(r.p, false)
		c.Data(FromClient, []byte(request), t0)
		c.Data(FromServer, []byte(deflated), t0)
		return c
	}
	rnd := newRand(2)
	text := randomBytes(rnd, 2000)
	busy, idle := open(), open()
	comps := map[reassembly.Consumer]*compressor{busy: newCompressor(true), idle: newCompressor(true)}
	send := func(c reassembly.Consumer) *Message {
		c.Data(FromServer, testFrame(FromServer, 0xC2, comps[c].message(text)), t0)
		return r.msgs[len(r.msgs)-1]
	}
	send(busy)
	send(idle)
	for range 200 {
		open().Data(FromServer, testFrame(FromServer, 0xC2, storedMessage(randomBytes(rnd, 20000))), t0)
		if m := send(busy); m.Undecoded || !bytes.Equal(m.Payload, text) {
			t.Fatalf("the busy one: %s", describeMessage(m))
		}
	}
	if m := send(idle); m.Unknown != len(text) || !m.Compressed || r.p.histories.Dropped() < 100 {
		t.Errorf("%d dropped, and %s", r.p.histories.Dropped(), describeMessage(m))
	}
	comps[idle] = newCompressor(true) // refers to nothing
	for range 2 {
		if m := send(idle); m.Unknown > 0 || !bytes.Equal(m.Payload, text) {
			t.Errorf("after it: %s", describeMessage(m))
		}
	}
}

// TestGivenUpOldest: a connection whose handshake is under way survives a flood
// of others that are silent.
func TestGivenUpOldest(t *testing.T) {
	r := newRecorder(&Config{MaxBuffered: 1 << 20})
	slow := newSeat(r.p, false)
	head := longHead(request, 2000)
	for _, b := range head {
		slow.Data(FromClient, []byte{b}, t0)
		newSeat(r.p, false).Data(FromClient, []byte("GET /"), t0)
	}
	slow.Data(FromServer, []byte(response), t0)
	if r.want(t, "open 101 ws://example.com:7272/chat?room=1"); r.givenUp() < 500 {
		t.Errorf("%d given up", r.givenUp())
	}
}

// TestHeadsDropped: what is left of a Conn is told to be.
func TestHeadsDropped(t *testing.T) {
	r := newRecorder(&Config{MaxHeads: 1})
	long := "GET /" + strings.Repeat("a", 5000) + strings.TrimPrefix(request, "GET /chat?room=1")
	r.data(FromClient, []byte(long))
	r.data(FromServer, []byte(deflated))
	c := r.opens[0]
	if !c.HeadersDropped || c.Request() != nil || c.Response() != nil || len(c.URL) != clipped || c.Status != 101 ||
		c.Extensions != "permessage-deflate" || !c.AcceptValid || c.Midstream {
		t.Errorf("%+v", c)
	}
	r.data(FromClient, testFrame(FromClient, 0x81, []byte("hi")))
	r.want(t, "open 101 "+c.URL, `client text "hi"`)
}

// h2Open begins an HTTP/2 connection that may carry WebSockets.
func h2Open(r *recorder) (cl, sv *h2Side) {
	cl, sv = newH2Side(), newH2Side()
	cl.buf.WriteString(http2.PrefaceLine + "\r\n\r\n" + http2.PrefaceRest)
	cl.settings()
	sv.settings(settingEnableConnect, 1)
	r.data(FromClient, cl.take())
	r.data(FromServer, sv.take())
	return cl, sv
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHPACKBomb: a byte of a header block may stand for a field of kilobytes.
func TestHPACKBomb(t *testing.T) {
	r := newRecorder(nil)
	cl, _ := h2Open(r)
	cl.enc.WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("a", 4000)})
	cl.frame(typeHeaders, flagEndHeaders, 1, cl.block.Bytes()...)
	for range 100 {
		cl.frame(typeHeaders, flagEndHeaders, 1, bytes.Repeat([]byte{0xbe}, 16000)...)
	}
	b := cl.take()
	if n := allocated(func() { r.c.Data(FromClient, b, t0) }); n > 100<<20 {
		t.Errorf("%d MB allocated for %d kB", n>>20, len(b)>>10)
	}
}

// TestHTTP2Streams: streams without number, opened and not, end the connection
// and not the memory.
func TestHTTP2Streams(t *testing.T) {
	for _, answered := range []bool{false, true} {
		r := newRecorder(&Config{MaxBuffered: 1 << 20})
		cl, sv := h2Open(r)
		most := 0
		for id := uint32(1); id < 20001 && r.givenUp() == 0; id += 2 {
			cl.headers(id, false, slices.Concat(connect(1), []string{"x", strings.Repeat("a", 2000)})...)
			r.data(FromClient, cl.take())
			if answered {
				sv.headers(id, false, ":status", "200")
				r.data(FromServer, sv.take())
			}
			most = max(most, r.p.budget.Held())
		}
		if r.givenUp() != 1 || most > 1<<20+1<<16 || r.p.budget.Held() != 0 {
			t.Errorf("answered %v: %d bytes, %d left, %d given up", answered, most, r.p.budget.Held(), r.givenUp())
		}
		if answered && (len(r.lines) < 200 || r.lines[len(r.lines)-1] != "end evicted") {
			t.Errorf("%d events, the last %q", len(r.lines), r.lines[len(r.lines)-1])
		}
		r.data(FromClient, []byte("more")) // goes nowhere
		r.c.Closed(reassembly.EOF, r.now)
	}
}

// TestHTTP2ManyGaps: a gap of which it is not known whose bytes were lost costs
// no event for each stream, and every stream is told of all of them.
func TestHTTP2ManyGaps(t *testing.T) {
	r := newRecorder(nil)
	cl, sv := h2Open(r)
	const streams, gaps = 200, 500
	for id := uint32(1); id < 2*streams; id += 2 {
		cl.headers(id, false, connect(1)...)
		sv.headers(id, false, ":status", "200")
		r.data(FromClient, cl.take())
		r.data(FromServer, sv.take())
	}
	sv.frame(typePing, 0, 0, make([]byte, 8)...)
	ping := sv.take()
	for range gaps {
		r.c.Gap(FromServer, 7, r.now)
		r.data(FromServer, ping)
	}
	if len(r.lines) != streams {
		t.Errorf("%d events", len(r.lines))
	}
	sv.data(1, false, testFrame(FromServer, 0x81, []byte(`{"a":"of the first"}`)), 0)
	r.data(FromServer, sv.take())
	if last := r.lines[streams:]; len(last) != 2 || last[0] != fmt.Sprint("gap server ", 7*gaps) {
		t.Errorf("%d events, the last %q", len(r.lines), last)
	}
	r.c.Closed(reassembly.EOF, r.now)
	if got := int(r.p.counts.LostBytes); got != streams*gaps*7 {
		t.Errorf("%d bytes lost", got)
	}
}

// TestRepeatedFields: a list of thousands of fields is put together once.
func TestRepeatedFields(t *testing.T) {
	h := http1.Fields(strings.Repeat("A: abcdefghijklmnopqrstuvwxyz\r\n", 2000) + "\r\n")
	var v string
	if n := allocated(func() { v = h.List("a") }); n > 1<<20 || len(v) != 28*2000-2 {
		t.Errorf("%d kB allocated for %d bytes", n>>10, len(v))
	}
}

// TestShare: several pipelines together take what one would.
func TestShare(t *testing.T) {
	cfg := Config{MaxWindows: 100, Reassembly: &reassembly.Config{MaxFlows: 1000, MaxFlowBytes: 7, MaxBytes: 4000}}
	cfg.share(10)
	if r := cfg.Reassembly; cfg.MaxWindows != 10 || r.MaxFlows != 100 || r.MaxBytes != 400 || r.MaxFlowBytes != 7 || r.MaxFragmentBytes != 16<<20/10 {
		t.Errorf("%+v", r)
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// TestCosts: what is counted is what things take, at least.
func TestCosts(t *testing.T) {
	for _, c := range []struct {
		v    any
		cost int
	}{{pendingRequest{}, pendingCost}, {http1.Head{}, headCost}, {mark{}, markCost}} {
		if size := reflect.TypeOf(c.v).Size(); size > uintptr(c.cost) {
			t.Errorf("%T takes %d bytes, not %d", c.v, size, c.cost)
		}
	}
}
