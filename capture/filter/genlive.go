package filter

import "github.com/wstap/wstap/decode"

// place moves a program for the frame as the user sees it to where the kernel
// has it. Live, what the socket's program sees is laid out differently, and it
// depends on where the frame's VLAN tag is: then the program becomes several,
// one for each layout, behind a test that tells them apart.
func (g *generator) place(root *block) *block {
	if !g.t.Live {
		return root
	}
	tagged := func(then, otherwise *block) *block {
		return &block{stmts: []stmt{ext(extVLANHas)}, code: opJMP | jmpEQ, k: 1, succ: [2]*block{then, otherwise}}
	}
	switch g.t.Link {
	case decode.LinkEthernet:
		root = tagged(etherTagged.relocate(root), asSeen.relocate(root))
	case decode.LinkSLL, decode.LinkSLL2:
		// When sending, the tag can still stand in the link header.
		inline := cooked(g.t.Link, stmt{code: ldTagType, k: extProtocol},
			stmt{code: opLD | modeABS | sizeH, k: linkBase + 14},
			stmt{code: opLD | modeABS | sizeH, k: linkBase + 16}).relocate(root)
		plain := cooked(g.t.Link, ext(extProtocol)).relocate(root)
		for _, t := range tagTypes {
			plain = &block{stmts: []stmt{ext(extProtocol)}, code: opJMP | jmpEQ, k: t, succ: [2]*block{inline, plain}}
		}
		root = tagged(cooked(g.t.Link, stmt{code: ldTagType, k: extVLANType}, ext(extVLANTag),
			ext(extProtocol)).relocate(root), plain)
	default:
		root = asSeen.relocate(root)
	}
	return defineRegisters(optimize(root, true))
}

// A placement says where the program finds a frame that the user sees as a
// plain sequence of bytes: fields in the kernel's metadata, and from offset
// rest on the packet's data, shift bytes earlier. Below same bytes stand at
// their own offset.
type placement struct {
	same   uint32
	fields []field
	rest   uint32
	shift  uint32
}

// A field is a header field of size bytes that load puts into A.
type field struct {
	off, size uint32
	load      stmt
}

func ext(k uint32) stmt { return stmt{code: ldExt, k: k} }

// asSeen is a frame just as the user sees it.
var asSeen = placement{same: outOfBounds, rest: outOfBounds}

// etherTagged is an Ethernet frame without its VLAN tag.
var etherTagged = placement{same: 12, rest: 16, shift: 4,
	fields: []field{{12, 2, stmt{code: ldTagType, k: extVLANType}}, {14, 2, ext(extVLANTag)}}}

// cooked is a packet from its network header on, which the user sees behind a
// cooked header with the protocol given, and perhaps a VLAN tag's two fields.
func cooked(link decode.LinkType, protocol stmt, tag ...stmt) placement {
	p := placement{rest: 20, shift: 20, fields: []field{{0, 2, protocol}, {2, 2, stmt{code: ldImm}},
		{4, 4, ext(extIfIndex)}, {8, 2, ext(extHAType)}, {10, 1, ext(extPktType)}}}
	if link == decode.LinkSLL {
		p = placement{rest: 16, shift: 16, fields: []field{{0, 2, ext(extPktType)}, {2, 2, ext(extHAType)},
			{14, 2, protocol}}}
	}
	for _, s := range tag {
		p.fields = append(p.fields, field{p.rest, 2, s})
		p.rest += 2
		p.shift += 2
	}
	return p
}

// relocate returns a copy of the graph with its loads moved.
func (p placement) relocate(root *block) *block {
	free := freeRegisters(root)
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
		c.succ = [2]*block{visit(b.succ[0]), visit(b.succ[1])}
		// From the end on, as a load whose offset varies splits the block.
		for i := len(b.stmts) - 1; i >= 0; i-- {
			s := b.stmts[i]
			if isLoad(s, modeIND) && s.k < min(p.rest, decodeMinHeader) && p.shift != 0 {
				c = p.varying(s, c, free)
				continue
			}
			c.stmts = append(p.stmt(s, free), c.stmts...)
		}
		copies[b] = c
		return c
	}
	return visit(root)
}

// decodeMinHeader is less than any network header's offset: loads from a
// varying offset that begin below it are relative to the link header. Others
// are relative to a network header. Where a layout has it at another place,
// they come behind a test of the protocol that fails.
const decodeMinHeader = 14

func isLoad(s stmt, mode uint16) bool {
	return s.code&^sizeMask == opLD|mode
}

func (p placement) stmt(s stmt, free []uint32) []stmt {
	switch {
	case s.code == ldLen && p.shift != 0:
		return []stmt{s, {code: opALU | aluADD, k: p.shift}}
	case isLoad(s, modeABS):
		return p.load(s, free)
	case s.code == ldxMsh, isLoad(s, modeIND):
		s.k -= p.shift
	}
	return []stmt{s}
}

// A piece of a load comes from one place.
type piece struct {
	stmts []stmt
	size  uint32
}

// load loads the bytes [k, k+size), which can be spread over several places.
func (p placement) load(s stmt, free []uint32) []stmt {
	if s.k >= linkBase {
		s.k = outOfBounds // this is no extension for the user
		return []stmt{s}
	}
	var pieces []piece
	for k, end := s.k, s.k+bytesOf(s.code); k < end; {
		l := p.piece(k, end-k)
		pieces = append(pieces, l)
		k += l.size
	}
	out := pieces[0].stmts
	if len(pieces) == 1 {
		return out
	}
	if len(free) < 2 {
		fail(everywhere, "too many intermediate values: simplify the arithmetic")
	}
	x, high := free[0], free[1]
	out = append([]stmt{{code: opSTX, k: x}}, out...)
	for _, l := range pieces[1:] {
		out = append(out, stmt{code: opALU | aluLSH, k: 8 * l.size}, stmt{code: opST, k: high})
		out = append(out, l.stmts...)
		out = append(out, stmt{code: ldxMem, k: high}, stmt{code: opALU | aluOR | srcX})
	}
	return append(out, stmt{code: ldxMem, k: x})
}

// piece loads at most size bytes at k into A.
func (p placement) piece(k, size uint32) piece {
	for _, f := range p.fields {
		if k < f.off || k >= f.off+f.size {
			continue
		}
		n := min(size, f.off+f.size-k)
		out := []stmt{f.load}
		if right := f.off + f.size - k - n; right > 0 {
			out = append(out, stmt{code: opALU | aluRSH, k: 8 * right})
		}
		if k > f.off {
			out = append(out, stmt{code: opALU | aluAND, k: 1<<(8*n) - 1})
		}
		return piece{out, n}
	}
	switch {
	case k >= p.rest:
		k -= p.shift
	case k < p.same:
		size = min(size, p.same-k)
	default:
		fail(everywhere, "byte %d of the cooked header cannot be looked at live: the kernel does not tell the link address", k)
	}
	code := uint16(sizeB)
	switch {
	case size >= 4:
		size, code = 4, sizeW
	case size >= 2:
		size, code = 2, sizeH
	default:
		size = 1
	}
	return piece{[]stmt{{code: opLD | modeABS | code, k: k}}, size}
}

// varying loads from an offset in X plus s.k that can fall anywhere, and goes
// on at next.
func (p placement) varying(s stmt, next *block, free []uint32) *block {
	size := bytesOf(s.code)
	direct := func(shift uint32) *block {
		return step([]stmt{{code: s.code, k: s.k - shift}}, next)
	}
	test := func(jmp uint16, k uint32, t, f *block) *block {
		return &block{code: opJMP | jmp, k: k, succ: [2]*block{t, f}}
	}
	// Bytes that the kernel does not tell are out of bounds.
	other := step([]stmt{{code: opLD | modeABS | sizeB, k: outOfBounds}}, next)
	first := uint32(0)
	if p.same >= size {
		first = p.same - size + 1
	}
	for k := p.rest; k > first; k-- {
		if p.tells(k-1, size) {
			l := p.load(stmt{code: s.code&sizeMask | opLD | modeABS, k: k - 1}, free)
			other = test(jmpEQ, k-1, step(l, next), other)
		}
	}
	if first > 0 {
		other = test(jmpGE, first, other, direct(0))
	}
	other = test(jmpGE, p.rest, direct(p.shift), other)
	return step([]stmt{{code: txa}, {code: opALU | aluADD, k: s.k}}, other)
}

// tells reports whether all of these bytes can be had.
func (p placement) tells(k, size uint32) bool {
	for end := k + size; k < end; k++ {
		ok := k < p.same || k >= p.rest
		for _, f := range p.fields {
			ok = ok || k >= f.off && k < f.off+f.size
		}
		if !ok {
			return false
		}
	}
	return true
}

// registers returns the scratch registers that a graph mentions.
func registers(root *block) (used regSet) {
	for _, b := range layout(root) {
		for _, s := range b.stmts {
			for _, r := range [...]int{s.reads(), s.writes()} {
				if r >= 0 && r < memWords {
					used |= 1 << r
				}
			}
		}
	}
	return used
}

func freeRegisters(root *block) (free []uint32) {
	used := registers(root)
	for r := range memWords {
		if !used.has(r) {
			free = append(free, uint32(r))
		}
	}
	return free
}

// defineRegisters clears the scratch registers that some way through the
// program reads before it has written them: the kernel refuses such a program.
func defineRegisters(root *block) *block {
	order := layout(root)
	use := make(map[*block]regSet, len(order))
	for i := len(order) - 1; i >= 0; i-- {
		f := facts{b: order[i]}
		f.localUses()
		out := regSet(0)
		if !f.b.leaf() {
			out = use[f.b.succ[0]] | use[f.b.succ[1]]
		}
		use[f.b] = f.use | out&^f.kill
	}
	var clear []stmt
	for r := range memWords {
		if use[root].has(r) {
			clear = append(clear, stmt{code: opST, k: uint32(r)})
		}
	}
	if clear == nil {
		return root
	}
	return step(append([]stmt{{code: ldImm}}, clear...), root)
}
