package reassembly

import (
	"runtime"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
)

func heapMiB() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse >> 20)
}

// survivors opens n connections that go on talking while the flood passes.
type survivors struct {
	b    *bench
	base int
	seq  []uint32
}

func (s *survivors) packet(i int, p *decode.Packet) {
	setSrc(p, addrPort(uint32(200<<16+s.base+i), 40000))
	if p.Flags&decode.SYN != 0 && p.Flags&decode.ACK != 0 {
		between(p, serverAddr, p.Src())
	}
	s.b.packet(p)
}

func openSurvivors(b *bench, n int) *survivors {
	s := &survivors{b: b, base: len(b.flows), seq: make([]uint32, n)}
	for i := range s.seq {
		s.seq[i] = 101
		s.packet(i, seg(client, decode.SYN, 100, 0, ""))
		s.packet(i, seg(client, decode.SYN, 500, 101, ""))
		s.packet(i, seg(client, 0, 101, 501, ""))
	}
	return s
}

func (s *survivors) talk() {
	for i := range s.seq {
		s.packet(i, seg(client, 0, s.seq[i], 501, "hello"))
		s.seq[i] += 5
	}
}

// check sees that every survivor's stream is whole and was never cut.
func (s *survivors) check(rounds int) {
	s.b.t.Helper()
	if len(s.b.flows) < len(s.seq) {
		s.b.t.Fatalf("%d flows", len(s.b.flows))
	}
	for i, r := range s.b.flows[:len(s.seq)] {
		if r.closed || len(r.streams[client]) != 5*rounds || r.gaps[client] != 0 {
			s.b.t.Fatalf("survivor %d: closed %v, %d bytes, %v", i, r.closed, len(r.streams[client]), r.log)
		}
	}
}

// TestFloodHalfOpen sends 1.5 million SYNs that nobody answers.
func TestFloodHalfOpen(t *testing.T) {
	b := newBench(t, nil)
	before := heapMiB()
	s := openSurvivors(b, 1000)
	s.talk()
	p := seg(client, decode.SYN, 1, 0, "")
	const n = 1_500_000
	for i := range uint32(n) {
		setSrc(p, addrPort(i>>12, uint16(i)))
		packetAt(b.a, p, b.now)
	}
	s.talk()
	s.check(2)
	st := b.a.Stats()
	if grown := heapMiB() - before; grown > 200 {
		t.Errorf("the heap grew by %d MiB", grown)
	}
	if st.Active > 1<<19 || st.Ended[Evicted] != n+1000-1<<19 || st.HalfOpen != 1<<19-1000 {
		t.Errorf("%+v", st)
	}
	b.balance()
	runtime.KeepAlive(b)
}

// TestFloodHoles opens 60,000 connections and leaves a hole in each.
func TestFloodHoles(t *testing.T) {
	b := newBench(t, nil)
	before := heapMiB()
	s := openSurvivors(b, 100)
	s.talk()
	counter := &sink{}
	accept := b.a.accept
	b.a.accept = func(*Flow) Consumer { return counter }
	p := openMany(b.a, 60_000, make([]byte, 1400))
	for round := range uint32(8) {
		for i := range 60_000 {
			setSrc(p, addrPort(uint32(i/50000), uint16(i%50000+1024)))
			p.Seq = 200 + round*3000
			packetAt(b.a, p, b.now)
		}
	}
	b.a.accept = accept
	s.talk()
	s.check(2)
	st := b.a.Stats()
	if grown := heapMiB() - before; grown > 300 {
		t.Errorf("the heap grew by %d MiB", grown)
	}
	if st.Memory > 128<<20 || st.Gaps == 0 || st.Queued+st.Delivered != 60_000*8*1400+1000 {
		t.Errorf("%+v", st)
	}
	b.balance()
	b.a.Close()
	b.balance()
	if st := b.a.Stats(); st.Gapped+st.Delivered < 60_000*(99+7*3000) || st.Memory != 0 {
		t.Errorf("after Close: %+v", st)
	}
}

// TestEvictionOrder fills the table and sees who goes: half-open flows first,
// then those that have been silent since they were last looked at.
func TestEvictionOrder(t *testing.T) {
	b := newBench(t, &Config{MaxFlows: 100})
	s := openSurvivors(b, 60)
	s.talk()
	s.talk()
	p := seg(client, decode.SYN, 1, 0, "")
	for i := range uint32(1000) {
		setSrc(p, addrPort(i, 9))
		b.packet(p)
	}
	s.talk()
	s.check(3)
	// A mid-stream flood of one packet each.
	for i := range uint32(1000) {
		late := seg(client, 0, 1, 0, "mid-stream")
		setSrc(late, addrPort(i, 10))
		b.packet(late)
	}
	s.talk()
	s.check(4)
	// Two thirds of the survivors fall silent; 80 new connections want their
	// places.
	b.now = b.now.Add(2 * time.Second)
	for j := range 20 {
		s.packet(j, seg(client, 0, s.seq[j], 501, "hello"))
		s.seq[j] += 5
	}
	late := openSurvivors(b, 80)
	late.talk()
	for i, r := range b.flows[:60] {
		if r.closed != (i >= 20) {
			t.Errorf("survivor %d: closed %v", i, r.closed)
		}
	}
	if st := b.a.Stats(); st.Active != 100 {
		t.Errorf("%+v", st)
	}
	b.balance()
}

// TestTimeouts runs every time-out on packet time, also with a clock that jumps.
func TestTimeouts(t *testing.T) {
	b := newBench(t, nil)
	other := func() { // a packet that concerns nobody drives the clock
		p := seg(client, 0, 1, 0, "")
		setSrc(p, addrPort(1, 1))
		b.packet(p)
	}
	active := func() int { return b.a.Stats().Active }
	b.packet(seg(client, decode.SYN, 100, 0, ""))
	b.now = b.now.Add(59 * time.Second)
	other()
	if active() != 1 {
		t.Fatal("the handshake timed out too early")
	}
	b.now = b.now.Add(2 * time.Second)
	other()
	if active() != 0 {
		t.Fatal("the handshake did not time out")
	}
	b.open(100, 500)
	b.packet(seg(client, 0, 101, 501, "a"))
	for range 5 { // a keep-alive every two hours
		b.now = b.now.Add(2 * time.Hour)
		other()
		b.packet(seg(client, 0, 101, 501, "\x00"))
	}
	if active() != 1 || b.flows[0].closed {
		t.Fatal("a connection with keep-alives timed out")
	}
	b.packet(seg(client, decode.FIN, 102, 501, ""))
	b.now = b.now.Add(3 * time.Minute)
	other()
	if active() != 0 || b.flows[0].log[1] != "closed idle" {
		t.Fatalf("the half-closed connection did not time out: %v", b.flows[0].log)
	}
	// The clock steps far ahead and back again.
	b.open(100, 500)
	b.packet(seg(client, 0, 101, 501, "b"))
	now := b.now
	b.now = b.now.Add(100 * 365 * 24 * time.Hour)
	other()
	b.now = now
	b.open(1100, 1500)
	b.packet(seg(client, 0, 1101, 1501, "c"))
	b.now = b.now.Add(4 * time.Hour)
	other()
	if active() != 0 {
		t.Fatal("a connection from after the jump did not time out")
	}
	if st := b.a.Stats(); b.a.table.count != 0 && st.Active != 0 {
		t.Errorf("%+v", st)
	}
}

func TestAllocations(t *testing.T) {
	var s sink
	a := New(nil, func(*Flow) Consumer { return &s })
	p := openMany(a, 1, make([]byte, 1400))
	seq := uint32(101)
	send := func(at uint32) {
		p.Seq = at
		packetAt(a, p, start)
	}
	send(seq)
	seq += 1400
	if n := testing.AllocsPerRun(1000, func() { send(seq); seq += 1400 }); n != 0 {
		t.Errorf("in order: %v allocations", n)
	}
	if n := testing.AllocsPerRun(1000, func() { send(seq - 1400) }); n != 0 {
		t.Errorf("a retransmission: %v allocations", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		send(seq + 1400)
		send(seq)
		seq += 2800
	}); n != 0 {
		t.Errorf("out of order: %v allocations", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		p.Flags, p.Seq = decode.SYN, seq+1<<30
		packetAt(a, p, start)
	}); n != 0 {
		t.Errorf("a SYN: %v allocations", n)
	}
}

// TestCutOverMany sends segments of which only the header was captured over
// thousands of queued pieces: what is not there is compared with nothing.
func TestCutOverMany(t *testing.T) {
	took := func(n int) time.Duration {
		best := time.Hour
		for range 3 {
			var s sink
			a := New(nil, func(*Flow) Consumer { return &s })
			p := openMany(a, 1, []byte("x"))
			for i := range uint32(n) {
				p.Seq = 200 + i
				packetAt(a, p, start)
			}
			p.Payload, p.PayloadLen, p.Seq = nil, n-1, 200
			begin := time.Now()
			for range n {
				packetAt(a, p, start)
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	if short, long := took(2000), took(16000); long > 40*short+10*time.Millisecond {
		t.Errorf("%v for 2000, %v for 16000", short, long)
	}
}
