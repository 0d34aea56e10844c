package pcapfile

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/wstap/wstap/decode"
)

// buckets is how many parts all connections are divided into by their hash.
const (
	buckets    = 1 << bucketBits
	bucketBits = 12
)

// plainLen is how much plainTCP looks at.
const plainLen = 14 + 20 + 20

// plainTCP says that a frame is what nearly all are: Ethernet, IPv4 without
// options, whole, TCP.
func plainTCP(b *[plainLen]byte) bool {
	o := binary.LittleEndian
	return o.Uint32(b[12:])&0x00ffffff == 0x00450008 && // EtherType, version and length of the header
		o.Uint32(b[20:])&0xff00ff3f == 0x06000000 // flags and offset of fragments, protocol
}

// plainBucket is the bucket of such a frame.
func plainBucket(b *[plainLen]byte) uint64 {
	o := binary.LittleEndian
	return bucket(o.Uint32(b[26:])+o.Uint32(b[30:]), uint32(o.Uint16(b[34:]))+uint32(o.Uint16(b[36:])))
}

// bucket returns the bucket of the sums of two addresses and of two ports: both
// directions of a connection have the same. The numbers are those that a
// little-endian reader finds in a frame, for that costs the least.
func bucket(addresses, ports uint32) uint64 {
	return (uint64(addresses)<<17 + uint64(ports)) * 0x9e3779b97f4a7c15 >> (64 - bucketBits)
}

// A flowHash finds the bucket of any frame, however it is wrapped: for TCP by
// addresses and ports, for the rest, tunnels among it, by addresses. What is not
// IP has bucket 0, and so has what may carry several packets in a frame: they would
// belong to several buckets.
type flowHash struct {
	packet decode.Packet
}

// bucket takes a frame of which b was captured. It returns false for a fragment
// of TCP, which may lack the ports; h.packet then holds it.
func (h *flowHash) bucket(link decode.LinkType, b []byte, length int) (uint64, bool) {
	if link == decode.LinkEthernet && len(b) >= plainLen {
		if b := (*[plainLen]byte)(b); plainTCP(b) {
			return plainBucket(b), true
		}
	}
	p := &h.packet
	_ = p.DecodeCut(link, b, length) // what was read before an error counts
	switch {
	case p.IPVersion == 0, p.Aggregates():
		return 0, true
	case p.Fragment && p.Proto == decode.ProtoTCP:
		return 0, false
	case p.TCP:
		return h.connection(), true
	}
	return hosts(p.Src().Addr(), p.Dst().Addr()), true
}

// connection is the bucket of the connection of h.packet.
func (h *flowHash) connection() uint64 {
	p := &h.packet
	ports := uint32(bits.ReverseBytes16(p.SrcPort)) + uint32(bits.ReverseBytes16(p.DstPort))
	return bucket(fold(p.Src().Addr())+fold(p.Dst().Addr()), ports)
}

// hosts is the bucket of what goes between two hosts and has no ports.
func hosts(src, dst netip.Addr) uint64 { return bucket(fold(src)+fold(dst), 0) }

// fold returns an IPv4 address as bucket takes it, and a hash of others.
func fold(a netip.Addr) uint32 {
	o := binary.LittleEndian
	if a.Is4() {
		b := a.As4()
		return o.Uint32(b[:])
	}
	b := a.As16()
	return uint32((o.Uint64(b[:])*3 ^ o.Uint64(b[8:])) * 0x9e3779b97f4a7c15 >> 32)
}
