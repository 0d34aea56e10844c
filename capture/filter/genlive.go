package filter

import "github.com/wstap/wstap/decode"

// program lowers a condition on the frame as the user sees it. Live, what the
// socket's program sees is laid out differently, and it depends on whether the
// kernel has taken a VLAN tag out: then the condition is compiled once for each
// layout.
func (g *generator) program(c *cond, yes, no *block) *block {
	root := lower(c, yes, no)
	if !g.t.Live {
		return root
	}
	switch g.t.Link {
	case decode.LinkEthernet, decode.LinkSLL, decode.LinkSLL2:
	default:
		return root
	}
	return &block{
		stmts: []stmt{{code: opLD | modeABS | sizeB, k: extVLANHas}},
		code:  opJMP | jmpEQ, k: 1,
		succ: [2]*block{
			layoutOf(g.t.Link, true).relocate(root),
			layoutOf(g.t.Link, false).relocate(root),
		},
	}
}

// A placement says where the program finds a frame that the user sees as a
// plain sequence of bytes: fields in the kernel's metadata, and from offset
// rest on the packet's data, rest-shift bytes earlier. What is neither stands
// in the data at its own offset (Ethernet's addresses).
type placement struct {
	fields []field
	rest   uint32
	shift  uint32
}

// A field is a header field that the kernel's metadata holds.
type field struct {
	off, size uint32
	load      stmt
}

func ext(k uint32) stmt { return stmt{code: opLD | modeABS | sizeW, k: k} }

func layoutOf(link decode.LinkType, tagged bool) placement {
	switch {
	case link == decode.LinkEthernet && !tagged:
		return placement{}
	case link == decode.LinkEthernet:
		return placement{rest: 16, shift: 4, fields: []field{{12, 2, ext(extVLANType)}, {14, 2, ext(extVLANTag)}}}
	}
	p := placement{rest: 20, shift: 20, fields: []field{{0, 2, ext(extProtocol)}, {2, 2, stmt{code: ldImm}},
		{4, 4, ext(extIfIndex)}, {8, 2, ext(extHAType)}, {10, 1, ext(extPktType)}}}
	proto := 0
	if link == decode.LinkSLL {
		p = placement{rest: 16, shift: 16, fields: []field{{0, 2, ext(extPktType)}, {2, 2, ext(extHAType)},
			{14, 2, ext(extProtocol)}}}
		proto = 2
	}
	if tagged {
		p.fields[proto].load = ext(extVLANType)
		p.fields = append(p.fields, field{p.rest, 2, ext(extVLANTag)}, field{p.rest + 2, 2, ext(extProtocol)})
		p.rest += 4
		p.shift += 4
	}
	return p
}

// relocate returns a copy of the graph with its loads moved.
func (p placement) relocate(root *block) *block {
	copies := make(map[*block]*block)
	var visit func(b *block) *block
	visit = func(b *block) *block {
		if b.leaf() {
			return b
		}
		if c := copies[b]; c != nil {
			return c
		}
		c := &block{code: b.code, k: b.k}
		copies[b] = c
		for _, s := range b.stmts {
			c.stmts = append(c.stmts, p.stmt(s)...)
		}
		c.succ = [2]*block{visit(b.succ[0]), visit(b.succ[1])}
		return c
	}
	return visit(root)
}

func (p placement) stmt(s stmt) []stmt {
	switch {
	case p.shift == 0:
	case s.code == ldLen:
		return []stmt{s, {code: opALU | aluADD, k: p.shift}}
	case s.code&0x07 == opLD && modeOf(s.code) == modeABS && s.k < linkBase:
		return p.load(s)
	case s.code == ldxMsh, s.code&0x07 == opLD && modeOf(s.code) == modeIND:
		// These are at or behind the network header, which is where the
		// placement begins only if its protocol has been tested in vain.
		if s.k+4 < p.rest {
			fail(span{}, "an offset that varies cannot be compiled for live capture yet")
		}
		s.k -= p.shift
	}
	return []stmt{s}
}

func (p placement) load(s stmt) []stmt {
	size := bytesOf(s.code)
	if s.k >= p.rest {
		s.k -= p.shift
		return []stmt{s}
	}
	for _, f := range p.fields {
		if s.k >= f.off && s.k+size <= f.off+f.size {
			out := []stmt{f.load}
			if right := f.off + f.size - s.k - size; right > 0 {
				out = append(out, stmt{code: opALU | aluRSH, k: 8 * right})
			}
			if size < f.size && s.k > f.off {
				out = append(out, stmt{code: opALU | aluAND, k: 1<<(8*size) - 1})
			}
			return out
		}
	}
	if p.shift == 4 && s.k+size <= p.rest-p.shift {
		return []stmt{s}
	}
	fail(span{}, "bytes %d to %d of the frame cannot be looked at live", s.k, s.k+size-1)
	return nil
}
