package reassembly

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
)

var (
	clientAddr = netip.MustParseAddrPort("192.0.2.1:40000")
	serverAddr = netip.MustParseAddrPort("192.0.2.2:7272")
	start      = time.Unix(1_800_000_000, 0).UTC()
)

const (
	client = FromClient
	server = FromServer
)

// A recorder is a Consumer that writes down what it is told.
type recorder struct {
	flow    *Flow
	log     []string // one line for each call; data that follow each other are joined
	streams [2][]byte
	gaps    [2]int64
	closed  bool
	quiet   bool
}

func (r *recorder) note(format string, args ...any) {
	if !r.quiet {
		r.log = append(r.log, fmt.Sprintf(format, args...))
	}
}

func (r *recorder) Data(dir Direction, b []byte, t time.Time) {
	if r.closed || len(b) == 0 {
		panic("data after the end, or empty")
	}
	r.streams[dir] = append(r.streams[dir], b...)
	prefix := dir.String() + " "
	if n := len(r.log); n > 0 && strings.HasPrefix(r.log[n-1], prefix) && !r.quiet {
		r.log[n-1] += string(b)
		return
	}
	r.note("%s%s", prefix, b)
}

func (r *recorder) Gap(dir Direction, n int64, t time.Time) {
	if r.closed || n <= 0 {
		panic("gap after the end, or empty")
	}
	r.gaps[dir] += n
	for range min(n, 1<<20) {
		r.streams[dir] = append(r.streams[dir], '?')
	}
	r.note("gap %s %d", dir, n)
}

func (r *recorder) Conflict(dir Direction, offset, n int64, t time.Time) {
	if r.closed || n <= 0 {
		panic("conflict after the end, or empty")
	}
	r.note("conflict %s %d+%d", dir, offset, n)
}

func (r *recorder) Closed(reason Reason, t time.Time) {
	if r.closed {
		panic("closed twice")
	}
	r.closed = true
	r.note("closed %s", reason)
}

// A bench drives an Assembler with packets made by hand.
type bench struct {
	t     testing.TB
	a     *Assembler
	flows []*recorder
	now   time.Time
}

func newBench(t testing.TB, cfg *Config) *bench {
	b := &bench{t: t, now: start}
	var c Config
	if cfg != nil {
		c = *cfg
	}
	if c.RecentBytes == 0 {
		c.RecentBytes = 1 << 14 // thousands are made
	}
	b.a = New(&c, func(f *Flow) Consumer {
		r := &recorder{flow: f}
		b.flows = append(b.flows, r)
		return r
	})
	return b
}

// seg returns a segment with ACK set if ack is not 0.
func seg(from Direction, flags decode.TCPFlags, seq, ack uint32, payload string) *decode.Packet {
	p := &decode.Packet{
		IPVersion: 4, Proto: 6, TCP: true,
		Flags: flags, Seq: seq, Ack: ack, Window: 65535,
		Payload: []byte(payload), PayloadLen: len(payload),
	}
	if from == server {
		between(p, serverAddr, clientAddr)
	} else {
		between(p, clientAddr, serverAddr)
	}
	if ack != 0 {
		p.Flags |= decode.ACK
	}
	return p
}

// between gives p the IP header, as far as it matters, of a packet from src to dst.
func between(p *decode.Packet, src, dst netip.AddrPort) {
	p.NetworkOffset, p.IPVersion = 0, 4
	at := 12
	if src.Addr().Is6() {
		p.IPVersion, at = 6, 8
	}
	p.Data = append(make([]byte, at, 40), src.Addr().AsSlice()...)
	p.Data = append(p.Data, dst.Addr().AsSlice()...)
	p.SrcPort, p.DstPort = src.Port(), dst.Port()
}

// setSrc changes the sender of p, which is IPv4, in place.
func setSrc(p *decode.Packet, src netip.AddrPort) {
	a := src.Addr().As4()
	copy(p.Data[12:16], a[:])
	p.SrcPort = src.Port()
}

// setDst does the same with the receiver.
func setDst(p *decode.Packet, dst netip.AddrPort) {
	a := dst.Addr().As4()
	copy(p.Data[16:20], a[:])
	p.DstPort = dst.Port()
}

// packetAt gives a packet captured at t to a.
func packetAt(a *Assembler, p *decode.Packet, t time.Time) {
	p.Time = t
	a.Packet(p)
}

func (b *bench) packet(p *decode.Packet) {
	b.now = b.now.Add(time.Millisecond)
	packetAt(b.a, p, b.now)
	b.balance()
}

// balance checks that every packet and byte is accounted for.
func (b *bench) balance() {
	b.t.Helper()
	s := b.a.Stats()
	if s.Packets+s.Reassembled != s.Segments+s.Stray+s.Fragments+s.Other {
		b.t.Fatalf("packets do not balance: %+v", s)
	}
	if s.Fragments != s.FragmentUsed+uint64(s.FragmentHeld)+s.FragmentDuplicate+s.FragmentDropped {
		b.t.Fatalf("fragments do not balance: %+v", s)
	}
	if s.Bytes != s.Delivered+s.Queued+s.Urgent+s.Skipped+s.Duplicate+s.Late+s.Outside+s.Discarded {
		b.t.Fatalf("bytes do not balance: %+v", s)
	}
}

// open plays the three-way handshake; the first bytes are numbers c+1 and s+1.
func (b *bench) open(c, s uint32) {
	b.packet(seg(client, decode.SYN, c, 0, ""))
	b.packet(seg(server, decode.SYN|decode.ACK, s, c+1, ""))
	b.packet(seg(client, decode.ACK, c+1, s+1, ""))
}

// close ends the Assembler and returns what the only flow was told.
func (b *bench) close() string {
	b.t.Helper()
	b.a.Close()
	b.balance()
	s := b.a.Stats()
	if s.Memory != 0 || s.Queued != 0 || s.Active != 0 || b.a.table.count != 0 {
		b.t.Fatalf("after Close something is left: %+v", s)
	}
	var logs []string
	for _, r := range b.flows {
		logs = append(logs, strings.Join(r.log, "|"))
	}
	return strings.Join(logs, " || ")
}
