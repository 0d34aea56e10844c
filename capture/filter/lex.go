package filter

import (
	"net/netip"
	"strings"
	"sync"
)

// span is a stretch of the expression, for errors.
type span struct{ off, len int }

func (s span) to(end span) span { return span{s.off, end.off + end.len - s.off} }

type kind uint8

const (
	tEnd     kind = iota
	tWord         // a keyword; text is its canonical spelling
	tOp           // an operator; text is its canonical spelling
	tNum          // a number or a named constant
	tName         // any other name, or one after a backslash
	tIPv4         // two to four dotted numbers
	tIPv6         // an IPv6 address
	tMAC          // a MAC address
	tARCnet       // $ and one or two hexadecimal digits
	tInvalid      // no token of the language
)

type token struct {
	kind kind
	text string // keywords and operators: canonical; otherwise as written (without the backslash)
	num  uint32 // of tNum
	at   span
}

func (t token) is(text string) bool { return (t.kind == tWord || t.kind == tOp) && t.text == text }

// keywords maps each spelling to the canonical one. Like the other large maps it
// is made when it is first needed: who has no filter starts without.
var keywords = sync.OnceValue(func() map[string]string {
	m := make(map[string]string)
	for _, w := range strings.Fields(`dst src arp rarp ip sctp tcp udp icmp igmp igrp pim vrrp carp radio
		ip6 icmp6 ah esp atalk aarp decnet lat sca moprc mopdl iso esis isis l1 l2 iih lsp snp csnp psnp
		clnp stp ipx netbeui host net mask port portrange proto protochain gateway type subtype
		ra ta less greater byte broadcast multicast and or not inbound outbound ifindex vlan mpls pppoed
		pppoes geneve lane llc metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic vpi vci connectmsg metaconnect
		reason action fisu lssu msu hfisu hlssu hmsu sio opc dpc sls hsio hopc hdpc hsls
		ether len dir addr1 addr2 addr3 addr4 ifname rset rnr srnr`) {
		m[w] = w
	}
	for canon, others := range map[string]string{
		"ether": "link ppp slip fddi tr wlan", "esis": "es-is", "isis": "is-is", "dir": "direction",
		"addr1": "address1", "addr2": "address2", "addr3": "address3", "addr4": "address4",
		"len": "length", "ifname": "on", "rset": "ruleset", "rnr": "rulenum", "srnr": "subrulenum",
		"lssu": "lsu",
	} {
		for _, w := range strings.Fields(others) {
			m[w] = canon
		}
	}
	return m
})

// constants are the names that stand for numbers.
var constants = sync.OnceValue(func() map[string]uint32 {
	return map[string]uint32{
		"icmptype": 0, "icmpcode": 1,
		"icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5, "icmp-echo": 8,
		"icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11, "icmp-paramprob": 12,
		"icmp-tstamp": 13, "icmp-tstampreply": 14, "icmp-ireq": 15, "icmp-ireqreply": 16, "icmp-maskreq": 17,
		"icmp-maskreply": 18,
		"icmp6type":      0, "icmp6code": 1,
		"icmp6-destinationunreach": 1, "icmp6-packettoobig": 2, "icmp6-timeexceeded": 3, "icmp6-parameterproblem": 4,
		"icmp6-echo": 128, "icmp6-echoreply": 129, "icmp6-multicastlistenerquery": 130,
		"icmp6-multicastlistenerreportv1": 131, "icmp6-multicastlistenerdone": 132, "icmp6-routersolicit": 133,
		"icmp6-routeradvert": 134, "icmp6-neighborsolicit": 135, "icmp6-neighboradvert": 136, "icmp6-redirect": 137,
		"icmp6-routerrenum": 138, "icmp6-nodeinformationquery": 139, "icmp6-nodeinformationresponse": 140,
		"icmp6-ineighbordiscoverysolicit": 141, "icmp6-ineighbordiscoveryadvert": 142,
		"icmp6-multicastlistenerreportv2": 143, "icmp6-homeagentdiscoveryrequest": 144,
		"icmp6-homeagentdiscoveryreply": 145, "icmp6-mobileprefixsolicit": 146, "icmp6-mobileprefixadvert": 147,
		"icmp6-certpathsolicit": 148, "icmp6-certpathadvert": 149, "icmp6-multicastrouteradvert": 151,
		"icmp6-multicastroutersolicit": 152, "icmp6-multicastrouterterm": 153,
		"tcpflags": 13, "tcp-fin": 0x01, "tcp-syn": 0x02, "tcp-rst": 0x04, "tcp-push": 0x08, "tcp-ack": 0x10,
		"tcp-urg": 0x20, "tcp-ece": 0x40, "tcp-cwr": 0x80,
	}
})

// lex splits expr into tokens, the last of which is tEnd. At each place the
// longest token wins, and of equally long ones the most specific.
func lex(expr string) []token {
	var toks []token
	for i := 0; i < len(expr); {
		switch expr[i] {
		case ' ', '\t', '\r', '\n':
			i++
			continue
		}
		t := lexOne(expr[i:], i)
		toks = append(toks, t)
		i += t.at.len
	}
	return append(toks, token{kind: tEnd, at: span{len(expr), 0}})
}

// lexOne reads the token that s, at off in the expression, begins with.
func lexOne(s string, off int) token {
	if t, ok := lexOp(s); ok {
		t.at.off = off
		return t
	}
	switch s[0] {
	case '\\':
		n := 1
		for n < len(s) && !strings.ContainsRune(" !()\n\t", rune(s[n])) {
			n++
		}
		if n > 1 {
			return token{kind: tName, text: s[1:n], at: span{off, n}}
		}
	case '$':
		if n := hexRun(s[1:], 2); n > 0 {
			return token{kind: tARCnet, text: s[:1+n], at: span{off, 1 + n}}
		}
	}
	best := token{kind: tInvalid, text: s[:1], at: span{off, 1}}
	longer := func(k kind, n int) {
		if n > 0 && (best.kind == tInvalid || n > best.at.len) {
			best = token{kind: k, text: s[:n], at: span{off, n}}
		}
	}
	word := wordRun(s)
	if canon, ok := keywords()[s[:word]]; ok {
		best = token{kind: tWord, text: canon, at: span{off, word}}
	}
	longer(tMAC, macRun(s))
	longer(tNum, numRun(s))
	longer(tIPv4, dottedRun(s))
	longer(tIPv6, ipv6Run(s))
	if n := badMACRun(s); n > best.at.len {
		fail(span{off, n}, "%q is no MAC address: six pairs of hexadecimal digits are", s[:n])
	}
	if _, ok := constants()[s[:word]]; ok {
		longer(tNum, word)
	}
	longer(tName, word)
	switch best.kind {
	case tNum:
		best.num = number(best)
	case tIPv6:
		if _, err := netip.ParseAddr(best.text); err != nil {
			fail(best.at, "%q is no IPv6 address", best.text)
		}
	}
	return best
}

// operators, longer ones first.
var operators = [...]string{"&&", "||", ">=", "<=", "!=", "==", "<<", ">>",
	"+", "-", "*", "/", "%", ":", "[", "]", "!", "<", ">", "(", ")", "&", "|", "^", "="}

func lexOp(s string) (token, bool) {
	for _, op := range operators {
		if !strings.HasPrefix(s, op) || op == ":" && ipv6Run(s) > 0 {
			continue
		}
		t := token{kind: tOp, text: op, at: span{0, len(op)}}
		switch op {
		case "&&":
			t.kind, t.text = tWord, "and"
		case "||":
			t.kind, t.text = tWord, "or"
		case "!":
			t.kind, t.text = tWord, "not"
		case "==":
			t.text = "="
		}
		return t, true
	}
	return token{}, false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
func isAlnum(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }

func hexRun(s string, limit int) int {
	n := 0
	for n < len(s) && n < limit && isHex(s[n]) {
		n++
	}
	return n
}

// wordRun measures a name: letters, digits, '-', '_' and '.', neither begun
// nor ended by '-' or '_', nor begun by '.'.
func wordRun(s string) int {
	if s == "" || !isAlnum(s[0]) {
		return 0
	}
	end := 1
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case isAlnum(c) || c == '.':
			end = i + 1
		case c == '-' || c == '_':
		default:
			return end
		}
	}
	return end
}

// numRun measures a decimal, octal or hexadecimal number.
func numRun(s string) int {
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		if n := hexRun(s[2:], len(s)); n > 0 {
			return 2 + n
		}
	}
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// dottedRun measures two to four numbers joined by dots.
func dottedRun(s string) int {
	n, parts := numRun(s), 1
	if n == 0 {
		return 0
	}
	for parts < 4 && n < len(s) && s[n] == '.' {
		m := numRun(s[n+1:])
		if m == 0 {
			break
		}
		n += 1 + m
		parts++
	}
	if parts < 2 {
		return 0
	}
	return n
}

// macRun measures a MAC address: six bytes joined by ':', '-' or '.', three
// groups of four digits joined by '.', or twelve digits.
func macRun(s string) int {
	best := 0
	for _, sep := range [...]byte{':', '-', '.'} {
		n := 0
		for group := 0; ; group++ {
			d := hexRun(s[n:], 2)
			if d == 0 {
				n = 0
				break
			}
			n += d
			if group == 5 {
				break
			}
			if n >= len(s) || s[n] != sep {
				n = 0
				break
			}
			n++
		}
		best = max(best, n)
	}
	if len(s) >= 14 && hexRun(s, 4) == 4 && s[4] == '.' && hexRun(s[5:], 4) == 4 && s[9] == '.' &&
		hexRun(s[10:], 4) == 4 {
		best = max(best, 14)
	}
	if hexRun(s, 12) == 12 {
		best = max(best, 12)
	}
	return best
}

// badMACRun measures what looks like a MAC address gone wrong: at least two
// times one or two digits followed by colons.
func badMACRun(s string) int {
	n, groups := 0, 0
	for {
		d := hexRun(s[n:], 2)
		colons := 0
		for n+d+colons < len(s) && s[n+d+colons] == ':' {
			colons++
		}
		if d == 0 || colons == 0 {
			break
		}
		n += d + colons
		groups++
	}
	if groups < 2 {
		return 0
	}
	return n
}

// ipv6Run measures the longest prefix with the form of an IPv6 address: eight
// groups of one to four digits, or fewer and one "::", the last two groups
// perhaps as dotted numbers.
func ipv6Run(s string) int {
	best := 0
	var walk func(n, groups int, gap bool)
	walk = func(n, groups int, gap bool) {
		// At n a group may begin: the beginning, or after ':' or "::".
		d := hexRun(s[n:], 4)
		if v4 := quadRun(s[n:]); v4 > 0 && (gap && groups <= 5 || !gap && groups == 6) {
			best = max(best, n+v4)
		}
		for g := 1; g <= d; g++ {
			m := n + g
			if !gap && groups+1 == 8 || gap && groups+1 <= 7 {
				best = max(best, m)
			}
			if groups+1 >= 8 {
				continue
			}
			if strings.HasPrefix(s[m:], "::") {
				if !gap && groups+1 <= 7 {
					best = max(best, m+2)
					walk(m+2, groups+1, true)
				}
			} else if strings.HasPrefix(s[m:], ":") {
				walk(m+1, groups+1, gap)
			}
		}
	}
	if strings.HasPrefix(s, "::") {
		best = 2
		walk(2, 0, true)
		return best
	}
	if s == "" || !isHex(s[0]) {
		return 0
	}
	walk(0, 0, false)
	return best
}

// quadRun measures four numbers joined by dots.
func quadRun(s string) int {
	n := dottedRun(s)
	if strings.Count(s[:n], ".") != 3 {
		return 0
	}
	return n
}

// number converts a tNum token as C does: 0x hexadecimal, 0 octal.
func number(t token) uint32 {
	if v, ok := constants()[t.text]; ok {
		return v
	}
	s, base := t.text, uint64(10)
	switch {
	case len(s) > 1 && s[1]|0x20 == 'x':
		s, base = s[2:], 16
	case s[0] == '0':
		base = 8
	}
	var v uint64
	for i := range len(s) {
		d := uint64(s[i] - '0')
		if !isDigit(s[i]) {
			d = uint64(s[i]|0x20-'a') + 10
		}
		if d >= base {
			fail(t.at, "%s begins with 0 and is octal, and %c is no octal digit", t.text, s[i])
		}
		if v = v*base + d; v > 0xffffffff {
			fail(t.at, "number %s does not fit in 32 bits", t.text)
		}
	}
	return uint32(v)
}
