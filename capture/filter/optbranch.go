package filter

import (
	"math/bits"
	"slices"
)

// thread makes an edge skip blocks whose outcome it decides (opt_j).
func (o *optimizer) thread(e edge) {
	if e.to().leaf() {
		return
	}
	if t := e.to(); t.succ[0] == t.succ[1] && !o.conflict(e.from, t, t.succ[0]) && !(o.inOrder && t.loads()) {
		e.move(t.succ[0])
		o.did()
	}
	for o.threadOnce(e) {
	}
}

// loads reports whether a block looks at the packet.
func (b *block) loads() bool { return slices.ContainsFunc(b.stmts, stmt.loads) }

func (s stmt) loads() bool {
	return s.code == ldxMsh || isLoad(s, modeABS) || isLoad(s, modeIND)
}

// threadOnce reports whether it moved e to a block that branches again.
func (o *optimizer) threadOnce(e edge) bool {
	n := len(o.facts)
	for w, word := range o.of(e.from).edom[e.i] {
		for ; word != 0; word &= word - 1 {
			id := w*64 + bits.TrailingZeros64(word)
			known := edge{o.facts[id%n].b, id / n}
			t := o.outcome(e.to(), known)
			if t != nil && !o.conflict(e.from, e.to(), t) {
				e.move(t)
				o.changed = true
				return !t.leaf()
			}
		}
	}
	return false
}

// outcome is where b goes when it is reached over known, an edge that all ways
// to it take, or nil if that decides nothing (fold_edge).
func (o *optimizer) outcome(b *block, known edge) *block {
	if b.leaf() || b.code != known.from.code {
		return nil
	}
	f, k := o.of(b), o.of(known.from)
	if o.inOrder && (k.single || f.val[regA] == unknown || f.tested == unknown) {
		return nil // an edge that is never taken tells nothing, nor do unknown values
	}
	if f.val[regA] != k.val[regA] {
		return nil
	}
	if f.tested == k.tested {
		return b.succ[known.i] // the same test
	}
	if known.i == 0 && b.code == opJMP|jmpEQ {
		return b.succ[1] // A equals another constant
	}
	return nil
}

// conflict reports whether it matters that an edge from one block skips
// another on its way to a third (use_conflict).
//
// As libpcap it compares what is used behind the third, which is enough as
// long as every block loads what it tests. In a program that has been through
// the optimizer once that is no longer so: then what the third uses must not
// be changed by the one skipped.
func (o *optimizer) conflict(from, skipped, to *block) bool {
	f, s, t := o.of(from), o.of(skipped), o.of(to)
	if o.inOrder {
		for use := t.use & s.def; use != 0; use &= use - 1 {
			r := bits.TrailingZeros32(uint32(use))
			if f.val[r] == unknown || f.val[r] != s.val[r] {
				return true
			}
		}
		return false
	}
	for use := t.outUse; use != 0; use &= use - 1 {
		r := bits.TrailingZeros32(uint32(use))
		if f.val[r] != t.val[r] {
			return true
		}
	}
	return false
}

// pullUp brings tests of one value together (or_pullup, and_pullup). In a chain of blocks that share
// where they go on one side (0: "a or b or c", 1: "a and b and c") and test
// A as it is before the chain, then other values, then A again, it moves the
// last of them up to the first.
func (o *optimizer) pullUp(b *block, side int) {
	in := o.of(b).in
	if len(in) == 0 {
		return
	}
	// The last edge found leads.
	val := o.of(in[len(in)-1].from).val[regA]
	for _, e := range in {
		if o.of(e.from).val[regA] != val {
			return
		}
	}
	first := in[len(in)-1]
	down := 1 - side
	inChain := func(t *block) bool {
		return !t.leaf() && t.succ[side] == b.succ[side] && o.of(t).dom.has(b.id)
	}
	// e leads to the block under test.
	e := edge{first.from, 1}
	if first.from.succ[0] == b {
		e.i = 0
	}
	atTop := true
	for {
		if !inChain(e.to()) {
			return
		}
		if o.of(e.to()).val[regA] != val {
			break
		}
		e = e.to().edge(down)
		atTop = false
	}
	other := e
	same := e.to().edge(down)
	for {
		if !inChain(same.to()) {
			return
		}
		if o.of(same.to()).val[regA] == val {
			break
		}
		same = same.to().edge(down)
	}
	pull := same.to()
	same.move(pull.succ[down])
	pull.succ[down] = other.to()
	if atTop {
		for _, e := range in {
			if e.from.succ[0] == b {
				e.from.succ[0] = pull
			} else {
				e.from.succ[1] = pull
			}
		}
	} else {
		other.move(pull)
	}
	o.changed = true
}
