package reassembly

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// behind returns what puts inner behind the bytes of h, in an IP packet of proto.
func behind(proto uint8, h ...byte) func([]byte) []byte {
	h = slices.Clone(h)
	return func(inner []byte) []byte { return ip(proto, hostA, hostB, append(h[:len(h):len(h)], inner...)) }
}

// over does the same over UDP.
func over(port uint16, h ...byte) func([]byte) []byte {
	h = slices.Clone(h)
	return func(inner []byte) []byte { return udp(port, append(h[:len(h):len(h)], inner...)) }
}

// framed puts an Ethernet header before what wrap gets.
func framed(wrap func([]byte) []byte) func([]byte) []byte {
	return func(inner []byte) []byte { return wrap(ethernet(inner)) }
}

// inPPP puts a PPP header before what wrap gets: with address and control or
// not, the protocol in one byte or two.
func inPPP(control, short bool, wrap func([]byte) []byte) func([]byte) []byte {
	return func(inner []byte) []byte {
		var h []byte
		if control {
			h = append(h, 0xff, 3)
		}
		if !short {
			h = append(h, 0)
		}
		if inner[0]>>4 == 6 {
			h = append(h, 0x57)
		} else {
			h = append(h, 0x21)
		}
		return wrap(append(h, inner...))
	}
}

// counted fills the length field at a place of the header that wrap writes,
// where it does not count the first less bytes.
func counted(at, less int, wrap func([]byte) []byte) func([]byte) []byte {
	return func(inner []byte) []byte {
		empty := len(wrap(nil))
		b := wrap(inner)
		header := empty - at
		binary.BigEndian.PutUint16(b[at:], uint16(len(inner)+header+at-less))
		return b
	}
}

// byVersion calls wrap with what 4 or 6 stand for.
func byVersion(v4, v6 byte, wrap func(byte) func([]byte) []byte) func([]byte) []byte {
	return func(inner []byte) []byte {
		if inner[0]>>4 == 6 {
			return wrap(v6)(inner)
		}
		return wrap(v4)(inner)
	}
}

type wrapping struct {
	name string
	kind Tunnels
	wrap func([]byte) []byte
}

// wrappings makes tunnels of every kind, with every option that its header has.
func wrappings() (all []wrapping) {
	add := func(kind Tunnels, wrap func([]byte) []byte, format string, args ...any) {
		all = append(all, wrapping{fmt.Sprintf(format, args...), kind, wrap})
	}
	for _, flags := range []byte{8, 0x88} {
		add(VXLAN, framed(over(4789, flags, 0, 1, 2, 0, 0, 7, 0)), "VXLAN flags %x", flags)
	}
	for port, flags := range map[uint16]byte{4789: 0x0c, 4790: 0x0e} {
		add(VXLAN, byVersion(1, 2, func(next byte) func([]byte) []byte { return over(port, flags, 0, 0, next, 0, 0, 7, 0) }), "GPE, IP, port %d", port)
		add(VXLAN, framed(over(port, flags, 0, 0, 3, 0, 0, 7, 0)), "GPE, Ethernet, port %d", port)
		add(VXLAN, over(port, flags, 0, 0, 5, 0, 0, 7, 0, 0, 1, 1, 64), "GPE, MPLS, port %d", port)
		add(VXLAN, framed(over(port, flags, 0, 0, 4, 0, 0, 7, 0, 0x0f, 0xc2, 2, 3, 0, 0, 1, 255)), "GPE, NSH, port %d", port)
	}
	for options := range 4 {
		h := append([]byte{byte(options), 0x40, 0x65, 0x58, 0, 0, 7, 0}, make([]byte, 4*options)...)
		add(Geneve, framed(over(6081, h...)), "Geneve, Ethernet, %d options", options)
		h = append([]byte{byte(options), 0, 8, 0, 0, 0, 7, 0}, make([]byte, 4*options)...)
		add(Geneve, byVersion(0, 0xdd, func(low byte) func([]byte) []byte {
			h[2], h[3] = 8, low
			if low == 0xdd {
				h[2] = 0x86
			}
			return over(6081, h...)
		}), "Geneve, IP, %d options", options)
	}
	for flags := 0; flags < 8; flags++ {
		h := []byte{byte(flags&4<<5 | flags&2<<4 | flags&1<<4), 0, 0, 0}
		for range [...]int{0, 1, 1, 2, 1, 2, 2, 3}[flags] {
			h = append(h, 0, 0, 0, 9)
		}
		of := func(etherType uint16, more ...byte) func([]byte) []byte {
			g := append(h[:len(h):len(h)], more...)
			binary.BigEndian.PutUint16(g[2:], etherType)
			return behind(47, g...)
		}
		add(GRE, byVersion(0, 1, func(six byte) func([]byte) []byte {
			if six == 1 {
				return of(0x86dd)
			}
			return of(0x0800)
		}), "GRE, IP, flags %d", flags)
		add(GRE, framed(of(0x6558)), "GRE, Ethernet, flags %d", flags)
		add(GRE, of(0x8847, 0, 1, 0, 64, 0, 2, 1, 64), "GRE, MPLS, flags %d", flags)
		add(GRE, framed(of(0x8847, 0, 1, 1, 64, 0, 0, 0, 1)), "GRE, MPLS, a pseudowire with control word, flags %d", flags)
		add(GRE, framed(of(0x8847, 0, 1, 1, 64)), "GRE, MPLS, a pseudowire, flags %d", flags)
		add(GRE, inPPP(true, false, of(0x880b)), "GRE, PPP, flags %d", flags)
		add(GRE, framed(of(0x894f, 0x0f, 0xc2, 2, 3, 0, 0, 1, 255)), "GRE, NSH, flags %d", flags)
		if flags&1 == 0 {
			add(GRE, framed(of(0x88be)), "ERSPAN I, flags %d", flags)
			continue
		}
		add(GRE, framed(of(0x88be, 0x10, 5, 8, 1, 0, 0, 0, 2)), "ERSPAN II, flags %d", flags)
		add(GRE, framed(of(0x22eb, 0x20, 5, 0, 1, 1, 2, 3, 4, 0, 0, 0, 0)), "ERSPAN III, flags %d", flags)
		add(GRE, framed(of(0x22eb, 0x20, 5, 0, 1, 1, 2, 3, 4, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9)), "ERSPAN III, platform, flags %d", flags)
		add(GRE, of(0x22eb, 0x20, 5, 0, 1, 1, 2, 3, 4, 0, 0, 2<<2, 0), "ERSPAN III, IP, flags %d", flags)
	}
	for n := range 8 {
		control, short, ack := n&1 != 0, n&2 != 0, n&4 != 0
		h := []byte{0x30, 1, 0x88, 0x0b, 0, 0, 0, 7, 0, 0, 0, 1}
		if ack {
			h = append(h, 0, 0, 0, 1)
			h[1] |= 0x80
		}
		add(GRE, inPPP(control, short, counted(24, 20+len(h), behind(47, h...))), "PPTP %d", n)
	}
	add(IPIP, ipip(hostA, hostB), "IP in IPv4")
	add(IPIP, ipip(tester6, kernel6), "IP in IPv6")
	add(MPLS, over(6635, 0, 1, 0, 64, 0, 2, 1, 64), "MPLS in UDP")
	add(MPLS, framed(over(6635, 0, 1, 1, 64, 0, 0, 0, 0)), "MPLS in UDP, a pseudowire")
	add(MPLS, behind(137, 0, 1, 1, 64), "MPLS in IP")
	for flags := range byte(8) {
		h := []byte{0x30 | flags, 255, 0, 0, 0, 0, 0, 5}
		if flags != 0 {
			h = append(h, 0, 1, 2, 0)
		}
		add(GTP, counted(30, 36, over(2152, h...)), "GTP-U flags %d", flags)
		if flags&4 != 0 {
			h[11] = 0x85 // PDU session container, then a UDP port
			h = append(h, 1, 0x10, 9, 0x40, 2, 1, 2, 3, 4, 5, 6, 0)
			add(GTP, counted(30, 36, over(2152, h...)), "GTP-U extended, flags %d", flags)
		}
	}
	for n := range 32 {
		h := []byte{0, 2}
		lengthAt := 0
		if n&1 != 0 {
			h[0] |= 0x40
			lengthAt = 30
			h = append(h, 0, 0)
		}
		h = append(h, 0, 1, 0, 2)
		if n&2 != 0 {
			h[0] |= 8
			h = append(h, 0, 1, 0, 2)
		}
		if n&4 != 0 {
			h[0] |= 2
			h = append(h, 0, 3, 9, 9, 9)
		}
		wrap := over(1701, h...)
		if lengthAt != 0 {
			wrap = counted(lengthAt, 28, wrap)
		}
		add(L2TP, inPPP(n&8 != 0, n&16 != 0, wrap), "L2TPv2 %d", n)
	}
	for _, cookie := range []int{0, 4, 8} {
		for _, sublayer := range []int{0, 4} {
			h := []byte{0, 0, 0, 5, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8}[:4+cookie]
			h = append(h[:len(h):len(h)], []byte{0x40, 0, 0, 1}[:sublayer]...)
			u := append([]byte{0, 3, 0, 0}, h...)
			name := fmt.Sprintf("cookie of %d, sublayer of %d", cookie, sublayer)
			add(L2TP, framed(behind(115, h...)), "L2TPv3 over IP, Ethernet, %s", name)
			add(L2TP, behind(115, h...), "L2TPv3 over IP, IP, %s", name)
			add(L2TP, framed(over(1701, u...)), "L2TPv3 over UDP, Ethernet, %s", name)
			add(L2TP, inPPP(true, false, over(1701, u...)), "L2TPv3 over UDP, PPP, %s", name)
			add(L2TP, byVersion(0, 0xdd, func(low byte) func([]byte) []byte {
				return over(1701, append(u[:len(u):len(u)], 0x0f, 0, map[byte]byte{0: 8, 0xdd: 0x86}[low], low)...)
			}), "L2TPv3 over UDP, HDLC, %s", name)
		}
	}
	add(EtherIP, framed(behind(97, 0x30, 0)), "EtherIP")
	add(EtherIP, framed(behind(143)), "Ethernet in IP")
	for kind := range byte(2) {
		add(TZSP, framed(over(37008, 1, kind, 0, 1, 1)), "TZSP, type %d", kind)
		add(TZSP, framed(over(37008, 1, kind, 0, 1, 10, 1, 0xb5, 0, 0, 13, 4, 1, 2, 3, 4, 1)), "TZSP, type %d, tags", kind)
	}
	for words := range byte(3) {
		more := make([]byte, 4*words)
		gue := func(proto byte, inner ...byte) func([]byte) []byte {
			return over(6080, append(append([]byte{words, proto, 0, 0}, more...), inner...)...)
		}
		add(GUE, byVersion(4, 41, func(proto byte) func([]byte) []byte { return gue(proto) }), "GUE, IP, %d words", words)
		add(GUE, framed(gue(97, 0x30, 0)), "GUE, EtherIP, %d words", words)
		add(GUE, gue(137, 0, 1, 1, 64), "GUE, MPLS, %d words", words)
		add(GUE, framed(gue(47, 0, 0, 0x65, 0x58)), "GUE, GRE, %d words", words)
		add(CAPWAP, framed(over(5247, append([]byte{0, (2 + words) << 3, 2, 0, 0, 0, 0, 0}, more...)...)), "CAPWAP, %d words", words)
	}
	add(GUE, over(6080), "GUE, version 1")
	add(GRE, framed(over(4754, 0x20, 0, 0x65, 0x58, 0, 0, 0, 9)), "GRE in UDP")
	add(GRE, behind(47, 0, 0, 0x88, 0x3e), "WCCP")
	add(GRE, behind(47, 0, 0, 0x88, 0x3e, 0, 0, 0, 0), "WCCP, version 2")
	add(IPIP, over(3544), "Teredo")
	add(IPIP, over(3544, 0, 1, 1, 2, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 9, 9, 9, 9, 9), "Teredo with indicators")
	add(LISP, over(4341, 0x80, 0, 0, 0, 0, 0, 0, 1), "LISP")
	add(LISP, over(4341, 0x88, 0, 0, 0, 0, 0, 5, 1), "LISP, an instance")
	return all
}

// talk is a short connection: a handshake and what each side says.
func talk(c, s netip.AddrPort, ask, answer string) (packets [][]byte) {
	raw := packetgen.Link{Type: decode.LinkRaw}
	add := func(src, dst netip.AddrPort, flags decode.TCPFlags, seq, ack uint32, payload string) {
		t := packetgen.TCP{Link: &raw, Src: src, Dst: dst, Seq: seq, Ack: ack, Flags: flags, Payload: []byte(payload)}
		packets = append(packets, t.Frame())
	}
	add(c, s, decode.SYN, 100, 0, "")
	add(s, c, decode.SYN|decode.ACK, 500, 101, "")
	add(c, s, decode.ACK|decode.PSH, 101, 501, ask)
	add(s, c, decode.ACK|decode.PSH, 501, 101+uint32(len(ask)), answer)
	return packets
}

func talks() [][][]byte {
	return [][][]byte{
		talk(clientAddr, serverAddr, "ask", "answer"),
		talk(netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8::2]:7272"), "ask", "answer"),
	}
}

const talked = "client ask|server answer|closed eof"

// TestTunnelKinds goes through tunnels of every kind and form: with the kind
// switched on alone what is inside is found, with all others it is not; cut at
// any byte, or in fragments, it does no harm.
func TestTunnelKinds(t *testing.T) {
	for _, c := range wrappings() {
		for _, conn := range talks() {
			if strings.HasPrefix(c.name, "Teredo") && conn[0][0]>>4 == 4 {
				continue
			}
			if strings.Contains(c.name, "IP in IPv6") && conn[0][0]>>4 == 4 {
				continue // in layers_test.go
			}
			for _, on := range []Tunnels{c.kind, AllTunnels, AllTunnels &^ (c.kind | AnyPort)} {
				b := newBench(t, &Config{Tunnels: on})
				for _, p := range conn {
					b.frame(decode.LinkRaw, c.wrap(p))
				}
				if got := b.close(); (got == talked) != (on&c.kind != 0) {
					t.Fatalf("%s: %q with %b", c.name, got, on)
				}
			}
			whole := c.wrap(conn[2])
			for n := range whole {
				b := newBench(t, &Config{Tunnels: AllTunnels, RecentBytes: -1})
				var p decode.Packet
				p.DecodeCut(decode.LinkRaw, whole[:n], len(whole))
				b.packet(&p)
				p.Decode(decode.LinkRaw, whole[:n])
				b.packet(&p)
				b.close()
			}
		}
	}
}

// TestTunnelFragments: a tunnel's packets may be fragments, outside and inside.
func TestTunnelFragments(t *testing.T) {
	for _, c := range wrappings() {
		if strings.HasPrefix(c.name, "Teredo") {
			continue // carries IPv6 alone
		}
		ask := strings.Repeat("0123456789abcdef", 100)
		b := newBench(t, &Config{Tunnels: c.kind})
		id := uint32(0)
		fragments := func(p []byte, size int) [][]byte {
			var d decode.Packet
			if err := d.Decode(decode.LinkRaw, p); err != nil {
				t.Fatal(err)
			}
			id++
			h := packetgen.IP{Src: d.Src().Addr(), Dst: d.Dst().Addr(), Proto: d.Proto, ID: id}
			return h.Fragments(p[d.TransportOffset:], size)
		}
		for _, p := range talk(clientAddr, serverAddr, ask, "answer") {
			pieces := [][]byte{p}
			if len(p) > 1000 {
				pieces = fragments(p, 800)
			}
			for _, piece := range pieces {
				if outer := c.wrap(piece); len(outer) > 600 {
					for _, f := range fragments(outer, 560) {
						b.frame(decode.LinkRaw, f)
					}
				} else {
					b.frame(decode.LinkRaw, outer)
				}
			}
		}
		if got := b.close(); got != strings.Replace(talked, "ask", ask, 1) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// TestTunnelForms: a mirror that uses a port of its own is known by its form.
func TestTunnelForms(t *testing.T) {
	other := map[string]func([]byte) []byte{
		"VXLAN":   framed(over(14789, 8, 0, 0, 0, 0, 0, 7, 0)),
		"Geneve":  framed(over(16081, 1, 0, 0x65, 0x58, 0, 0, 7, 0, 0, 0, 0, 0)),
		"GTP-U":   counted(30, 36, over(12152, 0x30, 255, 0, 0, 0, 0, 0, 5)),
		"TZSP":    framed(over(47008, 1, 0, 0, 1, 1)),
		"no form": framed(over(14789, 8, 0, 0, 0, 0, 0, 7, 1)),
	}
	for name, wrap := range other {
		for _, conn := range talks() {
			for _, on := range []Tunnels{AllTunnels, AllTunnels &^ AnyPort} {
				b := newBench(t, &Config{Tunnels: on})
				for _, p := range conn {
					b.frame(decode.LinkRaw, wrap(p))
				}
				want := on&AnyPort != 0 && name != "no form"
				if got := b.close(); (got == talked) != want {
					t.Errorf("%s: %q with %b", name, got, on)
				}
			}
		}
		// One wrong bit in what is inside, and it is none.
		p := append([]byte(nil), talks()[0][2]...)
		p[10] ^= 1
		b := newBench(t, &Config{Tunnels: AllTunnels})
		b.frame(decode.LinkRaw, wrap(p))
		if got := b.close(); got != "" {
			t.Errorf("%s with a wrong checksum: %s", name, got)
		}
	}
}

// usualUDP makes a datagram's payload as DNS, RTP, QUIC, or NTP has it, or noise.
func usualUDP(rng *rand.Rand) []byte {
	b := make([]byte, 12+rng.IntN(200))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	switch rng.IntN(5) {
	case 0: // DNS
		binary.BigEndian.PutUint16(b[2:], uint16(rng.IntN(2)<<15|0x100))
		copy(b[4:], []byte{0, 1, 0, byte(rng.IntN(3)), 0, 0, 0, 0})
		copy(b[12:], "\x07example\x04test\x00\x00\x01\x00\x01")
	case 1: // RTP
		b[0], b[1] = 0x80, byte(rng.IntN(128))
	case 2: // QUIC: long header and short
		b[0] |= 0x40
		if rng.IntN(2) == 0 {
			b[0] |= 0x80
			copy(b[1:], []byte{0, 0, 0, 1, 8})
		}
	case 3: // NTP
		b[0] = 0x23
	}
	return b
}

// TestTunnelsUsualUDP: what UDP usually carries is no tunnel, also on the ports
// of tunnels.
func TestTunnelsUsualUDP(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	ports := []uint16{53, 123, 443, 5004, 4789, 4790, 8472, 6081, 6635, 2152, 1701, 37008, 40000}
	b := newBench(t, &Config{Tunnels: AllTunnels, RecentBytes: -1})
	var p decode.Packet
	for range 100_000 {
		raw := packetgen.Link{Type: decode.LinkRaw}
		u := packetgen.UDP{Link: &raw, Src: netip.AddrPortFrom(hostA, ports[rng.IntN(len(ports))]),
			Dst: netip.AddrPortFrom(hostB, ports[rng.IntN(len(ports))]), Payload: usualUDP(rng)}
		if err := p.Decode(decode.LinkRaw, u.Frame()); err != nil {
			t.Fatal(err)
		}
		packetAt(b.a, &p, start)
	}
	b.balance()
	if s := b.a.Stats(); s.Other != s.Packets {
		t.Errorf("%+v", s)
	}
	b.close()
}

// TestTunnelsAllocate: to look into tunnels allocates nothing.
func TestTunnelsAllocate(t *testing.T) {
	var s sink
	a := New(&Config{Tunnels: AllTunnels, RecentBytes: -1}, func(*Flow) Consumer { return &s })
	var packets []decode.Packet
	for _, c := range wrappings() {
		for _, raw := range talks()[0][:3] {
			var p decode.Packet
			if err := p.Decode(decode.LinkRaw, c.wrap(raw)); err != nil {
				t.Fatal(err)
			}
			packets = append(packets, p)
		}
	}
	all := func() {
		for i := range packets {
			packetAt(a, &packets[i], start)
		}
	}
	all()
	if n := testing.AllocsPerRun(10, all); n > 0 {
		t.Errorf("%v allocations for %d packets", n, len(packets))
	}
}

func FuzzTunnels(f *testing.F) {
	for _, c := range wrappings() {
		for _, conn := range talks() {
			f.Add(c.wrap(conn[2]))
		}
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		b := newBench(t, &Config{Tunnels: AllTunnels, RecentBytes: -1})
		var p decode.Packet
		p.Decode(decode.LinkRaw, packet)
		b.packet(&p)
		p.DecodeCut(decode.LinkRaw, packet, len(packet)+100)
		b.packet(&p)
		b.close()
	})
}

func BenchmarkTunnel(b *testing.B) {
	var s sink
	a := New(&Config{Tunnels: AllTunnels}, func(*Flow) Consumer { return &s })
	wrap := vxlan(4789, 7)
	for _, raw := range talks()[0] {
		var p decode.Packet
		p.Decode(decode.LinkRaw, wrap(raw))
		packetAt(a, &p, start)
	}
	var p decode.Packet
	p.Decode(decode.LinkRaw, wrap(talks()[0][1]))
	b.ReportAllocs()
	for range b.N {
		packetAt(a, &p, start)
	}
}
