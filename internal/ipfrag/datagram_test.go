package ipfrag

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

var (
	client = netip.MustParseAddrPort("10.0.0.1:40000")
	server = netip.MustParseAddrPort("10.0.0.2:7272")
)

// pattern is what the data of a datagram is at each place.
func pattern(from, to int) []byte {
	b := make([]byte, to-from)
	for i := range b {
		b[i] = byte((from + i) * 7 >> 3)
	}
	return b
}

func decoded(t testing.TB, frame []byte) *decode.Packet {
	t.Helper()
	p := new(decode.Packet)
	if err := p.Decode(decode.LinkEthernet, frame); err != nil {
		t.Fatal(err)
	}
	return p
}

// A datagram is complete with its last fragment to come, in whatever order, and its
// packet is what was sent.
func TestDatagram(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		u := packetgen.UDP{Src: client, Dst: server, Payload: pattern(0, 200+r.IntN(1000))}
		if r.IntN(2) == 0 {
			u.Src, u.Dst = netip.MustParseAddrPort("[fd00::1]:40000"), netip.MustParseAddrPort("[fd00::2]:7272")
		}
		frames := u.Fragments(8 * (1 + r.IntN(20)))
		if u.Src.Addr().Is6() {
			frames = u.Fragments(64)
		}
		r.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
		var d Datagram
		for i, frame := range frames {
			p := decoded(t, frame)
			e, ok := ExtentOf(p)
			if !ok {
				t.Fatal("no extent")
			}
			want := Kept
			if i == len(frames)-1 {
				want = Complete
			}
			if v := d.Add(e, p.Proto, p.Payload); v != want {
				t.Fatalf("fragment %d of %d: %v", i+1, len(frames), v)
			}
			if v := d.Add(e, p.Proto, p.Payload); v != Duplicate && want != Complete {
				t.Fatalf("fragment %d again: %v", i+1, v)
			}
			if want != Complete {
				continue
			}
			b, length, link := d.AppendPacket(nil, p)
			var whole decode.Packet
			if err := whole.DecodeCut(link, b, length); err != nil || length != len(b) || !whole.UDP ||
				whole.Src() != u.Src || whole.Dst() != u.Dst || !bytes.Equal(whole.Payload, u.Payload) {
				t.Fatalf("%v: %+v", err, whole)
			}
		}
	}
}

// Fragments that contradict others end a datagram (RFC 5722).
func TestDatagramRefused(t *testing.T) {
	for _, test := range []struct {
		name string
		add  []Extent
		want Verdict // of the last one
	}{
		{"in order", []Extent{{0, 8, true}, {8, 16, true}}, Kept},
		{"inside a run", []Extent{{0, 8, true}, {8, 16, true}, {4, 12, true}}, Duplicate},
		{"over two runs", []Extent{{0, 8, true}, {16, 24, true}, {0, 24, true}}, Refused},
		{"over an end", []Extent{{0, 16, true}, {8, 24, true}}, Refused},
		{"over a beginning", []Extent{{16, 32, true}, {8, 24, true}}, Refused},
		{"between", []Extent{{0, 8, true}, {16, 24, true}, {8, 16, true}}, Kept},
		{"between and the rest", []Extent{{0, 8, true}, {16, 24, false}, {8, 16, true}}, Complete},
		{"behind the end", []Extent{{8, 16, false}, {16, 24, true}}, Refused},
		{"another end", []Extent{{8, 16, false}, {0, 8, false}}, Refused},
		{"an end before others", []Extent{{16, 24, true}, {0, 8, false}}, Refused},
		{"empty", []Extent{{8, 8, true}}, Refused},
		{"less than empty", []Extent{{8, 0, true}}, Refused},
	} {
		var d Datagram
		var got Verdict
		for _, e := range test.add {
			got = d.Add(e, decode.ProtoUDP, pattern(e.From, max(e.From, e.To)))
		}
		if got != test.want {
			t.Errorf("%s: verdict %d, want %d", test.name, got, test.want)
		}
	}
}

func TestExtentOf(t *testing.T) {
	for _, test := range []struct {
		name string
		p    decode.Packet
		want Extent
		ok   bool
	}{
		{"middle", decode.Packet{IPVersion: 4, FragmentOffset: 8, PayloadLen: 16, MoreFragments: true}, Extent{8, 24, true}, true},
		{"odd length, IPv4: cut to eights", decode.Packet{IPVersion: 4, FragmentOffset: 8, PayloadLen: 17, MoreFragments: true}, Extent{8, 24, true}, true},
		{"odd length, IPv6", decode.Packet{IPVersion: 6, FragmentOffset: 8, PayloadLen: 17, MoreFragments: true}, Extent{}, false},
		{"too long", decode.Packet{IPVersion: 4, FragmentOffset: 65528, PayloadLen: 8}, Extent{}, false},
		{"longest", decode.Packet{IPVersion: 4, FragmentOffset: 65528, PayloadLen: 7}, Extent{65528, 65535, false}, true},
		{"no TCP header in the first (RFC 7112)", decode.Packet{IPVersion: 6, PayloadLen: 16, MoreFragments: true, Proto: decode.ProtoTCP}, Extent{}, false},
		{"no UDP header", decode.Packet{IPVersion: 6, PayloadLen: 0, MoreFragments: true, Proto: decode.ProtoUDP}, Extent{}, false},
		{"IPv4 may", decode.Packet{IPVersion: 4, PayloadLen: 8, MoreFragments: true, Proto: decode.ProtoTCP}, Extent{0, 8, true}, true},
	} {
		if e, ok := ExtentOf(&test.p); ok != test.ok || ok && e != test.want {
			t.Errorf("%s: %v, %v", test.name, e, ok)
		}
	}
}

// What was cut off by a snapshot length ends the packet, not its length.
func TestDatagramCut(t *testing.T) {
	p := decoded(t, (&packetgen.UDP{Src: client, Dst: server, Payload: make([]byte, 100)}).Fragments(64)[0])
	var d Datagram
	d.Add(Extent{0, 64, true}, decode.ProtoUDP, pattern(0, 40))
	if v := d.Add(Extent{64, 100, false}, decode.ProtoUDP, pattern(64, 100)); v != Complete {
		t.Fatal(v)
	}
	if b, length, _ := d.AppendPacket(nil, p); len(b) != 20+40 || length != 20+100 {
		t.Errorf("%d bytes of %d", len(b), length)
	}
	n := 0
	for piece := range d.Pieces() {
		n += len(piece)
	}
	if n != 40+36 {
		t.Errorf("%d bytes in pieces", n)
	}
}

// FuzzDatagram adds fragments anywhere: never more is there than came, and a complete
// datagram has each byte at its place.
func FuzzDatagram(f *testing.F) {
	f.Add([]byte{0, 1, 1, 1, 1, 0})          // in order, complete
	f.Add([]byte{1, 1, 0, 0, 1, 1})          // the last one first
	f.Add([]byte{0, 4, 1, 1, 1, 1})          // inside a run
	f.Add([]byte{0, 2, 1, 1, 2, 1})          // an overlap
	f.Add([]byte{2, 1, 1, 0, 1, 1, 1, 1, 0}) // a hole that is filled, then the end
	f.Add([]byte{9, 1, 0, 0, 1, 0})          // two ends
	f.Fuzz(func(t *testing.T, ops []byte) {
		var d Datagram
		came := 0
		for ; len(ops) >= 3; ops = ops[3:] {
			e := Extent{int(ops[0]) * 8, int(ops[0])*8 + int(ops[1])*8, ops[2]&1 != 0}
			if !e.More {
				e.To -= int(ops[2] >> 5)
			}
			v := d.Add(e, decode.ProtoUDP, pattern(e.From, max(e.From, e.To)))
			if v == Refused {
				return
			}
			if v == Kept || v == Complete {
				came += e.To - e.From
			}
			n := 0
			for i, r := range d.runs {
				if r.to <= r.from || i > 0 && r.from < d.runs[i-1].to || r.to > d.length {
					t.Fatalf("runs %v of %d bytes", d.runs, d.length)
				}
				n += r.to - r.from
			}
			if n != d.have || n != came {
				t.Fatalf("%d bytes in runs, %d counted, %d came", n, d.have, came)
			}
			if v == Complete {
				p := &decode.Packet{IPVersion: 4, Data: make([]byte, 20)}
				b, _, _ := d.AppendPacket(nil, p)
				if !bytes.Equal(b[20:], pattern(0, d.length)) {
					t.Fatal("bytes are not at their place")
				}
				return
			}
		}
	})
}
