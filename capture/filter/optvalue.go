package filter

// A valueNum names a value: two places that hold the same number hold equal
// values. 0 is a value that nothing is known of.
type valueNum uint32

const unknown valueNum = 0

// An operation on values, which always has the same result.
type valueKey struct {
	code uint16
	k    uint32
	a, b valueNum
}

// numbering gives equal numbers to equal operations on equal values (F).
type numbering struct {
	num     map[valueKey]valueNum
	consts  map[valueNum]uint32
	last    valueNum
	tagType valueNum // is one of tagTypes
	strict  bool
}

// tagTypes are the types of the VLAN tags that the kernel knows.
var tagTypes = [...]uint32{etherVLAN, etherVLANAD}

func (n *numbering) reset() {
	n.num = make(map[valueKey]valueNum)
	n.consts = make(map[valueNum]uint32)
	n.last, n.tagType = unknown, unknown
}

func (n *numbering) of(key valueKey) valueNum {
	v, ok := n.num[key]
	if !ok {
		n.last++
		v = n.last
		n.num[key] = v
	}
	return v
}

// compute numbers the result of an operation on other values. libpcap takes
// two unknown operands for the same; strict does not.
func (n *numbering) compute(key valueKey, operands ...valueNum) valueNum {
	for _, v := range operands {
		if v == unknown && n.strict {
			n.last++
			return n.last
		}
	}
	return n.of(key)
}

func (n *numbering) constant(k uint32) valueNum {
	v := n.of(valueKey{code: ldImm, k: k})
	n.consts[v] = k
	return v
}

func (n *numbering) isConst(v valueNum) (uint32, bool) {
	k, ok := n.consts[v]
	return k, ok
}

// block numbers the values that a block leaves behind (opt_blk). With stmts it rewrites
// its statements on the way.
func (o *optimizer) block(b *block, stmts bool) {
	f := o.of(b)
	if len(f.in) == 0 {
		clear(f.val[:])
	} else {
		// Where ways with different values meet nothing is known.
		f.val = o.of(f.in[0].from).val
		for _, e := range f.in[1:] {
			for r, v := range o.of(e.from).val {
				if f.val[r] != v {
					f.val[r] = unknown
				}
			}
		}
	}
	a, x := f.val[regA], f.val[regX]
	for i := range b.stmts {
		o.stmt(&b.stmts[i], &f.val, stmts)
	}
	useless := !(o.inOrder && b.loads()) && f.outUse == 0 && a != unknown && f.val[regA] == a && x != unknown && f.val[regX] == x
	if stmts && (useless || b.leaf()) {
		if b.stmts != nil {
			b.stmts = nil
			o.did()
		}
	} else {
		o.peephole(b)
		o.dropDead(b)
	}
	if srcOf(b.code) == srcX {
		f.tested = f.val[regX]
	} else {
		f.tested = o.values.constant(b.k)
	}
}

// stmt follows one statement through the values (opt_stmt). With rewrite it replaces the
// statement by a simpler one where its operands are known.
func (o *optimizer) stmt(s *stmt, val *[nRegs]valueNum, rewrite bool) {
	if s.code == nop {
		return
	}
	n := &o.values
	set := func(r int, v valueNum) {
		if rewrite && v != unknown && val[r] == v {
			s.code = nop
		} else {
			val[r] = v
		}
	}
	switch s.code & 0x07 {
	case opLD:
		switch modeOf(s.code) {
		case modeABS:
			v := n.of(valueKey{code: s.code, k: s.k})
			if s.code == ldTagType {
				n.tagType = v
			}
			set(regA, v)
		case modeIND:
			x := val[regX]
			if k, ok := n.isConst(x); ok && rewrite {
				s.code = opLD | modeABS | sizeOf(s.code)
				s.k += k
				o.did()
				set(regA, n.of(valueKey{code: s.code, k: s.k}))
			} else {
				set(regA, n.compute(valueKey{code: s.code, k: s.k, a: x}, x))
			}
		case modeLEN:
			set(regA, n.of(valueKey{code: s.code}))
		case modeIMM:
			set(regA, n.constant(s.k))
		case modeMEM:
			v := val[s.k]
			if k, ok := n.isConst(v); ok && rewrite {
				s.code, s.k = ldImm, k
				o.did()
			}
			set(regA, v)
		}
	case opLDX:
		switch modeOf(s.code) {
		case modeIMM:
			set(regX, n.constant(s.k))
		case modeMSH:
			set(regX, n.of(valueKey{code: s.code, k: s.k}))
		case modeMEM:
			v := val[s.k]
			if k, ok := n.isConst(v); ok && rewrite {
				s.code, s.k = ldxImm, k
				o.did()
			}
			set(regX, v)
		}
	case opST:
		set(int(s.k), val[regA])
	case opSTX:
		set(int(s.k), val[regX])
	case opMISC:
		if s.code == tax {
			set(regX, val[regA])
		} else {
			set(regA, val[regX])
		}
	case opALU:
		o.alu(s, val, rewrite)
	}
}

// alu is stmt for arithmetic. An operation by a constant that changes nothing goes.
func (o *optimizer) alu(s *stmt, val *[nRegs]valueNum, rewrite bool) {
	n := &o.values
	op := opOf(s.code)
	a := val[regA]
	ka, constA := n.isConst(a)
	setConst := func(k uint32) {
		s.code, s.k = ldImm, k
		val[regA] = n.constant(k)
	}
	if op == aluNEG {
		if constA && rewrite {
			setConst(-ka)
		} else {
			val[regA] = n.compute(valueKey{code: s.code, a: a}, a)
		}
		return
	}
	if srcOf(s.code) == srcK {
		if rewrite {
			if s.k == 0 {
				switch op {
				case aluADD, aluLSH, aluRSH, aluOR, aluXOR:
					s.code = nop
					return
				case aluMUL, aluAND:
					setConst(0)
					return
				case aluDIV, aluMOD:
					fail(everywhere, "division by zero")
				}
			}
			if constA {
				setConst(fold(op, ka, s.k))
				o.did()
				return
			}
		}
		val[regA] = n.compute(valueKey{code: s.code, a: a, b: n.constant(s.k)}, a)
		return
	}
	x := val[regX]
	if kx, ok := n.isConst(x); ok && rewrite {
		o.did()
		if constA {
			setConst(fold(op, ka, kx))
			return
		}
		s.code, s.k = opALU|op, kx
		if (op == aluLSH || op == aluRSH) && kx > 31 {
			fail(everywhere, "shift by more than 31 bits")
		}
		val[regA] = n.compute(valueKey{code: s.code, a: a, b: n.constant(kx)}, a)
		return
	}
	if rewrite && constA && ka == 0 {
		switch op {
		case aluADD, aluOR, aluXOR:
			s.code = txa
			o.keep(s, val, x)
			return
		case aluMUL, aluDIV, aluMOD, aluAND, aluLSH, aluRSH:
			s.code, s.k = ldImm, 0
			o.keep(s, val, n.constant(0))
			return
		}
	}
	val[regA] = n.compute(valueKey{code: s.code, a: a, b: x}, a, x)
}

// keep sets A to v, or deletes s where A holds v already (vstore).
func (o *optimizer) keep(s *stmt, val *[nRegs]valueNum, v valueNum) {
	if v != unknown && val[regA] == v {
		s.code = nop
	} else {
		val[regA] = v
	}
}

// fold computes an operation of two constants (fold_op).
func fold(op uint16, a, b uint32) uint32 {
	switch op {
	case aluADD:
		return a + b
	case aluSUB:
		return a - b
	case aluMUL:
		return a * b
	case aluDIV, aluMOD:
		if b == 0 {
			fail(everywhere, "division by zero")
		}
		if op == aluDIV {
			return a / b
		}
		return a % b
	case aluAND:
		return a & b
	case aluOR:
		return a | b
	case aluXOR:
		return a ^ b
	case aluLSH:
		return a << b
	}
	return a >> b
}
