package filter

// What reads and writes may return beside a register.
const (
	noReg    = -1
	bothRegs = nRegs // A and X
)

// reads is the register that s uses (atomuse).
func (s stmt) reads() int {
	if s.code == nop {
		return noReg
	}
	switch s.code & 0x07 {
	case opRET:
		if s.code&0x18 == retA {
			return regA
		}
		return noReg
	case opLD, opLDX:
		switch modeOf(s.code) {
		case modeIND:
			return regX
		case modeMEM:
			return int(s.k)
		}
		return noReg
	case opSTX:
		return regX
	case opJMP, opALU:
		if s.code == ja {
			return noReg
		}
		if srcOf(s.code) == srcX {
			return bothRegs
		}
	case opMISC:
		if s.code == txa {
			return regX
		}
	}
	return regA
}

// writes is the register that s defines (atomdef).
func (s stmt) writes() int {
	if s.code == nop {
		return noReg
	}
	switch s.code & 0x07 {
	case opLD, opALU:
		return regA
	case opLDX:
		return regX
	case opST, opSTX:
		return int(s.k)
	case opMISC:
		if s.code == tax {
			return regX
		}
		return regA
	}
	return noReg
}

func (b *block) branch() stmt { return stmt{code: b.code, k: b.k} }

// findUses finds which registers a block's successors use (find_ud).
func (o *optimizer) findUses() {
	o.upwards(func(b *block) {
		f := o.of(b)
		f.localUses()
		f.outUse = 0
		if !b.leaf() {
			f.outUse = o.of(b.succ[0]).use | o.of(b.succ[1]).use
			f.use |= f.outUse &^ f.kill
		}
	})
}

// localUses finds which registers a block uses and defines itself (compute_local_ud).
func (f *facts) localUses() {
	var def, use, kill regSet
	read := func(s stmt) {
		switch r := s.reads(); r {
		case noReg:
		case bothRegs:
			use |= (1<<regA | 1<<regX) &^ def
		default:
			use |= 1 << r &^ def
		}
	}
	for _, s := range f.b.stmts {
		read(s)
		if r := s.writes(); r != noReg {
			if !use.has(r) {
				kill |= 1 << r
			}
			def |= 1 << r
		}
	}
	if !f.b.leaf() {
		read(f.b.branch())
	}
	f.def, f.use, f.kill = def, use, kill
}

// dropDead deletes statements whose result nothing uses (opt_deadstores).
func (o *optimizer) dropDead(b *block) {
	var last [nRegs]*stmt // defined, and not used since
	drop := func(s *stmt) {
		if !o.inOrder || !s.loads() {
			s.code = nop
			o.did()
		}
	}
	visit := func(s *stmt, r, w int) {
		switch r {
		case noReg:
		case bothRegs:
			last[regA], last[regX] = nil, nil
		default:
			last[r] = nil
		}
		if w != noReg {
			if last[w] != nil {
				drop(last[w])
			}
			last[w] = s
		}
	}
	for i := range b.stmts {
		s := &b.stmts[i]
		visit(s, s.reads(), s.writes())
	}
	visit(nil, b.branch().reads(), noReg)
	out := o.of(b).outUse
	for r, s := range last {
		if s != nil && !out.has(r) {
			drop(s)
		}
	}
}
