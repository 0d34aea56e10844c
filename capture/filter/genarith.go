package filter

import "github.com/wstap/wstap/decode"

// A value is arithmetic in progress (struct arth): statements that leave it in a
// register, and the conditions under which the packet holds what they load. Each
// intermediate value has a scratch register and is stored and loaded again: simple to
// generate, and for the optimizer to clean up, as in libpcap.
type value struct {
	stmts []stmt
	guard *cond
	reg   int
	konst bool // stmts begin with loading the constant k
	k     uint32
}

// alloc takes a scratch register (alloc_reg).
func (g *generator) alloc(at span) int {
	for range memWords {
		if !g.used[g.cur] {
			g.used[g.cur] = true
			return g.cur
		}
		g.cur = (g.cur + 1) % memWords
	}
	fail(at, "too many intermediate values: simplify the arithmetic")
	return 0
}

func (g *generator) free(reg int) { g.used[reg] = false }

// relation compares two values (gen_relation). Equality subtracts: so the optimizer
// finds comparisons with constants.
func (g *generator) relation(n *relation) *cond {
	l := g.value(n.l)
	r := g.value(n.r)
	s := append(l.stmts, r.stmts...)
	s = append(s, stmt{code: ldxMem, k: uint32(r.reg)}, stmt{code: ldMem, k: uint32(l.reg)})
	g.free(l.reg)
	g.free(r.reg)
	c := &cond{}
	switch n.op.text {
	case "=", "!=":
		s = append(s, stmt{code: opALU | aluSUB | srcX})
		c.test = jmpEQ
	case ">", "<=":
		c.test = jmpGT | srcX
	case ">=", "<":
		c.test = jmpGE | srcX
	}
	c.stmts = s
	switch n.op.text {
	case "!=", "<=", "<":
		c = not(c)
	}
	return and(and(l.guard, r.guard), c)
}

// value computes what stands in a relation (gen_loadi, gen_loadlen, gen_neg).
func (g *generator) value(n arith) *value {
	switch n := n.(type) {
	case *numeral:
		v := &value{reg: g.alloc(n.t.at), konst: true, k: n.t.num}
		v.stmts = []stmt{{code: ldImm, k: n.t.num}, {code: opST, k: uint32(v.reg)}}
		return v
	case *length:
		v := &value{reg: g.alloc(n.t.at)}
		v.stmts = []stmt{{code: ldLen}, {code: opST, k: uint32(v.reg)}}
		return v
	case *negation:
		v := g.value(n.x)
		v.stmts = append(v.stmts, stmt{code: ldMem, k: uint32(v.reg)}, stmt{code: neg}, stmt{code: opST, k: uint32(v.reg)})
		return v
	case *operation:
		return g.operation(n)
	case *load:
		return g.packetValue(n)
	}
	panic("filter: unknown value")
}

var aluOps = map[string]uint16{"+": aluADD, "-": aluSUB, "*": aluMUL, "/": aluDIV, "%": aluMOD,
	"&": aluAND, "|": aluOR, "^": aluXOR, "<<": aluLSH, ">>": aluRSH}

// operation applies an operator to two values (gen_arth).
func (g *generator) operation(n *operation) *value {
	l := g.value(n.l)
	r := g.value(n.r)
	if r.konst {
		switch {
		case r.k == 0 && (n.op.text == "/" || n.op.text == "%"):
			fail(n.op.at.to(n.r.pos()), "division by zero")
		case r.k > 31 && (n.op.text == "<<" || n.op.text == ">>"):
			fail(n.op.at.to(n.r.pos()), "shift by more than 31 bits")
		}
	}
	s := append(l.stmts, r.stmts...)
	s = append(s, stmt{code: ldxMem, k: uint32(r.reg)}, stmt{code: ldMem, k: uint32(l.reg)},
		stmt{code: opALU | srcX | aluOps[n.op.text]})
	g.free(l.reg)
	g.free(r.reg)
	v := &value{guard: l.guard, reg: g.alloc(n.op.at), konst: l.konst, k: l.k}
	// As in libpcap the right side's guard is lost: a load there is made
	// whatever the packet holds.
	v.stmts = append(s, stmt{code: opST, k: uint32(v.reg)})
	return v
}

// packetValue loads from the packet (gen_load). For what IPv4 carries its header's length
// is added to the index, and the guard keeps fragments behind the first out.
func (g *generator) packetValue(n *load) *value {
	v := g.value(n.index)
	reg := g.alloc(n.proto.at)
	g.free(v.reg)
	size := uint16(sizeB)
	switch n.size.num {
	case 0:
		if n.size.kind != tEnd {
			fail(n.size.at, "1, 2 or 4 bytes can be loaded, not 0")
		}
	case 1:
	case 2:
		size = sizeH
	case 4:
		size = sizeW
	default:
		fail(n.size.at, "1, 2 or 4 bytes can be loaded, not %s", n.size.text)
	}
	proto := n.proto
	base, netOff := &g.payload, g.nl
	switch proto.text {
	case "ether":
		base, netOff = &g.linkHdr, 0
	case "ip", "arp", "rarp", "atalk", "decnet", "sca", "lat", "mopdl", "moprc", "ip6":
	case "icmp6":
		netOff += 40
	case "sctp", "tcp", "udp", "icmp", "igmp", "igrp", "pim", "vrrp", "carp":
		v.stmts = append(v.stmts, g.ipHeaderLen()...)
		v.stmts = append(v.stmts, stmt{code: ldMem, k: uint32(v.reg)}, stmt{code: opALU | aluADD | srcX}, stmt{code: tax})
		v.stmts = append(v.stmts, stmt{code: opLD | modeIND | size, k: g.payload.k + g.nl},
			stmt{code: opST, k: uint32(reg)})
		c := and(g.protoName(proto), g.firstFragment())
		if v.guard != nil {
			c = and(v.guard, c)
		}
		ipTok := proto
		ipTok.text = "ip"
		v.guard = and(g.protoName(ipTok), c)
		v.reg = reg
		return v
	case "radio":
		if !layouts[g.link].behind || g.link == decode.LinkPPI {
			fail(proto.at, "there is no %s header on %s", proto.text, g.linkName())
		}
		base, netOff = &offset{}, 0
	default:
		fail(proto.at, "bytes of %s cannot be loaded", proto.text)
	}
	s := g.varPart(base)
	if s != nil {
		s = append(s, stmt{code: ldMem, k: uint32(v.reg)}, stmt{code: opALU | aluADD | srcX}, stmt{code: tax})
	} else {
		s = []stmt{{code: ldxMem, k: uint32(v.reg)}}
	}
	s = append(s, stmt{code: opLD | modeIND | size, k: base.k + netOff}, stmt{code: opST, k: uint32(reg)})
	v.stmts = append(v.stmts, s...)
	switch proto.text {
	case "ether", "radio":
	case "icmp6":
		ip6 := proto
		ip6.text = "ip6"
		v.guard = and(v.guard, g.protoName(ip6))
		v.guard = and(v.guard, g.cmp(atNet, 6, sizeB, protoICMPv6))
	default:
		v.guard = and(v.guard, g.protoName(proto))
	}
	v.reg = reg
	return v
}
