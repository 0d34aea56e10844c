package decode_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
)

// wrapped are segments in every way that packetgen knows, by name.
func wrapped() []sample {
	hello := []byte("hello")
	short4 := packetgen.TCP{Src: client4, Dst: server4, Seq: 1, Ack: 2, IP: packetgen.IP{ID: 9}}
	tcp4, tcp6 := short4, short4
	tcp4.Payload, tcp6.Payload = hello, bytes.Repeat(hello, 60)
	tcp6.Src, tcp6.Dst = client6, server6
	var list []sample
	for _, w := range packetgen.Wraps() {
		list = append(list,
			sample{w.Name + ": IPv4, no data", w.Link, w.On(short4, true), 0},
			sample{w.Name + ": IPv4", w.Link, w.On(tcp4, false), 0})
		if !w.IPv4 {
			list = append(list, sample{w.Name + ": IPv6", w.Link, w.On(tcp6, true), 0})
		}
	}
	return list
}

// TestWrapped: what is inside of every link type and shim is read as it is bare.
func TestWrapped(t *testing.T) {
	var p, bare decode.Packet
	for _, s := range wrapped() {
		if err := s.decode(&p); err != nil || !p.TCP {
			t.Errorf("%v, %s: %s", s.link, s.name, summary(&p, err))
			continue
		}
		if err := bare.Decode(decode.LinkRaw, s.frame[p.NetworkOffset:]); err != nil || !p.TransportChecksumOK() ||
			p.Src() != bare.Src() || p.Dst() != bare.Dst() || !bytes.Equal(p.Payload, bare.Payload) || p.PayloadLen != bare.PayloadLen || p.Seq != 1 {
			t.Errorf("%v, %s: %s\nbare: %s", s.link, s.name, summary(&p, nil), summary(&bare, err))
		}
		if want := uint16(0x0800); p.EtherType != want && p.IPVersion == 4 && !slices.Contains([]uint16{0x8847, 0x8864, 0x880b}, p.EtherType) {
			t.Errorf("%v, %s: EtherType %#x", s.link, s.name, p.EtherType)
		}
		if n, _ := p.Next(); n {
			t.Errorf("%v, %s: a second packet", s.link, s.name)
		}
	}
}

// TestWrappedCut: of every prefix only what is there is read, and nothing else is
// made of it.
func TestWrappedCut(t *testing.T) {
	for _, s := range wrapped() {
		var whole, p decode.Packet
		if err := s.decode(&whole); err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		headers := whole.TransportOffset + 20
		for n := range len(s.frame) {
			if whole.LinkGuessed && n < headers || strings.Contains(s.name, "decrypted") && n < headers || strings.Contains(s.name, "bad FCS") {
				continue // less is not enough to guess, or to prove
			}
			err := p.DecodeCut(s.link, s.frame[:n:n], len(s.frame))
			if n < headers != (err != nil) || err != nil && !errors.Is(err, decode.ErrTruncated) {
				t.Errorf("%v, %s: %d of %d bytes: %s", s.link, s.name, n, headers, summary(&p, err))
			}
			if p.TCP && (p.Seq != whole.Seq || p.PayloadLen != whole.PayloadLen || p.Src() != whole.Src() || p.NetworkOffset != whole.NetworkOffset) {
				t.Errorf("%v, %s: cut at %d: %s", s.link, s.name, n, summary(&p, err))
			}
		}
	}
}

// TestWrappedWorn flips and cuts bytes of all frames: nothing may be read that is
// not there.
func TestWrappedWorn(t *testing.T) {
	for _, s := range wrapped() {
		var p decode.Packet
		for at := 0; at < min(len(s.frame), 160); at += testkit.Rounds(1, 7, 1) {
			for _, x := range []byte{0, 1, 0x80, 0xff} {
				frame := put(s.frame, at, s.frame[at]^x)
				err := p.DecodeCut(s.link, frame[:len(frame):len(frame)], len(frame))
				check(t, &p, err)
			}
		}
	}
}

// TestWrappedAllocs: no link type makes garbage.
func TestWrappedAllocs(t *testing.T) {
	all := wrapped()
	var p decode.Packet
	if n := testing.AllocsPerRun(3, func() {
		for i := range all {
			_ = all[i].decode(&p)
			p.SrcMAC()
			_, _ = p.Next()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestAMSDU: Next gives every packet of a frame, as if each had its own.
func TestAMSDU(t *testing.T) {
	const packets = 5
	for _, link := range []decode.LinkType{decode.LinkDot11, decode.LinkRadiotap} {
		for _, trailer := range []int{0, 4} {
			var inside [][]byte
			for i := range packets {
				seg := packetgen.TCP{Link: &packetgen.Link{Type: decode.LinkRaw}, Src: client4, Dst: server4, Seq: uint32(i), Payload: make([]byte, i*i)}
				inside = append(inside, seg.Frame())
			}
			frame := (&packetgen.Dot11{QoS: true, Aggregate: true}).Append(nil, true, packetgen.Subframes(0x0800, true, inside...))
			frame = append(frame, make([]byte, trailer)...)
			if link == decode.LinkRadiotap {
				frame = packetgen.Radiotap(0x10, false, frame)
			}
			var p decode.Packet
			n := 0
			err := p.Decode(link, frame)
			for more := true; more; more, err = p.Next() {
				if err != nil || p.Seq != uint32(n) || len(p.Payload) != n*n || !p.TransportChecksumOK() || p.SrcMAC()[5] != 1 || p.DstMAC()[5] != 2 {
					t.Errorf("%v, packet %d: %s", link, n, summary(&p, err))
				}
				n++
			}
			if n != packets || !p.Aggregates() {
				t.Errorf("%v: %d packets", link, n)
			}
			if len(p.Data) != len(frame) {
				t.Errorf("%v: Data has %d bytes of %d", link, len(p.Data), len(frame))
			}
			// A subframe in the midst that is none of ours does not hide the others.
			spoilt := bytes.Clone(frame)
			at := bytes.Index(spoilt, inside[2])
			spoilt[at-1] = 6 // ARP
			n = 0
			err = p.Decode(link, spoilt)
			for more := true; more; more, err = p.Next() {
				if p.TCP && err == nil {
					n++
				}
			}
			if n != packets-1 {
				t.Errorf("%v: %d packets beside one that is ARP", link, n)
			}
		}
	}
}

// TestSubframeStays: a packet that claims to be longer than its subframe is cut
// there, and never reads the next one.
func TestSubframeStays(t *testing.T) {
	seg := packetgen.TCP{Link: &packetgen.Link{Type: decode.LinkRaw}, Src: client4, Dst: server4, Payload: []byte("secret")}
	a := seg.Frame()
	binary.BigEndian.PutUint16(a[2:], 1000)
	frame := (&packetgen.Dot11{QoS: true, Aggregate: true}).Append(nil, true, packetgen.Subframes(0x0800, true, a, seg.Frame()))
	var p decode.Packet
	if err := p.Decode(decode.LinkDot11, frame); err != nil || len(p.Payload) != 6 || p.PayloadLen != 960 {
		t.Error(summary(&p, err))
	}
}

// TestNotGuessed: frames that are Ethernet stay so, whatever their addresses are
// and however alike they look.
func TestNotGuessed(t *testing.T) {
	seg := packetgen.TCP{Link: &packetgen.Link{Type: decode.LinkRaw}, Src: client4, Dst: server4, Payload: []byte("hello")}
	seg6 := seg
	seg6.Src, seg6.Dst = client6, server6
	v4, v6 := seg.Frame(), seg6.Frame()
	for name, frame := range map[string][]byte{
		"IPv4, checksum wrong":     put(v4, 10, 1, 2),
		"IPv4, length too small":   v4[:len(v4)-1],
		"IPv4, trailing bytes":     append(bytes.Clone(v4), bytes.Repeat([]byte{1}, 30)...),
		"IPv4, version 5":          put(v4, 0, 0x55),
		"IPv6, length wrong":       append(bytes.Clone(v6), 9),
		"IPv6, TCP header too big": put(v6, 40+12, 0xf0),
		"IPv6, strange protocol":   put(v6, 6, 250),
		"Ethernet of OUI 45:00:00": (&packetgen.TCP{Src: client4, Dst: server4, Link: &packetgen.Link{Type: decode.LinkEthernet, Dst: [6]byte{0x45, 0, 0, 45}}}).Frame(),
	} {
		var p decode.Packet
		if err := p.Decode(decode.LinkEthernet, frame); p.LinkGuessed {
			t.Errorf("%s: %s", name, summary(&p, err))
		}
	}
	for name, frame := range map[string][]byte{"IPv4": v4, "IPv6": v6} {
		var p decode.Packet
		if err := p.Decode(decode.LinkEthernet, frame); err != nil || !p.LinkGuessed || !p.TCP || p.SrcMAC() != nil || p.DstMAC() != nil {
			t.Errorf("%s: %s", name, summary(&p, err))
		}
		if err := p.Decode(decode.LinkRaw, frame); err != nil || p.LinkGuessed {
			t.Errorf("%s raw: %s", name, summary(&p, err))
		}
	}
}

// TestDamaged: a frame whose check sequence was wrong is read only if the
// checksums inside are right.
func TestDamaged(t *testing.T) {
	seg := packetgen.TCP{Link: &packetgen.Link{Type: decode.LinkRaw}, Src: client4, Dst: server4, Payload: []byte("hello")}
	for _, bad := range []bool{false, true} {
		seg.BadSum = bad
		body := append([]byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, seg.Frame()...)
		frame := packetgen.Radiotap(0x50, true, (&packetgen.Dot11{QoS: true}).Append(nil, true, body))
		var p decode.Packet
		if err := p.Decode(decode.LinkRadiotap, frame); bad != (err != nil) || bad == p.TCP || bad != (p.IPVersion == 0) {
			t.Errorf("bad: %v: %s", bad, summary(&p, err))
		}
	}
}

// TestNotRead: frames of the new types that hold no packet, or one that needs what
// other frames said.
func TestNotRead(t *testing.T) {
	seg := packetgen.TCP{Link: &packetgen.Link{Type: decode.LinkRaw}, Src: client4, Dst: server4, Payload: make([]byte, 20)}
	body := append([]byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, seg.Frame()...)
	dot11 := func(d packetgen.Dot11) []byte { return d.Append(nil, true, body) }
	cipher := append([]byte("\x01\x00\x00\x20\x00\x00\x00\x00"), bytes.Repeat([]byte{0x5a}, 80)...)
	eth := packetgen.Ethernet()
	macsec := func(tci byte) []byte {
		return eth.Append(nil, 0x88e5, append([]byte{tci, 0, 0, 0, 0, 1, 8, 0}, seg.Frame()...))
	}
	for _, c := range []struct {
		name  string
		link  decode.LinkType
		frame []byte
		want  error
	}{
		{"802.11, encrypted", decode.LinkDot11, (&packetgen.Dot11{Protected: true}).Append(nil, true, cipher), nil},
		{"802.11, a later fragment", decode.LinkDot11, dot11(packetgen.Dot11{Fragment: 1}), nil},
		{"802.11, beacon", decode.LinkDot11, put(dot11(packetgen.Dot11{}), 0, 0x80), nil},
		{"802.11, null", decode.LinkDot11, put(dot11(packetgen.Dot11{}), 0, 0x48), nil},
		{"802.11, acknowledgment", decode.LinkDot11, []byte{0xd4, 0, 0, 0, 2, 0, 0, 0, 0, 1}, nil},
		{"802.11, A-MSDU beyond the frame", decode.LinkDot11, (&packetgen.Dot11{QoS: true, Aggregate: true}).Append(nil, true, put(packetgen.Subframes(0x0800, true, seg.Frame()), 12, 9)), decode.ErrMalformed},
		{"radiotap, version 1", decode.LinkRadiotap, put(packetgen.Radiotap(0, false, dot11(packetgen.Dot11{})), 0, 1), decode.ErrMalformed},
		{"radiotap, length 7", decode.LinkRadiotap, put(packetgen.Radiotap(0, false, dot11(packetgen.Dot11{})), 2, 7), decode.ErrMalformed},
		{"radiotap, words without end", decode.LinkRadiotap, append([]byte{0, 0, 12, 0, 0, 0, 0, 0x80, 0, 0, 0, 0x80}, make([]byte, 40)...), decode.ErrMalformed},
		{"MACsec, encrypted", decode.LinkEthernet, macsec(0x0c), nil},
		{"MACsec, changed", decode.LinkEthernet, macsec(0x04), nil},
		{"NFLOG without packet", decode.LinkNFLOG, []byte{2, 0, 0, 1, 8, 0, 1, 0, 8, 0, 3, 0}, nil},
		{"NFLOG, attribute of length 3", decode.LinkNFLOG, []byte{2, 0, 0, 1, 3, 0, 1, 0, 8, 0, 3, 0}, decode.ErrMalformed},
		{"NFLOG, attribute beyond the frame", decode.LinkNFLOG, []byte{2, 0, 0, 1, 200, 0, 1, 0, 8, 0, 3, 0}, decode.ErrMalformed},
		{"NFLOG, version 1", decode.LinkNFLOG, []byte{2, 1, 0, 1, 8, 0, 1, 0, 8, 0, 3, 0}, decode.ErrMalformed},
		{"USER2 that is not PKTAP", decode.LinkPKTAPUser, seg.Frame(), decode.ErrLinkType},
		{"PKTAP without header", decode.LinkPKTAP, seg.Frame(), decode.ErrMalformed},
		{"PPI of a link type that is not known", decode.LinkPPI, append([]byte{0, 0, 8, 0, 147, 0, 0, 0}, seg.Frame()...), decode.ErrLinkType},
		{"PPP, LCP", decode.LinkPPP, []byte{0xff, 3, 0xc0, 0x21, 9, 1, 0, 4}, nil},
		{"PPP, multilink, a part", decode.LinkPPP, append([]byte{0xff, 3, 0, 0x3d, 0x80, 0, 0, 1, 0, 0x21}, seg.Frame()...), nil},
		{"HDLC, keepalive", decode.LinkHDLC, append([]byte{0x8f, 0, 0x80, 0x35}, make([]byte, 18)...), nil},
		{"frame relay, address of one byte", decode.LinkFrameRelay, []byte{0x19, 3, 0xcc, 0x45}, decode.ErrMalformed},
		{"frame relay, address without end", decode.LinkFrameRelay, make([]byte, 40), decode.ErrMalformed},
		{"token ring, a MAC frame", decode.LinkTokenRing, make([]byte, 40), nil},
		{"FDDI, a token", decode.LinkFDDI, append([]byte{0x80}, make([]byte, 40)...), nil},
		{"InfiniBand, another operation", decode.LinkInfiniBand, append([]byte{0, 2, 0, 0, 0, 0, 0, 0, 6}, make([]byte, 60)...), nil},
		{"Arista, another subtype", decode.LinkEthernet, eth.Append(nil, 0xd28b, []byte{0, 9, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0}), nil},
		{"NSH, version 1", decode.LinkEthernet, eth.Append(nil, 0x894f, append([]byte{0x4f, 0xc2, 2, 1, 0, 0, 0, 0}, seg.Frame()...)), decode.ErrMalformed},
		{"NSH, length 1", decode.LinkEthernet, eth.Append(nil, 0x894f, append([]byte{0x0f, 0xc1, 2, 1, 0, 0, 0, 0}, seg.Frame()...)), decode.ErrMalformed},
		{"NSH in NSH without end", decode.LinkEthernet, eth.Append(nil, 0x894f, bytes.Repeat([]byte{0x0f, 0xc2, 2, 4, 0, 0, 0, 0}, 40)), decode.ErrMalformed},
		{"E-Tags without end", decode.LinkEthernet, eth.Append(nil, 0x893f, bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0x89, 0x3f}, 40)), decode.ErrMalformed},
		{"VLAN tags without end", decode.LinkEthernet, eth.Append(nil, 0x8100, bytes.Repeat([]byte{0, 1, 0x81, 0}, 40)), decode.ErrMalformed},
		{"frames in frames without end", decode.LinkEthernet, bytes.Repeat([]byte("\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x65\x58"), 40), decode.ErrMalformed},
	} {
		var p decode.Packet
		if err := p.Decode(c.link, c.frame); err != c.want || p.IPVersion != 0 {
			t.Errorf("%s: want %v: %s", c.name, c.want, summary(&p, err))
		}
	}
}

// TestHardware: addresses are found where each link type has them, and only there.
func TestHardware(t *testing.T) {
	seg := packetgen.TCP{Src: client4, Dst: server4, Payload: []byte("hello")}
	for _, w := range packetgen.Wraps() {
		for _, client := range []bool{true, false} {
			var p decode.Packet
			if err := p.Decode(w.Link, w.On(seg, client)); err != nil {
				t.Fatalf("%s: %v", w.Name, err)
			}
			src, dst := byte(1), byte(2)
			if !client {
				src, dst = 2, 1
			}
			switch s, d := p.SrcMAC(), p.DstMAC(); w.Link {
			case decode.LinkSLL, decode.LinkSLL2: // the builder writes one address for both sides
				if _, ok := p.Cooked(); !ok || len(s) != 6 && p.Aggregates() == false || d != nil && !p.Aggregates() {
					t.Errorf("%s: %x > %x", w.Name, s, d)
				}
			case decode.LinkEthernet, decode.LinkDot11, decode.LinkRadiotap, decode.LinkPrism, decode.LinkAVS, decode.LinkPPI,
				decode.LinkTokenRing, decode.LinkFDDI, decode.LinkIPFC, decode.LinkDSA, decode.LinkEDSA, decode.LinkDSABroadcom,
				decode.LinkDSAPrepended, decode.LinkJuniperEther, decode.LinkNetAnalyzer, decode.LinkMPacket:
				if p.LinkGuessed {
					continue
				}
				if len(s) != 6 || len(d) != 6 || s[5] != src || d[5] != dst {
					t.Errorf("%v, %s: %x > %x, want %d > %d", w.Link, w.Name, s, d, src, dst)
				}
			case decode.LinkRaw, decode.LinkPPP, decode.LinkNFLOG, decode.LinkNull, decode.LinkENC, decode.LinkHDLC:
				if s != nil || d != nil {
					t.Errorf("%v, %s: %x > %x of a link without addresses", w.Link, w.Name, s, d)
				}
			}
		}
	}
}

// TestTags: VLAN tags are found behind and between other shims.
func TestTags(t *testing.T) {
	tags := map[string][]decode.VLAN{
		"VLAN":                                 {{Type: 0x8100, TCI: 7}},
		"CMD, VLAN":                            {{Type: 0x8100, TCI: 7}},
		"802.1ad, VLAN, CMD":                   {{Type: 0x88a8, TCI: 0x2008}, {Type: 0x8100, TCI: 7}},
		"802.1ad, E-Tag, VLAN":                 {{Type: 0x88a8, TCI: 0x2008}, {Type: 0x8100, TCI: 7}},
		"9100, 9200, VLAN":                     {{Type: 0x9100, TCI: 1}, {Type: 0x9200, TCI: 2}, {Type: 0x8100, TCI: 7}},
		"PBB behind 802.1ad, VLAN inside":      {{Type: 0x88a8, TCI: 9}, {Type: 0x8100, TCI: 7}},
		"CMD, E-Tag, HSR, 802.1ad, VLAN, MPLS": {{Type: 0x88a8, TCI: 0x2008}, {Type: 0x8100, TCI: 7}},
		"HSR":                                  nil,
	}
	seg := packetgen.TCP{Src: client4, Dst: server4}
	for _, w := range packetgen.Wraps() {
		want, ok := tags[w.Name]
		if !ok {
			continue
		}
		delete(tags, w.Name)
		var p decode.Packet
		_ = p.Decode(w.Link, w.On(seg, true))
		var got []decode.VLAN
		for i := range p.VLANs() {
			got = append(got, p.VLAN(i))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %x, want %x", w.Name, got, want)
		}
	}
	if len(tags) > 0 {
		t.Errorf("packetgen has no %v", tags)
	}
}

func TestLinkNames(t *testing.T) {
	for _, w := range packetgen.Wraps() {
		if s := w.Link.String(); s == "" || w.Link != 12 && w.Link != 14 && bytes.HasPrefix([]byte(s), []byte("LINKTYPE_")) {
			t.Errorf("%d has no name: %q", w.Link, s)
		}
	}
}
