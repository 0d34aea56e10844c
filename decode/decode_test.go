package decode_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

var update = flag.Bool("update", false, "rewrite golden files")

// A sample is a frame that a seed or a row of the golden file is made of; name
// says what it hits.
type sample struct {
	name  string
	link  decode.LinkType
	frame []byte
	wire  int // 0: the frame is whole
}

func (s *sample) decode(p *decode.Packet) error {
	return p.DecodeCut(s.link, s.frame, max(s.wire, len(s.frame)))
}

// put returns frame with bytes replaced at off.
func put(frame []byte, off int, b ...byte) []byte {
	frame = bytes.Clone(frame)
	copy(frame[off:], b)
	return frame
}

func samples() []sample {
	const eth = decode.LinkEthernet
	hello := []byte("hello")
	tcp4 := packetgen.TCP{Src: client4, Dst: server4, Seq: 1, Ack: 2, Flags: decode.PSH | decode.ACK, Payload: hello, IP: packetgen.IP{ID: 9, DF: true, TOS: 0x12, TTL: 3}}
	tcp6 := packetgen.TCP{Src: client6, Dst: server6, Seq: 1, Ack: 2, Flags: decode.SYN | decode.AE, Payload: hello, IP: packetgen.IP{Flow: 0xabcde, TOS: 0x12, TTL: 3}}
	udp4 := packetgen.UDP{Src: client4, Dst: server4, Payload: hello}
	udp6 := packetgen.UDP{Src: client6, Dst: server6, Payload: hello}
	f4, f6 := tcp4.Frame(), tcp6.Frame()

	on := func(l packetgen.Link, t packetgen.TCP) []byte {
		t.Link = &l
		return t.Frame()
	}
	with := func(t packetgen.TCP, change func(*packetgen.TCP)) []byte {
		change(&t)
		return t.Frame()
	}
	exts := func(e ...packetgen.Extension) []byte {
		return with(tcp6, func(t *packetgen.TCP) { t.IP.Extensions = e })
	}
	under := func(etherType uint16, head []byte, frame []byte) []byte {
		l := packetgen.Ethernet()
		return l.Append(nil, etherType, append(bytes.Clone(head), frame[14:]...))
	}
	tags := packetgen.Ethernet()
	tags.VLANs = []packetgen.VLAN{{Type: 0x88a8, TCI: 0xe001}, {Type: 0x9100, TCI: 0x1002}, {TCI: 3}}
	padded := packetgen.Ethernet()
	padded.Pad = true
	sll := packetgen.Link{Type: decode.LinkSLL, Src: [6]byte{2, 0, 0, 0, 0, 1}, PacketType: 4}
	sll2 := packetgen.Link{Type: decode.LinkSLL2, Src: [6]byte{2, 0, 0, 0, 0, 1}, Interface: 7, PacketType: 4}
	sllTags, sll2Tags := sll, sll2
	sllTags.VLANs, sll2Tags.VLANs = tags.VLANs, tags.VLANs
	null := packetgen.Link{Type: decode.LinkNull}
	nullBig := packetgen.Link{Type: decode.LinkNull, BigEndian: true}
	arp := packetgen.Ethernet()
	tcpFrags := tcp4.Fragments(24)
	tcpFrags6 := tcp6.Fragments(24)
	ah := append([]byte{6, 4, 0, 0}, make([]byte, 20)...)
	ah4 := arp.Append(nil, 0x0800, (&packetgen.IP{Src: client4.Addr(), Dst: server4.Addr(), Proto: 51}).Append(nil, append(ah, tcp4.Segment()...)))
	jumbo := exts(packetgen.Extension{Proto: 0, Data: []byte{0xc2, 4, 0, 1, 0, 40}})
	jumbo = put(jumbo, 14+4, 0, 0)

	return []sample{
		{"tcp4: the plain case", eth, f4, 0},
		{"tcp6: flow label, traffic class, AE flag", eth, f6, 0},
		{"udp4", eth, udp4.Frame(), 0},
		{"udp6", eth, udp6.Frame(), 0},
		{"tcp4 options: SYN of a Linux host", eth, with(tcp4, func(t *packetgen.TCP) {
			t.Flags = decode.SYN
			t.Options = packetgen.Options(packetgen.MSS(1460), packetgen.SACKPermitted(), packetgen.Timestamps(1, 0), packetgen.NOP(), packetgen.WindowScale(7))
		}), 0},
		{"tcp4 options: longest header", eth, with(tcp4, func(t *packetgen.TCP) { t.Options = bytes.Repeat([]byte{1}, 40) }), 0},

		{"three VLAN tags", eth, on(tags, tcp4), 0},
		{"VLAN tag cut", eth, on(tags, tcp4)[:17], 60},
		{"padding: ACK without data in a 60-byte frame", eth, with(tcp4, func(t *packetgen.TCP) { t.Link, t.Payload = &padded, nil }), 0},
		{"sll", decode.LinkSLL, on(sll, tcp4), 0},
		{"sll with VLAN tags", decode.LinkSLL, on(sllTags, tcp6), 0},
		{"sll cut", decode.LinkSLL, on(sll, tcp4)[:15], 60},
		{"sll of netlink: protocol is not an EtherType", decode.LinkSLL, put(on(sll, tcp4), 2, 3, 0x38), 0},
		{"sll2", decode.LinkSLL2, on(sll2, tcp6), 0},
		{"sll2 with VLAN tags", decode.LinkSLL2, on(sll2Tags, tcp4), 0},
		{"sll2 cut", decode.LinkSLL2, on(sll2, tcp6)[:19], 60},
		{"null, little endian", decode.LinkNull, on(null, tcp4), 0},
		{"null, big endian", decode.LinkNull, on(nullBig, tcp6), 0},
		{"null, family not IP", decode.LinkNull, []byte{7, 0, 0, 0, 1, 2}, 0},
		{"null cut", decode.LinkNull, []byte{2, 0, 0}, 0},
		{"loop", decode.LinkLoop, on(packetgen.Link{Type: decode.LinkLoop}, tcp4), 0},
		{"raw IPv4", decode.LinkRaw, f4[14:], 0},
		{"raw IPv6", decode.LinkRaw, f6[14:], 0},
		{"raw, number of other writers", 12, f6[14:], 0},
		{"raw, empty", decode.LinkRaw, nil, 0},
		{"raw, version 5", decode.LinkRaw, put(f4[14:], 0, 0x55), 0},
		{"IPv4 link", decode.LinkIPv4, f4[14:], 0},
		{"IPv4 link with IPv6", decode.LinkIPv4, f6[14:], 0},
		{"IPv6 link", decode.LinkIPv6, f6[14:], 0},
		{"link type unknown", 147, f4, 0},
		{"ethernet cut", eth, f4[:13], 60},
		{"ARP", eth, arp.Append(nil, decode.EtherTypeARP, make([]byte, 28)), 0},
		{"SNAP with IPv4", eth, under(uint16(len(f4)-14+8), []byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, f4), 0},
		{"802.2 with IPv4", eth, under(uint16(len(f4)-14+3), []byte{6, 6, 3}, f4), 0},
		{"802.2, spanning tree", eth, under(38, []byte{0x42, 0x42, 3}, f4), 0},
		{"MPLS, two labels, IPv4", eth, under(0x8847, []byte{0, 1, 0, 64, 0, 2, 1, 64}, f4), 0},
		{"MPLS, IPv6", eth, under(0x8848, []byte{0, 1, 1, 64}, f6), 0},
		{"MPLS, a pseudowire", eth, under(0x8847, []byte{0, 1, 1, 64, 0, 0, 0, 0}, f4), 0},
		{"MPLS stack without bottom, cut", eth, arp.Append(nil, 0x8847, []byte{0, 1, 0, 64, 0, 2}), 0},
		{"PPPoE, IPv4", eth, under(0x8864, []byte{0x11, 0, 0, 1, 0, byte(len(f4) - 12), 0, 0x21}, f4), 0},
		{"PPPoE, IPv6, compressed protocol", eth, under(0x8864, []byte{0x11, 0, 0, 1, 0, byte(len(f6) - 13), 0x57}, f6), 0},
		{"PPPoE, LCP", eth, arp.Append(nil, 0x8864, []byte{0x11, 0, 0, 1, 0, 4, 0xc0, 0x21, 9, 9}), 0},
		{"PPPoE version wrong", eth, arp.Append(nil, 0x8864, []byte{0x21, 0, 0, 1, 0, 4, 0xc0, 0x21, 9, 9}), 0},

		{"IPv4 options", eth, with(tcp4, func(t *packetgen.TCP) { t.IP.Options = []byte{148, 4, 0, 0, 1, 7, 3, 4} }), 0},
		{"IPv4 header length 4", eth, put(f4, 14, 0x44), 0},
		{"IPv4 header length beyond the total length", eth, put(f4, 14+2, 0, 19), 0},
		{"IPv4 version 6", eth, put(f4, 14, 0x65), 0},
		{"IPv4 total length 0: TSO", eth, with(tcp4, func(t *packetgen.TCP) { t.IP.NoLength = true }), 0},
		{"IPv4 total length 0, cut: length from the wire", eth, with(tcp4, func(t *packetgen.TCP) { t.IP.NoLength = true }), 9000},
		{"IPv4 total length beyond the frame", eth, put(f4, 14+2, 1, 0), 0},
		{"IPv4 total length ends in the TCP header", eth, put(f4, 14+2, 0, 39), 0},
		{"IPv4 header cut", eth, f4[:14+19], 59},
		{"IPv4 options cut", eth, with(tcp4, func(t *packetgen.TCP) { t.IP.Options = []byte{148, 4, 0, 0} })[:14+23], 80},
		{"IPv4 first fragment", eth, tcpFrags[0], 0},
		{"IPv4 last fragment", eth, tcpFrags[1], 0},
		{"IPv4 authentication header", eth, ah4, 0},
		{"IPv4 authentication header cut", eth, ah4[:14+20+11], len(ah4)},
		{"IPv4 authentication header beyond the packet", eth, put(ah4, 14+20+1, 200), 0},
		{"IPv4 ICMP", eth, arp.Append(nil, 0x0800, (&packetgen.IP{Src: client4.Addr(), Dst: server4.Addr(), Proto: 1}).Append(nil, []byte{8, 0, 0, 0})), 0},

		{"IPv6 hop-by-hop, destination, routing, authentication", eth, exts(packetgen.Extension{Proto: 0}, packetgen.Extension{Proto: 60, Data: make([]byte, 12)}, packetgen.Extension{Proto: 43, Data: make([]byte, 22)}, packetgen.Extension{Proto: 51, Data: make([]byte, 22)}), 0},
		{"IPv6 mobility, HIP, shim6", eth, exts(packetgen.Extension{Proto: 135}, packetgen.Extension{Proto: 139}, packetgen.Extension{Proto: 140}), 0},
		{"IPv6 extension header beyond the packet", eth, put(exts(packetgen.Extension{Proto: 60}), 14+41, 200), 0},
		{"IPv6 extension header cut", eth, exts(packetgen.Extension{Proto: 60, Data: make([]byte, 30)})[:14+50], 120},
		{"IPv6 ESP", eth, put(f6, 14+6, 50), 0},
		{"IPv6 no next header", eth, put(f6, 14+6, 59), 0},
		{"IPv6 no next header, no payload", eth, put(f6, 14+4, 0, 0, 59), 0},
		{"IPv6 version 4", eth, put(f6, 14, 0x40), 0},
		{"IPv6 payload length 0: TSO", eth, put(f6, 14+4, 0, 0), 0},
		{"IPv6 jumbo payload: BIG TCP", eth, jumbo, 0},
		{"IPv6 header cut", eth, f6[:14+39], 79},
		{"IPv6 first fragment", eth, tcpFrags6[0], 0},
		{"IPv6 last fragment", eth, tcpFrags6[1], 0},
		{"IPv6 atomic fragment", eth, tcp6.Fragments(1 << 12)[0], 0},

		{"TCP data offset 4", eth, put(f4, 14+20+12, 0x40), 0},
		{"TCP data offset beyond the packet", eth, put(f4, 14+20+12, 0xf0), 0},
		{"TCP header cut", eth, f4[:14+20+19], 59},
		{"TCP options cut: the fixed header counts", eth, with(tcp4, func(t *packetgen.TCP) { t.Options = bytes.Repeat([]byte{1}, 12) })[:14+20+25], 71},
		{"TCP payload cut", eth, f4[:len(f4)-2], len(f4)},
		{"UDP header cut", eth, udp4.Frame()[:14+20+7], 60},
		{"UDP length 7", eth, put(udp4.Frame(), 14+20+4, 0, 7), 0},
		{"UDP length beyond the packet", eth, put(udp4.Frame(), 14+20+4, 0, 200), 0},
		{"UDP shorter than the packet", eth, put(udp4.Frame(), 14+20+4, 0, 10), 0},
	}
}

// summary tells every field of p that is valid.
func summary(p *decode.Packet, err error) string {
	var b strings.Builder
	fmt.Fprintf(&b, "err=%v type=%04x", err, p.EtherType)
	if m := p.SrcMAC(); m != nil {
		fmt.Fprintf(&b, " mac=%x>%x", m, p.DstMAC())
	}
	if c, ok := p.Cooked(); ok {
		fmt.Fprintf(&b, " cooked=%+v", c)
	}
	for i := range p.VLANs() {
		v := p.VLAN(i)
		fmt.Fprintf(&b, " vlan=%04x/%d/%d/%v", v.Type, v.ID(), v.Priority(), v.DropEligible())
	}
	fmt.Fprintf(&b, " net=%d", p.NetworkOffset)
	if p.IPVersion != 0 {
		fmt.Fprintf(&b, " ip%d proto=%d %v>%v header=%d length=%d ttl=%d tos=%#x", p.IPVersion, p.Proto, p.Src(), p.Dst(), len(p.IPHeader()), p.IPLength, p.TTL(), p.TOS())
		if p.IPVersion == 4 {
			fmt.Fprintf(&b, " id=%d df=%v ipopts=%x", p.ID(), p.DF(), []byte(p.IPOptions()))
		} else {
			fmt.Fprintf(&b, " flow=%#x", p.FlowLabel())
		}
		if p.NoLength {
			b.WriteString(" nolength")
		}
		if n := len(p.Trailer()); n > 0 {
			fmt.Fprintf(&b, " trailer=%d", n)
		}
	}
	if p.Fragment {
		fmt.Fprintf(&b, " fragment=%d+%d more=%v", p.FragmentID, p.FragmentOffset, p.MoreFragments)
	}
	if p.TCP {
		fmt.Fprintf(&b, " tcp flags=%#x seq=%d ack=%d win=%d urg=%d opts=%x", uint16(p.Flags), p.Seq, p.Ack, p.Window, p.Urgent, []byte(p.Options))
	}
	if p.UDP {
		b.WriteString(" udp")
	}
	if p.TCP || p.UDP {
		fmt.Fprintf(&b, " sums=%v/%v", p.IPChecksumOK(), p.TransportChecksumOK())
	}
	fmt.Fprintf(&b, " payload=%d/%d", len(p.Payload), p.PayloadLen)
	return b.String()
}

// TestGolden compares what one reused Packet tells of each sample with
// testdata/golden.txt; -update rewrites it.
func TestGolden(t *testing.T) {
	var b strings.Builder
	var p decode.Packet
	all := samples()
	for _, s := range wrapped() {
		if strings.HasSuffix(s.name, ": IPv4") {
			all = append(all, s)
		}
	}
	for _, s := range all {
		err := s.decode(&p)
		fmt.Fprintf(&b, "# %s\n%d %s\n%s\n\n", s.name, s.link, hex.EncodeToString(s.frame), summary(&p, err))
	}
	const file = "testdata/golden.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, expect := strings.Split(b.String(), "\n\n"), strings.Split(strings.ReplaceAll(string(want), "\r\n", "\n"), "\n\n")
	for i := range max(len(got), len(expect)) {
		if i >= len(got) || i >= len(expect) {
			t.Fatalf("%d samples, golden file has %d", len(got), len(expect))
		}
		if got[i] != expect[i] {
			t.Errorf("got\n%s\nwant\n%s", got[i], expect[i])
		}
	}
}

// TestCutAnywhere decodes every prefix of every good sample: it is truncated
// where it ends in a header, never malformed, and tells the same lengths.
func TestCutAnywhere(t *testing.T) {
	for _, s := range samples() {
		var whole, p decode.Packet
		if s.wire != 0 || s.decode(&whole) != nil {
			continue
		}
		headers := len(s.frame) - len(whole.Payload) - len(whole.Trailer())
		if whole.UDP {
			headers = whole.TransportOffset + 8
		}
		if whole.IPVersion == 0 {
			continue // what is behind the link layer was not read
		}
		for n := range len(s.frame) {
			err := p.DecodeCut(s.link, s.frame[:n], len(s.frame))
			if n < headers != (err != nil) || err != nil && !errors.Is(err, decode.ErrTruncated) {
				t.Errorf("%s: %d of %d bytes of headers: %v", s.name, n, headers, err)
			}
			if err == nil && (p.PayloadLen != whole.PayloadLen || p.IPLength != whole.IPLength || !whole.Fragment && (p.Src() != whole.Src() || p.Dst() != whole.Dst())) {
				t.Errorf("%s: cut at %d: %s", s.name, n, summary(&p, err))
			}
			if p.TCP && (p.Seq != whole.Seq || p.Flags != whole.Flags || p.PayloadLen != whole.PayloadLen) {
				t.Errorf("%s: cut at %d: %s", s.name, n, summary(&p, err))
			}
		}
	}
}

// TestReassembled gives a datagram's data to DecodeTransport, as the one who
// puts fragments together does.
func TestReassembled(t *testing.T) {
	whole := packetgen.TCP{Src: client6, Dst: server6, Seq: 1, Payload: make([]byte, 100)}
	for _, c := range []struct {
		name     string
		src, dst netip.AddrPort
		ext      []byte // in the fragmentable part
	}{
		{"IPv4", client4, server4, nil},
		{"IPv6", client6, server6, nil},
		{"IPv6, destination options in the fragments", client6, server6, []byte{6, 0, 1, 4, 0, 0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole.Src, whole.Dst = c.src, c.dst
			ip := packetgen.IP{Src: c.src.Addr(), Dst: c.dst.Addr(), Proto: 6, ID: 77}
			if c.ext != nil {
				ip.Proto = 60
			}
			var p decode.Packet
			var data []byte
			for i, f := range ip.Fragments(append(c.ext, whole.Segment()...), 48) {
				if err := p.Decode(decode.LinkRaw, f); err != nil || !p.Fragment || p.TCP || p.FragmentID != 77 || p.FragmentOffset != len(data) || p.Proto != ip.Proto {
					t.Fatalf("fragment %d: %s", i, summary(&p, err))
				}
				if first := i == 0 && c.ext == nil; (p.SrcPort == c.src.Port()) != first {
					t.Errorf("fragment %d: ports %v %v", i, p.Src(), p.Dst())
				}
				data = append(data, p.Payload...)
			}
			err := p.DecodeTransport(p.Proto, data)
			if err != nil || !p.TCP || p.Fragment || p.Src() != c.src || p.Dst() != c.dst || p.Seq != 1 || len(p.Payload) != 100 || p.PayloadLen != 100 {
				t.Errorf("put together: %s", summary(&p, err))
			}
		})
	}
}

// TestReuse decodes every sample after every other one: nothing of the first
// may show.
func TestReuse(t *testing.T) {
	all := samples()
	for _, s := range all {
		var fresh decode.Packet
		want := summary(&fresh, s.decode(&fresh))
		for _, before := range all {
			var p decode.Packet
			before.decode(&p)
			if got := summary(&p, s.decode(&p)); got != want {
				t.Errorf("%s after %s:\n got %s\nwant %s", s.name, before.name, got, want)
			}
		}
	}
}

func TestChecksum(t *testing.T) {
	// The example of RFC 1071, section 3, whose sum is 0xddf2.
	if got := decode.Checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}); got != ^uint16(0xddf2) {
		t.Errorf("RFC 1071: %#x", got)
	}
	data := make([]byte, 300)
	for i := range data {
		data[i] = byte(i * 7)
		if i%3 == 0 {
			data[i] = 0xff
		}
	}
	for n := range data {
		if got, want := decode.Checksum(data[:n]), ^packetgen.Sum(data[:n], 0); got != want {
			t.Errorf("%d bytes: %#x, want %#x", n, got, want)
		}
		for _, a := range [][2]netip.AddrPort{{client4, server4}, {client6, server6}} {
			var p decode.Packet
			seg := packetgen.TCP{Src: a[0], Dst: a[1], Payload: data[:n]}
			if err := p.Decode(decode.LinkEthernet, seg.Frame()); err != nil || !p.TransportChecksumOK() || !p.IPChecksumOK() {
				t.Errorf("%v, %d bytes: %s", a, n, summary(&p, err))
			}
			seg.BadSum, seg.IP.BadSum = true, true
			if err := p.Decode(decode.LinkEthernet, seg.Frame()); err != nil || p.TransportChecksumOK() || p.IPChecksumOK() != (p.IPVersion == 6) {
				t.Errorf("%v, %d bytes, spoilt: %s", a, n, summary(&p, err))
			}
		}
	}
	var p decode.Packet
	none := packetgen.UDP{Src: client4, Dst: server4, NoSum: true}
	if err := p.Decode(decode.LinkEthernet, none.Frame()); err != nil || !p.TransportChecksumOK() {
		t.Errorf("UDP without checksum: %s", summary(&p, err))
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		name string
		opts decode.Options
		want string
		rest int
	}{
		{"none", nil, "", 0},
		{"NOPs", decode.Options{1, 1}, "1: 1: ", 0},
		{"all of a SYN", packetgen.Options(packetgen.MSS(1460), packetgen.SACKPermitted(), packetgen.Timestamps(1, 2), packetgen.WindowScale(7)),
			"2:05b4 4: 8:0000000100000002 3:07 ", 0},
		{"end of list hides the rest", decode.Options{1, 0, 2, 4, 5, 5}, "1: ", 0},
		{"length 0 does not loop", decode.Options{1, 2, 0, 1}, "1: ", 3},
		{"length 1", decode.Options{2, 1, 1}, "", 3},
		{"length beyond the end", decode.Options{4, 2, 8, 10, 1}, "4: ", 3},
		{"kind without length", decode.Options{1, 8}, "1: ", 1},
	} {
		got, rest := "", c.opts
		for {
			opt, ok := rest.Next()
			if !ok {
				break
			}
			got += fmt.Sprintf("%d:%x ", opt.Kind, opt.Data)
		}
		if got != c.want || len(rest) != c.rest {
			t.Errorf("%s: got %q and %d left, want %q and %d", c.name, got, len(rest), c.want, c.rest)
		}
	}

	o := decode.Options(packetgen.Options(packetgen.MSS(1460), packetgen.SACK(10, 20, 30, 40), packetgen.Timestamps(1, 2), packetgen.WindowScale(15)))
	if n, ok := o.MSS(); n != 1460 || !ok {
		t.Errorf("MSS: %d %v", n, ok)
	}
	if n, ok := o.WindowScale(); n != 14 || !ok {
		t.Errorf("window scale: %d %v, want 14, the highest allowed", n, ok)
	}
	if v, e, ok := o.Timestamps(); v != 1 || e != 2 || !ok {
		t.Errorf("timestamps: %d %d %v", v, e, ok)
	}
	if l, r, ok := o.SACK(1); l != 30 || r != 40 || !ok {
		t.Errorf("SACK block 1: %d %d %v", l, r, ok)
	}
	for _, i := range []int{-1, 2} {
		if _, _, ok := o.SACK(i); ok {
			t.Errorf("there is no SACK block %d", i)
		}
	}
	wrong := decode.Options{2, 3, 1, 3, 2, 8, 4, 1, 1, 5, 9, 1, 2, 3, 4, 5, 6, 7}
	if _, ok := wrong.MSS(); ok {
		t.Error("MSS of one byte")
	}
	if _, ok := wrong.WindowScale(); ok {
		t.Error("window scale of no byte")
	}
	if _, _, ok := wrong.Timestamps(); ok {
		t.Error("timestamps of two bytes")
	}
	if _, _, ok := wrong.SACK(0); ok {
		t.Error("SACK block of seven bytes")
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range samples() { // each name says what it hits
		f.Add(uint16(s.link), s.frame, s.wire)
	}
	for _, s := range wrapped() {
		f.Add(uint16(s.link), s.frame, s.wire)
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte, wire int) {
		var p decode.Packet
		wire = min(wire, 1<<20)
		err := p.DecodeCut(decode.LinkType(link), data, wire)
		if err != nil && !errors.Is(err, decode.ErrTruncated) && !errors.Is(err, decode.ErrMalformed) && !errors.Is(err, decode.ErrLinkType) {
			t.Fatalf("error of no known kind: %v", err)
		}
		check(t, &p, err)
		for i := 0; ; i++ { // a subframe has a header
			more, err := p.Next()
			if !more {
				break
			}
			check(t, &p, err)
			if i > len(data)/14 {
				t.Fatalf("%d packets in %d bytes", i, len(data))
			}
		}
		if p.Fragment {
			err := p.DecodeTransport(p.Proto, p.Payload)
			check(t, &p, err)
		}
	})
}

// check asserts what holds for every decoded packet, and calls every method.
func check(t *testing.T, p *decode.Packet, err error) {
	s := summary(p, err)
	if !inside(p.Data, p.Payload) || !inside(p.Data, p.SrcMAC()) || !inside(p.Data, p.DstMAC()) {
		t.Errorf("payload or addresses outside of the frame: %s", s)
	}
	if len(p.Payload) > p.PayloadLen {
		t.Errorf("payload longer than on the wire: %s", s)
	}
	if p.NetworkOffset > len(p.Data) || p.IPVersion != 0 && (p.TransportOffset > len(p.Data) || p.TransportOffset-p.NetworkOffset > p.IPLength) {
		t.Errorf("offsets: %s", s)
	}
	if p.IPVersion == 4 && !p.Src().Addr().Is4() || p.IPVersion == 6 && !p.Src().Addr().Is6() {
		t.Errorf("addresses: %s", s)
	}
	if (p.TCP || p.UDP) && (p.IPVersion == 0 || p.Fragment) || p.TCP && p.UDP {
		t.Errorf("a transport header of nothing: %s", s)
	}
	if p.TCP && err == nil && len(p.Options)%4 != 0 {
		t.Errorf("options: %s", s)
	}
	for o := p.Options; p.TCP; {
		if _, ok := o.Next(); !ok {
			break
		}
	}
}

// inside reports whether part is a piece of whole.
func inside(whole, part []byte) bool {
	return len(part) == 0 || cap(part) <= cap(whole) && len(part) <= len(whole)-(cap(whole)-cap(part))
}
