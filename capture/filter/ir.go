package filter

// A stmt is an instruction without branches.
type stmt struct {
	code   uint16
	k      uint32
	jt, jf uint8 // of a jump within its block, as only protochain's loop has
	far    bool  // X then is an offset that lies behind the link header
}

// A cond is a condition on a packet: a leaf that runs statements and tests A,
// or a combination of others. A leaf occurs once in a tree.
type cond struct {
	op    condOp
	a, b  *cond
	stmts []stmt
	test  uint16 // jump code of a leaf: A against k, or against X
	k     uint32
	lower func(yes, no *block) *block // of a graph
}

type condOp uint8

const (
	leaf condOp = iota
	both
	either
	inverse
	graph // a part that is no tree
)

// and, or and not build conditions (gen_and, gen_or, gen_not). libpcap joins blocks at
// once and patches their branches; a tree that is lowered later comes to the same graph.
// A nil operand of and stands for "always".
func and(a, b *cond) *cond {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return &cond{op: both, a: a, b: b}
}

func or(a, b *cond) *cond { return &cond{op: either, a: a, b: b} }
func not(a *cond) *cond   { return &cond{op: inverse, a: a} }

func anyOf(c ...*cond) *cond {
	l := c[0]
	for _, r := range c[1:] {
		l = or(l, r)
	}
	return l
}

// always is a test that has one outcome (gen_uncond): the optimizer drops it.
func always(yes bool) *cond {
	k := uint32(1)
	if yes {
		k = 0
	}
	return &cond{stmts: []stmt{{code: ldImm, k: k}}, test: jmpEQ}
}

// A block is a node of the control flow graph: statements, then a branch, or
// a return where succ is empty.
type block struct {
	stmts []stmt
	code  uint16
	k     uint32
	succ  [2]*block // where the branch is true, where it is false
	id    int
}

func (b *block) leaf() bool { return b.succ[0] == nil }

// lower turns a condition into a graph that ends in yes or no. The right side of "and"
// and "or" is lowered once, so that the graph has as many blocks as the tree has leaves.
func lower(c *cond, yes, no *block) *block {
	switch c.op {
	case both:
		return lower(c.a, lower(c.b, yes, no), no)
	case either:
		return lower(c.a, yes, lower(c.b, yes, no))
	case inverse:
		return lower(c.a, no, yes)
	case graph:
		return c.lower(yes, no)
	}
	return &block{stmts: c.stmts, code: opJMP | c.test, k: c.k, succ: [2]*block{yes, no}}
}

// step is a block that does not branch.
func step(s []stmt, next *block) *block {
	return &block{stmts: s, code: ja, succ: [2]*block{next, next}}
}
