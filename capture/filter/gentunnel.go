package filter

const (
	genevePort   = 6081
	geneveMaxVNI = 0xffffff
)

// geneveTest tests for Geneve in UDP, and moves on to what it carries: a
// network header, or an Ethernet frame (gen_geneve).
func (g *generator) geneveTest(n *keyword) *cond {
	if n.arg.kind != tEnd && n.arg.num > geneveMaxVNI {
		fail(n.arg.at, "Geneve network %d is greater than %d", n.arg.num, geneveMaxVNI)
	}
	g.opaque = true
	toPort := &primitive{id: n.word, q: qual{proto: "udp", dir: "dst", addr: "port"}}
	check := func(port *cond, header base) *cond {
		c := and(port, g.masked(header, 8, sizeB, 0, 0xc0)) // version 0
		if n.arg.kind != tEnd {
			c = and(c, g.masked(header, 12, sizeW, n.arg.num<<8, 0xffffff00))
		}
		return c
	}
	// Each check ends with the IP header's length in A.
	ip := check(g.port4(toPort, protoUDP, genevePort, genevePort, false), atTranIP)
	ip = and(ip, &cond{stmts: append(g.ipHeaderLen(), stmt{code: txa}), test: jmpEQ | srcX})
	ip6 := check(g.port6(toPort, protoUDP, genevePort, genevePort, false), atTranIP6)
	s := g.varPart(&g.payload)
	if s != nil {
		s = append(s, stmt{code: ldImm, k: 40}, stmt{code: opALU | aluADD | srcX})
	} else {
		s = []stmt{{code: ldImm, k: 40}}
	}
	ip6 = and(ip6, &cond{stmts: append(s, stmt{code: tax}), test: jmpEQ | srcX})
	return and(or(ip, ip6), g.geneveOffsets(n.at))
}

// geneveOffsets leaves in registers where the Ethernet header in Geneve
// begins, its type field (or Geneve's own), and where what follows begins
// (gen_geneve_offsets).
func (g *generator) geneveOffsets(at span) *cond {
	udp := g.payload.k + g.nl
	linkType := g.alloc(at)
	linkHdr := g.alloc(at)
	payload := g.alloc(at)
	g.linkType = offset{variable: true, reg: linkType}
	g.linkHdr = offset{variable: true, reg: linkHdr}
	g.payload = offset{variable: true, reg: payload}
	g.link = linkEthernet
	g.nl = 0
	g.geneve = true
	header := []stmt{
		{code: opALU | aluADD, k: udp + 8}, // A: the Geneve header
		{code: tax, far: true},
		{code: opALU | aluADD, k: 2},
		{code: opST, k: uint32(linkType)},
		{code: opLD | modeIND | sizeB}, // length of the options, in words
		{code: opALU | aluAND, k: 0x3f},
		{code: opALU | aluMUL, k: 4},
		{code: opALU | aluADD, k: 8},
		{code: opALU | aluADD | srcX},
		{code: opST, k: uint32(linkHdr)},
		{code: opLD | modeIND | sizeH, k: 2},
		{code: ldxMem, k: uint32(linkHdr)},
	}
	ethernet := []stmt{
		{code: txa},
		{code: opALU | aluADD, k: 12},
		{code: opST, k: uint32(linkType)},
		{code: opALU | aluADD, k: 2},
		{code: tax},
	}
	return &cond{op: graph, lower: func(yes, _ *block) *block {
		end := step([]stmt{{code: opSTX, k: uint32(payload)}}, yes)
		return &block{stmts: header, code: opJMP | jmpEQ, k: etherTEB,
			succ: [2]*block{step(ethernet, end), end}}
	}}
}

// geneveEther tests that Geneve carries an Ethernet header: then its payload
// does not begin where the header would.
func (g *generator) geneveEther() *cond {
	return not(&cond{stmts: []stmt{{code: ldMem, k: uint32(g.linkHdr.reg)},
		{code: ldxMem, k: uint32(g.payload.reg)}}, test: jmpEQ | srcX})
}
