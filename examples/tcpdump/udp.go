package main

import "github.com/wstap/wstap/decode"

// udp prints the datagram at off. Of its payload the length prints, whatever
// the ports; only tunnels and SIP are looked into.
func (p *printer) udp(off, length int, ip ipHeader) {
	p.proto = "udp"
	direct := p.direct(ip, decode.ProtoUDP)
	if !p.has(off+2, 2) {
		if direct {
			src, dst := p.hosts(ip)
			p.f("%s > %s: ", src, dst)
		}
		p.truncated()
		return
	}
	src, dst := p.u16(off), p.u16(off+2)
	from, to := p.udpPort(src), p.udpPort(dst)
	if direct {
		a, b := p.hosts(ip)
		p.f("%s.%s > %s.%s: ", a, from, b, to)
	} else {
		p.f("%s > %s: ", from, to)
	}
	if length < 8 {
		p.f("truncated-udp %d", length)
		return
	}
	if !p.has(off+4, 2) {
		p.truncated()
		return
	}
	told := int(p.u16(off + 4))
	if told == 0 && length > 0xffff { // a jumbogram
		told = length
	}
	if told < 8 {
		p.f("truncated-udplength %d", told)
		return
	}
	told -= 8
	length = min(length-8, told)
	at := off + 8
	if at > p.end {
		p.truncated()
		return
	}
	if p.v > 0 && !p.K && !ip.fragment {
		p.udpChecksum(off, length, ip)
	}
	if p.q == 0 {
		if print := p.udpService(src, dst); print != nil {
			print(at, length)
			return
		}
	}
	if told > length && !ip.fragment {
		p.f("UDP, bad length %d > %d", told, length)
	} else {
		p.f("UDP, length %d", told)
	}
}

// udpService returns what prints the payload of a pair of ports, nil if its
// length is enough.
func (p *printer) udpService(src, dst uint16) func(off, length int) {
	is := func(port uint16) bool { return src == port || dst == port }
	switch {
	case is(5060):
		return func(off, length int) { p.textLines("sip", sipMethods, off, length) }
	case is(4789):
		return p.vxlan
	case is(6635):
		return p.mpls
	}
	for _, r := range udpDissected {
		if src >= r[0] && src <= r[1] || dst >= r[0] && dst <= r[1] {
			p.passed = true
		}
	}
	return nil
}

// udpDissected are the ranges of ports whose payload tcpdump prints: DNS, DHCP,
// TFTP, NTP, SNMP and so on. Here the length has to do.
var udpDissected = [...][2]uint16{
	{53, 53}, {67, 69}, {88, 88}, {111, 111}, {123, 123}, {137, 138}, {161, 162}, {201, 208}, {319, 320}, {496, 496},
	{500, 500}, {514, 514}, {520, 521}, {525, 525}, {546, 547}, {646, 646}, {654, 654}, {698, 698}, {701, 701}, {750, 750},
	{921, 921}, {1589, 1589}, {1645, 1646}, {1700, 1701}, {1812, 1813}, {1985, 1985}, {2049, 2049}, {2103, 2104},
	{3456, 3456}, {3503, 3503}, {3784, 3785}, {3799, 3799}, {4342, 4342}, {4500, 4500}, {4567, 4567}, {4784, 4784},
	{4790, 4790}, {5353, 5353}, {5359, 5359}, {6081, 6081}, {6343, 6343}, {6696, 6697}, {6784, 6784}, {7000, 7009},
	{7500, 7500}, {8231, 8231}, {8472, 8472}, {8500, 8500}, {12222, 12223}, {16512, 16640}, {17754, 17754}, {30490, 30490},
	{49152, 49152},
}

var sipMethods = []string{
	"ACK", "BYE", "CANCEL", "DO", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "QAUTH", "REFER",
	"REGISTER", "SPRACK", "SUBSCRIBE", "UPDATE", "PUBLISH",
}

func (p *printer) udpChecksum(off, length int, ip ipHeader) {
	if ip.version == 4 && p.v < 2 {
		return
	}
	field := p.u16(off + 6)
	if ip.version == 4 && field == 0 {
		p.s("[no cksum] ")
		return
	}
	if !p.has(off+8, length) {
		return
	}
	src, dst := p.ends(ip)
	if sum := decode.TransportChecksum(src, dst, decode.ProtoUDP, p.bytes(off, length+8)); sum != 0 {
		p.f("[bad udp cksum 0x%04x -> 0x%04x!] ", field, rightSum(field, sum))
	} else {
		p.s("[udp sum ok] ")
	}
}
