package reassembly

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/testkit"
)

// An orderly is a Consumer that checks in which order it is told.
type orderly struct {
	t      *testing.T
	seed   uint64
	flow   *Flow
	told   [2]int
	acked  [2][]int // of each byte, what its sender had when it was sent
	strict bool     // told as it was captured
	last   time.Time
}

func (o *orderly) at(t time.Time) {
	if o.strict && t.Before(o.last) {
		o.t.Fatalf("seed %d: %v after %v", o.seed, t.Sub(start), o.last.Sub(start))
	}
	o.last = t
}

func (o *orderly) Data(dir Direction, b []byte, t time.Time) {
	o.at(t)
	mute := o.flow.flags&mutes(int(dir.Reverse())^o.flow.clientSide()) != 0
	for range b {
		if had := o.acked[dir][o.told[dir]]; had > o.told[dir^1] && !mute {
			o.t.Fatalf("seed %d: byte %d of the %v follows %d of the other side's, which are told to %d", o.seed, o.told[dir], dir, had, o.told[dir^1])
		}
		o.told[dir]++
	}
}

func (o *orderly) Gap(dir Direction, n int64, t time.Time) {
	o.at(t)
	o.told[dir] += int(n)
}

func (o *orderly) Conflict(Direction, int64, int64, time.Time) {}
func (o *orderly) Closed(Reason, time.Time)                    {}

// TestOrder plays conversations of which the capture has lost packets, or displaced
// and repeated some as well. What a side says is told after what it acknowledges, and
// where packets are only lost all is told in the order in which it was captured.
func TestOrder(t *testing.T) {
	for seed := range uint64(testkit.Rounds(300, 100, 10_000)) {
		rng := rand.New(rand.NewPCG(seed, 23))
		isn := [2]uint32{rng.Uint32(), rng.Uint32()}
		o := &orderly{t: t, seed: seed, strict: seed%2 == 0}
		type packet struct {
			*decode.Packet
			dir      Direction
			from, to int
		}
		var sent [2]int
		var captured []packet
		loss := rng.IntN(30)
		turn := 1 + rng.IntN(5) // how long one speaks
		dir := Direction(0)
		for range 200 {
			if rng.IntN(turn) == 0 {
				dir ^= 1
			}
			n := rng.IntN(3) * rng.IntN(30)
			p := seg(dir, decode.ACK, isn[dir]+1+uint32(sent[dir]), 0, string(make([]byte, n)))
			p.Ack = isn[dir^1] + 1 + uint32(sent[dir^1])
			for range n {
				o.acked[dir] = append(o.acked[dir], sent[dir^1])
			}
			for range 1 + rng.IntN(12)/11*int(seed%2) {
				if rng.IntN(100) >= loss {
					captured = append(captured, packet{p, dir, sent[dir], sent[dir] + n})
				}
			}
			sent[dir] += n
		}
		if !o.strict {
			for i := range captured {
				j := min(len(captured)-1, i+rng.IntN(4))
				captured[i], captured[j] = captured[j], captured[i]
			}
		}
		b := newBench(t, &Config{AckedHolePackets: 20 + rng.IntN(60), MaxFlowBytes: 1 << (10 + rng.IntN(8))})
		b.a.accept = func(f *Flow) Consumer { o.flow = f; return o }
		b.open(isn[0], isn[1])
		for _, p := range captured {
			b.packet(p.Packet)
		}
		b.close()
	}
}
