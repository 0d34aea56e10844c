package reassembly

import (
	"math/rand/v2"
	"testing"

	"github.com/wstap/wstap/internal/flowhash"
)

// TestTable fills and empties a table at random and compares it with a map.
func TestTable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	seed := flowhash.NewSeed()
	var table table
	table.init()
	at := make(map[key]uint32)
	keys := []key{}
	for step := range 60_000 {
		grows := step/10_000%2 == 0 // and then it shrinks
		if len(keys) == 0 || r.IntN(10) < 2 != grows {
			k := key{lo: [2]uint64{r.Uint64() >> 16, r.Uint64() >> 16}, space: uint32(r.IntN(4))}
			if k.space&1 != 0 {
				k.hi, k.ports = [2]uint64{r.Uint64(), r.Uint64()}, [2]uint16{uint16(r.Uint32()), 443}
			}
			f, index := table.insert(&k, k.hash(&seed))
			if index == 0 || f != table.flow(index) || f.key() != k {
				t.Fatalf("step %d: %d is %+v, not %+v", step, index, f.key(), k)
			}
			f.state = established
			at[k], keys = index, append(keys, k)
		} else {
			i := r.IntN(len(keys))
			k := keys[i]
			table.remove(at[k], k.hash(&seed))
			keys[i] = keys[len(keys)-1]
			keys = keys[:len(keys)-1]
			delete(at, k)
			if f, _ := table.find(&k, k.hash(&seed)); f != nil {
				t.Fatalf("step %d: %+v is there again", step, k)
			}
		}
		if step%1000 == 0 {
			table.check(t, at, &seed)
		}
	}
	table.check(t, at, &seed)
}

// check sees that exactly the keys of at are there, and that slabs count them.
func (t *table) check(tb testing.TB, at map[key]uint32, seed *flowhash.Seed) {
	tb.Helper()
	indices := make(map[uint32]bool)
	for k, index := range at {
		if f, i := t.find(&k, k.hash(seed)); i != index || f.state != established || indices[i] {
			tb.Fatalf("%+v is flow %d, not %d", k, i, index)
		}
		indices[index] = true
	}
	used, empty := -1, 0 // 0 is none
	for i, s := range t.slabs {
		used += int(s.count)
		if s.memory != nil && s.count == 0 {
			empty++
		}
		if i < t.low && s.count < slabSize {
			tb.Fatalf("slab %d before %d has room", i, t.low)
		}
	}
	if used != len(at) || t.count != len(at) || empty > 1 {
		tb.Fatalf("%d flows; slabs count %d, the table %d; %d slabs are empty", len(at), used, t.count, empty)
	}
}
