package reassembly

// A table finds flows by key: open addressing with linear probing over entries
// of 8 bytes, so that a look-up among many flows costs two cache misses, one
// here and one in the slab. Flows stay where they are for their life.
type table struct {
	entries []entry // a power of two, at most three quarters full
	count   int
	slabs   []*slab
	free    uint32 // list of flows that were removed, linked by next; 0: none
	used    uint32 // the highest index that was ever taken: memory behind it is not touched
}

// An entry is a flow's index (0: empty) and its hash.
type entry struct{ index, hash uint32 }

const slabBits = 9

type slab [1 << slabBits]Flow

func (t *table) flow(i uint32) *Flow { return &t.slabs[i>>slabBits][i&(1<<slabBits-1)] }

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
			if f := t.flow(e.index); f.key.equal(k) {
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
		if e.hash == hash && t.flow(e.index).key.equal(k) {
			found[n] = e.index
			n++
		}
	}
	return n
}

// insert returns a zeroed flow for k.
func (t *table) insert(k *key, hash uint32) (*Flow, uint32) {
	if t.count >= len(t.entries)/4*3 {
		t.grow()
	}
	index := t.take()
	f := t.flow(index)
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
	*f = Flow{next: t.free}
	t.free = index
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

// take returns the index of a flow that is not in use.
func (t *table) take() uint32 {
	if index := t.free; index != 0 {
		t.free = t.flow(index).next
		return index
	}
	t.used++
	if int(t.used>>slabBits) == len(t.slabs) {
		t.addSlab()
	}
	return t.used
}

func (t *table) addSlab() { t.slabs = append(t.slabs, new(slab)) }
