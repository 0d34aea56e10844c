package filter

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A gen makes random expressions, most of them well formed.
type gen struct{ *rand.Rand }

// usually picks one of good, and rarely one of bad, which are refused.
func (g gen) usually(good, bad []string) string {
	if g.often(4) {
		return g.pick(bad...)
	}
	return g.pick(good...)
}

func (g gen) pick(s ...string) string { return s[g.IntN(len(s))] }

func (g gen) word(s string) string { return g.pick(strings.Fields(s)...) }

func (g gen) often(percent int) bool { return g.IntN(100) < percent }

func (g gen) expr(depth int) string {
	if depth <= 0 {
		return g.term(0)
	}
	switch g.IntN(10) {
	case 0, 1:
		return g.term(depth)
	case 2:
		return g.pick("not ", "! ", "!") + g.factor(depth-1)
	default:
		n := 1 + g.IntN(3)
		s := g.factor(depth - 1)
		for range n {
			s += " " + g.pick("and", "or", "&&", "||", "and", "or") + " "
			if g.often(6) {
				s += g.pick("", "not ", "!") + g.idList()
			} else {
				s += g.factor(depth - 1)
			}
		}
		return s
	}
}

func (g gen) factor(depth int) string {
	if g.often(35) {
		return g.pick("(", "( ", "not (") + g.expr(depth) + ")"
	}
	return g.term(depth)
}

// idList is what may inherit the qualifiers before it.
func (g gen) idList() string {
	if g.often(30) {
		return "(" + g.id() + g.pick(" or ", " and ") + g.id() + ")"
	}
	return g.id()
}

func (g gen) id() string {
	switch g.IntN(7) {
	case 0, 1, 2:
		return g.number()
	case 3, 4:
		return g.pick(ip4s...)
	case 5:
		return g.word("http domain https localhost \\tcp")
	}
	return g.pick(g.pick(ip6s...), g.pick(macs...), "10.0", "10.1.2")
}

func (g gen) number() string {
	switch g.IntN(8) {
	case 0:
		return fmt.Sprint(g.IntN(66000))
	case 1:
		return fmt.Sprintf("0x%x", g.IntN(0x10000))
	case 2:
		return fmt.Sprint(g.IntN(8))
	case 3:
		return fmt.Sprintf("0%o", g.IntN(300))
	}
	return fmt.Sprint(ports[g.IntN(len(ports))])
}

const allProtos = `ether ip arp rarp sctp tcp udp icmp igmp igrp pim vrrp carp atalk aarp decnet lat sca mopdl
	moprc ip6 icmp6 ah esp iso esis isis l1 l2 iih lsp snp psnp csnp clnp stp ipx netbeui`

func (g gen) dir() string {
	return g.pick("", "", "", "src ", "dst ", "src or dst ", "src and dst ", "dst or src ", "dst and src ")
}

func (g gen) term(depth int) string {
	switch g.IntN(26) {
	case 0, 1, 2:
		return g.word(allProtos)
	case 3, 4:
		return g.usually([]string{"", "", "ip ", "arp ", "rarp "}, []string{"ip6 ", "tcp "}) + g.dir() + "host " + g.pick(ip4s...)
	case 5:
		return g.pick("", "ip6 ") + g.dir() + g.pick("host ", "net ") + g.pick(ip6s...)
	case 6:
		return g.pick("", "ip ", "arp ") + g.dir() + "net " + g.usually([]string{"10", "10.0", "10.0.0.0/8", "10.0.0.0/24", "192.168", "0.0.0.0/0",
			"10.0.0.0 mask 255.0.0.0", "127", "10.1.2.3/32", "10.1.2/24", "loopback", "224.0.0.0/4"},
			[]string{"10.0.0.0/0", "10.0.0.1/31", "10.1.2.3 mask 255.255", "10.0.0.0/33", "10/8"})
	case 7:
		return g.pick("", "ip6 ") + g.dir() + "net " + g.usually([]string{"2001:db8::/32", "fe80::/10", "::/0", "2001:db8::1/128", "ff02::/16"}, []string{"2001:db8::/31", "2001::1/64", "ff00::/129"})
	case 8, 9, 10:
		return g.pick("", "tcp ", "udp ", "sctp ") + g.dir() + "port " + g.pick(g.number(), g.word("http domain https ssh ntp 80 443"))
	case 11:
		return g.pick("", "tcp ", "udp ", "sctp ") + g.dir() + "portrange " +
			g.usually([]string{"1-1024", "443-80", "80-80", "http-https", "0-65535"}, []string{"ssh-domain", "70000-80", g.number(), "80-90x"})
	case 12:
		return "ether " + g.pick("host ", "src ", "dst ", "src host ", "dst host ", "src or dst ", "src and dst host ") + g.pick(macs...)
	case 13:
		return g.usually([]string{"ip", "ip6", "", "ether", "iso", "isis"}, []string{"tcp", "arp"}) + " proto " + g.pick("6", "17", "\\tcp", "\\udp", "\\icmp", "0x800", "0x86dd",
			"0x0806", "\\ip", "\\arp", "ospf", "gre", "\\ip6", "0xfe", "0xe0", "6", "44", "50", "1500", "1501", "\\isis", "0x8100", "\\stp", "ipx", "loopback", "\\esp")
	case 14:
		return g.usually([]string{"", "ether ", "ip "}, []string{"arp ", "ip6 "}) + g.pick("multicast", "multicast", "broadcast")
	case 15:
		return g.pick("less ", "greater ") + g.pick("64", "100", "20", "1500", "0")
	case 16:
		return "byte " + fmt.Sprint(g.IntN(40)) + g.pick(" = ", " < ", " > ") + fmt.Sprint(g.IntN(256))
	case 17:
		return g.usually([]string{"vlan", "vlan 5", "vlan 0", "vlan 4095", "vlan (3)"}, []string{"vlan 4096"})
	case 18:
		return g.usually([]string{"mpls", "mpls 5", "mpls 16", "mpls 1024"}, []string{"mpls 0x100000"})
	case 19:
		return g.usually([]string{"pppoes", "pppoed", "pppoes 2", "pppoes 5"}, []string{"pppoes 65536"})
	case 20:
		return g.pick("llc", "llc i", "llc s", "llc u", "llc rr", "llc rnr", "llc rej", "llc ui", "llc ua", "llc disc", "llc dm",
			"llc sabme", "llc test", "llc xid", "llc frmr", "llc RR")
	case 21:
		return g.usually([]string{"decnet host 1.2", "decnet src 1.1", "icmp", "igmp"}, []string{"inbound", "outbound", "ifindex 2", "gateway 10.0.0.1", "byte 3 & 1"})
	case 22:
		if g.often(10) {
			return g.pick("", "ip ", "ip6 ", "tcp ") + "protochain " + g.pick("6", "17", "\\tcp", "50", "51", "59", "1")
		}
		if g.often(10) {
			return g.pick("geneve", "geneve 5", "geneve 0", "geneve 0x1000000")
		}
		return g.relation()
	default:
		return g.relation()
	}
}

func (g gen) relation() string {
	return g.arith(2) + " " + g.pick("=", "==", "!=", "<", ">", "<=", ">=") + " " + g.arith(2)
}

func (g gen) arith(depth int) string {
	if depth > 0 && g.often(55) {
		op := g.word("+ - * / % & | ^ << >>")
		l, r := g.arith(depth-1), g.arith(depth-1)
		if (op == "<<" || op == ">>") && g.often(80) {
			r = fmt.Sprint(g.IntN(33))
		}
		s := l + " " + op + " " + r
		if g.often(30) {
			s = "(" + s + ")"
		}
		return s
	}
	switch g.IntN(9) {
	case 0, 1:
		return g.pick("0", "1", "2", "4", "0xff", "15", "80", "443", "0x0f", "tcp-syn", "tcp-ack", "tcp-fin", "(7)", "icmp-echo")
	case 2:
		return g.pick("len", "length")
	case 3:
		if depth > 0 {
			return "-" + g.arith(depth-1)
		}
		return "-1"
	}
	p := g.usually(strings.Fields("ether ip ip6 tcp udp sctp icmp icmp6 arp ip tcp ether igmp link pim"), []string{"ah", "iso", "stp", "esp"})
	index := fmt.Sprint(g.IntN(24))
	if depth > 0 && g.often(25) {
		index = g.arith(depth - 1)
	}
	if g.often(10) {
		index = g.pick("tcpflags", "icmptype", "icmp6type", "icmpcode")
	}
	return p + "[" + index + g.usually([]string{"", "", ":1", ":2", ":4", ":2", ":4"}, []string{":3", ":0", ":8"}) + "]"
}

// soup joins tokens and pieces of tokens without sense.
func (g gen) soup() string {
	var b strings.Builder
	for range 1 + g.IntN(5) {
		switch g.IntN(6) {
		case 0:
			b.WriteString(g.pick("host ", "net ", "port ", "portrange ", "ether src ", "ip proto ", "decnet host ", "src ", "not ", "and ", "or "))
		case 1:
			b.WriteString(g.pick(ip4s...))
		case 2:
			b.WriteString(g.pick(append(ip6s, macs...)...))
		default:
			const chars = "0123456789abcdefx::..--__  /\\()!&|<>=+*%^[]$,;@\t\"TCP"
			for range 1 + g.IntN(6) {
				b.WriteByte(chars[g.IntN(len(chars))])
			}
		}
	}
	return b.String()
}

// spoil changes a token, so that most expressions become wrong.
func (g gen) spoil(s string) string {
	f := strings.Fields(s)
	i := g.IntN(len(f))
	switch g.IntN(4) {
	case 0:
		f = append(f[:i], f[i+1:]...)
	case 1:
		f[i] = g.pick("and", "or", "not", "host", "port", "tcp", "80", "1.2.3.4", ")", "(", "::1", "ip", "src", "[", "=", "proto")
	case 2:
		f = append(f[:i], append([]string{g.pick("and", "host", "net", "tcp", "80", "(", ")", "not", "dst")}, f[i:]...)...)
	case 3:
		j := g.IntN(len(f))
		f[i], f[j] = f[j], f[i]
	}
	return strings.Join(f, " ")
}
