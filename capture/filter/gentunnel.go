package filter

func (g *generator) geneveTest(n *keyword) *cond {
	fail(n.at, "geneve is not supported yet")
	return nil
}

func (g *generator) geneveEther() *cond { return nil }

func (g *generator) protochain(n *primitive, v uint32) *cond {
	fail(n.q.at, "protochain is not supported yet")
	return nil
}
