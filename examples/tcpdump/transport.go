package main

import "github.com/wstap/wstap/decode"

// IP protocols beyond those that package decode names.
const (
	protoICMP        = 1
	protoIGMP        = 2
	protoDCCP        = 33
	protoICMPv6      = 58
	protoMobilityOld = 62
	protoSCTP        = 132
	protoEthernet    = 143
)

// undissected are protocols that tcpdump has a printer for and this program has
// not.
var undissected = map[uint8]string{
	protoIGMP: "igmp", 8: "egp", 9: "igrp", protoDCCP: "DCCP", 46: "RSVPv1", 50: "ESP", 55: "mobile", 88: "EIGRP",
	89: "OSPF", 103: "PIM", 108: "IPComp", 112: "VRRP", 113: "PGM", protoSCTP: "sctp",
}

// transport prints what an IP packet carries: length bytes at off.
func (p *printer) transport(off, length int, ip ipHeader) {
	proto := ip.proto
	for proto == decode.ProtoAH {
		if !p.has(off, 1) {
			p.proto = "ah"
			p.truncated()
			return
		}
		proto = p.u8(off)
		n := p.authentication(off)
		if n <= 0 {
			return
		}
		off += n
		length -= n
	}
	switch proto {
	case decode.ProtoTCP:
		p.tcp(off, length, ip)
	case decode.ProtoUDP:
		p.udp(off, length, ip)
	case protoICMP, protoIGMP:
		if ip.version != 4 {
			p.f("[%s requires IPv4]", protocols[proto])
			p.bad()
		} else if proto == protoICMP {
			p.icmp(off, length, ip.fragment)
		} else {
			p.pass("igmp", length)
		}
	case protoICMPv6:
		if ip.version != 6 {
			p.s("[ICMPv6 requires IPv6]")
			p.bad()
		} else {
			p.icmp6(off, length, ip)
		}
	case decode.ProtoIPv4:
		p.ipv4(off, length)
	case decode.ProtoIPv6:
		p.ipv6(off, length)
	case decode.ProtoGRE:
		p.gre(off, length)
	case protoEthernet:
		if ip.version != 6 {
			p.s("[Ethernet requires IPv6]")
			p.bad()
		} else {
			p.ethernet(off, length)
		}
	case decode.ProtoNoNext:
		p.s("no next header")
	case 77:
		p.f(" nd %d", length)
	default:
		if s, ok := undissected[proto]; ok {
			p.pass(s, length)
			return
		}
		p.protocolName(proto)
		p.f(" %d", length)
	}
}
