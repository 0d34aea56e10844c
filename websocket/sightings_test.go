package websocket

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// TestSightingsAreUsedAgain: of many handshakes each of the last maxSightings is known
// by its key, and none before these, which those behind them take the memory of.
func TestSightingsAreUsedAgain(t *testing.T) {
	p := newRecorder(nil).p
	l := &sightings{}
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Unix(1e9, 0)
	// sight makes a sighting of the connection i, or of its copy.
	sight := func(i int) *sighting {
		s := p.newSighting()
		m := p.moment(at)
		s.p, s.k, s.key, s.heads, s.asked, s.answered = p, &socket{}, uint64(i/7), uint64(i), m, m // some keys are used again
		s.client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 40000)
		return s
	}
	const n = 5 * maxSightings
	for i := range n {
		s := sight(i)
		s.number = uint64(i + 1)
		l.add(s)
		if i%10 > 0 {
			continue
		}
		back := r.IntN(min(2*maxSightings, i+1))
		copied := sight(i - back)
		same, _ := l.find(copied)
		if known := back < maxSightings; known != (same != nil) || known && same.number != uint64(i-back+1) {
			t.Fatalf("of %d sightings, %d back: %+v", i, back, same)
		}
		p.freeSighting(copied)
	}
	if len(p.spareSightings) > 64 {
		t.Errorf("%d are spare", len(p.spareSightings))
	}
	i := n
	if allocs := testing.AllocsPerRun(2000, func() {
		s := sight(i)
		s.number = uint64(i + 1)
		l.add(s)
		i++
	}); allocs > 1 { // the socket's
		t.Errorf("%v allocations for each", allocs)
	}
}

// A sighting that is looked at while the lock is not held is not used again.
func TestSightingInUse(t *testing.T) {
	p := newRecorder(nil).p
	s := p.newSighting()
	s.uses = 1
	p.freeSighting(s)
	if o := p.newSighting(); o == s {
		t.Error("it is another one's")
	}
}
