package websocket

import (
	"github.com/wstap/wstap/internal/http2"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/reassembly"
)

// TestHostile feeds what is made to cost time or memory, in segments of one byte
// and of 1400: none may take more than linear time (the test would not end) or
// hold more than the budget.
func TestHostile(t *testing.T) {
	established := []turn{{c, request, 0}, {s, deflated, 0}}
	midstream := []turn{{s, "", 1}, {c, "", 1}} // lost before anything was seen
	length := testkit.Rounds(1<<19, 1<<16, 1<<22)
	for _, h := range []struct {
		name  string
		begin []turn
		data  string // sent by the server again and again
	}{
		{"empty fragments", established, "\x00\x00"},
		{"fragments of a byte", established, "\x00\x01x"},
		{"pings", established, "\x89\x01x"},
		{"first fragments", established, "\x01\x01x"},
		{"the longest frame", established, "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"bombs", established, "\xc2\x0b\xec\xc1\x31\x01\x00\x00\x00\xc2\xa0\xfe\xa9"},
		{"a head without end", nil, "HTTP/1.1 200 OK\r\nA: b\r\n"},
		{"answers without a request", nil, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"informational answers", []turn{{c, request, 0}}, "HTTP/1.1 100 Continue\r\n\r\n"},
		{"chunks", []turn{{c, "GET / HTTP/1.1\r\n\r\n", 0}, {s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0}}, "1;x\r\na\r\n"},
		{"headers everywhere", midstream, "\x81"},
		{"long frames everywhere", midstream, "\x81\x7e\x81\x7e"},
		{"compressed frames everywhere", midstream, "\xc1\x7e\x10\x00"},
		{"masked frames everywhere", midstream, "\x81\xfe\x81\xfe"},
		{"frames without a payload", midstream, "\x81\x00"},
		{"HTTP/2 settings", []turn{{c, http2.PrefaceLine + "\r\n\r\n" + http2.PrefaceRest, 0}}, "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x01"},
		{"HTTP/2 headers without end", []turn{{c, http2.PrefaceLine + "\r\n\r\n" + http2.PrefaceRest, 0}}, "\x00\x00\x01\x09\x00\x00\x00\x00\x01\x88"},
	} {
		for _, size := range []int{1, 1400} {
			r := newRecorder(&Config{MaxMessage: 1 << 20, MaxBuffered: 4 << 20})
			r.p.yield = func(Event, error) bool { return true }
			for _, b := range h.begin {
				if b.gap > 0 {
					r.c.Gap(b.from, b.gap, r.now)
				} else {
					r.data(b.from, []byte(b.data))
				}
			}
			all := []byte(strings.Repeat(h.data, 1+length/len(h.data)))
			most := 0
			for len(all) > 0 && !r.c.(*seat).ignored {
				n := min(size, len(all))
				r.c.Data(FromServer, all[:n], r.now)
				all = all[n:]
				most = max(most, r.p.budget.Held())
			}
			if !r.c.(*seat).ignored {
				r.c.Closed(reassembly.EOF, r.now)
			}
			if most > r.p.tap.cfg.MaxBuffered+1<<17 || r.p.budget.Held() != 0 {
				t.Errorf("%s: held %d bytes, %d of them for good", h.name, most, r.p.budget.Held())
			}
		}
	}
}

// TestHuntLinear looks for frames in what is all headers: eight times as much
// takes no more than some eight times as long.
func TestHuntLinear(t *testing.T) {
	for _, data := range []string{"\x81\x00", "\x81", "\x00\x00\x81\x00", "\xc1\x0b\xec\xc1\x31\x01\x00\x00\x00\xc2\xa0\xfe\xa9\xff"} {
		took := func(n int) time.Duration {
			best := time.Hour
			b := []byte(strings.Repeat(data, n/len(data)))
			for range 3 {
				r := newRecorder(nil)
				r.data(FromClient, []byte(request))
				r.data(FromServer, []byte(deflated))
				r.c.Gap(FromServer, 1, r.now)
				begin := time.Now()
				r.c.Data(FromServer, b, r.now) // offloading makes segments that long
				best = min(best, time.Since(begin))
			}
			return best
		}
		if short, long := took(8<<10), took(64<<10); long > 40*short+10*time.Millisecond {
			t.Errorf("%q: %v for 8 KiB, %v for 64", data, short, long)
		}
	}
}
