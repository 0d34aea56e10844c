package reassembly

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// frame decodes and plays one frame.
func (b *bench) frame(link decode.LinkType, data []byte) {
	b.t.Helper()
	var p decode.Packet
	if err := p.Decode(link, data); err != nil {
		b.t.Fatal(err)
	}
	b.packet(&p)
}

// said is what a client says on one connection, as IP packets.
func said(text string, v6 bool) [][]byte {
	src, dst := clientAddr, serverAddr
	if v6 {
		src = netip.MustParseAddrPort("[2001:db8::1]:40000")
		dst = netip.MustParseAddrPort("[2001:db8::2]:7272")
	}
	raw := packetgen.Link{Type: decode.LinkRaw}
	segment := func(flags decode.TCPFlags, seq uint32, payload string) []byte {
		t := packetgen.TCP{Link: &raw, Src: src, Dst: dst, Seq: seq, Ack: 501, Flags: flags, Payload: []byte(payload)}
		return t.Frame()
	}
	return [][]byte{segment(decode.SYN, 100, ""), segment(decode.ACK, 101, text)}
}

// Wrappings of an IP packet into something else. The outer addresses are those
// of one pair of hosts, in both directions.
var (
	hostA = netip.MustParseAddr("10.0.0.1")
	hostB = netip.MustParseAddr("10.0.0.2")
)

func udp(port uint16, payload []byte) []byte {
	raw := packetgen.Link{Type: decode.LinkRaw}
	u := packetgen.UDP{Link: &raw, Src: netip.AddrPortFrom(hostA, 55555), Dst: netip.AddrPortFrom(hostB, port), Payload: payload}
	return u.Frame()
}

func ethernet(inner []byte) []byte {
	l := packetgen.Ethernet()
	etherType := uint16(0x0800)
	if inner[0]>>4 == 6 {
		etherType = 0x86dd
	}
	return l.Append(nil, etherType, inner)
}

func vxlan(port uint16, vni uint32) func([]byte) []byte {
	return func(inner []byte) []byte {
		h := binary.BigEndian.AppendUint32([]byte{8, 0, 0, 0}, vni<<8)
		return udp(port, append(h, ethernet(inner)...))
	}
}

func geneve(vni uint32, options int, protocol uint16) func([]byte) []byte {
	return func(inner []byte) []byte {
		h := binary.BigEndian.AppendUint16([]byte{byte(options), 0}, protocol)
		h = binary.BigEndian.AppendUint32(h, vni<<8)
		h = append(h, make([]byte, 4*options)...)
		if protocol == 0x6558 {
			inner = ethernet(inner)
		}
		return udp(6081, append(h, inner...))
	}
}

func ip(proto uint8, src, dst netip.Addr, payload []byte) []byte {
	h := packetgen.IP{Src: src, Dst: dst, Proto: proto}
	return h.Append(nil, payload)
}

func greHeader(flags, protocol uint16, fields ...uint32) func([]byte) []byte {
	return func(inner []byte) []byte {
		h := binary.BigEndian.AppendUint16(nil, flags)
		h = binary.BigEndian.AppendUint16(h, protocol)
		for _, f := range fields {
			h = binary.BigEndian.AppendUint32(h, f)
		}
		if protocol == 0x6558 || protocol == 0x88be {
			inner = ethernet(inner)
		}
		return ip(47, hostA, hostB, append(h, inner...))
	}
}

func ipip(src, dst netip.Addr) func([]byte) []byte {
	return func(inner []byte) []byte {
		proto := uint8(4)
		if inner[0]>>4 == 6 {
			proto = 41
		}
		return ip(proto, src, dst, inner)
	}
}

var tunnelCases = []struct {
	name string
	kind Tunnels
	wrap func([]byte) []byte
}{
	{"VXLAN", VXLAN, vxlan(4789, 7)},
	{"VXLAN, other network", VXLAN, vxlan(4789, 8)},
	{"VXLAN, old Linux port", VXLAN, vxlan(8472, 9)},
	{"Geneve, Ethernet inside", Geneve, geneve(7, 0, 0x6558)},
	{"Geneve, IP inside, options", Geneve, geneve(8, 3, 0x0800)},
	{"GRE", GRE, greHeader(0, 0x0800)},
	{"GRE with key", GRE, greHeader(0x2000, 0x0800, 77)},
	{"GRE with all fields", GRE, greHeader(0xb000, 0x0800, 0, 78, 1)},
	{"GRE, Ethernet inside", GRE, greHeader(0x2000, 0x6558, 79)},
	{"ERSPAN II", GRE, greHeader(0x3000, 0x88be, 80, 1, 0x10000000, 0)},
	{"IP in IP", IPIP, ipip(hostB, hostA)},
	{"IP in IPv6", IPIP, ipip(tester6, kernel6)},
}

// TestTunnels plays the same connection with other contents through every kind
// of tunnel, side by side.
func TestTunnels(t *testing.T) {
	b := newBench(t, &Config{Tunnels: AllTunnels})
	step := func(i int) {
		b.frame(decode.LinkRaw, said("plain", false)[i])
		for _, c := range tunnelCases {
			b.frame(decode.LinkRaw, c.wrap(said(c.name, false)[i]))
		}
	}
	step(0)
	step(1)
	log := b.close()
	if !strings.HasPrefix(log, "client plain|closed eof") {
		t.Error(log)
	}
	for i, c := range tunnelCases {
		if len(b.flows) <= i+1 || string(b.flows[i+1].streams[client]) != c.name {
			t.Fatalf("%s: %s", c.name, log)
		}
	}
	for _, c := range tunnelCases {
		for _, on := range []Tunnels{0, c.kind, AllTunnels &^ c.kind} {
			b := newBench(t, &Config{Tunnels: on})
			for _, p := range said("x", false) {
				b.frame(decode.LinkRaw, c.wrap(p))
			}
			b.close()
			if found := len(b.flows) == 1; found != (on == c.kind) {
				t.Errorf("%s: found %v with %b", c.name, found, on)
			}
		}
		for n := range c.wrap(said("x", false)[1]) { // cut at every byte
			b := newBench(t, &Config{Tunnels: AllTunnels})
			var p decode.Packet
			p.Decode(decode.LinkRaw, c.wrap(said("x", false)[1])[:n])
			b.packet(&p)
			b.close()
		}
	}
}

// TestTunnelsNested goes as deep as it may, and no deeper.
func TestTunnelsNested(t *testing.T) {
	for depth := range maxDepth + 2 {
		b := newBench(t, &Config{Tunnels: AllTunnels})
		for _, p := range said("deep", depth%2 == 1) {
			for range depth {
				p = ipip(hostA, hostB)(p)
			}
			b.frame(decode.LinkRaw, p)
		}
		b.close()
		if found := len(b.flows) == 1; found != (depth <= maxDepth) {
			t.Errorf("%d layers: found %v", depth, found)
		}
	}
}

// TestTunnelDirections: both directions of a tunnel are one network, whichever
// way the outer packets go.
func TestTunnelDirections(t *testing.T) {
	b := newBench(t, &Config{Tunnels: IPIP})
	b.frame(decode.LinkRaw, ipip(hostA, hostB)(said("abc", false)[0]))
	raw := packetgen.Link{Type: decode.LinkRaw}
	answer := packetgen.TCP{Link: &raw, Src: serverAddr, Dst: clientAddr, Seq: 500, Ack: 101, Flags: decode.SYN | decode.ACK}
	b.frame(decode.LinkRaw, ipip(hostB, hostA)(answer.Frame()))
	b.frame(decode.LinkRaw, ipip(hostA, hostB)(said("abc", false)[1]))
	if got := b.close(); got != "client abc|closed eof" || b.flows[0].flow.Midstream() {
		t.Error(got)
	}
}

func TestVLANs(t *testing.T) {
	for _, separate := range []bool{false, true} {
		b := newBench(t, &Config{SeparateVLANs: separate})
		for i := range 2 {
			for _, tags := range [][]packetgen.VLAN{nil, {{TCI: 5}}, {{TCI: 6}}, {{Type: 0x88a8, TCI: 5}, {TCI: 6}}} {
				l := packetgen.Ethernet()
				l.VLANs = tags
				b.frame(decode.LinkEthernet, l.Append(nil, 0x0800, said("abc", false)[i]))
			}
		}
		got := b.close()
		want := "client abc|closed eof"
		if separate {
			want = strings.Repeat(want+" || ", 3) + want
		}
		if got != want {
			t.Errorf("separate %v: %s", separate, got)
		}
	}
}

// TestFragments cuts segments into IP fragments, shuffles and repeats them.
func TestFragments(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for n := range 300 {
		b := newBench(t, &Config{AckedHolePackets: 1 << 20})
		src, dst := clientAddr, serverAddr
		if n%2 == 1 {
			src = netip.MustParseAddrPort("[2001:db8::1]:40000")
			dst = netip.MustParseAddrPort("[2001:db8::2]:7272")
		}
		raw := packetgen.Link{Type: decode.LinkRaw}
		var frames [][]byte
		var want []byte
		for i := range 5 {
			data := make([]byte, 1+rng.IntN(4000))
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			s := packetgen.TCP{Link: &raw, Src: src, Dst: dst, Seq: 101 + uint32(len(want)), Ack: 501, Payload: data}
			s.IP.ID = uint32(i + 1)
			frames = append(frames, s.Fragments(24+rng.IntN(1500))...)
			want = append(want, data...)
		}
		frames = append(frames, frames[rng.IntN(len(frames))])
		rng.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
		syn := packetgen.TCP{Link: &raw, Src: src, Dst: dst, Seq: 100, Flags: decode.SYN}
		b.frame(decode.LinkRaw, syn.Frame())
		for _, f := range frames {
			b.frame(decode.LinkRaw, f)
		}
		if s := b.a.Stats(); s.Reassembled < 5 && s.Fragments > 5 {
			// Datagrams of one fragment only are none.
			whole := 0
			for _, f := range frames {
				var p decode.Packet
				if p.Decode(decode.LinkRaw, f); !p.Fragment {
					whole++
				}
			}
			if s.Reassembled+uint64(whole) < 5 {
				t.Fatalf("case %d: %+v", n, s)
			}
		}
		b.close()
		if got := b.flows[0].streams[client]; string(got) != string(want) {
			t.Fatalf("case %d: %d bytes instead of %d", n, len(got), len(want))
		}
	}
}

// TestFragmentsCut: of fragments cut by a snapshot length the beginning is told,
// and the rest as lost.
func TestFragmentsCut(t *testing.T) {
	b := newBench(t, nil)
	raw := packetgen.Link{Type: decode.LinkRaw}
	s := packetgen.TCP{Link: &raw, Src: clientAddr, Dst: serverAddr, Seq: 101, Ack: 501, Payload: []byte(strings.Repeat("x", 500))}
	b.frame(decode.LinkRaw, said("", false)[0])
	for _, f := range s.Fragments(200) {
		var p decode.Packet
		p.DecodeCut(decode.LinkRaw, f[:min(len(f), 100)], len(f))
		b.packet(&p)
	}
	if got := b.close(); got != "client "+strings.Repeat("x", 60)+"|gap client 440|closed eof" {
		t.Error(got)
	}
}

// TestFragmentsGivenUp: incomplete datagrams go by time and by budget.
func TestFragmentsGivenUp(t *testing.T) {
	b := newBench(t, &Config{MaxFragmentBytes: 1 << 16})
	raw := packetgen.Link{Type: decode.LinkRaw}
	first := func(id uint32) {
		s := packetgen.TCP{Link: &raw, Src: clientAddr, Dst: serverAddr, Seq: 101, Payload: make([]byte, 1000)}
		s.IP.ID = id
		b.frame(decode.LinkRaw, s.Fragments(500)[0])
	}
	for id := range uint32(1000) {
		first(id)
		if m := b.a.Stats().Memory; m > 1<<16 {
			t.Fatalf("%d bytes", m)
		}
	}
	s := b.a.Stats()
	if s.FragmentHeld == 0 || s.FragmentHeld > 128 || s.FragmentDropped != 1000-uint64(s.FragmentHeld) {
		t.Errorf("%+v", s)
	}
	b.now = b.now.Add(31 * time.Second)
	b.packet(seg(client, 0, 1, 0, ""))
	if s := b.a.Stats(); s.FragmentHeld != 0 || s.Memory != 0 {
		t.Errorf("after the time-out: %+v", s)
	}
	// Bad lengths: a datagram of more than 65535 bytes, and an IPv6 fragment
	// that ends between units of 8.
	p := decode.Packet{IPVersion: 4, Proto: 6, Fragment: true, FragmentOffset: 65528, Payload: make([]byte, 100), PayloadLen: 100}
	b.packet(&p)
	p = decode.Packet{IPVersion: 6, Proto: 6, Fragment: true, MoreFragments: true, FragmentOffset: 0, Payload: make([]byte, 101), PayloadLen: 101}
	b.packet(&p)
	if s := b.a.Stats(); s.FragmentHeld != 0 || s.FragmentDropped != 1002 {
		t.Errorf("%+v", s)
	}
	b.close()
}
