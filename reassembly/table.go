package reassembly

// A table finds flows by key: open addressing with linear probing over entries
// of 8 bytes, so that a look-up among many flows costs few cache misses, one
// here and one, or two that come together, in the slab. Flows stay where they are for
// their life.
type table struct {
	entries []entry // a power of two, at most three quarters full
	count   int
	slabs   []slab
	low     int     // slabs before it are full
	empty   int     // a slab without a flow in use that is kept; 0: none
	rests   []*rest // spare
}

// An entry is a flow's index (0: empty) and its hash.
type entry struct{ index, hash uint32 }

const (
	slabBits = 9
	slabSize = 1 << slabBits
)

// A slab has the flows whose indices differ in the lowest bits only. The first flow of
// the first slab is never used.
type slab struct {
	*memory        // nil: not asked for, or given back
	free    uint32 // list of flows that were removed, linked by next; 0: none
	used    uint16 // flows that were ever taken: memory behind these is not touched
	count   uint16 // of flows in use
}

type memory struct {
	flows  [slabSize]Flow
	asides [slabSize]aside
}

// An aside is what of a Flow stands aside, for only its beginning, its end and once a
// second a packet need it.
type aside struct {
	next, prev uint32    // in its list
	place      [2]uint32 // where each side's packets were captured first; 0: not known
}

func (t *table) flow(i uint32) *Flow   { return &t.slabs[i>>slabBits].flows[i&(slabSize-1)] }
func (t *table) aside(i uint32) *aside { return &t.slabs[i>>slabBits].asides[i&(slabSize-1)] }

func (t *table) init() {
	t.rehash(64)
	t.take() // 0, which stands for none
}

// probable returns the first flow with a hash; 0: there is none.
func (t *table) probable(hash uint32) uint32 {
	mask := uint32(len(t.entries) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		if e := t.entries[i]; e.hash == hash || e.index == 0 {
			return e.index
		}
	}
}

// find returns the flow of k; nil: there is none.
func (t *table) find(k *key, hash uint32) (*Flow, uint32) {
	mask := uint32(len(t.entries) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := t.entries[i]
		if e.index == 0 {
			return nil, 0
		}
		if e.hash == hash {
			if f := t.flow(e.index); f.equal(k) {
				return f, e.index
			}
		}
	}
}

// same finds the flows of k, and returns how many there are.
func (t *table) same(k *key, hash uint32, found *[maxLegs]uint32) (n int) {
	mask := uint32(len(t.entries) - 1)
	for i := hash & mask; n < maxLegs; i = (i + 1) & mask {
		e := t.entries[i]
		if e.index == 0 {
			break
		}
		if e.hash == hash && t.flow(e.index).equal(k) {
			found[n] = e.index
			n++
		}
	}
	return n
}

// insert returns a zeroed flow for k.
func (t *table) insert(k *key, hash uint32) (*Flow, uint32) {
	if t.count >= len(t.entries)/4*3 {
		t.rehash(2 * len(t.entries))
	}
	index := t.take()
	f := t.flow(index)
	*f = Flow{lo: k.lo, space: k.space}
	*t.aside(index) = aside{}
	if k.space&1 != 0 {
		f.rest = t.newRest()
		f.rest.hi, f.rest.ports = k.hi, k.ports
	}
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

// remove takes a flow out; its memory is used again, or given back.
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
	t.release(index)
	if n := len(t.entries); n > 1<<12 && t.count < n/16 {
		t.rehash(n / 4)
	}
}

func (t *table) rehash(n int) {
	old := t.entries
	t.entries = make([]entry, n)
	for _, e := range old {
		if e.index != 0 {
			t.place(e)
		}
	}
}

// take returns the index of a flow that is not in use, in the first slab that has one,
// so that after a peak the others come to be empty.
func (t *table) take() uint32 {
	for t.low < len(t.slabs) && t.slabs[t.low].count == slabSize {
		t.low++
	}
	if t.low == len(t.slabs) {
		t.slabs = append(t.slabs, slab{})
	}
	s := &t.slabs[t.low]
	if s.memory == nil {
		s.memory = new(memory)
	} else if t.low == t.empty {
		t.empty = 0
	}
	i := s.free & (slabSize - 1)
	if s.free != 0 {
		s.free = s.asides[i].next
	} else {
		i = uint32(s.used)
		s.used++
	}
	s.count++
	return uint32(t.low)<<slabBits | i
}

// release takes back a flow. Of slabs without a flow in use one is kept.
func (t *table) release(index uint32) {
	n := int(index >> slabBits)
	s := &t.slabs[n]
	f := t.flow(index)
	t.freeRest(f)
	*f = Flow{}
	t.aside(index).next = s.free
	s.free = index
	t.low = min(t.low, n)
	if s.count--; s.count > 0 {
		return
	}
	if t.empty == 0 {
		t.empty = n
		return
	}
	last := max(t.empty, n)
	t.empty = min(t.empty, n)
	t.slabs[last] = slab{}
}
