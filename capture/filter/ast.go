package filter

// A node of the syntax tree: logic, notNode, primitive, keyword or relation.
type node interface{ pos() span }

// logic is "l and r" or "l or r". Both bind equally and to the left.
type logic struct {
	and  bool
	l, r node
}

type notNode struct {
	at span
	x  node
}

// primitive is an address, port or protocol with its qualifiers, which it may
// have inherited from the primitive before it, as 443 in "port 80 or 443".
type primitive struct {
	q    qual
	id   token // tName, tNum, tIPv4, tIPv6, tMAC or tARCnet
	mask token // after "/" (tNum) or "mask" (tIPv4), or else tEnd
}

// keyword is a test that is named by one word, perhaps with an argument.
type keyword struct {
	word  token
	proto token // the qualifier before broadcast and multicast, or else tEnd
	arg   token // tEnd: none
	op    token // of "byte"
	arg2  token
	at    span
}

// relation compares two values.
type relation struct {
	op   token // = != < <= > >=
	l, r arith
}

func (n *logic) pos() span     { return n.l.pos().to(n.r.pos()) }
func (n *notNode) pos() span   { return n.at.to(n.x.pos()) }
func (n *primitive) pos() span { return n.id.at }
func (n *keyword) pos() span   { return n.at }
func (n *relation) pos() span  { return n.l.pos().to(n.r.pos()) }

// arith is a value: number, length, load, negation or operation.
type arith interface{ pos() span }

type numeral struct{ t token }

type length struct{ t token }

// load is "proto[index:size]".
type load struct {
	proto token
	index arith
	size  token // tEnd: 1
	end   span
}

type negation struct {
	at span
	x  arith
}

type operation struct {
	op   token // + - * / % & | ^ << >>
	l, r arith
}

func (n *numeral) pos() span   { return n.t.at }
func (n *length) pos() span    { return n.t.at }
func (n *load) pos() span      { return n.proto.at.to(n.end) }
func (n *negation) pos() span  { return n.at.to(n.x.pos()) }
func (n *operation) pos() span { return n.l.pos().to(n.r.pos()) }

// qual is what qualifies a primitive. Empty strings are the defaults.
type qual struct {
	proto string // a protocol keyword
	dir   string // src, dst, "src or dst", "src and dst", or a name of 802.11
	addr  string // host, net, port, portrange, gateway, proto or protochain
	none  bool   // no primitive came before from which to inherit
	at    span   // of the qualifiers
}
