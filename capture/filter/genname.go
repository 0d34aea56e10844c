package filter

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// name compiles a primitive whose id is a name (gen_scode).
func (g *generator) name(n *primitive) *cond {
	name, q := n.id.text, n.q
	switch q.addr {
	case "", "host":
		return g.hostName(n)
	case "net":
		addr, ok := g.host.network(name)
		if !ok || addr == 0 {
			fail(n.id.at, "unknown network %q", name)
		}
		mask := uint32(0xffffffff)
		for addr&0xff000000 == 0 {
			addr, mask = addr<<8, mask<<8
		}
		return g.address(n, addr, mask)
	case "port":
		proto := g.portProto(n)
		port, known := g.service(n, name)
		return g.ports(n, g.agree(n, proto, known), port, port, false)
	case "portrange":
		proto := g.portProto(n)
		lo, hi, known := g.serviceRange(n)
		return g.ports(n, g.agree(n, proto, known), lo, hi, true)
	case "gateway":
		fail(q.at, "gateway is not supported, as in libpcap with IPv6")
	case "proto":
		return g.proto(q.proto, g.protoNumber(n), n)
	case "protochain":
		return g.protochain(n, g.protoNumber(n))
	}
	panic("filter: unknown qualifier " + q.addr)
}

func (g *generator) hostName(n *primitive) *cond {
	name := n.id.text
	switch n.q.proto {
	case "ether":
		if !g.hasAddresses() {
			fail(n.id.at, "there are no MAC addresses on %s", g.linkName())
		}
		addr, ok := g.host.ether(name)
		if !ok {
			fail(n.id.at, "unknown Ethernet host %q: /etc/ethers does not name it", name)
		}
		return and(g.inner(), g.mac(n, addr))
	case "decnet":
		fail(n.id.at, "DECnet hosts have numbers, such as 1.2, not names")
	}
	addrs, err := g.host.hosts(name)
	if err != nil {
		fail(n.id.at, "unknown host %q: %v", name, err)
	}
	var c *cond
	for _, a := range addrs {
		m := *n
		switch {
		case a.Is4() && n.q.proto != "ip6":
			if g.linkType.k == unset && m.q.proto == "" {
				m.q.proto = "ip"
			}
			v := a.As4()
			c = orNil(c, g.address(&m, binary.BigEndian.Uint32(v[:]), 0xffffffff))
		case a.Is6() && n.q.proto != "ip":
			c = orNil(c, g.address6(&m, a.As16(), 128))
		}
	}
	if c == nil {
		fail(n.id.at, "host %q has no address that %s could match", name, n.q.proto)
	}
	return c
}

func orNil(a, b *cond) *cond {
	if a == nil {
		return b
	}
	return or(a, b)
}

// service looks a port's name up. known is the protocol that it is for, or 0
// for both TCP and UDP.
func (g *generator) service(n *primitive, name string) (port, known uint32) {
	if v, err := strconv.ParseUint(name, 10, 32); err == nil {
		if v > 65535 {
			fail(n.id.at, "port %d is greater than 65535", v)
		}
		return uint32(v), 0
	}
	tcp, isTCP := g.host.service(name, "tcp")
	udp, isUDP := g.host.service(name, "udp")
	switch {
	case isTCP && isUDP && tcp == udp:
		return tcp, 0
	case isTCP:
		return tcp, protoTCP
	case isUDP:
		return udp, protoUDP
	}
	fail(n.id.at, "unknown port %q", name)
	return 0, 0
}

// serviceRange reads "low-high", numbers or names. As libpcap it does not mind
// what follows two numbers.
func (g *generator) serviceRange(n *primitive) (lo, hi, known uint32) {
	a, b, ok := strings.Cut(n.id.text, "-")
	if !ok {
		fail(n.id.at, "%q is no range of ports: 8000-8080 is one", n.id.text)
	}
	if allDigits(a) && b != "" && isDigit(b[0]) {
		end := 1
		for end < len(b) && isDigit(b[end]) {
			end++
		}
		b = b[:end]
	}
	lo, p1 := g.service(n, a)
	hi, p2 := g.service(n, b)
	if p1 != p2 {
		return lo, hi, 0
	}
	return lo, hi, p1
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

var portProtoNames = map[uint32]string{protoTCP: "tcp", protoUDP: "udp", protoSCTP: "sctp"}

// agree joins the protocol asked for and the one that a service is known for.
func (g *generator) agree(n *primitive, asked, known uint32) uint32 {
	switch {
	case asked == 0:
		return known
	case known == 0 || known == asked:
		return asked
	}
	fail(n.id.at, "port %q is a port of %s, not of %s", n.id.text, portProtoNames[known], portProtoNames[asked])
	return 0
}

// protoNumber looks a protocol's name up.
func (g *generator) protoNumber(n *primitive) uint32 {
	name := n.id.text
	switch n.q.proto {
	case "", "ip", "ip6":
		if v, ok := g.host.protocol(name); ok {
			return v
		}
		fail(n.id.at, "unknown IP protocol %q", name)
	case "ether":
		if v, ok := etherNames[name]; ok {
			return v
		}
		fail(n.id.at, "unknown Ethernet protocol %q: write its number", name)
	case "iso":
		if v, ok := osiProtocols[name]; ok {
			return v
		}
		fail(n.id.at, "unknown OSI protocol %q: esis, isis and clnp are known", name)
	}
	fail(n.q.at, "%q does not carry protocols that proto could name", n.q.proto)
	return 0
}
