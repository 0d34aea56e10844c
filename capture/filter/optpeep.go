package filter

// peephole simplifies short sequences of statements, and the branch behind
// them (opt_peep).
func (o *optimizer) peephole(b *block) {
	if b.stmts == nil && !o.inOrder {
		return // as libpcap, which then overlooks a branch that is decided
	}
	out := o.of(b).outUse
	if s := b.stmts; len(s) > 0 {
		last := 0
		for i := skip(s, 0); i < len(s); {
			j := skip(s, i+1)
			if j == len(s) {
				break
			}
			last = j
			o.pair(s, i, j, out)
			i = skip(s, j)
		}
		o.compare(b, &s[last], out)
	}
	o.decide(b)
}

// skip returns the index of the first statement from i on that is not deleted.
func skip(s []stmt, i int) int {
	for i < len(s) && s[i].code == nop {
		i++
	}
	return i
}

// pair looks at two statements that follow each other, and at what comes behind.
func (o *optimizer) pair(s []stmt, i, j int, out regSet) {
	// st M[k]; ldx M[k]  =>  st M[k]; tax
	if s[i].code == opST && s[j].code == ldxMem && s[i].k == s[j].k {
		s[j].code = tax
		o.did()
	}
	// ld #k; tax  =>  ldx #k; txa
	if s[i].code == ldImm && s[j].code == tax {
		s[i].code, s[j].code = ldxImm, txa
		o.did()
	}
	// ld #k; ldxb 4*([n]&0xf); add x; tax; ld [x+m]  =>  ldxb 4*([n]&0xf); ld [x+m+k]
	// if X is not used afterwards. The second statement may be missing.
	if s[i].code != ldImm || out.has(regX) {
		return
	}
	add := j
	if s[j].code == ldxMsh {
		add = skip(s, j+1)
	}
	if add == len(s) || s[add].code != opALU|aluADD|srcX {
		return
	}
	move := skip(s, add+1)
	if move == len(s) || s[move].code != tax {
		return
	}
	load := skip(s, move+1)
	if load == len(s) || s[load].code&0x07 != opLD || modeOf(s[load].code) != modeIND {
		return
	}
	s[load].k += s[i].k
	s[i].code, s[add].code, s[move].code = nop, nop, nop
	o.did()
}

// compare simplifies an equality test of a value just computed, if A is not
// used afterwards.
func (o *optimizer) compare(b *block, last *stmt, out regSet) {
	if b.code != opJMP|jmpEQ || out.has(regA) {
		return
	}
	switch {
	case last.code == opALU|aluSUB|srcX:
		if k, ok := o.values.isConst(o.of(b).val[regX]); ok {
			b.k += k
		} else if b.k == 0 {
			b.code |= srcX
		} else {
			return
		}
	case last.code == opALU|aluSUB:
		b.k += last.k
	case last.code == opALU|aluAND && b.k == 0:
		b.code, b.k = opJMP|jmpSET, last.k
		b.succ[0], b.succ[1] = b.succ[1], b.succ[0]
	default:
		return
	}
	last.code = nop
	o.did()
}

// decide makes a branch whose outcome is known go one way.
func (o *optimizer) decide(b *block) {
	if b.leaf() {
		return
	}
	if b.code == opJMP|jmpSET {
		switch b.k {
		case 0:
			b.succ[0] = b.succ[1]
		case 0xffffffff:
			b.succ[1] = b.succ[0]
		}
	}
	val := &o.of(b).val
	o.of(b).single = false
	if k, ok := o.values.isConst(val[regX]); ok && srcOf(b.code) == srcX {
		b.code &^= srcX
		b.k = k
	}
	if srcOf(b.code) == srcX {
		return
	}
	var yes bool
	if a, ok := o.values.isConst(val[regA]); ok {
		yes = holds(opOf(b.code), a, b.k)
	} else if val[regA] != unknown && val[regA] == o.values.tagType {
		yes = holds(opOf(b.code), tagTypes[0], b.k)
		if yes != holds(opOf(b.code), tagTypes[1], b.k) {
			return
		}
	} else {
		return
	}
	if b.succ[0] != b.succ[1] {
		o.did()
	}
	o.of(b).single = true
	if yes {
		b.succ[1] = b.succ[0]
	} else {
		b.succ[0] = b.succ[1]
	}
}

// holds tells the outcome of a test.
func holds(test uint16, a, k uint32) bool {
	switch test {
	case jmpEQ:
		return a == k
	case jmpGT:
		return a > k
	case jmpGE:
		return a >= k
	}
	return a&k != 0
}
