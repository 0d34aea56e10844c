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
	return nil
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
