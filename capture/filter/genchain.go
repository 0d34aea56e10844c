package filter

const (
	protoHopByHop = 0
	protoRouting  = 43
	protoNone     = 59
	protoDestOpts = 60
)

// maxHeaders is how many extension headers a live program walks along: the
// kernel runs no loops.
const maxHeaders = 16

// protochain tests whether the chain of extension headers has one of type v,
// or ends in it (gen_protochain). libpcap's loop jumps backwards, which only its own
// interpreter runs, and ours; for the kernel it is unrolled.
func (g *generator) protochain(n *primitive, v uint32) *cond {
	mem := uint32(g.alloc(n.q.at))
	var c *cond
	switch n.q.proto {
	case "":
		ip, ip6 := *n, *n
		ip.q.proto, ip6.q.proto = "ip", "ip6"
		c = g.protochain(&ip, v)
		return or(c, g.protochain(&ip6, v))
	case "ip", "ip6":
	default:
		fail(n.q.at, "%q has no protochain: ip and ip6 have", n.q.proto)
	}
	if g.payload.variable {
		fail(n.q.at, "protochain cannot follow headers of varying length")
	}
	g.opaque = true
	w := &walk{v: v, mem: mem, base: g.payload.k + g.nl}
	ether := uint32(etherIP)
	if n.q.proto == "ip6" {
		ether = etherIPv6
		w.v6 = true
	}
	c = g.protocol(n.id.at, ether)
	g.free(int(mem))
	if g.t.Live {
		return and(c, &cond{op: graph, lower: w.unrolled})
	}
	return and(c, &cond{stmts: w.loop(), test: jmpEQ, k: v})
}

// walk generates a walk along the headers: A is the type of the next header, X
// where it begins, from the network header.
type walk struct {
	v, mem, base uint32
	v6           bool
}

func (w *walk) start() []stmt {
	if w.v6 {
		return []stmt{{code: opLD | modeABS | sizeB, k: w.base + 6}, {code: ldxImm, k: 40, far: true}}
	}
	return []stmt{{code: opLD | modeABS | sizeB, k: w.base + 9}, {code: ldxMsh, k: w.base}}
}

// options are the headers whose length counts units of eight bytes.
var options = [...]uint32{protoHopByHop, protoDestOpts, protoRouting, protoFrag}

// overOptions moves on behind one of the options, overAH behind an
// authentication header. The latter counts from the network header and not
// from where the header begins: so does libpcap.
func (w *walk) overOptions() []stmt {
	return []stmt{
		{code: opLD | modeIND | sizeB, k: w.base},
		{code: opST, k: w.mem},
		{code: opLD | modeIND | sizeB, k: w.base + 1},
		{code: opALU | aluADD, k: 1},
		{code: opALU | aluMUL, k: 8},
		{code: opALU | aluADD | srcX},
		{code: tax, far: true},
		{code: ldMem, k: w.mem},
	}
}

func (w *walk) overAH() []stmt {
	return []stmt{
		{code: opLD | modeIND | sizeB, k: w.base},
		{code: opST, k: w.mem},
		{code: opLD | modeIND | sizeB, k: w.base + 1},
		{code: opALU | aluADD, k: 2},
		{code: opALU | aluMUL, k: 4},
		{code: tax, far: true},
		{code: ldMem, k: w.mem},
	}
}

// loop is the walk for files: statements with jumps among them, one of them
// backwards, which leave the last type in A.
func (w *walk) loop() []stmt {
	s := w.start()
	again := len(s)
	back := func() stmt {
		return stmt{code: ja, k: uint32(again - len(s) - 1)}
	}
	var toEnd []int // jumps to the end when true
	test := func(v uint32) {
		s = append(s, stmt{code: opJMP | jmpEQ, k: v})
	}
	test(w.v)
	test(protoNone)
	toEnd = append(toEnd, len(s)-2, len(s)-1)
	if w.v6 {
		body := w.overOptions()
		for i, v := range options {
			test(v)
			s[len(s)-1].jt = uint8(len(options) - 1 - i)
		}
		s[len(s)-1].jf = uint8(len(body) + 1)
		s = append(s, body...)
		s = append(s, back())
	}
	test(protoAH)
	ah := len(s) - 1
	s = append(s, w.overAH()...)
	s = append(s, back())
	s[ah].jf = uint8(len(s) - ah - 1)
	for _, i := range toEnd {
		s[i].jt = uint8(len(s) - i - 1)
	}
	return s
}

// unrolled is the walk for the kernel, along maxHeaders headers at most.
func (w *walk) unrolled(yes, no *block) *block {
	test := func(v uint32, t, f *block) *block {
		return &block{code: opJMP | jmpEQ, k: v, succ: [2]*block{t, f}}
	}
	next := no
	for range maxHeaders {
		other := test(protoAH, step(w.overAH(), next), no)
		if w.v6 {
			over := step(w.overOptions(), next)
			for i := range options {
				other = test(options[len(options)-1-i], over, other)
			}
		}
		next = test(w.v, yes, test(protoNone, no, other))
	}
	return step(w.start(), next)
}
