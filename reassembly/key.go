package reassembly

import (
	"encoding/binary"
	"net/netip"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/flowhash"
)

// A key names a connection, the same for packets of both directions: the lower
// one of its two ends comes first. What it holds of an end is, for IPv4, the
// address and the port in lo; for IPv6 the address in hi and lo, and the port in
// ports.
type key struct {
	hi, lo [2]uint64
	ports  [2]uint16
	space  uint32 // see spaceOf; bit 0: IPv6
}

// set makes k the key of a TCP packet, and returns the end that sent it and the
// hash.
func (k *key) set(p *decode.Packet, space uint32, seed *flowhash.Seed) (from uint8, hash uint32) {
	data := p.Data[p.NetworkOffset:]
	if p.IPVersion != 4 {
		return k.set6(data, p.SrcPort, p.DstPort, space), k.hash(seed)
	}
	h := (*[20]byte)(data)
	src := uint64(binary.BigEndian.Uint32(h[12:]))<<16 | uint64(p.SrcPort)
	dst := uint64(binary.BigEndian.Uint32(h[16:]))<<16 | uint64(p.DstPort)
	// Without a branch: directions alternate, and would be mispredicted.
	if src > dst {
		from = 1
	}
	src, dst = min(src, dst), max(src, dst)
	k.lo[0], k.lo[1] = src, dst
	k.hi[0], k.hi[1], k.ports[0], k.ports[1] = 0, 0, 0, 0
	k.space = space << 1
	return from, seed.Ends(src, dst, uint64(k.space))
}

func (k *key) set6(h []byte, src, dst uint16, space uint32) (from uint8) {
	a, b := addressIn(h[8:24]), addressIn(h[24:40])
	k.space = space<<1 | 1
	if b.less(a) || a == b && dst < src {
		k.hi, k.lo, k.ports = [2]uint64{b.hi, a.hi}, [2]uint64{b.lo, a.lo}, [2]uint16{dst, src}
		return 1
	}
	k.hi, k.lo, k.ports = [2]uint64{a.hi, b.hi}, [2]uint64{a.lo, b.lo}, [2]uint16{src, dst}
	return 0
}

// hash is unpredictable without the seed.
func (k *key) hash(seed *flowhash.Seed) uint32 {
	more := uint64(k.space)
	if k.space&1 != 0 {
		more = seed.Upper(k.hi[0], k.hi[1], more<<32|uint64(k.ports[0])<<16|uint64(k.ports[1]))
	}
	return seed.Ends(k.lo[0], k.lo[1], more)
}

// An address is 128 bits; an IPv4 address is mapped into IPv6.
type address struct{ hi, lo uint64 }

func addressOf(a netip.Addr) address {
	b := a.As16()
	return addressIn(b[:])
}

func addressIn(b []byte) address {
	return address{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (a address) less(b address) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// sum hashes an address such that the sum of two tells nothing of their order.
func sum(a address, seed *flowhash.Seed) uint64 { return flowhash.Fold(a.hi^seed[0], a.lo^seed[1]) }
