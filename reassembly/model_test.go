package reassembly

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/testkit"
)

// A model is the reference: what was sent of one direction, byte by byte. Which
// copy of a queued byte wins is the business of the kernel's own tables and of
// TestKernelRandom; all else is certain.
type model struct {
	copies   [][]byte // for each offset, the bytes sent there; nil: none
	next     int      // what is before it was delivered at once
	delayed  []bool   // it was queued first: any of its copies may count
	conflict bool     // copies differ
}

func (m *model) receive(from int, data []byte) {
	for len(m.copies) < from+len(data) {
		m.copies = append(m.copies, nil)
		m.delayed = append(m.delayed, true)
	}
	for i, c := range data {
		at := from + i
		for _, other := range m.copies[at] {
			m.conflict = m.conflict || other != c
		}
		if from <= m.next && at >= m.next { // delivered at once: this copy counts
			m.copies[at] = []byte{c}
			m.delayed[at] = false
		} else if m.copies[at] == nil || m.delayed[at] && at >= m.next {
			m.copies[at] = append(m.copies[at], c)
		}
	}
	for m.next < len(m.copies) && m.copies[m.next] != nil {
		m.next++
	}
}

// check says what is wrong with got, the bytes told, with '?' for those lost.
func (m *model) check(got []byte) error {
	if len(got) != len(m.copies) {
		return fmt.Errorf("%d bytes instead of %d", len(got), len(m.copies))
	}
	for i, copies := range m.copies {
		if copies == nil && got[i] != '?' || copies != nil && bytes.IndexByte(copies, got[i]) < 0 {
			return fmt.Errorf("byte %d is %q, sent was %q", i, got[i], copies)
		}
	}
	return nil
}

// checkStream sends segments as ops say, four bytes for each: where it begins,
// how long it is, its letter (0: what the stream itself has there), and how far
// on the stream is. It compares what comes out with the model.
func checkStream(t *testing.T, isn uint32, ops []byte) {
	b := newBench(t, &Config{AckedHoleTimeout: time.Hour, HoleTimeout: time.Hour})
	b.open(isn, 5000)
	var m model
	base := 0
	for ; len(ops) >= 4; ops = ops[4:] {
		base += int(ops[3] & 7)
		from := max(base+int(ops[0])-64, 0)
		data := make([]byte, int(ops[1]&31)+1)
		for i := range data {
			data[i] = byte('a' + (from+i)*7%26)
			if l := ops[2] & 3; l > 0 {
				data[i] = 'A' + l
			}
		}
		m.receive(from, data)
		p := seg(client, 0, isn+1+uint32(from), 5001, string(data))
		b.packet(p)
	}
	log := b.close()
	var got []byte
	if len(b.flows) > 0 {
		got = b.flows[0].streams[client]
	}
	if err := m.check(got); err != nil {
		t.Fatalf("isn %d: %v\n%s", isn, err, log)
	}
	if strings.Contains(log, "conflict") && !m.conflict {
		t.Fatalf("isn %d: a conflict is told where there is none\n%s", isn, log)
	}
}

func TestModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range testkit.Rounds(4000, 500, 200_000) {
		ops := make([]byte, 4*rng.IntN(60))
		for i := range ops {
			ops[i] = byte(rng.Uint32())
		}
		isn := rng.Uint32()
		if rng.IntN(2) == 0 {
			isn = -rng.Uint32N(300) // wraps on the way
		}
		checkStream(t, isn, ops)
	}
}

func FuzzModel(f *testing.F) {
	f.Add(uint32(0), []byte{64, 3, 0, 4, 64, 3, 0, 4})              // in order
	f.Add(uint32(1<<32-3), []byte{66, 3, 0, 0, 64, 1, 0, 0})        // out of order, wraps
	f.Add(uint32(9), []byte{66, 3, 1, 0, 68, 3, 2, 0, 64, 1, 0, 0}) // overlap of queued data
	f.Add(uint32(9), []byte{66, 1, 1, 0, 68, 1, 2, 0, 67, 3, 3, 0}) // covers units that touch
	f.Fuzz(func(t *testing.T, isn uint32, ops []byte) {
		if len(ops) <= 1<<12 {
			checkStream(t, isn, ops)
		}
	})
}

// choosyBench is a bench that does not want every flow.
func choosyBench(t *testing.T, cfg *Config) *bench {
	b := newBench(t, cfg)
	accept := b.a.accept
	b.a.accept = func(f *Flow) Consumer {
		if len(b.flows)%5 == 4 {
			b.flows = append(b.flows, &recorder{})
			return nil
		}
		c := accept(f)
		if len(b.flows)%7 == 6 {
			f.Ignore()
		}
		return c
	}
	return b
}

// checkBatches gives packets to Packets, some at a time, stopping now and then:
// what comes of it must be what b made of one after the other.
func checkBatches(t *testing.T, b *bench, cfg *Config, packets []decode.Packet, log string) {
	t.Helper()
	c := choosyBench(t, cfg)
	c.a.seed = b.a.seed // the client is guessed by hashes
	for n := 1; len(packets) > 0; n = n*3%17 + 1 {
		n := min(n, len(packets))
		took := c.a.Packets(packets[:n])
		if took != n {
			t.Fatalf("took %d packets of %d", took, n)
		}
		packets = packets[n:]
	}
	if got := c.close(); got != log || c.a.stats != b.a.stats {
		t.Fatalf("in batches:\n%s\n%+v\none by one:\n%s\n%+v", got, c.a.stats, log, b.a.stats)
	}
}

// checkPackets plays packets of every kind between two ports: nine bytes make
// one. Whatever they are, accounts balance, streams are consistent and nothing
// is left behind.
func checkPackets(t *testing.T, ops []byte) {
	cfg := &Config{
		MaxFlowBytes: 1 << 12, MaxBytes: 1 << 13, MaxFlows: 3, MaxFragmentBytes: 1 << 12,
		AckedHolePackets: 3, RecentBytes: 1 << 10, Tunnels: AllTunnels,
	}
	b := choosyBench(t, cfg)
	var packets []decode.Packet
	for ; len(ops) >= 9; ops = ops[9:] {
		from := Direction(ops[0] & 1)
		number := func(base uint32, b byte, far byte) uint32 {
			n := base + uint32(int8(b))
			if far&0xf == 0xf {
				n += uint32(far) << 24
			}
			return n
		}
		data := bytes.Repeat([]byte{ops[6]}, int(ops[5]&63))
		p := seg(from, decode.TCPFlags(ops[1]&0x3f), number(1000, ops[2], ops[3]), 0, string(data))
		p.Ack = number(1000, ops[4], ops[7])
		p.Urgent = uint16(ops[6] & 31)
		p.Window = uint16(ops[7]) << 8
		if ops[0]&2 != 0 {
			p.PayloadLen += int(ops[8] & 31)
		}
		switch ops[0] >> 5 {
		case 1:
			setSrc(p, addrPort(uint32(ops[8]&3), 7))
		case 2:
			p.TCP, p.Fragment, p.MoreFragments = false, true, ops[8]&1 != 0
			p.FragmentOffset, p.FragmentID = int(ops[8]>>1)&0x18, uint32(ops[8]&1)
		case 3:
			p.TCP, p.UDP, p.Proto = false, true, 17
			setDst(p, addrPort(1, 4789))
			p.Payload = ops
			p.PayloadLen = len(ops)
		case 4:
			p.TCP, p.Proto = false, 47
			p.Payload = ops
			p.PayloadLen = len(ops)
		}
		b.now = b.now.Add(time.Duration(int8(ops[8])) * time.Second)
		b.packet(p)
		packets = append(packets, *p)
		if s := b.a.Stats(); s.Memory > 1<<13+1<<12+1<<11 || b.a.table.count > 3 {
			t.Fatalf("over the budgets: %+v", s)
		}
	}
	log := b.close()
	checkBatches(t, b, cfg, packets, log)
	if b.a.fragments.Memory() != 0 || b.a.fragments.Len() != 0 || b.a.acked.Len() != 0 || b.a.open.Len() != 0 {
		t.Fatal("Close left something behind")
	}
	for i, r := range b.flows {
		if r.flow == nil || r.flow.flags != 0 {
			continue
		}
		if len(r.log) > 0 && !r.closed && i%7 != 6 {
			t.Fatalf("flow %d was not closed: %v", i, r.log)
		}
	}
}

// Stop ends Packets after the packet of which a Consumer was told, and the rest
// can be given again.
func TestStop(t *testing.T) {
	b := newBench(t, nil)
	b.open(100, 500)
	accept := b.a.accept
	b.a.accept = func(f *Flow) Consumer { return stopper{accept(f), b.a} }
	var packets []decode.Packet
	for i, data := range []string{"a", "", "b", "c"} {
		packets = append(packets, *seg(client, decode.ACK, 101+uint32(max(i-1, 0)), 501, data))
	}
	var took []int
	for len(packets) > 0 {
		n := b.a.Packets(packets)
		took = append(took, n)
		packets = packets[n:]
	}
	if !slices.Equal(took, []int{1, 2, 1}) {
		t.Errorf("took %v", took)
	}
	if got := b.close(); got != "client abc|closed eof" {
		t.Error(got)
	}
}

// A stopper stops at each piece of data.
type stopper struct {
	Consumer
	a *Assembler
}

func (s stopper) Data(dir Direction, b []byte, t time.Time) {
	s.Consumer.Data(dir, b, t)
	s.a.Stop()
}

// Packets from nowhere to nowhere have a key of zeros, as flows have that are
// not in use.
func TestZeroAddresses(t *testing.T) {
	b := newBench(t, nil)
	nowhere := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	p := func(flags decode.TCPFlags, data string) decode.Packet {
		p := seg(client, flags, 1, 0, data)
		between(p, nowhere, nowhere)
		p.Time = start
		return *p
	}
	for range 3 {
		packets := []decode.Packet{p(0, "x"), p(decode.RST, ""), p(decode.ACK, ""), p(0, "y")}
		b.a.Packets(packets)
		b.balance()
	}
	b.close()
}

func TestPackets(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for range testkit.Rounds(400, 100, 20_000) {
		ops := make([]byte, 9*rng.IntN(80))
		for i := range ops {
			ops[i] = byte(rng.Uint32())
			if i%9 == 1 && rng.IntN(2) == 0 {
				ops[i] = byte(decode.ACK)
			}
			if i%9 == 8 && rng.IntN(2) == 0 {
				ops[i] = 0
			}
		}
		checkPackets(t, ops)
	}
}

func FuzzPackets(f *testing.F) {
	syn := []byte{0, 2, 0, 0, 0, 0, 0, 255, 0, 1, 18, 0, 0, 1, 0, 0, 255, 0}
	f.Add(syn)                                                                                        // a handshake
	f.Add(append(slices.Clone(syn), 0, 16, 1, 0, 1, 9, 'a', 255, 0, 0, 17, 10, 0, 1, 0, 0, 255, 0))   // and data, and a FIN
	f.Add(append(slices.Clone(syn), 0, 16, 9, 0, 1, 9, 'a', 255, 0, 1, 16, 1, 0, 12, 3, 'b', 255, 0)) // a hole, acknowledged past
	f.Add([]byte{0x40, 0, 0, 0, 0, 8, 'a', 0, 1, 0x40, 0, 0, 0, 0, 8, 'b', 0, 0x10})                  // fragments
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) <= 1<<12 {
			checkPackets(t, ops)
		}
	})
}

func ExampleAssembler() {
	a := New(nil, func(f *Flow) Consumer {
		fmt.Println(f.Client(), "to", f.Server())
		return &printer{}
	})
	now := time.Unix(0, 0)
	for _, p := range []*decode.Packet{
		seg(client, decode.SYN, 100, 0, ""),
		seg(server, decode.SYN, 500, 101, ""),
		seg(client, 0, 107, 501, "world"), // out of order
		seg(client, 0, 101, 501, "hello "),
		seg(client, decode.FIN, 112, 501, ""),
		seg(server, decode.FIN, 501, 113, ""),
	} {
		packetAt(a, p, now)
	}
	a.Close()
	// Output:
	// 192.0.2.1:40000 to 192.0.2.2:7272
	// client: "hello "
	// client: "world"
	// closed: fin
}

type printer struct{}

func (*printer) Data(dir Direction, b []byte, _ time.Time)        { fmt.Printf("%v: %q\n", dir, b) }
func (*printer) Gap(dir Direction, n int64, _ time.Time)          { fmt.Printf("%v: lost %d\n", dir, n) }
func (*printer) Conflict(dir Direction, at, n int64, _ time.Time) {}
func (*printer) Closed(r Reason, _ time.Time)                     { fmt.Printf("closed: %v\n", r) }

// TestLossyCapture plays conversations of which the capture has lost, repeated
// and displaced packets. What is told is the stream with exactly the lost bytes
// missing.
func TestLossyCapture(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 11))
		isn := [2]uint32{rng.Uint32(), rng.Uint32()}
		var streams [2][]byte
		for dir := range streams {
			streams[dir] = make([]byte, 1+rng.IntN(20_000))
			for i := range streams[dir] {
				streams[dir][i] = 'a' + byte(rng.IntN(26))
			}
		}
		number := func(dir Direction, at int) uint32 { return isn[dir] + 1 + uint32(at) }
		type packet struct {
			*decode.Packet
			dir      Direction
			from, to int
		}
		var packets []packet
		var sent [2]int
		send := func(dir Direction, n int, flags decode.TCPFlags) {
			from := sent[dir]
			to := min(from+n, len(streams[dir]))
			p := seg(dir, flags|decode.ACK, number(dir, from), 0, string(streams[dir][from:to]))
			p.Ack = number(dir.Reverse(), sent[dir^1])
			packets = append(packets, packet{p, dir, from, to})
			sent[dir] = to
		}
		for sent[0] < len(streams[0]) || sent[1] < len(streams[1]) {
			send(Direction(rng.IntN(2)), rng.IntN(3)*rng.IntN(700), 0)
		}
		loss, reach := rng.IntN(12), 1+rng.IntN(6)
		var captured []packet
		var have [2][]bool
		for dir := range have {
			have[dir] = make([]bool, len(streams[dir]))
		}
		for _, p := range packets {
			for range 1 + rng.IntN(12)/11 {
				if rng.IntN(100) >= loss {
					captured = append(captured, p)
					for i := p.from; i < p.to; i++ {
						have[p.dir][i] = true
					}
				}
			}
		}
		for i := range captured {
			j := min(len(captured)-1, i+rng.IntN(reach))
			captured[i], captured[j] = captured[j], captured[i]
		}
		b := newBench(t, &Config{AckedHolePackets: 60})
		b.open(isn[0], isn[1])
		for _, p := range captured {
			b.packet(p.Packet)
		}
		for dir := range streams { // both close, and both are heard
			p := seg(Direction(dir), decode.FIN|decode.ACK, number(Direction(dir), len(streams[dir])), 0, "")
			p.Ack = number(Direction(dir).Reverse(), len(streams[dir^1]))
			b.packet(p)
		}
		log := b.close()
		if len(b.flows) != 1 || !strings.HasSuffix(log, "closed fin") {
			t.Fatalf("seed %d: %d flows, %s", seed, len(b.flows), log[max(0, len(log)-100):])
		}
		for dir, want := range streams {
			for i := range want {
				if !have[dir][i] {
					want[i] = '?'
				}
			}
			if got := b.flows[0].streams[dir]; !bytes.Equal(got, want) {
				t.Fatalf("seed %d, %v: %d bytes of %d, %d lost of %d", seed, Direction(dir), len(got), len(want),
					bytes.Count(got, []byte{'?'}), bytes.Count(want, []byte{'?'}))
			}
		}
	}
}
