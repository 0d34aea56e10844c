package filter

import "golang.org/x/net/bpf"

// maxInsns is how many instructions the kernel takes (BPF_MAXINSNS).
const maxInsns = 4096

// assemble lays the graph out (icode_to_fcode). A block is followed by where its branch
// goes when true; all jumps go forward. A branch reaches 255 instructions: where
// that is not enough it goes to an unconditional jump beside it.
func assemble(root *block) []bpf.RawInstruction {
	order := layout(root)
	start := make(map[*block]int, len(order))
	long := make(map[*block][2]bool)
	total := 0
	for again := true; again; {
		again, total = false, 0
		for i, b := range order {
			start[b] = total
			total += b.size(long[b], i+1 < len(order) && order[i+1] == b.succ[0])
		}
		for _, b := range order {
			if b.leaf() || b.code == ja {
				continue
			}
			l := long[b]
			end := start[b] + len(b.stmts) + 1
			for i, s := range b.succ {
				if !l[i] && start[s]-end > 255 {
					l[i], again = true, true
				}
			}
			long[b] = l
		}
	}
	out := make([]bpf.RawInstruction, 0, total)
	for i, b := range order {
		for _, s := range b.stmts {
			out = append(out, bpf.RawInstruction{Op: s.code & codeMask, Jt: s.jt, Jf: s.jf, K: s.k})
		}
		if b.leaf() {
			out = append(out, bpf.RawInstruction{Op: b.code, K: b.k})
			continue
		}
		if b.code == ja && order[i+1] == b.succ[0] {
			continue
		}
		if b.code == ja {
			out = append(out, bpf.RawInstruction{Op: ja, K: uint32(start[b.succ[0]] - len(out) - 1)})
			continue
		}
		l := long[b]
		at := len(out)
		var skip [2]uint8
		extra := 0
		for i, s := range b.succ {
			if l[i] {
				skip[i] = uint8(extra)
				extra++
			} else {
				skip[i] = uint8(start[s] - at - 1)
			}
		}
		out = append(out, bpf.RawInstruction{Op: b.code, Jt: skip[0], Jf: skip[1], K: b.k})
		for i, s := range b.succ {
			if l[i] {
				out = append(out, bpf.RawInstruction{Op: ja, K: uint32(start[s] - len(out) - 1)})
			}
		}
	}
	return out
}

// size is how many instructions b takes. A step needs no jump to where it
// would go anyway.
func (b *block) size(long [2]bool, falls bool) int {
	n := len(b.stmts) + 1
	if b.code == ja && falls {
		n--
	}
	for _, l := range long {
		if l {
			n++
		}
	}
	return n
}

// layout orders the blocks so that every branch goes forward.
func layout(root *block) []*block {
	var order []*block
	seen := make(map[*block]bool)
	var visit func(*block)
	visit = func(b *block) {
		if b == nil || seen[b] {
			return
		}
		seen[b] = true
		visit(b.succ[1])
		visit(b.succ[0])
		order = append(order, b)
	}
	visit(root)
	for i, j := 0, len(order)-1; i < j; i, j = i+1, j-1 {
		order[i], order[j] = order[j], order[i]
	}
	return order
}
