package reassembly

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
)

// TestClock: what passes for the time-outs, when packets tell the seconds given.
func TestClock(t *testing.T) {
	const year = 365 * 86400
	for _, tt := range []struct {
		name    string
		seconds []float64
		passed  float64
	}{
		{"time", []float64{100, 101, 105}, 5},
		{"silence of a week", []float64{100, 100 + 7*86400}, 7 * 86400},
		{"jitter", []float64{100, 99.5, 100.5, 99.7, 101, 100.1, 101}, 1},
		{"set ahead", []float64{0, 1, 56 * year, 56*year + 3}, 4},
		{"one stamp ahead", []float64{0, 1, 80 * year, 2, 3, 4, 5, 6}, 5},
		{"set back", []float64{5 * year, 5*year + 1, 100, 101, 102, 103, 110}, 11},
		{"set back by seconds", []float64{100, 200, 150, 151, 152, 153, 154}, 104},
		{"set back twice", []float64{5 * year, year, year + 1, 7, 8, 9, 10}, 3},
		{"two clocks", []float64{0, 900, 1, 901, 2, 902, 3, 903, 4, 904}, 904},
		{"before 1970", []float64{-9 * year, -9*year + 1, -9*year + 5, -9*year + 10}, 10},
		{"years without a clock", []float64{1, 1 + 100*year, 2, 1 + 200*year, 3, 4 + 200*year}, 3},
	} {
		var c clock
		first := int64(0)
		for i, s := range tt.seconds {
			c.set(int64(s * 1e9))
			now := c.now
			if i == 0 {
				first = now
			}
			if now < first {
				t.Fatalf("%s: back to %d", tt.name, now)
			}
		}
		if got := float64(c.now-first) / 1e9; math.Abs(got-tt.passed) > 1e-6 {
			t.Errorf("%s: %v seconds passed, want %v", tt.name, got, tt.passed)
		}
	}
	// The ends of the range.
	var c clock
	for i, last := 0, int64(0); i < 1000; i++ {
		c.set([]int64{math.MinInt64, math.MaxInt64, 0, -1, math.MaxInt64 - 1, 5e9}[i*i%6])
		now := c.now
		if now < last {
			t.Fatalf("from %d back to %d", last, now)
		}
		last = now
	}
}

// TestClockSet: when the clock of a capture is set, by years and in either
// direction, connections at work go on, and time-outs work as before.
func TestClockSet(t *testing.T) {
	for _, step := range []time.Duration{-50, -1, 1, 50} {
		step *= 365 * 24 * time.Hour
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			b := newBench(t, nil)
			b.open(100, 500)
			b.packet(seg(client, 0, 101, 501, "a"))
			b.packet(seg(client, 0, 103, 501, "c")) // behind a hole
			half := func(n int) {
				p := seg(client, decode.SYN, 100, 0, "")
				setSrc(p, addrPort(9, uint16(n)))
				b.packet(p)
			}
			for n := range 1000 {
				half(n)
			}
			for n := range 100 { // refused, and remembered for a while
				half(2000 + n)
				p := seg(server, decode.RST, 0, 101, "")
				setDst(p, addrPort(9, uint16(2000+n)))
				b.packet(p)
			}
			b.now = b.now.Add(step)
			for range 10 {
				b.now = b.now.Add(time.Second)
				b.packet(seg(server, 0, 501, 102, ""))
			}
			if st := b.a.Stats(); st.HalfOpen != 1000 || b.flows[0].closed {
				t.Fatalf("timed out by the step: %+v", st)
			}
			for range 100 { // a hole's minute, and a handshake's
				b.now = b.now.Add(time.Second)
				b.packet(seg(server, 0, 501, 102, ""))
			}
			if st := b.a.Stats(); st.HalfOpen != 0 || st.Active != 1 || st.Gapped != 1 || b.a.table.count != 1 {
				t.Errorf("not timed out after the step: %d flows, %+v", b.a.table.count, st)
			}
			b.packet(seg(client, 0, 104, 501, "d"))
			b.now = b.now.Add(4 * time.Hour)
			half(1)
			if got := fmt.Sprint(b.flows[0].log); b.a.Stats().Active != 1 || !b.flows[0].closed {
				t.Errorf("silent for hours: %s", got)
			}
		})
	}
}
