package reassembly

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
)

// A sink is a Consumer that only counts.
type sink struct{ n int64 }

func (s *sink) Data(_ Direction, b []byte, _ time.Time)       { s.n += int64(len(b)) }
func (s *sink) Gap(_ Direction, n int64, _ time.Time)         { s.n += n }
func (s *sink) Conflict(_ Direction, _, _ int64, _ time.Time) {}
func (s *sink) Closed(_ Reason, _ time.Time)                  {}

func addrPort(n uint32, port uint16) netip.AddrPort {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 10<<24|n)
	return netip.AddrPortFrom(netip.AddrFrom4(b), port)
}

// openMany opens n flows and returns a packet with data from their clients.
func openMany(a *Assembler, n int, payload []byte) *decode.Packet {
	p, r := seg(client, decode.SYN, 100, 0, ""), seg(server, decode.SYN, 500, 101, "")
	for i := range n {
		setSrc(p, addrPort(uint32(i/50000), uint16(i%50000+1024)))
		setDst(r, p.Src())
		p.Flags, p.Seq, p.Ack = decode.SYN, 100, 0
		packetAt(a, p, start)
		packetAt(a, r, start)
		p.Flags, p.Seq, p.Ack = decode.ACK, 101, 501
		packetAt(a, p, start)
	}
	p.Payload, p.PayloadLen = payload, len(payload)
	return p
}

// benchmarkFlows sends in-order segments of size bytes on flows taken at random.
// What the benchmark itself keeps of a flow is 8 bytes, so that its own cache
// misses count for little.
func benchmarkFlows(b *testing.B, flows, size int) {
	var s sink
	a := New(nil, func(*Flow) Consumer { return &s })
	payload := make([]byte, size)
	type sender struct{ n, seq uint32 }
	senders := make([]sender, flows)
	p := openMany(a, flows, payload)
	for i := range senders {
		senders[i] = sender{uint32(i), 101}
	}
	order := make([]uint32, 1<<16)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range order {
		order[i] = rng.Uint32N(uint32(flows))
	}
	now := start
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		from := &senders[(order[i&(len(order)-1)]+uint32(i>>16)*7919)%uint32(flows)]
		setSrc(p, addrPort(from.n/50000, uint16(from.n%50000+1024)))
		p.Seq = from.seq
		from.seq += uint32(size)
		now = now.Add(time.Microsecond)
		packetAt(a, p, now)
	}
	b.StopTimer()
	if st := a.Stats(); st.Delivered != uint64(size)*uint64(b.N) {
		b.Fatalf("not everything was in order: %+v", st)
	}
}

func BenchmarkInOrder(b *testing.B)     { benchmarkFlows(b, 1, 100) }
func BenchmarkInOrderFull(b *testing.B) { benchmarkFlows(b, 1, 1460) }
func BenchmarkManyFlows(b *testing.B)   { benchmarkFlows(b, 100_000, 100) }

// BenchmarkManyFlowsBatch is BenchmarkManyFlows by Packets.
func BenchmarkManyFlowsBatch(b *testing.B) {
	const flows, size, batch = 100_000, 100, 32
	var s sink
	a := New(nil, func(*Flow) Consumer { return &s })
	openMany(a, flows, nil)
	packets := make([]decode.Packet, batch)
	for i := range packets {
		packets[i] = *seg(client, decode.ACK, 0, 501, string(make([]byte, size)))
		packets[i].Time = start
	}
	seqs := make([]uint32, flows)
	rng := rand.New(rand.NewPCG(1, 2))
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		p := &packets[i%batch]
		n := rng.Uint32N(flows)
		setSrc(p, addrPort(n/50000, uint16(n%50000+1024)))
		p.Seq = 101 + seqs[n]
		seqs[n] += size
		if i%batch == batch-1 || i == b.N-1 {
			a.Packets(packets[:i%batch+1])
		}
	}
	b.StopTimer()
	if st := a.Stats(); st.Delivered != size*uint64(b.N) {
		b.Fatalf("not everything was in order: %+v", st)
	}
}

func BenchmarkInOrderIPv6(b *testing.B) {
	var s sink
	a := New(nil, func(*Flow) Consumer { return &s })
	p := seg(client, 0, 1, 500, string(make([]byte, 100)))
	between(p, netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8::2]:7272"))
	b.SetBytes(100)
	b.ReportAllocs()
	for range b.N {
		packetAt(a, p, start)
		p.Seq += 100
	}
}

// BenchmarkOutOfOrder swaps every two segments of one flow.
func BenchmarkOutOfOrder(b *testing.B) {
	var s sink
	a := New(nil, func(*Flow) Consumer { return &s })
	p := openMany(a, 1, make([]byte, 1400))
	b.ReportAllocs()
	for i := range uint32(b.N) {
		p.Seq = 101 + (i^1)*1400
		packetAt(a, p, start)
	}
}

// BenchmarkDeepQueue puts single bytes that touch no others into a queue that is
// full all the time.
func BenchmarkDeepQueue(b *testing.B) {
	var s sink
	a := New(nil, func(*Flow) Consumer { return &s })
	p := openMany(a, 1, make([]byte, 1))
	rng := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for range b.N {
		p.Seq = 101 + rng.Uint32N(1<<20)*2 + 2
		packetAt(a, p, start)
	}
}

// BenchmarkHandshakes opens and closes connections.
func BenchmarkHandshakes(b *testing.B) {
	var s sink
	a := New(nil, func(*Flow) Consumer { return &s })
	p, r := seg(client, decode.SYN, 100, 0, ""), seg(server, decode.SYN, 500, 101, "")
	data := []byte("hello")
	b.ReportAllocs()
	now := start
	for i := range uint32(b.N) {
		now = now.Add(time.Millisecond)
		setSrc(p, addrPort(i/50000, uint16(i%50000+1024)))
		setDst(r, p.Src())
		p.Flags, p.Seq, p.Ack, p.Payload, p.PayloadLen = decode.SYN, 100, 0, nil, 0
		packetAt(a, p, now)
		r.Flags, r.Seq, r.Ack = decode.SYN|decode.ACK, 500, 101
		packetAt(a, r, now)
		p.Flags, p.Seq, p.Ack, p.Payload, p.PayloadLen = decode.ACK|decode.FIN, 101, 501, data, len(data)
		packetAt(a, p, now)
		r.Flags, r.Seq, r.Ack = decode.FIN|decode.ACK, 501, 107
		packetAt(a, r, now)
	}
}
