package reassembly

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/wstap/wstap/decode"
)

// An address is 128 bits; an IPv4 address is mapped into IPv6. It is not an
// array so that it stays in registers.
type address struct{ hi, lo uint64 }

func addressOf(a netip.Addr) address {
	if a.Is4() { // much the cheaper way
		b := a.As4()
		return address{0, 0xffff<<32 | uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return address{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// A key names a connection. Side 0 is the one that was seen first.
type key struct {
	addrs [2]address
	ports [2]uint16
	space uint32 // see spaceOf; bit 0: IPv6
}

func (k *key) addr(side int) netip.AddrPort {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.addrs[side].hi)
	binary.BigEndian.PutUint64(b[8:], k.addrs[side].lo)
	ip := netip.AddrFrom16(b)
	if k.space&1 == 0 {
		ip = ip.Unmap()
	}
	return netip.AddrPortFrom(ip, k.ports[side])
}

func (k *key) set(p *decode.Packet, space uint32) {
	k.addrs[0] = addressOf(p.Src.Addr())
	k.addrs[1] = addressOf(p.Dst.Addr())
	k.ports[0] = p.Src.Port()
	k.ports[1] = p.Dst.Port()
	k.space = space << 1
	if p.IPVersion == 6 {
		k.space |= 1
	}
}

// sideOf returns which side of k sends packets with key p, or -1.
func (k *key) sideOf(p *key) int {
	switch {
	case k.space != p.space:
	case k.ports[0] == p.ports[0] && k.ports[1] == p.ports[1] && k.addrs[0] == p.addrs[0] && k.addrs[1] == p.addrs[1]:
		return 0
	case k.ports[0] == p.ports[1] && k.ports[1] == p.ports[0] && k.addrs[0] == p.addrs[1] && k.addrs[1] == p.addrs[0]:
		return 1
	}
	return -1
}

// hash is the same for both directions, and unpredictable without the seed.
func (k *key) hash(seed *[4]uint64) uint32 {
	return mix(uint64(k.space)^seed[3], seed[0]^
		(side(k.addrs[0], k.ports[0], seed)+side(k.addrs[1], k.ports[1], seed)))
}

func side(a address, port uint16, seed *[4]uint64) uint64 {
	hi, lo := bits.Mul64(a.hi^seed[0], a.lo^seed[1]^uint64(port)<<40)
	return (hi ^ lo) + uint64(port)*(seed[2]|1)
}

func mix(a, b uint64) uint32 {
	hi, lo := bits.Mul64(a, b)
	h := hi ^ lo
	return uint32(h>>32) ^ uint32(h)
}

// A table finds flows by key: open addressing with linear probing over entries
// of 8 bytes, so that a look-up among many flows costs two cache misses, one
// here and one in the slab. Flows stay where they are for their life.
type table struct {
	entries []entry // a power of two, at most three quarters full
	count   int
	slabs   []*slab
	unused  uint32 // list of free flows, linked by next; 0: none
}

// An entry is a flow's index (0: empty) and its hash.
type entry struct{ index, hash uint32 }

const slabBits = 9

type slab [1 << slabBits]Flow

func (t *table) flow(i uint32) *Flow { return &t.slabs[i>>slabBits][i&(1<<slabBits-1)] }

// find returns the flow of k, and the side that k's packet comes from.
func (t *table) find(k *key, hash uint32) (f *Flow, index uint32, side int) {
	mask := uint32(len(t.entries) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := t.entries[i]
		if e.index == 0 {
			return nil, 0, 0
		}
		if e.hash == hash {
			f := t.flow(e.index)
			if side := f.sideOf(k); side >= 0 {
				return f, e.index, side
			}
		}
	}
}

// insert returns a zeroed flow for k, which must not be in the table.
func (t *table) insert(k *key, hash uint32) (*Flow, uint32) {
	if t.count >= len(t.entries)/4*3 {
		t.grow()
	}
	if t.unused == 0 {
		t.addSlab()
	}
	index := t.unused
	f := t.flow(index)
	t.unused = f.next
	*f = Flow{key: *k}
	t.place(entry{index, hash})
	t.count++
	return f, index
}

func (t *table) place(e entry) {
	mask := uint32(len(t.entries) - 1)
	i := e.hash & mask
	for t.entries[i].index != 0 {
		i = (i + 1) & mask
	}
	t.entries[i] = e
}

// remove takes a flow out; its memory is reused by the next insert.
func (t *table) remove(index, hash uint32) {
	mask := uint32(len(t.entries) - 1)
	i := hash & mask
	for t.entries[i].index != index {
		i = (i + 1) & mask
	}
	// Close the gap in the chain of probes (Knuth 6.4, algorithm R).
	for j := (i + 1) & mask; t.entries[j].index != 0; j = (j + 1) & mask {
		if home := t.entries[j].hash & mask; (j-home)&mask >= (j-i)&mask {
			t.entries[i] = t.entries[j]
			i = j
		}
	}
	t.entries[i] = entry{}
	t.count--
	f := t.flow(index)
	*f = Flow{next: t.unused}
	t.unused = index
}

func (t *table) grow() {
	old := t.entries
	t.entries = make([]entry, max(64, 2*len(old)))
	for _, e := range old {
		if e.index != 0 {
			t.place(e)
		}
	}
}

func (t *table) addSlab() {
	base := uint32(len(t.slabs)) << slabBits
	s := new(slab)
	t.slabs = append(t.slabs, s)
	for i := len(s) - 1; i >= 0; i-- {
		if base+uint32(i) == 0 {
			continue // index 0 means none
		}
		s[i].next = t.unused
		t.unused = base + uint32(i)
	}
}
