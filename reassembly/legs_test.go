package reassembly

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// A spot is where packets of one side are captured.
type spot struct {
	link  packetgen.Link
	iface int
}

// A captured packet, with the place in the order of its conversation.
type captured struct {
	frame []byte
	link  decode.LinkType
	iface int
}

// converse is a conversation between c and s: a handshake, n messages back and
// forth made of a letter, and an end. Each step may be several packets.
func converse(rng *rand.Rand, c, s netip.AddrPort, isn [2]uint32, letter byte, n int) (steps []packetgen.TCP, streams [2][]byte) {
	seq := isn
	ends := [2]netip.AddrPort{c, s}
	add := func(from int, flags decode.TCPFlags, payload []byte) {
		t := packetgen.TCP{Src: ends[from], Dst: ends[from^1], Seq: seq[from], Ack: seq[from^1], Flags: flags, Payload: payload}
		if flags&decode.ACK == 0 {
			t.Ack = 0
		}
		seq[from] += uint32(len(payload))
		if flags&(decode.SYN|decode.FIN) != 0 {
			seq[from]++
		}
		steps = append(steps, t)
		streams[from] = append(streams[from], payload...)
	}
	add(0, decode.SYN, nil)
	add(1, decode.SYN|decode.ACK, nil)
	add(0, decode.ACK, nil)
	for range n {
		from := rng.IntN(2)
		b := make([]byte, 1+rng.IntN(600))
		for i := range b {
			b[i] = letter + byte(rng.IntN(26))
		}
		add(from, decode.ACK|decode.PSH, b)
		if rng.IntN(2) == 0 {
			add(from^1, decode.ACK, nil)
		}
	}
	add(0, decode.FIN|decode.ACK, nil)
	add(1, decode.FIN|decode.ACK, nil)
	add(0, decode.ACK, nil)
	return steps, streams
}

// spots makes places of a link type: for each leg and direction, and as many more
// where copies of the same are captured.
func spots(rng *rand.Rand, link decode.LinkType, onePort bool) (all [2][2][2]spot) {
	iface := 3
	for leg := range all {
		for copied := range all[leg] {
			iface++
			macs := [2][6]byte{{2, byte(rng.Uint32()), byte(leg), byte(copied), 0, 1}, {2, byte(rng.Uint32()), byte(leg), byte(copied), 0, 2}}
			for from := range 2 {
				l := packetgen.Link{Type: link, Src: macs[from], Dst: macs[from^1]}
				sp := spot{l, iface}
				if link == decode.LinkSLL2 {
					sp.link.Interface = uint32(iface)
				}
				if onePort { // a mirror
					sp.iface = 0
				}
				all[leg][copied][from] = sp
			}
		}
	}
	return all
}

func (sp spot) capture(t packetgen.TCP) captured {
	l := sp.link
	t.Link = &l
	return captured{t.Frame(), l.Type, sp.iface}
}

func (b *bench) captured(c captured) {
	b.t.Helper()
	var p decode.Packet
	if err := p.Decode(c.link, c.frame); err != nil {
		b.t.Fatal(err)
	}
	p.Interface = c.iface
	b.packet(&p)
}

// TestLegs plays two connections with the same addresses and ports, the second
// behind the first by some steps, their numbers far apart, near, or the same in
// one direction, perhaps each of them captured twice.
func TestLegs(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 2))
	for i := range 3000 {
		if testing.Short() && i == 500 {
			break
		}
		link := []decode.LinkType{decode.LinkEthernet, decode.LinkSLL2, decode.LinkSLL, decode.LinkRaw}[rng.IntN(4)]
		onePort := link == decode.LinkEthernet && rng.IntN(2) == 0
		c, s := clientAddr, serverAddr
		if rng.IntN(4) == 0 {
			c, s = netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8::2]:7272")
		}
		isn := [2][2]uint32{{rng.Uint32(), rng.Uint32()}}
		isn[1] = isn[0]
		kind := rng.IntN(4)
		switch kind {
		case 0: // far apart
			isn[1] = [2]uint32{rng.Uint32(), rng.Uint32()}
		case 1: // near
			isn[1][0] += rng.Uint32N(4000) - 2000
			isn[1][1] += rng.Uint32N(4000) - 2000
		case 2: // equal but for an offset
			off := 1 + rng.Uint32N(3000)
			isn[1][0] += off
			isn[1][1] += off
		case 3: // one direction is renumbered
			isn[1][rng.IntN(2)] += 1 + rng.Uint32N(1<<31)
		}
		if isn[0] == isn[1] {
			continue
		}
		n := rng.IntN(30)
		var steps [2][]packetgen.TCP
		var want [2][2][]byte
		seed := rng.Uint64()
		same := rand.New(rand.NewPCG(seed, 1)) // a proxy passes on the same sizes
		steps[0], want[0] = converse(same, c, s, isn[0], 'a', n)
		if rng.IntN(2) == 0 {
			same = rand.New(rand.NewPCG(seed, 1))
		}
		steps[1], want[1] = converse(same, c, s, isn[1], 'A', n)
		if kind == 3 {
			// What only renumbers passes each packet on at once, and with the same
			// contents: that both come out whole is what can be asked for.
			steps[1], want[1] = renumbered(steps[0], isn[0], isn[1]), want[0]
		}
		where := spots(rng, link, onePort)
		copies := rng.IntN(2)
		b := newBench(t, &Config{RecentBytes: 1 << 18})
		play := func(leg int) {
			st := steps[leg][0]
			steps[leg] = steps[leg][1:]
			from := 0
			if st.Src == s {
				from = 1
			}
			for copied := range copies + 1 {
				b.captured(where[leg][copied][from].capture(st))
			}
		}
		for len(steps[0])+len(steps[1]) > 0 {
			leg := rng.IntN(2)
			if kind == 3 { // client to server the first is first, back the second
				leg = 0
				if len(steps[1]) > 0 && steps[1][0].Src == s {
					leg = 1
				}
				play(leg)
				play(leg ^ 1)
				continue
			}
			if len(steps[leg]) == 0 {
				leg ^= 1
			}
			play(leg)
		}
		log := b.close()
		if len(b.flows) != 2 && n > 0 && (kind != 3 || len(b.flows) != 0) {
			if len(want[0][0])+len(want[0][1]) == 0 || len(want[1][0])+len(want[1][1]) == 0 {
				continue
			}
			t.Fatalf("case %d, %v, kind %d, copies %d: %d flows: %s", i, link, kind, copies, len(b.flows), log)
		}
		for _, r := range b.flows {
			ok := slices.ContainsFunc(want[:], func(w [2][]byte) bool {
				return bytes.Equal(r.streams[client], w[0]) && bytes.Equal(r.streams[server], w[1])
			})
			if !ok {
				t.Fatalf("case %d, %v, kind %d, copies %d, mirror %v, isn %d: neither of the two: %s", i, link, kind, copies, onePort, isn, brief(b, want))
			}
		}
	}
}

// renumbered are the same segments with other numbers.
func renumbered(steps []packetgen.TCP, from, to [2]uint32) []packetgen.TCP {
	steps = slices.Clone(steps)
	client := steps[0].Src
	for i := range steps {
		side := 0
		if steps[i].Src != client {
			side = 1
		}
		steps[i].Seq += to[side] - from[side]
		if steps[i].Ack != 0 {
			steps[i].Ack += to[side^1] - from[side^1]
		}
	}
	return steps
}

// TestLegsMidstream: two connections that were there before the capture.
func TestLegsMidstream(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 3))
	for i := range 300 {
		isn := [2][2]uint32{{rng.Uint32(), rng.Uint32()}}
		isn[1] = [2]uint32{isn[0][0] + 1<<25 + rng.Uint32N(1<<30), isn[0][1] + 1<<25 + rng.Uint32N(1<<30)}
		where := spots(rng, decode.LinkEthernet, i%2 == 0)
		b := newBench(t, nil)
		var steps [2][]packetgen.TCP
		var want [2][2][]byte
		for leg, letter := range "aA" {
			steps[leg], want[leg] = converse(rng, clientAddr, serverAddr, isn[leg], byte(letter), 20)
			steps[leg] = steps[leg][3:]
		}
		for len(steps[0])+len(steps[1]) > 0 {
			leg := rng.IntN(2)
			if len(steps[leg]) == 0 {
				leg ^= 1
			}
			from := 0
			if steps[leg][0].Src == serverAddr {
				from = 1
			}
			b.captured(where[leg][0][from].capture(steps[leg][0]))
			steps[leg] = steps[leg][1:]
		}
		log := b.close()
		if len(b.flows) != 2 {
			t.Fatalf("case %d: %d flows: %s", i, len(b.flows), log)
		}
		for _, r := range b.flows {
			for dir := range 2 { // which side is the client is a guess there
				if len(r.streams[dir]) == 0 || bytes.Equal(r.streams[dir], want[0][0]) || bytes.Equal(r.streams[dir], want[0][1]) ||
					bytes.Equal(r.streams[dir], want[1][0]) || bytes.Equal(r.streams[dir], want[1][1]) {
					continue
				}
				t.Fatalf("case %d: %s", i, log)
			}
		}
	}
}

// TestLegsFlood: SYNs from ever other places make no more than a few flows.
func TestLegsFlood(t *testing.T) {
	b := newBench(t, nil)
	for i := range 1000 {
		l := packetgen.Ethernet()
		binary.BigEndian.PutUint32(l.Src[2:], uint32(i))
		s := packetgen.TCP{Link: &l, Src: clientAddr, Dst: serverAddr, Seq: uint32(i) * 7919, Flags: decode.SYN}
		b.captured(captured{s.Frame(), decode.LinkEthernet, 0})
		if n := b.a.Stats().Active; n > maxLegs {
			t.Fatalf("%d flows", n)
		}
	}
	b.close()
}

// TestSecondAnswer: of several answers to a SYN the one counts that the client
// acknowledges, whichever it is.
func TestSecondAnswer(t *testing.T) {
	for _, first := range []uint32{500, 0x11111111, 500 + 3000, 1 << 31} {
		for _, counts := range []int{0, 1} {
			for _, again := range []bool{false, true} {
				answers := []uint32{first, 9000}
				b := newBench(t, nil)
				b.packet(seg(client, decode.SYN, 100, 0, ""))
				b.packet(seg(server, decode.SYN, answers[0], 101, ""))
				if again {
					b.packet(seg(client, decode.SYN, 100, 0, ""))
				}
				b.packet(seg(server, decode.SYN, answers[1], 101, ""))
				isn := answers[counts]
				b.packet(seg(client, 0, 101, isn+1, ""))
				b.packet(seg(client, 0, 101, isn+1, "ask"))
				b.packet(seg(server, 0, isn+1, 104, "answer"))
				b.packet(seg(client, 0, 104, isn+7, "more"))
				if got := b.close(); got != "client ask|server answer|client more|closed eof" || b.flows[0].flow.Midstream() {
					t.Errorf("answers %d, %d counts: %s", answers, counts, got)
				}
			}
		}
	}
}

// TestChallenge: a reset within the window, or with a number that was passed,
// that the other side answers with a challenge ACK, ends nothing, however long
// the silence then.
func TestChallenge(t *testing.T) {
	for _, off := range []uint32{1, 100, 60000, 1<<32 - 1} {
		b := newBench(t, nil)
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(server, 0, 501, 102, ""))
		if off>>31 != 0 { // acknowledged once, passed since
			b.packet(seg(client, 0, 102, 501, "b"))
			b.packet(seg(client, decode.RST, 102, 0, ""))
			b.packet(seg(server, 0, 501, 103, ""))
		} else {
			b.packet(seg(client, decode.RST, 102+off, 0, ""))
			b.packet(seg(server, 0, 501, 102, ""))
			b.packet(seg(client, 0, 102, 501, "b"))
		}
		b.now = b.now.Add(time.Hour)
		b.packet(seg(client, 0, 103, 501, "c"))
		b.packet(seg(server, 0, 501, 104, "x"))
		if got := b.close(); got != "client abc|server x|closed eof" {
			t.Error(fmt.Sprint(off, ": ", got))
		}
	}
}

// brief says how much of what was said has come.
func brief(b *bench, want [2][2][]byte) (s string) {
	for _, r := range b.flows {
		for dir := range 2 {
			w := want[0][dir]
			if len(r.streams[dir]) > 0 && len(want[1][dir]) > 0 && r.streams[dir][0] == want[1][dir][0] {
				w = want[1][dir]
			}
			same := 0
			for same < min(len(w), len(r.streams[dir])) && w[same] == r.streams[dir][same] {
				same++
			}
			s += fmt.Sprintf("%d bytes of %d, %d right; ", len(r.streams[dir]), len(w), same)
		}
	}
	for _, r := range b.flows {
		for _, l := range r.log {
			s += "\n" + l[:min(len(l), 40)]
		}
		s += "\n"
	}
	return s
}

// TestLegsLoadSharing: one connection over two routers, packets of which come out
// of order, stays one.
func TestLegsLoadSharing(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 4))
	for i := range 300 {
		steps, want := converse(rng, clientAddr, serverAddr, [2]uint32{rng.Uint32(), rng.Uint32()}, 'a', 30)
		where := spots(rng, decode.LinkEthernet, true)
		order := make([]int, len(steps))
		for j := range order {
			order[j] = 10 * j
			if j > 3 && j < len(steps)-3 {
				order[j] += rng.IntN(30)
			}
		}
		index := make([]int, len(steps))
		for j := range index {
			index[j] = j
		}
		slices.SortStableFunc(index, func(x, y int) int { return order[x] - order[y] })
		b := newBench(t, nil)
		for _, j := range index {
			from := 0
			if steps[j].Src == serverAddr {
				from = 1
			}
			b.captured(where[0][rng.IntN(2)][from].capture(steps[j]))
		}
		if log := b.close(); len(b.flows) != 1 || !bytes.Equal(b.flows[0].streams[client], want[0]) || !bytes.Equal(b.flows[0].streams[server], want[1]) {
			t.Fatalf("case %d: %d flows, %s", i, len(b.flows), log)
		}
	}
}
