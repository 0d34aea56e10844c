package filter

import (
	"encoding/binary"
	"slices"
)

// optimize shortens a graph. It finds what McCanne and Jacobson's optimizer in
// libpcap (optimize.c, whose functions are named beside ours) finds, by the same means
// and in the same order: which of two loads out of bounds comes first decides whether a
// cut packet is selected, and an expression is refused when it is found never to match.
// Where it overlooks something so do we.
//
// Values are numbered through the acyclic graph (Cocke and Schwartz). A branch
// whose outcome follows from a branch on every way to it is jumped over, tests
// of the same value are brought together, and statements are folded, simplified
// and dropped when nothing uses what they compute.
//
// With inOrder it changes neither the order of loads nor which are made.
func optimize(root *block, inOrder bool) *block {
	if len(layout(root)) > maxBlocks {
		return root
	}
	o := newOptimizer(root)
	o.inOrder, o.values.strict = inOrder, inOrder
	o.settle(false)
	o.settle(true)
	o.unify()
	return o.trimRoot()
}

// The registers that the analyses follow: the scratch registers, A and X.
const (
	regA  = memWords
	regX  = memWords + 1
	nRegs = memWords + 2
)

// nop is the code of a deleted statement.
const nop = 0xffff

// facts are what the optimizer knows of a block in one pass.
type facts struct {
	b      *block
	level  int             // the longest way to a leaf
	in     []edge          // edges that lead here
	dom    bitset          // blocks on every way here, by id
	edom   [2]bitset       // edges on every way to each edge out of here
	val    [nRegs]valueNum // at the end of the block
	tested valueNum        // what the branch compares A with
	single bool            // the branch always goes the same way
	def    regSet          // defined
	kill   regSet          // defined before they are used
	use    regSet          // used before they are defined, here or behind
	outUse regSet          // used behind the block
}

// An edge leads from a block to succ[i].
type edge struct {
	from *block
	i    int
}

func (e edge) to() *block        { return e.from.succ[e.i] }
func (e edge) move(b *block)     { e.from.succ[e.i] = b }
func (e edge) id(n int) int      { return e.i*n + e.from.id }
func (b *block) edge(i int) edge { return edge{b, i} }

type optimizer struct {
	root   *block
	facts  []facts    // by block id; ids are given in the order of a walk
	levels [][]*block // reachable blocks by level

	inOrder bool // loads must stay as they are

	values   numbering
	work     int  // done so far
	changed  bool // something was changed in this pass
	progress bool // something other than branches was
}

func newOptimizer(root *block) *optimizer {
	o := &optimizer{root: root}
	seen := make(map[*block]bool)
	var visit func(*block)
	visit = func(b *block) {
		if b == nil || seen[b] {
			return
		}
		seen[b] = true
		b.id = len(o.facts)
		o.facts = append(o.facts, facts{b: b})
		visit(b.succ[0])
		visit(b.succ[1])
	}
	visit(root)
	n := len(o.facts)
	for i := range o.facts {
		f := &o.facts[i]
		f.dom = newBitset(n)
		f.edom = [2]bitset{newBitset(2 * n), newBitset(2 * n)}
	}
	return o
}

func (o *optimizer) of(b *block) *facts { return &o.facts[b.id] }

// did notes a change that is not only a moved branch.
func (o *optimizer) did() { o.changed, o.progress = true, true }

// maxShuffles ends a run of passes that only move branches: they could go on
// in a circle for ever.
const maxShuffles = 100

// A pass over n blocks takes n*n steps. maxWork bounds the steps of all passes
// to some seconds, and maxBlocks the memory: longer programs stay as they are,
// or shortened in part, and most likely do not fit into the kernel.
const (
	maxWork   = 1 << 30
	maxBlocks = 8000
)

// settle repeats passes until they change nothing (opt_loop). With stmts they rewrite
// statements, otherwise they move branches, which optimize has done first.
func (o *optimizer) settle(stmts bool) {
	shuffles := 0
	for n := len(o.facts); o.work < maxWork; {
		o.work += n * n
		o.changed, o.progress = false, false
		o.findLevels()
		o.findDominators()
		o.findUses()
		o.findEdgeDominators()
		o.pass(stmts)
		if !o.changed {
			return
		}
		if shuffles++; o.progress {
			shuffles = 0
		}
		if shuffles >= maxShuffles {
			return
		}
	}
}

// pass goes over all blocks once (opt_blks).
func (o *optimizer) pass(stmts bool) {
	o.values.reset()
	o.findPredecessors()
	o.downwards(func(b *block) { o.block(b, stmts) })
	if stmts {
		return
	}
	o.upwards(func(b *block) {
		if !b.leaf() {
			o.thread(b.edge(0))
			o.thread(b.edge(1))
		}
	})
	if o.inOrder {
		return
	}
	o.findPredecessors()
	o.upwards(func(b *block) {
		if !b.leaf() {
			o.pullUp(b, 0)
			o.pullUp(b, 1)
		}
	})
}

// downwards visits the reachable blocks from the root on, by level.
func (o *optimizer) downwards(visit func(*block)) {
	for _, blocks := range slices.Backward(o.levels) {
		for _, b := range slices.Backward(blocks) {
			visit(b)
		}
	}
}

// upwards visits them from the leaves on.
func (o *optimizer) upwards(visit func(*block)) {
	for _, blocks := range o.levels {
		for _, b := range slices.Backward(blocks) {
			visit(b)
		}
	}
}

// findLevels sorts blocks by the longest way to a leaf (find_levels): a block is above
// all that it leads to.
func (o *optimizer) findLevels() {
	for i := range o.levels {
		o.levels[i] = o.levels[i][:0]
	}
	seen := newBitset(len(o.facts))
	var visit func(*block) int
	visit = func(b *block) int {
		f := o.of(b)
		if seen.has(b.id) {
			return f.level
		}
		seen.add(b.id)
		f.level = 0
		if !b.leaf() {
			f.level = max(visit(b.succ[0]), visit(b.succ[1])) + 1
		}
		for len(o.levels) <= f.level {
			o.levels = append(o.levels, nil)
		}
		o.levels[f.level] = append(o.levels[f.level], b)
		return f.level
	}
	top := visit(o.root)
	o.levels = o.levels[:top+1]
}

// findDominators finds the blocks on every way to a block (find_dom).
func (o *optimizer) findDominators() {
	for i := range o.facts {
		o.facts[i].dom.fill()
	}
	o.of(o.root).dom.clear()
	o.downwards(func(b *block) {
		d := o.of(b).dom
		d.add(b.id)
		if !b.leaf() {
			o.of(b.succ[0]).dom.intersect(d)
			o.of(b.succ[1]).dom.intersect(d)
		}
	})
}

// findEdgeDominators finds the edges on every way to an edge (find_edom): their outcomes
// are known there.
func (o *optimizer) findEdgeDominators() {
	for i := range o.facts {
		o.facts[i].edom[0].fill()
		o.facts[i].edom[1].fill()
	}
	r := o.of(o.root)
	r.edom[0].clear()
	r.edom[1].clear()
	o.downwards(func(b *block) {
		if b.leaf() {
			return
		}
		for i := range b.succ {
			e := b.edge(i)
			d := o.of(b).edom[i]
			d.add(e.id(len(o.facts)))
			s := o.of(e.to())
			s.edom[0].intersect(d)
			s.edom[1].intersect(d)
		}
	})
}

// findPredecessors finds the edges that lead to a block (find_inedges).
func (o *optimizer) findPredecessors() {
	for i := range o.facts {
		o.facts[i].in = o.facts[i].in[:0]
	}
	o.downwards(func(b *block) {
		if !b.leaf() {
			for i := range b.succ {
				f := o.of(b.succ[i])
				f.in = append(f.in, b.edge(i))
			}
		}
	})
}

// unify merges equal blocks (intern_blocks).
func (o *optimizer) unify() {
	for again := true; again; {
		again = false
		alive := newBitset(len(o.facts))
		var mark func(*block)
		mark = func(b *block) {
			if b != nil && !alive.has(b.id) {
				alive.add(b.id)
				mark(b.succ[0])
				mark(b.succ[1])
			}
		}
		mark(o.root)
		// Of equal blocks the last stays.
		last := make(map[string]*block)
		same := make([]*block, len(o.facts))
		for i := len(o.facts) - 1; i >= 0; i-- {
			if b := o.facts[i].b; alive.has(i) {
				k := b.key()
				if last[k] == nil {
					last[k] = b
				}
				same[i] = last[k]
			}
		}
		for i := range o.facts {
			b := o.facts[i].b
			if b.leaf() || !alive.has(i) {
				continue
			}
			for k, s := range b.succ {
				if m := same[s.id]; m != s {
					b.succ[k], again = m, true
				}
			}
		}
	}
}

// key is the same for blocks that do the same.
func (b *block) key() string {
	k := binary.BigEndian.AppendUint16(nil, b.code)
	k = binary.BigEndian.AppendUint32(k, b.k)
	for _, s := range b.succ {
		if s != nil {
			k = binary.BigEndian.AppendUint32(k, uint32(s.id))
		}
	}
	for _, s := range b.live() {
		k = binary.BigEndian.AppendUint16(k, s.code)
		k = binary.BigEndian.AppendUint32(k, s.k)
		k = append(k, s.jt, s.jf)
	}
	return string(k)
}

// live returns the statements without the deleted ones.
func (b *block) live() []stmt {
	out := make([]stmt, 0, len(b.stmts))
	for _, s := range b.stmts {
		if s.code != nop {
			out = append(out, s)
		}
	}
	return out
}

// trimRoot drops branches at the root that go one way only, and the
// statements in front of a program that always returns the same (opt_root).
func (o *optimizer) trimRoot() *block {
	root := o.root
	stmts := root.stmts
	root.stmts = nil
	for !root.leaf() && root.succ[0] == root.succ[1] {
		root = root.succ[0]
	}
	root.stmts = append(stmts, root.stmts...)
	if root.leaf() {
		root.stmts = nil
	}
	for _, f := range o.facts {
		f.b.stmts = f.b.live()
	}
	return root
}
