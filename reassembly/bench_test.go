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

// openMany opens n flows and returns their packets, ready for more data.
func openMany(a *Assembler, n int, payload []byte) []*decode.Packet {
	packets := make([]*decode.Packet, n)
	now := start
	for i := range packets {
		p := seg(client, decode.SYN, 100, 0, "")
		p.Src = addrPort(uint32(i/50000), uint16(i%50000+1024))
		a.Packet(p, now)
		r := seg(server, decode.SYN, 500, 101, "")
		r.Dst = p.Src
		a.Packet(r, now)
		p.Flags, p.Seq, p.Ack = decode.ACK, 101, 501
		a.Packet(p, now)
		p.Payload, p.PayloadLen = payload, len(payload)
		packets[i] = p
	}
	return packets
}

func benchmarkFlows(b *testing.B, flows, size int) {
	var s sink
	a := New(nil, func(*Flow) Consumer { return &s })
	packets := openMany(a, flows, make([]byte, size))
	order := make([]int, 1<<20)
	for i := range order {
		order[i] = rand.IntN(flows)
	}
	for _, p := range packets {
		a.Packet(p, start)
		p.Seq += uint32(size)
	}
	now := start
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		p := packets[order[i&(len(order)-1)]]
		now = now.Add(time.Microsecond)
		a.Packet(p, now)
		p.Seq += uint32(size)
	}
	b.StopTimer()
	if st := a.Stats(); st.Delivered != uint64(size)*uint64(b.N+flows) {
		b.Fatalf("not everything was in order: %+v", st)
	}
}

func BenchmarkInOrder(b *testing.B)     { benchmarkFlows(b, 1, 100) }
func BenchmarkInOrderFull(b *testing.B) { benchmarkFlows(b, 1, 1460) }
func BenchmarkManyFlows(b *testing.B)   { benchmarkFlows(b, 100_000, 100) }
