package pcapfile

import (
	"net/netip"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// The short way and the long way hash alike, for both directions.
func TestHasher(t *testing.T) {
	var h hasher
	all := map[uint32]bool{}
	for i := range 200 {
		found := map[uint32]bool{}
		c := packetgen.NewConversation()
		c.Client = netip.AddrPortFrom(c.Client.Addr(), uint16(i))
		link := packetgen.Ethernet()
		link.VLANs = []packetgen.VLAN{{}}
		plain := *c
		c.Link = &link
		for _, c := range []*packetgen.Conversation{c, &plain} {
			c.Open()
			for _, p := range c.Packets {
				hash, ok := h.of(decode.LinkEthernet, p.Frame, len(p.Frame))
				if !ok {
					t.Fatal("a fragment?")
				}
				found[hash], all[hash] = true, true
			}
		}
		if len(found) != 1 {
			t.Fatalf("%d hashes for a connection", len(found))
		}
	}
	if len(all) < 180 {
		t.Errorf("%d hashes for 200 connections", len(all))
	}
}

// Both directions of a tunnel, with and without fragments, come out equal.
func TestHasherTunnel(t *testing.T) {
	var h hasher
	found := map[uint32]bool{}
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	for i := range uint16(20) {
		for _, u := range []packetgen.UDP{
			{Src: netip.AddrPortFrom(a, 5000+i), Dst: netip.AddrPortFrom(b, 4789), Payload: make([]byte, 900)},
			{Src: netip.AddrPortFrom(b, 6000+i), Dst: netip.AddrPortFrom(a, 4789), Payload: make([]byte, 900)},
		} {
			for _, data := range append(u.Fragments(400), u.Frame()) {
				hash, ok := h.of(decode.LinkEthernet, data, len(data))
				if !ok {
					t.Fatal("taken for TCP")
				}
				found[hash] = true
			}
		}
	}
	if len(found) != 1 {
		t.Errorf("%d hashes", len(found))
	}
}
