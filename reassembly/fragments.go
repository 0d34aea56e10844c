package reassembly

import (
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/ipfrag"
)

// fragments holds the IP datagrams that are not complete.
type fragments struct {
	ipfrag.Table[datagram]
	buffer []byte // the header and data of a complete datagram
}

type datagram struct {
	ipfrag.Datagram
	packets int // that it was received in
	depth   int // of tunnels
}

// fragment takes an IP fragment.
func (a *Assembler) fragment(p *decode.Packet, space uint32, depth int) {
	a.stats.Fragments++
	extent, ok := ipfrag.ExtentOf(p)
	if !ok {
		a.stats.FragmentDropped++
		return
	}
	k := ipfrag.KeyOf(p, space)
	e := a.fragments.Get(k)
	if e == nil {
		e = a.fragments.Add(k, a.clock.now)
		e.Value.depth = depth
		a.chargeDatagram(e, overhead)
	}
	d := &e.Value
	d.packets++
	a.stats.FragmentHeld++
	data := a.pool.copy(p.Payload[:min(max(extent.To-extent.From, 0), len(p.Payload))])
	switch d.Add(extent, p.Proto, data) {
	case ipfrag.Refused:
		a.pool.free(data)
		a.dropDatagram(e, &a.stats.FragmentDropped)
	case ipfrag.Duplicate:
		a.pool.free(data)
		d.packets--
		a.stats.FragmentHeld--
		a.stats.FragmentDuplicate++
	case ipfrag.Complete:
		a.chargeDatagram(e, cap(data)+overhead)
		a.reassembled(e, p, space)
	case ipfrag.Kept:
		a.chargeDatagram(e, cap(data)+overhead)
		for a.fragments.Memory() > a.cfg.MaxFragmentBytes {
			a.dropDatagram(a.fragments.Oldest(), &a.stats.FragmentDropped)
		}
	}
}

// chargeDatagram counts memory that a datagram takes.
func (a *Assembler) chargeDatagram(e *ipfrag.Entry[datagram], bytes int) {
	a.fragments.Charge(e, bytes)
	a.stats.Memory += bytes
}

// reassembled takes a complete datagram, of which p came last.
func (a *Assembler) reassembled(e *ipfrag.Entry[datagram], p *decode.Packet, space uint32) {
	d := &e.Value
	b, wire, link := d.AppendPacket(a.fragments.buffer[:0], p)
	a.fragments.buffer = b
	depth := d.depth
	a.stats.FragmentUsed += uint64(d.packets)
	a.stats.Reassembled++
	a.dropDatagram(e, nil)
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

// dropDatagram forgets a datagram and adds its fragments to count.
func (a *Assembler) dropDatagram(e *ipfrag.Entry[datagram], count *uint64) {
	for data := range e.Value.Pieces() {
		a.pool.free(data)
	}
	a.stats.Memory -= e.Memory
	a.stats.FragmentHeld -= e.Value.packets
	if count != nil {
		*count += uint64(e.Value.packets)
	}
	a.fragments.Remove(e)
}

// dropFragments forgets the datagrams that have waited for a time of the packets.
func (a *Assembler) dropFragments(timeout int64) {
	for e := a.fragments.Oldest(); e != nil && a.clock.now-e.Since >= timeout; e = a.fragments.Oldest() {
		a.dropDatagram(e, &a.stats.FragmentDropped)
	}
}
