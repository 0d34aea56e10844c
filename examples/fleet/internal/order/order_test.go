package order

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
)

var start = time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)

// stream makes batches as a Builder does: of two taps, two ports and four kinds.
func stream(rng *rand.Rand, n int) (list []*batch.Batch) {
	type port struct {
		tap  string
		port uint16
	}
	sent := map[port]*[batch.Kinds]uint64{}
	seq := map[string]uint64{}
	for range n {
		p := port{[]string{"a", "b"}[rng.IntN(2)], []uint16{80, 443}[rng.IntN(2)]}
		if sent[p] == nil {
			sent[p] = new([batch.Kinds]uint64)
		}
		b := &batch.Batch{Tap: p.tap, Boot: "x", Port: p.port, Kind: batch.Kind(rng.IntN(4)), First: seq[p.tap] + 1, N: uint64(1 + rng.IntN(5)), Before: *sent[p]}
		sent[p][b.Kind] += b.N
		seq[p.tap] += b.N
		list = append(list, b)
	}
	return list
}

// TestRetries: however batches are sent again, each comes out once, and those of a port
// in their order.
func TestRetries(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		list := stream(rng, 200)
		for _, kinds := range [][]batch.Kind{nil, {batch.Message}, {batch.Open, batch.End}} {
			var got []*batch.Batch
			o := New(Config{Whole: true, Kinds: kinds, Deliver: func(it Item) { got = append(got, it.Batch) },
				Missing: func(m Missing) { t.Errorf("seed %d: missing %+v", seed, m) }})
			var want []*batch.Batch
			var sent []*batch.Batch
			for _, b := range list {
				if kinds == nil || slices.Contains(kinds, b.Kind) {
					want = append(want, b)
				}
			}
			for i, b := range want {
				switch rng.IntN(20) {
				case 0: // fails, and is sent again behind others
					sent = append(sent, want[min(i+1, len(want)-1)], b)
				case 1: // all since some time is sent again
					sent = append(append(sent, b), want[max(0, i-rng.IntN(20)):i+1]...)
				default:
					sent = append(sent, b)
				}
			}
			for i, b := range sent {
				o.Add(Item{Batch: b, Time: start.Add(time.Duration(i) * time.Millisecond)})
			}
			for _, tap := range []string{"a", "b"} {
				for _, port := range []uint16{80, 443} {
					of := func(list []*batch.Batch) (out []uint64) {
						for _, b := range list {
							if b.Tap == tap && b.Port == port {
								out = append(out, b.First)
							}
						}
						return out
					}
					if g, w := of(got), of(want); !slices.Equal(g, w) {
						t.Fatalf("seed %d, kinds %v: %v, want %v", seed, kinds, g, w)
					}
				}
			}
			if o.Counts().Missing != 0 || o.held != 0 {
				t.Errorf("%+v, %d held", o.Counts(), o.held)
			}
		}
	}
}

// TestMissing: what never comes is told, exactly, after the patience of the engine's
// clock; what comes later still is shown, once.
func TestMissing(t *testing.T) {
	list := stream(rand.New(rand.NewPCG(9, 9)), 100)
	var got []uint64
	var told uint64
	o := New(Config{Whole: true, Patience: time.Minute,
		Deliver: func(it Item) { got = append(got, it.First) }, Missing: func(m Missing) { told += m.N }})
	lost := list[40]
	for i, b := range list {
		if b != lost {
			o.Add(Item{Batch: b, Time: start.Add(time.Duration(i) * time.Second)})
		}
	}
	if told != 0 {
		t.Fatal("told too early")
	}
	if len(got) > 90 {
		t.Fatalf("%d delivered out of order", len(got))
	}
	o.Tick(start.Add(10 * time.Minute))
	if told != lost.N || len(got) != 99 {
		t.Errorf("%d told of %d, %d delivered", told, lost.N, len(got))
	}
	for range 2 {
		o.Add(Item{Batch: lost, Time: start})
	}
	if c := o.Counts(); len(got) != 100 || c.Late != lost.N || c.Missing != 0 || c.Duplicates != lost.N {
		t.Errorf("%d delivered, %+v", len(got), c)
	}
}

// TestMiddle: who begins to read in the middle misses nothing, and what is kept of a
// stream from its beginning may begin later.
func TestMiddle(t *testing.T) {
	list := stream(rand.New(rand.NewPCG(5, 5)), 100)
	for _, whole := range []bool{false, true} {
		var n int
		var told uint64
		o := New(Config{Whole: whole, Deliver: func(it Item) { n++ }, Missing: func(m Missing) { told += m.N }})
		for _, b := range list[50:] {
			o.Add(Item{Batch: b, Time: start})
		}
		o.Flush()
		if n != 50 || (told > 0) != whole {
			t.Errorf("whole %v: %d delivered, %d missing", whole, n, told)
		}
	}
}

// TestAlone: events of partitions that are read at different speeds, some twice.
func TestAlone(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var parts [4][]uint64
		for seq := uint64(1); seq <= 1000; seq++ {
			p := &parts[rng.IntN(4)]
			if *p = append(*p, seq); rng.IntN(100) == 0 {
				*p = append(*p, (*p)[max(0, len(*p)-10):]...)
			}
		}
		seen := map[uint64]int{}
		var told uint64
		o := New(Config{Deliver: func(it Item) { seen[it.First]++ }, Missing: func(m Missing) { told += m.N }})
		lost := parts[0][3]
		for len(parts[0])+len(parts[1])+len(parts[2])+len(parts[3]) > 0 {
			p := &parts[rng.IntN(4)]
			k := min(len(*p), rng.IntN(50))
			for _, seq := range (*p)[:k] {
				if seq != lost {
					o.Add(Item{Batch: &batch.Batch{Tap: "a", Boot: "x", First: seq, N: 1}, Time: start, Alone: true})
				}
			}
			*p = (*p)[k:]
		}
		o.TellHoles()
		o.TellHoles()
		if told != 1 || len(seen) != 999 || seen[lost] != 0 {
			t.Errorf("seed %d: %d told, %d seen", seed, told, len(seen))
		}
		for range 2 {
			o.Add(Item{Batch: &batch.Batch{Tap: "a", Boot: "x", First: lost, N: 1}, Time: start, Alone: true})
		}
		if c := o.Counts(); c.Missing != 0 || c.Late != 1 || c.Delivered != 1000 {
			t.Errorf("seed %d: %+v", seed, c)
		}
		for seq, n := range seen {
			if n != 1 {
				t.Errorf("seed %d: %d came %d times", seed, seq, n)
			}
		}
	}
}

// TestSeen: far apart and many, seqs are counted exactly, and memory is bounded.
func TestSeen(t *testing.T) {
	var s seen
	for _, seq := range []uint64{5000, 1, 1 << 62, 4096, 4095, 8191} {
		if !s.add(seq) || s.add(seq) {
			t.Error(seq)
		}
	}
	s.addRange(2, 3000)
	s.addRange(1<<40, 1<<50)
	if n := s.holes(); n != 1<<62-5-3000 {
		t.Errorf("%d holes", n)
	}
	if n := s.holes(); n != 0 {
		t.Errorf("%d holes told twice", n)
	}
	for seq := range uint64(3 * maxPages) {
		s.add(1<<62 + seq*pageSeqs)
		if len(s.pages) > maxPages {
			t.Fatal(len(s.pages))
		}
	}
	var dense seen
	for seq := uint64(1); seq <= 10*pageSeqs; seq++ {
		dense.add(seq)
	}
	if dense.holes() != 0 || dense.pages[3] != full {
		t.Error("a page that is full is not known for one")
	}
}

// TestHeldBounded: a batch that never comes does not make memory grow.
func TestHeldBounded(t *testing.T) {
	o := New(Config{Whole: true, Deliver: func(Item) {}, Missing: func(Missing) {}})
	lines := make([]byte, 1<<20)
	for i := range 200 {
		o.Add(Item{Batch: &batch.Batch{Tap: "a", Boot: "x", Port: 1, Kind: batch.Message, First: uint64(i + 2), N: 1,
			Before: [batch.Kinds]uint64{batch.Message: uint64(i + 1)}, Lines: lines}, Time: start})
		if o.held > heldBytes {
			t.Fatalf("%d bytes held", o.held)
		}
	}
	if c := o.Counts(); c.Missing != 1 {
		t.Errorf("%+v", c)
	}
}
