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
	r := &relocation{placement: p, free: freeRegisters(root), copies: make(map[*block]*block)}
	r.classify(root)
	return r.block(root)
}

// A relocation is under way.
type relocation struct {
	placement
	free   []uint32 // scratch registers
	known  map[*block]known
	copies map[*block]*block
}

// known is what can be told of the registers at a place.
type known struct {
	x      xClass
	stored regSet // scratch registers that have been written on every way
}

// An xClass is what is known of X as an offset.
type xClass uint8

const (
	xAny   xClass = iota
	xShort        // an IP header's length
	xFar          // behind the link header
)

func (k known) after(s stmt) known {
	switch w := s.writes(); {
	case s.far && (s.code != ldxMem || k.stored.has(int(s.k))):
		k.x = xFar
	case s.code == ldxMsh:
		k.x = xShort
	case w == regX:
		k.x = xAny
	case w >= 0 && w < memWords:
		k.stored |= 1 << w
	}
	return k
}

// classify finds what is known where each block begins.
func (r *relocation) classify(root *block) {
	r.known = map[*block]known{root: {}}
	for _, b := range layout(root) {
		k := r.known[b]
		for _, s := range b.stmts {
			k = k.after(s)
		}
		for _, to := range b.succ {
			here := k
			if before, ok := r.known[to]; ok {
				here.stored &= before.stored
				if here.x != before.x {
					here.x = xAny
				}
			}
			r.known[to] = here
		}
	}
}

func (r *relocation) block(b *block) *block {
	if b.leaf() {
		return b
	}
	if c := r.copies[b]; c != nil {
		return c
	}
	x := make([]xClass, len(b.stmts))
	k := r.known[b]
	for i, s := range b.stmts {
		x[i] = k.x
		k = k.after(s)
	}
	out := &block{code: b.code, k: b.k, succ: [2]*block{r.block(b.succ[0]), r.block(b.succ[1])}}
	// From the end on, as a load whose offset varies splits the block.
	for i := len(b.stmts) - 1; i >= 0; i-- {
		s := b.stmts[i]
		known := x[i] == xFar || x[i] == xShort && s.k >= r.rest
		switch {
		case isLoad(s, modeIND) && r.shift != 0 && !known:
			out = r.varying(s, out)
		case s.code == opALU|aluLSH|srcX, s.code == opALU|aluRSH|srcX:
			out = r.shiftBy(s, out)
		default:
			out.stmts = append(r.stmt(s), out.stmts...)
		}
	}
	r.copies[b] = out
	return out
}

// shiftBy shifts by X, which leaves nothing when X is 32 or more: the kernel
// may take it modulo 32.
func (r *relocation) shiftBy(s stmt, next *block) *block {
	a := r.scratch(0)
	return &block{
		stmts: []stmt{{code: opST, k: a}, {code: txa}},
		code:  opJMP | jmpGT, k: 31,
		succ: [2]*block{
			step([]stmt{{code: ldImm}}, next),
			step([]stmt{{code: ldMem, k: a}, s}, next),
		},
	}
}

func isLoad(s stmt, mode uint16) bool {
	return s.code&^sizeMask == opLD|mode
}

// stmt moves one statement.
func (r *relocation) stmt(s stmt) []stmt {
	switch {
	case s.code == ldLen && r.shift != 0:
		return []stmt{s, {code: opALU | aluADD, k: r.shift}}
	case isLoad(s, modeABS):
		return r.load(s)
	case isLoad(s, modeIND):
		s.k -= r.shift
	case s.code == ldxMsh && s.k >= r.rest:
		s.k -= r.shift
	case s.code == ldxMsh && r.shift != 0:
		a := r.scratch(0)
		return append(append([]stmt{{code: opST, k: a}}, r.piece(s.k, 1).stmts...),
			stmt{code: opALU | aluAND, k: 0xf}, stmt{code: opALU | aluLSH, k: 2}, stmt{code: tax},
			stmt{code: ldMem, k: a})
	}
	return []stmt{s}
}

// scratch returns a scratch register that the program does not use.
func (r *relocation) scratch(i int) uint32 {
	if i >= len(r.free) {
		fail(everywhere, "too many intermediate values: simplify the arithmetic")
	}
	return r.free[i]
}

// A piece of a load comes from one place.
type piece struct {
	stmts []stmt
	size  uint32
}

// load loads the bytes [k, k+size), which can be spread over several places.
func (r *relocation) load(s stmt) []stmt {
	if s.k >= linkBase {
		s.k = outOfBounds // this is no extension for the user
		return []stmt{s}
	}
	var pieces []piece
	for k, end := s.k, s.k+bytesOf(s.code); k < end; {
		l := r.piece(k, end-k)
		pieces = append(pieces, l)
		k += l.size
	}
	if len(pieces) == 1 {
		return pieces[0].stmts
	}
	x, high := r.scratch(0), r.scratch(1)
	out := append([]stmt{{code: opSTX, k: x}}, pieces[0].stmts...)
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
func (r *relocation) varying(s stmt, next *block) *block {
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
	if r.same >= size {
		first = r.same - size + 1
	}
	for k := r.rest; k > first; k-- {
		if r.tells(k-1, size) {
			l := r.load(stmt{code: s.code&sizeMask | opLD | modeABS, k: k - 1})
			other = test(jmpEQ, k-1, step(l, next), other)
		}
	}
	if first > 0 {
		other = test(jmpGE, first, other, direct(0))
	}
	other = test(jmpGE, r.rest, direct(r.shift), other)
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
