package pcapfile

import (
	"encoding/binary"
	"net/netip"

	"github.com/wstap/wstap/decode"
)

// A flowHash hashes frames so that both directions of a connection come out
// equal, however their frames are wrapped: for TCP by addresses and ports, for
// the rest, tunnels among it, by addresses. What is not IP is 0.
type flowHash struct {
	packet decode.Packet
}

// sum hashes a frame of which b was captured. It returns false for a fragment of
// TCP, which may lack the ports; h.packet then holds it.
func (h *flowHash) sum(link decode.LinkType, b []byte, length int) (uint64, bool) {
	// IPv4 without options in plain Ethernet, whole, TCP: nearly all there is.
	// The rest takes the long way to the same result.
	const ip, ports = 14, 34
	if link == decode.LinkEthernet && len(b) >= ports+20 && b[ip+9] == decode.ProtoTCP &&
		binary.BigEndian.Uint32(b[12:])&^0xff == 0x08004500 && binary.BigEndian.Uint16(b[ip+6:])&0x3fff == 0 {
		return mix(uint64(binary.BigEndian.Uint32(b[ip+12:]))<<16 + uint64(binary.BigEndian.Uint16(b[ports:])) +
			uint64(binary.BigEndian.Uint32(b[ip+16:]))<<16 + uint64(binary.BigEndian.Uint16(b[ports+2:]))), true
	}
	p := &h.packet
	_ = p.DecodeCut(link, b, length) // what was read before an error counts
	switch {
	case p.IPVersion == 0:
		return 0, true
	case p.Fragment && p.Proto == decode.ProtoTCP:
		return 0, false
	case p.TCP:
		return h.ports(), true
	}
	return h.addresses(), true
}

// ports is the hash of the connection of h.packet.
func (h *flowHash) ports() uint64 {
	p := &h.packet
	return mix(fold(p.Src().Addr()) + uint64(p.SrcPort) + fold(p.Dst().Addr()) + uint64(p.DstPort))
}

// addresses is the hash of the two hosts of h.packet.
func (h *flowHash) addresses() uint64 {
	return mix(fold(h.packet.Src().Addr()) + fold(h.packet.Dst().Addr()))
}

func fold(a netip.Addr) uint64 {
	if a.Is4() {
		b := a.As4()
		return uint64(binary.BigEndian.Uint32(b[:])) << 16
	}
	b := a.As16()
	return binary.BigEndian.Uint64(b[:])*3 ^ binary.BigEndian.Uint64(b[8:])<<16
}

// mix spreads a sum over all bits (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
