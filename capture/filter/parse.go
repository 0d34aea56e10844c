package filter

// maxDepth bounds how deeply parentheses, "not" and "-" may nest, and so the
// stack that the compiler uses.
const maxDepth = 1000

type parser struct {
	toks  []token
	i     int
	depth int
}

// parse builds the syntax tree, nil for an empty expression.
func parse(expr string) node {
	p := &parser{toks: lex(expr)}
	if p.peek().kind == tEnd {
		return nil
	}
	n, _ := p.expr(qual{none: true})
	if p.peek().kind != tEnd {
		p.unexpected("")
	}
	return n
}

func (p *parser) peek() token { return p.toks[p.i] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tEnd {
		p.i++
	}
	return t
}

func (p *parser) take(text string) bool {
	if p.peek().is(text) {
		p.i++
		return true
	}
	return false
}

func (p *parser) want(text string) token {
	if !p.peek().is(text) {
		p.unexpected("%q", text)
	}
	return p.next()
}

func (p *parser) number() token {
	if p.peek().kind != tNum {
		p.unexpected("a number")
	}
	return p.next()
}

// unexpected fails at the next token; want says what would have been right.
func (p *parser) unexpected(format string, args ...any) {
	t := p.peek()
	what := "unexpected " + quote(t)
	if format != "" {
		what += ": expected " + sprintf(format, args...)
	} else if t.kind == tName || t.kind == tNum || t.kind == tIPv4 || t.kind == tIPv6 || t.kind == tMAC {
		what += ": say what it is, such as host, net or port, or join it with and, or"
	}
	if p.i > 0 && p.toks[p.i-1].kind == tName {
		what += sprintf(" (is %q misspelt?)", p.toks[p.i-1].text)
	}
	fail(t.at, "%s", what)
}

func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		fail(p.peek().at, "nested too deeply")
	}
}

func (p *parser) leave() { p.depth-- }

// A mode says what may stand at a place.
type mode struct {
	term bool // any test
	id   bool // a bare address, port or name that inherits its qualifiers
	ids  bool // a list of these in parentheses
}

// A class says what was found.
type class uint8

const (
	isTerm  class = iota // a test
	isID                 // an id
	isNum                // a number, which can be an id or a value
	isValue              // a value that is no id
)

type item struct {
	class class
	node  node  // of isTerm, isID
	num   token // of isNum
	value arith // of isNum, isValue
}

// expr parses terms joined by "and" and "or". inherit holds the qualifiers of
// the primitive before; expr returns those of its last one.
func (p *parser) expr(inherit qual) (node, qual) {
	it, q := p.item(inherit, mode{term: true})
	if it.class != isTerm {
		p.unexpected("a comparison such as =, < or >=")
	}
	return p.rest(it.node, q, mode{term: true, id: true, ids: true})
}

// rest parses what follows the first item of an expression or list.
func (p *parser) rest(l node, q qual, m mode) (node, qual) {
	for p.peek().is("and") || p.peek().is("or") {
		and := p.next().text == "and"
		var it item
		it, q = p.item(q, m)
		l = &logic{and: and, l: l, r: p.asNode(it, q)}
	}
	return l, q
}

func (p *parser) asNode(it item, q qual) node {
	switch it.class {
	case isNum:
		return &primitive{q: q, id: it.num}
	case isValue:
		p.unexpected("a comparison such as =, < or >=")
	}
	return it.node
}

func (p *parser) item(inherit qual, m mode) (item, qual) {
	p.enter()
	defer p.leave()
	t := p.peek()
	switch {
	case t.is("not"):
		p.next()
		it, q := p.item(inherit, mode{term: m.term, id: m.id, ids: m.id})
		n := &notNode{at: t.at, x: p.asNode(it, q)}
		if it.class == isNum {
			it.class = isID
		}
		return item{class: it.class, node: n}, q
	case t.is("("):
		p.next()
		it := p.parenthesis(inherit, mode{term: m.term, id: m.ids})
		return p.value(it, m, inherit)
	case t.kind == tNum:
		p.next()
		return p.value(item{class: isNum, num: t, value: &numeral{t}}, m, inherit)
	case m.id && t.kind >= tName && t.kind <= tARCnet:
		return item{class: isID, node: p.id(inherit)}, inherit
	case m.term:
		return p.term()
	}
	if t.kind == tEnd {
		p.unexpected("an address, port or name")
	}
	fail(t.at, "unexpected %s: expected an address, port or name", quote(t))
	panic("unreachable")
}

// parenthesis parses what stands in "( )". With m.id it may be a list of ids.
func (p *parser) parenthesis(inherit qual, m mode) item {
	it, q := p.item(inherit, mode{term: m.term, id: m.id})
	more := p.peek().is("and") || p.peek().is("or")
	switch it.class {
	case isTerm:
		it.node, _ = p.rest(it.node, q, mode{term: true, id: true, ids: true})
	case isID:
		it.node, _ = p.rest(it.node, q, mode{id: true, ids: true})
	case isNum:
		if more && m.id {
			it.class = isID
			it.node, _ = p.rest(p.asNode(item{class: isNum, num: it.num}, q), q, mode{id: true, ids: true})
		}
	}
	p.want(")")
	return it
}

// value goes on from a number or value to the operation or comparison that it
// begins, where there is one.
func (p *parser) value(it item, m mode, inherit qual) (item, qual) {
	if !m.term || it.class != isNum && it.class != isValue {
		return it, inherit
	}
	if _, ok := binding[p.peek().text]; ok && p.peek().kind == tOp {
		it = item{class: isValue, value: p.operations(it.value, 0)}
	}
	if t := p.peek(); isComparison(t) {
		p.next()
		return item{class: isTerm, node: &relation{op: t, l: it.value, r: p.arith(0)}}, qual{none: true}
	}
	return it, inherit
}

func isComparison(t token) bool {
	if t.kind != tOp {
		return false
	}
	switch t.text {
	case "=", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}

// id parses an address, port or name.
func (p *parser) id(q qual) node {
	n := &primitive{q: q, id: p.next()}
	n.mask.kind = tEnd
	switch n.id.kind {
	case tIPv4:
		if p.take("/") {
			n.mask = p.number()
		} else if p.take("mask") {
			if p.peek().kind != tIPv4 {
				p.unexpected("a mask such as 255.255.0.0")
			}
			n.mask = p.next()
		}
	case tIPv6:
		if p.take("/") {
			n.mask = p.number()
		}
	}
	return n
}

// protocols are the keywords that name a protocol.
var protocols = set(`ether ip arp rarp sctp tcp udp icmp igmp igrp pim vrrp carp atalk aarp decnet lat sca
	mopdl moprc ip6 icmp6 ah esp iso esis isis l1 l2 iih lsp snp psnp csnp clnp stp ipx netbeui radio`)

var directions = set(`src dst addr1 addr2 addr3 addr4 ra ta`)

// term parses a test that begins with a keyword or a value.
func (p *parser) term() (item, qual) {
	t := p.peek()
	none := qual{none: true}
	if t.is("-") || t.is("len") || protocols()[t.text] && t.kind == tWord && p.toks[p.i+1].is("[") {
		return p.value(item{class: isValue, value: p.arith(0)}, mode{term: true}, none)
	}
	if t.kind != tWord {
		p.unexpected("")
	}
	if n := p.keyword(); n != nil {
		return item{node: n}, none
	}
	q := qual{at: t.at}
	if protocols()[t.text] {
		p.next()
		q.proto = t.text
		switch n := p.peek(); {
		case n.is("broadcast"), n.is("multicast"):
			p.next()
			return item{node: &keyword{word: n, proto: t, at: t.at.to(n.at)}}, none
		case n.is("type"), n.is("subtype"), n.is("dir"):
			notWireless(n)
		}
	}
	if directions()[p.peek().text] && p.peek().kind == tWord {
		d := p.next()
		q.dir, q.at = d.text, q.at.to(d.at)
		if j := p.peek(); (j.is("or") || j.is("and")) && (d.text == "src" || d.text == "dst") {
			other := "dst"
			if d.text == "dst" {
				other = "src"
			}
			if p.toks[p.i+1].is(other) {
				p.next()
				q.at = q.at.to(p.next().at)
				q.dir = "src " + j.text + " dst"
			}
		}
	}
	if a := p.peek(); a.kind == tWord {
		switch a.text {
		case "proto", "protochain", "gateway":
			if q.dir != "" {
				fail(a.at, "a direction cannot be applied to %q", a.text)
			}
			fallthrough
		case "host", "net", "port", "portrange":
			p.next()
			q.addr, q.at = a.text, q.at.to(a.at)
		}
	}
	if q.dir == "" && q.addr == "" {
		if q.proto == "" {
			p.unexpected("a test such as host, port or tcp")
		}
		if !p.idNext() {
			return item{node: &keyword{word: t, at: t.at}}, none
		}
		fail(p.peek().at, "unexpected %s: say what it is, such as %s host, %s port or %s proto",
			quote(p.peek()), t.text, t.text, t.text)
	}
	it, _ := p.item(q, mode{id: true, ids: true})
	return item{node: p.asNode(it, q)}, q
}

func (p *parser) idNext() bool {
	k := p.peek().kind
	return k >= tNum && k <= tARCnet
}

// keyword parses a test that one word names, or returns nil.
func (p *parser) keyword() node {
	t := p.peek()
	n := &keyword{word: t, at: t.at}
	n.proto.kind, n.arg.kind = tEnd, tEnd
	switch t.text {
	case "broadcast", "multicast", "inbound", "outbound", "pppoed":
		p.next()
	case "less", "greater", "ifindex":
		p.next()
		n.arg = p.number()
	case "byte":
		p.next()
		n.arg = p.number()
		switch n.op = p.peek(); n.op.text {
		case "&", "|", "<", ">", "=":
			p.next()
		default:
			p.unexpected("one of & | < > =")
		}
		n.arg2 = p.number()
	case "vlan", "mpls", "pppoes", "geneve":
		p.next()
		if p.peek().kind == tNum || p.peek().is("(") {
			n.arg = p.parenNumber()
		}
	case "llc":
		p.next()
		if a := p.peek(); a.kind == tName || a.is("rnr") {
			n.arg = p.next()
		}
	case "type", "subtype", "dir":
		notWireless(t)
	case "ifname", "rset", "rnr", "srnr", "reason", "action":
		fail(t.at, "%q is about the packet filter log of BSD and not supported", t.text)
	case "lane", "metac", "bcc", "oam", "oamf4", "oamf4ec", "oamf4sc", "sc", "ilmic", "vpi", "vci",
		"connectmsg", "metaconnect":
		fail(t.at, "%q is about ATM and not supported", t.text)
	case "fisu", "lssu", "msu", "hfisu", "hlssu", "hmsu", "sio", "opc", "dpc", "sls", "hsio", "hopc",
		"hdpc", "hsls":
		fail(t.at, "%q is about SS7 and not supported", t.text)
	default:
		return nil
	}
	n.at = t.at.to(p.toks[p.i-1].at)
	return n
}

func notWireless(t token) {
	fail(t.at, "%q is about 802.11 and not supported", t.text)
}

// parenNumber parses a number, perhaps in parentheses.
func (p *parser) parenNumber() token {
	depth := 0
	for p.take("(") {
		depth++
	}
	t := p.number()
	for range depth {
		p.want(")")
	}
	return t
}

// binding gives the binary operators' precedence. % and ^ have none, as in
// libpcap: they take everything that follows as their right side, and bind
// tighter than what is on their left.
var binding = map[string]int{"|": 1, "&": 2, "<<": 3, ">>": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": 0, "^": 0}

const unaryBinding = 6

// arith parses a value whose operators bind tighter than min.
func (p *parser) arith(min int) arith {
	p.enter()
	defer p.leave()
	t := p.peek()
	var l arith
	switch {
	case t.kind == tNum:
		l = &numeral{p.next()}
	case t.is("len"):
		l = &length{p.next()}
	case t.is("-"):
		p.next()
		l = &negation{at: t.at, x: p.arith(unaryBinding)}
	case t.is("("):
		p.next()
		l = p.arith(0)
		p.want(")")
	case t.kind == tWord && protocols()[t.text]:
		l = p.load()
	default:
		p.unexpected("a number, len or a load such as tcp[13]")
	}
	return p.operations(l, min)
}

func (p *parser) operations(l arith, min int) arith {
	for {
		op := p.peek()
		prec, ok := binding[op.text]
		if !ok || op.kind != tOp || prec != 0 && prec <= min {
			return l
		}
		p.next()
		l = &operation{op: op, l: l, r: p.arith(prec)}
	}
}

func (p *parser) load() arith {
	n := &load{proto: p.next()}
	n.size.kind = tEnd
	p.want("[")
	n.index = p.arith(0)
	if p.take(":") {
		n.size = p.number()
	}
	n.end = p.want("]").at
	return n
}
