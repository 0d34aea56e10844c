package pcapfile

import (
	"bytes"
	"net/netip"
	"time"
)

const (
	maxDatagrams    = 1024
	maxHeld         = 1 << 20 // bytes
	datagramTimeout = 30 * time.Second
)

// datagrams remembers where the first fragments of TCP datagrams went, the only
// ones with ports, so that the others follow. Others that come before are held
// back, for a datagram is of use only when it is whole.
type datagrams struct {
	known map[datagramKey]*datagram
	queue []*datagram // the oldest first
	held  int         // bytes
}

type datagramKey struct {
	src, dst netip.Addr
	id       uint32
}

type datagram struct {
	key   datagramKey
	begun time.Time
	first bool   // the first fragment was there
	hash  uint64 // valid iff first
	held  []heldFrame
}

// A heldFrame is an entry with its data.
type heldFrame struct {
	entry
	data []byte
}

// fragment deals a frame with the data b, which d.hash has decoded and found a
// fragment of TCP.
func (d *dealer) fragment(e *entry, b []byte) {
	p, g := &d.hash.packet, &d.datagrams
	key := datagramKey{p.Src().Addr(), p.Dst().Addr(), p.FragmentID}
	dg := g.known[key]
	at := time.Unix(e.sec, e.nsec)
	if dg != nil && at.Sub(dg.begun).Abs() > datagramTimeout {
		d.forget(dg)
		dg = nil
	}
	if dg == nil {
		dg = &datagram{key: key, begun: at}
		if g.known == nil {
			g.known = map[datagramKey]*datagram{}
		}
		g.known[key] = dg
		g.queue = append(g.queue, dg)
	}
	switch {
	case p.FragmentOffset == 0:
		dg.first, dg.hash = true, d.hash.ports()
		d.give(dg.hash, e)
		d.release(dg)
	case dg.first:
		d.give(dg.hash, e)
	default:
		g.held += len(b)
		dg.held = append(dg.held, heldFrame{*e, bytes.Clone(b)})
	}
	for len(g.queue) > maxDatagrams || g.held > maxHeld {
		d.forget(g.queue[0])
	}
}

// release deals what was held of a datagram.
func (d *dealer) release(dg *datagram) {
	for i := range dg.held {
		d.datagrams.held -= len(dg.held[i].data)
		d.giveHeld(dg.hash, &dg.held[i])
	}
	dg.held = nil
}

// forget deals what was held of a datagram without a first fragment by its
// addresses, and forgets it.
func (d *dealer) forget(dg *datagram) {
	g := &d.datagrams
	if !dg.first {
		dg.hash = mix(fold(dg.key.src) + fold(dg.key.dst))
	}
	d.release(dg)
	if g.known[dg.key] == dg {
		delete(g.known, dg.key)
	}
	for i, q := range g.queue {
		if q == dg {
			g.queue = append(g.queue[:i], g.queue[i+1:]...)
			break
		}
	}
}

// forgetAll is forget at the end of the file.
func (d *dealer) forgetAll() {
	for len(d.datagrams.queue) > 0 {
		d.forget(d.datagrams.queue[0])
	}
}
