package decode_test

import (
	"net/netip"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

var (
	client4, server4 = netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("10.0.0.2:7272")
	client6, server6 = netip.MustParseAddrPort("[fd00::1]:40000"), netip.MustParseAddrPort("[fd00::2]:7272")
)

// frames are the shapes that a capture of WebSocket traffic is made of.
func frames() []struct {
	name  string
	link  decode.LinkType
	frame []byte
} {
	options := packetgen.Options(packetgen.NOP(), packetgen.NOP(), packetgen.Timestamps(1, 2))
	payload := []byte("\x81\x05hello")
	tagged := packetgen.Ethernet()
	tagged.VLANs = []packetgen.VLAN{{TCI: 7}}
	cooked := packetgen.Link{Type: decode.LinkSLL2, Interface: 2}
	return []struct {
		name  string
		link  decode.LinkType
		frame []byte
	}{
		{"ipv4", decode.LinkEthernet, (&packetgen.TCP{Src: client4, Dst: server4, Payload: payload}).Frame()},
		{"ipv4-timestamps", decode.LinkEthernet, (&packetgen.TCP{Src: client4, Dst: server4, Options: options, Payload: payload}).Frame()},
		{"ipv6", decode.LinkEthernet, (&packetgen.TCP{Src: client6, Dst: server6, Payload: payload}).Frame()},
		{"vlan", decode.LinkEthernet, (&packetgen.TCP{Link: &tagged, Src: client4, Dst: server4, Payload: payload}).Frame()},
		{"sll2", decode.LinkSLL2, (&packetgen.TCP{Link: &cooked, Src: client4, Dst: server4, Payload: payload}).Frame()},
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, f := range frames() {
		b.Run(f.name, func(b *testing.B) {
			var p decode.Packet
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Decode(f.link, f.frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestDecodeAllocs(t *testing.T) {
	var p decode.Packet
	for _, f := range frames() {
		n := testing.AllocsPerRun(100, func() {
			if p.Decode(f.link, f.frame) != nil || !p.TCP || p.PayloadLen != 7 || len(p.Payload) != 7 {
				t.Errorf("%s: not decoded: %+v", f.name, p)
			}
			p.Options.Timestamps()
			p.TransportChecksumOK()
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", f.name, n)
		}
	}
}
