package reassembly

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// An mptcpSide is one end of a connection that a test makes up.
type mptcpSide struct {
	key    uint64
	stream []byte // what it says
	sent   int    // of it, in order
	acked  int    // what it has received of the other side
	token  uint32
	idsn   uint32
}

// A path is a subflow: the side that opened it is 0.
type path struct {
	ends   [2]netip.AddrPort
	opener int       // which side of the connection side 0 is
	isn    [2]uint32 // of the subflow
	sent   [2]uint32 // bytes, of each side of the subflow
}

// A mptcpMaker makes the packets of an MPTCP connection.
type mptcpMaker struct {
	rng     *rand.Rand
	version uint8
	long    byte // of DSN and acknowledgments: 8 bytes
	sum     bool
	sides   [2]mptcpSide
	paths   []*path
	packets []*decode.Packet
}

func newMaker(rng *rand.Rand, n int) *mptcpMaker {
	m := &mptcpMaker{rng: rng, version: uint8(rng.IntN(2)), long: byte(rng.IntN(2)), sum: rng.IntN(2) == 0}
	for i := range m.sides {
		s := &m.sides[i]
		s.key = rng.Uint64()
		s.token, s.idsn = fromKey(s.key, m.version)
		s.stream = make([]byte, rng.IntN(n+1))
		for j := range s.stream {
			s.stream[j] = byte('a' + rng.IntN(26))
		}
	}
	return m
}

// send makes a packet of side from of a path.
func (m *mptcpMaker) send(p *path, from int, flags decode.TCPFlags, option []byte, payload []byte) {
	for len(option)%4 != 0 {
		option = append(option, 1)
	}
	raw := packetgen.Link{Type: decode.LinkRaw}
	t := packetgen.TCP{Link: &raw, Src: p.ends[from], Dst: p.ends[from^1], Flags: flags, Options: option, Payload: payload,
		Seq: p.isn[from] + p.sent[from], Ack: p.isn[from^1] + p.sent[from^1]}
	if flags&decode.ACK == 0 {
		t.Ack = 0
	}
	p.sent[from] += uint32(len(payload))
	if flags&(decode.SYN|decode.FIN) != 0 {
		p.sent[from]++
	}
	var d decode.Packet
	if err := d.Decode(decode.LinkRaw, t.Frame()); err != nil {
		panic(err)
	}
	m.packets = append(m.packets, &d)
}

func option(subtype, low byte, more ...[]byte) []byte {
	b := []byte{30, 0, subtype<<4 | low}
	for _, x := range more {
		b = append(b, x...)
	}
	b[1] = byte(len(b))
	return b
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
func u16(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }

// dss makes a DSS option: of side's data at off, n bytes at ssn, if there are any.
func (m *mptcpMaker) dss(side, off int, ssn uint32, n int, fin bool) []byte {
	s, o := &m.sides[side], &m.sides[side^1]
	number := func(n uint32) []byte {
		if m.long != 0 {
			return append(u32(0x1234), u32(n)...)
		}
		return u32(n)
	}
	flags := byte(1 | m.long<<1)
	b := number(o.idsn + 1 + uint32(s.acked))
	if n > 0 || fin {
		flags |= 4 | m.long<<3
		b = append(b, number(s.idsn+1+uint32(off))...)
		b = append(b, u32(ssn)...)
		length := n
		if fin {
			flags |= 16
			length++
		}
		b = append(b, u16(uint16(length))...)
		if m.sum {
			b = append(b, 0xab, 0xcd)
		}
	}
	return option(2, 0, []byte{flags}, b)
}

func (m *mptcpMaker) open() {
	p := &path{ends: [2]netip.AddrPort{clientAddr, serverAddr}, isn: [2]uint32{m.rng.Uint32(), m.rng.Uint32()}}
	m.paths = append(m.paths, p)
	c, s := u64(m.sides[0].key), u64(m.sides[1].key)
	if m.version == 0 {
		m.send(p, 0, decode.SYN, option(0, 0, []byte{0x81}, c), nil)
	} else {
		m.send(p, 0, decode.SYN, option(0, 1, []byte{1}), nil)
	}
	m.send(p, 1, decode.SYN|decode.ACK, option(0, m.version, []byte{1}, s), nil)
	m.send(p, 0, decode.ACK, option(0, m.version, []byte{1}, c, s), nil)
	if m.version == 1 && len(m.sides[0].stream) > 0 { // the first data is mapped by its length alone
		n := min(len(m.sides[0].stream), 1+m.rng.IntN(300))
		o := option(0, 1, []byte{1}, c, s, u16(uint16(n)))
		if m.sum {
			o = option(0, 1, []byte{0x81}, c, s, u16(uint16(n)), u16(0xabcd))
		}
		m.send(p, 0, decode.ACK, o, m.sides[0].stream[:n])
		m.sides[0].sent = n
	}
}

// join makes another subflow, that either side may open.
func (m *mptcpMaker) join(i int) {
	p := &path{isn: [2]uint32{m.rng.Uint32(), m.rng.Uint32()}, opener: m.rng.IntN(2)}
	p.ends = [2]netip.AddrPort{
		netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), uint16(50000+i)),
		netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 7272),
	}
	m.paths = append(m.paths, p)
	m.send(p, 0, decode.SYN, option(1, 0, []byte{byte(i)}, u32(m.sides[p.opener^1].token), u32(7)), nil)
	m.send(p, 1, decode.SYN|decode.ACK, option(1, 0, []byte{byte(i)}, u64(1), u32(8)), nil)
	m.send(p, 0, decode.ACK, option(1, 0, []byte{0}, make([]byte, 20)), nil)
}

// data sends some of side's stream over a path: the next of it, or, sent again,
// what was sent already; one mapping may be for several segments.
func (m *mptcpMaker) data(p *path, side int, again bool) {
	s := &m.sides[side]
	off := s.sent
	if again {
		off = m.rng.IntN(s.sent + 1)
	}
	n := min(len(s.stream)-off, 1+m.rng.IntN(900))
	if again {
		n = min(n, s.sent-off)
	}
	if n <= 0 {
		return
	}
	from := side ^ p.opener
	ssn := p.sent[from]
	o := m.dss(side, off, ssn, n, false)
	for at, first := 0, true; at < n; first = false {
		k := min(n-at, 1+m.rng.IntN(600))
		if !first && m.rng.IntN(2) == 0 {
			o = m.dss(side, 0, 0, 0, false) // its mapping was said before
		}
		m.send(p, from, decode.ACK|decode.PSH, o, s.stream[off+at:off+at+k])
		at += k
	}
	s.sent = max(s.sent, off+n)
	if m.rng.IntN(2) == 0 {
		m.acknowledge(p, side^1)
	}
}

func (m *mptcpMaker) acknowledge(p *path, side int) {
	m.sides[side].acked = m.sides[side^1].sent
	m.send(p, side^p.opener, decode.ACK, m.dss(side, 0, 0, 0, false), nil)
}

func (m *mptcpMaker) close() {
	for side := range m.sides {
		p := m.paths[m.rng.IntN(len(m.paths))]
		m.send(p, side^p.opener, decode.ACK, m.dss(side, len(m.sides[side].stream), 0, 0, true), nil)
	}
	for _, p := range m.paths {
		m.send(p, 0, decode.FIN|decode.ACK, nil, nil)
		m.send(p, 1, decode.FIN|decode.ACK, nil, nil)
	}
}

// make makes a whole connection.
func (m *mptcpMaker) make(joins int) {
	m.open()
	joined := 0
	for m.sides[0].sent < len(m.sides[0].stream) || m.sides[1].sent < len(m.sides[1].stream) {
		if joined < joins && m.rng.IntN(4) == 0 && m.sides[0].sent > 0 {
			joined++
			m.join(joined)
		}
		m.data(m.paths[m.rng.IntN(len(m.paths))], m.rng.IntN(2), m.rng.IntN(4) == 0)
	}
	m.close()
}

// TestMPTCP: connections of one and of several subflows come out as they were
// said, whatever is sent again, and in whatever order segments are captured.
func TestMPTCP(t *testing.T) {
	rng := rand.New(rand.NewPCG(30, 1))
	for i := range 2000 {
		if testing.Short() && i == 300 {
			break
		}
		m := newMaker(rng, 20000)
		joins := rng.IntN(4)
		m.make(joins)
		jumble := rng.IntN(3)
		if jumble > 0 { // not the handshakes, and not the end
			middle := m.packets[:len(m.packets)-2*len(m.paths)-2]
			for j := range middle {
				k := j + rng.IntN(min(3, len(middle)-j))
				if (middle[j].Flags|middle[k].Flags)&decode.SYN == 0 && j > 3 && (k == j || clear(middle[j:k+1])) {
					middle[j], middle[k] = middle[k], middle[j]
				}
			}
		}
		b := newBench(t, nil)
		for _, p := range m.packets {
			b.packet(p)
			if rng.IntN(10) == 0 {
				b.packet(p)
			}
		}
		log := b.close()
		if len(m.sides[0].stream)+len(m.sides[1].stream) == 0 {
			continue
		}
		if len(b.flows) != 1 {
			t.Fatalf("case %d: %d flows", i, len(b.flows))
		}
		f := b.flows[0]
		if !bytes.Equal(f.streams[client], m.sides[0].stream) || !bytes.Equal(f.streams[server], m.sides[1].stream) {
			t.Fatalf("case %d, version %d, %d joins, jumble %d: %d and %d bytes instead of %d and %d: %s", i, m.version, joins, jumble,
				len(f.streams[client]), len(f.streams[server]), len(m.sides[0].stream), len(m.sides[1].stream), log)
		}
		if f.log[len(f.log)-1] != "closed fin" || f.gaps != [2]int64{} || b.a.Stats().Conflict > 0 {
			t.Fatalf("case %d: jumble %d, %d joins, %q", i, jumble, joins, brief(b, [2][2][]byte{{m.sides[0].stream, m.sides[1].stream}}))
		}
		if s := b.a.Stats(); s.Subflows != uint64(len(m.paths)) || s.Unmapped+s.Orphans > 0 || b.a.multi.mappings != 0 ||
			len(b.a.multi.subflows)+len(b.a.multi.conns)+len(b.a.multi.tokens) != 0 {
			t.Fatalf("case %d: left over: %+v %+v", i, s, b.a.multi)
		}
	}
}

// clear says that none of ps begins a subflow, which is handled in order.
func clear(ps []*decode.Packet) bool {
	for _, p := range ps {
		if p.Flags&decode.SYN != 0 {
			return false
		}
		if o, ok := mptcp(p); ok && (o.join || o.capable) {
			return false
		}
	}
	return true
}

// TestMPTCPLost: what was lost to the capture is told as lost, and no byte comes
// out that was not said there.
func TestMPTCPLost(t *testing.T) {
	rng := rand.New(rand.NewPCG(30, 2))
	gaps := 0
	for i := range 1000 {
		if testing.Short() && i == 200 {
			break
		}
		m := newMaker(rng, 20000)
		m.make(rng.IntN(3))
		b := newBench(t, nil)
		for j, p := range m.packets {
			if j > 2 && rng.IntN(20) == 0 && p.Flags&decode.SYN == 0 {
				continue
			}
			b.packet(p)
		}
		log := b.close()
		for _, f := range b.flows {
			if !f.flow.Multipath() && !strings.Contains(log, "closed") {
				t.Fatal(log)
			}
			for dir, got := range f.streams {
				want := m.sides[dir].stream
				if len(got) > len(want) {
					t.Fatalf("case %d: %d bytes of %d", i, len(got), len(want))
				}
				for k := range got {
					if got[k] != want[k] && got[k] != '?' {
						t.Fatalf("case %d: byte %d: %s", i, k, log)
					}
				}
			}
			if f.gaps != [2]int64{} {
				gaps++
			}
		}
		if len(b.flows) > 1 {
			t.Fatalf("case %d: %d flows", i, len(b.flows))
		}
	}
	if gaps == 0 {
		t.Error("nothing was lost")
	}
}

// TestMPTCPMidstream: of a connection whose handshake was not seen comes nothing
// that was not said, in its order; of one subflow nearly everything.
func TestMPTCPMidstream(t *testing.T) {
	rng := rand.New(rand.NewPCG(30, 3))
	told := 0
	for i := range 500 {
		m := newMaker(rng, 20000)
		m.make(rng.IntN(2))
		b := newBench(t, nil)
		for _, p := range m.packets[5+rng.IntN(len(m.packets)/2):] {
			b.packet(p)
		}
		b.close()
		for _, f := range b.flows {
			for _, got := range f.streams {
				for _, piece := range bytes.Split(got, []byte{'?'}) {
					if told += len(piece); !bytes.Contains(m.sides[0].stream, piece) && !bytes.Contains(m.sides[1].stream, piece) {
						n := 0
						for bytes.Contains(m.sides[0].stream, piece[:n]) || bytes.Contains(m.sides[1].stream, piece[:n]) {
							n++
						}
						t.Fatalf("case %d: %d bytes that nobody said, from %d on; %d paths: %s", i, len(piece), n, len(m.paths), brief(b, [2][2][]byte{}))
					}
				}
			}
		}
	}
	if told < 500*2000 {
		t.Errorf("%d bytes", told)
	}
}

// TestMPTCPFallback: where one side, or a middlebox, wants none of it, the
// connection is plain TCP.
func TestMPTCPFallback(t *testing.T) {
	withOption := func(p *decode.Packet, o []byte) *decode.Packet {
		p.Options = decode.Options(o)
		return p
	}
	capable := option(0, 1, []byte{1})
	answer := option(0, 1, []byte{1}, u64(2))
	for name, options := range map[string][3][]byte{
		"the server":             {capable, nil, nil},
		"after the handshake":    {capable, answer, option(0, 1, []byte{1}, u64(1), u64(2))},
		"after the SYN's answer": {capable, answer, nil},
		"the client":             {nil, answer, nil},
	} {
		b := newBench(t, nil)
		b.packet(withOption(seg(client, decode.SYN, 100, 0, ""), options[0]))
		b.packet(withOption(seg(server, decode.SYN, 500, 101, ""), options[1]))
		b.packet(withOption(seg(client, 0, 101, 501, ""), options[2]))
		b.packet(seg(client, 0, 101, 501, "ask"))
		b.packet(seg(server, 0, 501, 104, "answer"))
		if got := b.close(); got != "client ask|server answer|closed eof" || b.flows[0].flow.Multipath() {
			t.Errorf("%s: %s", name, got)
		}
		if n := len(b.a.multi.subflows) + len(b.a.multi.tokens); n != 0 {
			t.Errorf("%s: %d left", name, n)
		}
	}
}

// TestMPTCPEndless: a mapping without end, after which options are left out.
func TestMPTCPEndless(t *testing.T) {
	m := newMaker(rand.New(rand.NewPCG(30, 4)), 0)
	m.version, m.sum = 0, false
	for i := range m.sides {
		m.sides[i].token, m.sides[i].idsn = fromKey(m.sides[i].key, 0)
	}
	m.sides[0].stream = []byte("mapped, then without end")
	m.open()
	p := m.paths[0]
	m.data(p, 0, false)
	for m.sides[0].sent < 6 {
		m.data(p, 0, false)
	}
	rest := m.sides[0].stream[m.sides[0].sent:]
	if len(rest) > 0 {
		o := m.dss(0, m.sides[0].sent, p.sent[0], 1, false)
		copy(o[len(o)-2:], []byte{0, 0}) // its length
		m.send(p, 0, decode.ACK, o, rest[:1])
		m.send(p, 0, decode.ACK, nil, rest[1:])
	}
	b := newBench(t, nil)
	for _, p := range m.packets {
		b.packet(p)
	}
	if got := b.close(); got != "client mapped, then without end|closed eof" {
		t.Error(got)
	}
}

// TestMPTCPProbe: where a window is full, Linux sends a byte under the number of the
// last one that was acknowledged, whatever it is. Under another it is a conflict.
func TestMPTCPProbe(t *testing.T) {
	for _, before := range []int{1, 2} {
		m := newMaker(rand.New(rand.NewPCG(30, 6)), 0)
		m.version = 0
		for i := range m.sides {
			m.sides[i].token, m.sides[i].idsn = fromKey(m.sides[i].key, 0)
		}
		m.open()
		p := m.paths[0]
		say := func(text string) {
			m.sides[0].stream = append(m.sides[0].stream, text...)
			for m.sides[0].sent < len(m.sides[0].stream) {
				m.data(p, 0, false)
			}
		}
		say("acknowledged")
		m.acknowledge(p, 1)
		acked := m.sides[0].sent
		const more = ", on the way"
		m.send(p, 0, decode.ACK, m.dss(0, acked, p.sent[0], len(more), false), []byte(more))
		m.send(p, 0, decode.ACK, m.dss(0, acked-before, p.sent[0], 1, false), []byte("X"))
		b := newBench(t, nil)
		for _, p := range m.packets {
			b.packet(p)
		}
		b.close()
		if got := b.a.Stats().Conflict; got != uint64(before-1) {
			t.Errorf("%d bytes before what was acknowledged: %d in conflict", before, got)
		}
	}
}

// TestMPTCPOrphan: a subflow of a connection that is not known is told to nobody,
// and counted.
func TestMPTCPOrphan(t *testing.T) {
	m := newMaker(rand.New(rand.NewPCG(30, 5)), 5000)
	m.sides[0].sent = 0
	m.join(1)
	m.data(m.paths[0], 0, false)
	b := newBench(t, nil)
	for _, p := range m.packets {
		b.packet(p)
	}
	s := b.a.Stats()
	if got := b.close(); got != "" || s.Orphans != 1 || s.Unmapped == 0 || s.Unmapped != s.Skipped {
		t.Errorf("%s %+v", got, s)
	}
}

// FuzzMPTCP plays a connection's packets, changed as ops say.
func FuzzMPTCP(f *testing.F) {
	f.Add(uint64(1), []byte{1, 2, 3})
	f.Add(uint64(2), []byte{0xff, 7, 30, 9, 200, 4})
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		if len(ops) > 1<<10 {
			return
		}
		m := newMaker(rand.New(rand.NewPCG(seed, 1)), 3000)
		m.make(2)
		for ; len(ops) >= 3; ops = ops[3:] {
			p := m.packets[int(ops[0])%len(m.packets)]
			switch {
			case len(p.Options) > 0 && ops[1]&1 == 0:
				p.Options[int(ops[1]>>1)%len(p.Options)] ^= ops[2]
			case ops[1]&2 != 0:
				p.Seq += uint32(int8(ops[2])) * 7
			default:
				p.Flags ^= decode.TCPFlags(ops[2] & 7)
			}
		}
		b := newBench(t, &Config{MaxFlowBytes: 4096, MaxBytes: 8192, MaxFlows: 5})
		for i, p := range m.packets {
			b.packet(p)
			if i%50 == 49 {
				b.now = b.now.Add(time.Minute)
			}
		}
		b.close()
		if n := b.a.multi.mappings + len(b.a.multi.subflows) + len(b.a.multi.conns) + len(b.a.multi.tokens); n != 0 {
			t.Errorf("%d left", n)
		}
	})
}
