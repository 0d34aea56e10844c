package reassembly

import (
	"runtime"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
)

// TestPeakIsGivenBack: when most of many connections have ended, the memory of their
// flows is free for others. Those that went on before and behind them keep little.
func TestPeakIsGivenBack(t *testing.T) {
	b := newBench(t, &Config{RecentBytes: -1})
	before := openSurvivors(b, 100)
	before.talk()
	base := heapInUse()
	const n = 300_000
	p := seg(client, decode.SYN, 1, 0, "")
	for i := range uint32(n) {
		setSrc(p, addrPort(i>>12, uint16(i)))
		packetAt(b.a, p, b.now)
	}
	behind := openSurvivors(b, 100)
	peak := heapInUse() - base
	b.now = b.now.Add(2 * time.Minute)
	b.a.Advance(b.now)
	before.talk()
	behind.talk()
	left := heapInUse() - base
	if st := b.a.Stats(); st.Active != 200 || peak < 100*n || left > peak/20 {
		t.Errorf("%d connections, %d bytes at the peak, %d behind it", st.Active, peak, left)
	}
	before.check(2)
	// What was given back is asked for again.
	for i := range uint32(n) {
		setSrc(p, addrPort(i>>12, uint16(i)))
		packetAt(b.a, p, b.now)
	}
	if again := heapInUse() - base; again > peak+peak/20 {
		t.Errorf("%d bytes at the next peak", again)
	}
	b.balance()
	b.a.Close()
	b.balance()
	runtime.KeepAlive(b)
}

func heapInUse() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
