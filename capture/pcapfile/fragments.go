package pcapfile

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/flowhash"
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
	hash  uint32 // of the connection; until the first fragment, of the hosts
	held  []capture.Frame
}

// fragment is takes for a frame that a.hash has decoded and found a fragment of
// TCP.
func (a *assignment) fragment(f *capture.Frame) (mine bool) {
	p, g := &a.hash.packet, &a.datagrams
	key := datagramKey{p.Src().Addr(), p.Dst().Addr(), p.FragmentID}
	dg := g.known[key]
	if dg != nil && f.Time.Sub(dg.begun).Abs() > datagramTimeout {
		a.forget(dg)
		dg = nil
	}
	if dg == nil {
		dg = &datagram{key: key, begun: f.Time, hash: flowhash.Packet(p)}
		if g.known == nil {
			g.known = map[datagramKey]*datagram{}
		}
		g.known[key] = dg
		g.queue = append(g.queue, dg)
	}
	switch {
	case p.FragmentOffset == 0:
		dg.first, dg.hash = true, flowhash.Packet(p)
		mine = a.mine(dg.hash, len(f.Data))
		a.release(dg)
	case dg.first:
		mine = a.mine(dg.hash, len(f.Data))
	default:
		held := *f
		held.Data = bytes.Clone(f.Data)
		g.held += len(held.Data)
		dg.held = append(dg.held, held)
	}
	for len(g.queue) > maxDatagrams || g.held > maxHeld {
		a.forget(g.queue[0])
	}
	return mine
}

// release lets go what was held of a datagram.
func (a *assignment) release(dg *datagram) {
	for _, f := range dg.held {
		a.datagrams.held -= len(f.Data)
		if a.mine(dg.hash, len(f.Data)) {
			a.released = append(a.released, f)
		}
	}
	dg.held = nil
}

// forget lets go what was held of a datagram without a first fragment, by its
// addresses, and forgets it.
func (a *assignment) forget(dg *datagram) {
	g := &a.datagrams
	a.release(dg)
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
func (a *assignment) forgetAll() {
	for len(a.datagrams.queue) > 0 {
		a.forget(a.datagrams.queue[0])
	}
}
