package flowhash

import (
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// Both directions of a connection have one hash, whatever is around the packets,
// and other connections mostly another.
func TestPacket(t *testing.T) {
	for _, server := range []string{"10.0.0.2:7272", "[fd00::2]:7272"} {
		hashes := map[uint32]bool{}
		const conns = 500
		for i := range uint16(conns) {
			c := packetgen.NewConversation()
			c.Server = netip.MustParseAddrPort(server)
			c.Client = netip.AddrPortFrom(c.Server.Addr().Next(), 40000+i)
			plain := packetgen.Ethernet()
			tagged := plain
			tagged.VLANs = []packetgen.VLAN{{TCI: 7}}
			hash, n := uint32(0), 0
			for _, link := range []*packetgen.Link{&plain, &tagged} {
				c.Link = link
				c.Packets = nil
				c.Open()
				for _, packet := range c.Packets {
					var p decode.Packet
					if err := p.Decode(decode.LinkEthernet, packet.Frame); err != nil {
						t.Fatal(err)
					}
					if h := Packet(&p); n == 0 {
						hash = h
					} else if h != hash {
						t.Fatalf("%v: packet %d has hash %x, not %x", c.Client, n, h, hash)
					}
					n++
				}
			}
			if hash>>Bits != 0 {
				t.Fatalf("hash %x is longer than %d bits", hash, Bits)
			}
			hashes[hash] = true
		}
		if len(hashes) < conns*9/10 {
			t.Errorf("%s: %d hashes for %d connections", server, len(hashes), conns)
		}
	}
}

// What has no ports that count goes by its hosts.
func TestPacketHosts(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	hashes := map[uint32]bool{}
	for i := range uint16(20) {
		for _, u := range []packetgen.UDP{
			{Src: netip.AddrPortFrom(a, 5000+i), Dst: netip.AddrPortFrom(b, 4789), Payload: make([]byte, 900)},
			{Src: netip.AddrPortFrom(b, 6000+i), Dst: netip.AddrPortFrom(a, 4789), Payload: make([]byte, 900)},
		} {
			for _, frame := range append(u.Fragments(400), u.Frame()) {
				var p decode.Packet
				if err := p.Decode(decode.LinkEthernet, frame); err != nil {
					t.Fatal(err)
				}
				hashes[Packet(&p)] = true
			}
		}
	}
	if len(hashes) != 1 {
		t.Errorf("%d hashes of the tunnels between two hosts", len(hashes))
	}
	if h := Packet(new(decode.Packet)); h != 0 {
		t.Errorf("hash %x of what is not IP", h)
	}
}

// The hashes of a Seed are the same in both orders, and each bit of the input turns
// about half of their bits: the ports are no exception, which an attacker picks.
func TestSeed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := Seed{r.Uint64(), r.Uint64(), r.Uint64() | 1, r.Uint64()}
	const rounds = 200
	turned := map[string]int{}
	wide := func(hi, lo [2]uint64, more uint64) uint32 { return s.Ends(lo[0], lo[1], s.Upper(hi[0], hi[1], more)) }
	count := func(name string, a, b uint32) { turned[name] += bits.OnesCount32(a ^ b) }
	for range rounds {
		hi, lo := [2]uint64{r.Uint64(), r.Uint64()}, [2]uint64{r.Uint64(), r.Uint64()}
		more := uint64(r.Uint32())
		if s.Ends(lo[0], lo[1], more) != s.Ends(lo[1], lo[0], more) ||
			wide(hi, lo, more) != wide([2]uint64{hi[1], hi[0]}, [2]uint64{lo[1], lo[0]}, more) {
			t.Fatal("the order of the ends counts")
		}
		bit := uint64(1) << r.IntN(64)
		count("Ends", s.Ends(lo[0], lo[1], more), s.Ends(lo[0]^bit, lo[1], more))
		count("Ends, more", s.Ends(lo[0], lo[1], more), s.Ends(lo[0], lo[1], more^bit))
		count("Upper, hi", wide(hi, lo, more), wide([2]uint64{hi[0], hi[1] ^ bit}, lo, more))
		count("Upper, lo", wide(hi, lo, more), wide(hi, [2]uint64{lo[0] ^ bit, lo[1]}, more))
		count("Upper, more", wide(hi, lo, more), wide(hi, lo, more^bit))
		count("End, hi", s.End(hi[0], lo[0], more), s.End(hi[0]^bit, lo[0], more))
		count("End, lo", s.End(hi[0], lo[0], more), s.End(hi[0], lo[0]^bit, more))
		count("End, more", s.End(hi[0], lo[0], more), s.End(hi[0], lo[0], more^bit))
		other := NewSeed()
		count("Seed", s.Ends(lo[0], lo[1], more), other.Ends(lo[0], lo[1], more))
	}
	for name, n := range turned {
		if mean := n / rounds; mean < 8 || mean > 20 {
			t.Errorf("%s: %d bits of 32 turn", name, mean)
		}
	}
}

func BenchmarkEnds(b *testing.B) {
	s := NewSeed()
	h := uint32(0)
	for b.Loop() {
		h += s.Ends(0x0a000001_1c68, uint64(h), 0)
	}
}
