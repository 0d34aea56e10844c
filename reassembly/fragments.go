package reassembly

import (
	"encoding/binary"
	"slices"
	"sort"

	"github.com/wstap/wstap/decode"
)

// A datagramKey names the IP datagram that a fragment belongs to (RFC 791,
// section 3.2; RFC 8200, section 4.5, which leaves the protocol out).
type datagramKey struct {
	src, dst address
	id       uint32
	space    uint32 // see spaceOf; bit 0: IPv6
	proto    uint8
}

// A datagram is what was received of one.
type datagram struct {
	key        datagramKey
	runs       []run // sorted, without overlaps
	length     int   // of the data, as far as known
	have       int   // bytes of it in runs
	last       bool  // the last fragment is there
	memory     int
	packets    int
	since      int64
	proto      uint8 // of the first fragment's data
	depth      int
	prev, next *datagram
}

// A run is a stretch of data that came in order. Linux ignores what lies in one
// run, and takes anything else that overlaps for an attack.
type run struct {
	from, to int
	tail     int // where the last fragment of the run begins
	pieces   []fragment
}

// A fragment is the data of one; cut bytes at its end were not captured.
type fragment struct {
	data []byte // of the pool
	cut  int
}

// fragments holds the datagrams that are not complete, the oldest first.
type fragments struct {
	datagrams  map[datagramKey]*datagram
	head, tail *datagram
	memory     int
	buffer     []byte // the header and data of a complete datagram
}

// fragment takes an IP fragment by the rules of Linux (ip_frag_queue,
// ip6_frag_queue, inet_frag_queue_insert).
func (a *Assembler) fragment(p *decode.Packet, space uint32, depth int) {
	a.stats.Fragments++
	offset, n := p.FragmentOffset, p.PayloadLen
	end := offset + n
	if end > 65535 || p.IPVersion == 6 && offset == 0 && n < headerLen(p.Proto) {
		a.stats.FragmentDropped++
		return
	}
	if p.MoreFragments && end&7 != 0 {
		if p.IPVersion == 6 {
			a.stats.FragmentDropped++
			return
		}
		end &^= 7
		n = end - offset
	}
	k := datagramKey{addressOf(p.Src().Addr()), addressOf(p.Dst().Addr()), p.FragmentID, space << 1, p.Proto}
	if p.IPVersion == 6 {
		k.space |= 1
		k.proto = 0
	}
	d := a.fragments.datagrams[k]
	if d == nil {
		d = a.newDatagram(k, depth)
	}
	d.packets++
	a.stats.FragmentHeld++
	if n <= 0 || d.last && (end > d.length || !p.MoreFragments && end != d.length) || !p.MoreFragments && end < d.length {
		a.dropDatagram(d, &a.stats.FragmentDropped)
		return
	}
	if !p.MoreFragments {
		d.last = true
	}
	d.length = max(d.length, end)
	i, fit := d.fit(offset, end)
	switch fit {
	case duplicate:
		d.packets--
		a.stats.FragmentHeld--
		a.stats.FragmentDuplicate++
		return
	case overlap:
		a.dropDatagram(d, &a.stats.FragmentDropped)
		return
	}
	b := p.Payload[:min(n, len(p.Payload))]
	f := fragment{a.pool.copy(b), n - len(b)}
	memory := cap(f.data) + overhead
	d.memory += memory
	a.fragments.memory += memory
	a.stats.Memory += memory
	if offset == 0 {
		d.proto = p.Proto
	}
	d.have += n
	if fit == follows {
		r := &d.runs[i]
		r.to, r.tail = end, offset
		r.pieces = append(r.pieces, f)
	} else {
		d.runs = slices.Insert(d.runs, i, run{offset, end, offset, []fragment{f}})
	}
	if d.last && d.have == d.length { // runs do not overlap
		a.reassembled(d, p, space)
		return
	}
	for a.fragments.memory > a.cfg.MaxFragmentBytes {
		a.dropDatagram(a.fragments.head, &a.stats.FragmentDropped)
	}
}

// headerLen is what the first fragment of an IPv6 datagram must hold of the
// upper-layer header (RFC 7112).
func headerLen(proto uint8) int {
	switch proto {
	case decode.ProtoTCP:
		return 20
	case decode.ProtoUDP:
		return 8
	}
	return 1
}

// How a fragment fits into a datagram.
const (
	separate = iota
	follows
	duplicate
	overlap
)

// fit returns where a fragment goes: into which run, or before which.
func (d *datagram) fit(from, to int) (int, int) {
	n := len(d.runs)
	if n == 0 {
		return 0, separate
	}
	if last := &d.runs[n-1]; last.to < to {
		switch {
		case from < last.to:
			return 0, overlap
		case from == last.to:
			return n - 1, follows
		}
		return n, separate
	}
	i := sort.Search(n, func(i int) bool { return from < d.runs[i].to })
	switch r := &d.runs[i]; { // the last run ends at or behind to
	case to <= r.from:
		return i, separate
	case from >= r.from && to <= r.to:
		return 0, duplicate
	}
	return 0, overlap
}

// append appends d's data, up to the first byte that was not captured.
func (d *datagram) append(b []byte) []byte {
	for i := range d.runs {
		for _, f := range d.runs[i].pieces {
			b = append(b, f.data...)
			if f.cut > 0 {
				return b
			}
		}
	}
	return b
}

// reassembled takes the datagram d, which p completed.
func (a *Assembler) reassembled(d *datagram, p *decode.Packet, space uint32) {
	link := decode.LinkIPv4
	b := a.fragments.buffer[:0]
	if p.IPVersion == 4 {
		b = append(b, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(20+d.length))
		b = append(b, 0, 0, 0, 0, 64, d.proto, 0, 0)
	} else {
		link = decode.LinkIPv6
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(d.length))
		b = append(b, d.proto, 64)
	}
	b = append(b, p.Src().Addr().AsSlice()...)
	b = append(b, p.Dst().Addr().AsSlice()...)
	wire := len(b) + d.length
	b = d.append(b)
	a.fragments.buffer = b
	depth := d.depth
	a.stats.FragmentUsed += uint64(d.packets)
	a.stats.Reassembled++
	a.dropDatagram(d, nil)
	if wire > 65535+40 || p.IPVersion == 4 && wire > 65535 || depth >= maxDepth {
		a.stats.Other++
		return
	}
	inner := &a.inner[depth]
	inner.DecodeCut(link, b, wire)
	a.pieced = true
	a.packet(inner, space, depth+1)
	a.pieced = false
}

func (a *Assembler) newDatagram(k datagramKey, depth int) *datagram {
	fs := &a.fragments
	if fs.datagrams == nil {
		fs.datagrams = make(map[datagramKey]*datagram)
	}
	d := &datagram{key: k, since: a.clock.now, memory: overhead, depth: depth}
	fs.datagrams[k] = d
	if d.prev = fs.tail; d.prev != nil {
		d.prev.next = d
	} else {
		fs.head = d
	}
	fs.tail = d
	fs.memory += overhead
	a.stats.Memory += overhead
	return d
}

// dropDatagram forgets d and adds its fragments to count.
func (a *Assembler) dropDatagram(d *datagram, count *uint64) {
	fs := &a.fragments
	delete(fs.datagrams, d.key)
	if d.prev != nil {
		d.prev.next = d.next
	} else {
		fs.head = d.next
	}
	if d.next != nil {
		d.next.prev = d.prev
	} else {
		fs.tail = d.prev
	}
	for i := range d.runs {
		for _, f := range d.runs[i].pieces {
			a.pool.free(f.data)
		}
	}
	fs.memory -= d.memory
	a.stats.Memory -= d.memory
	a.stats.FragmentHeld -= d.packets
	if count != nil {
		*count += uint64(d.packets)
	}
}

func (a *Assembler) expireFragments() {
	fs := &a.fragments
	for d := fs.head; d != nil; d = fs.head {
		if a.clock.now-d.since < int64(a.cfg.FragmentTimeout) {
			return
		}
		a.dropDatagram(d, &a.stats.FragmentDropped)
	}
}
