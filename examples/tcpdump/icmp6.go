package main

import (
	"fmt"
	"math"
	"net/netip"

	"github.com/wstap/wstap/decode"
)

// Types of ICMPv6 messages (RFC 4443, RFC 4861, RFC 2710, RFC 3810).
const (
	icmp6Unreachable   = 1
	icmp6TooBig        = 2
	icmp6TimeExceeded  = 3
	icmp6Problem       = 4
	icmp6Echo          = 128
	icmp6EchoReply     = 129
	icmp6Query         = 130
	icmp6Report        = 131
	icmp6Done          = 132
	icmp6RouterSolicit = 133
	icmp6RouterAdvert  = 134
	icmp6Solicit       = 135
	icmp6Advert        = 136
	icmp6Redirect      = 137
	icmp6Report2       = 143
	icmp6HomeRequest   = 144
	icmp6HomeReply     = 145
	icmp6PrefixSolicit = 146
	icmp6PrefixAdvert  = 147
)

var icmp6Types = map[uint8]string{
	1: "destination unreachable", 2: "packet too big", 3: "time exceeded in-transit", 4: "parameter problem",
	128: "echo request", 129: "echo reply", 130: "multicast listener query", 131: "multicast listener report",
	132: "multicast listener done", 133: "router solicitation", 134: "router advertisement",
	135: "neighbor solicitation", 136: "neighbor advertisement", 137: "redirect", 138: "router renumbering",
	139: "who-are-you request", 140: "who-are-you reply", 141: "inverse neighbor solicitation",
	142: "inverse neighbor advertisement", 143: "multicast listener report v2", 144: "ha discovery request",
	145: "ha discovery reply", 146: "mobile router solicitation", 147: "mobile router advertisement", 155: "RPL",
	200: "mtrace response", 201: "mtrace message",
}

var icmp6Codes = map[uint8]string{
	0: "unreachable route", 1: " unreachable prohibited", 2: "beyond scope", 3: "unreachable address", 4: "unreachable port",
}

var (
	routerFlags    = []bit{{0x80, "managed"}, {0x40, "other stateful"}, {0x20, "home agent"}, {0x02, "ipv6 only"}}
	neighborFlags  = []bit{{1 << 31, "router"}, {1 << 30, "solicited"}, {1 << 29, "override"}}
	prefixFlags    = []bit{{0x80, "onlink"}, {0x40, "auto"}, {0x20, "router"}}
	preferences    = [4]string{"medium", "high", "rsv", "low"}
	neighborOption = map[uint8]string{
		1: "source link-address", 2: "destination link-address", 3: "prefix info", 4: "redirected header", 5: "mtu",
		7: "advertisement interval", 8: "homeagent information", 24: "route info", 25: "rdnss", 31: "dnssl",
	}
	listenerRecords = map[uint8]string{1: "is_in", 2: "is_ex", 3: "to_in", 4: "to_ex", 5: "allow", 6: "block"}
)

// icmp6 prints an ICMPv6 message. Router renumbering, node information and RPL
// print no more than their names.
func (p *printer) icmp6(off, length int, ip ipHeader) {
	p.proto = "icmp6"
	if length == 0 {
		p.s("ICMP6, length 0")
		p.bad()
		return
	}
	if p.v > 0 && !ip.fragment && p.has(off, length) {
		field := p.u16(off + 2)
		src, dst := p.ends(ip)
		if sum := decode.TransportChecksum(src, dst, protoICMPv6, p.bytes(off, length)); sum != 0 {
			p.f("[bad icmp6 cksum 0x%04x -> 0x%04x!] ", field, rightSum(field, sum))
		} else {
			p.s("[icmp6 sum ok] ")
		}
	}
	kind := p.u8(off)
	p.f("ICMP6, %s", name(icmp6Types, kind, "unknown icmp6 type (%d)"))
	if p.v > 0 {
		switch kind {
		case icmp6RouterSolicit, icmp6RouterAdvert, icmp6Advert, icmp6Solicit, icmp6Redirect, icmp6HomeReply, icmp6PrefixAdvert:
			p.f(", length %d", length)
		}
	}
	code := p.u8(off + 1)
	if !p.icmp6Body(off, length, kind, code) {
		return
	}
	if p.v == 0 {
		p.f(", length %d", length)
	}
}

// icmp6Body prints what a type has to say. It returns false if the line ends
// there.
func (p *printer) icmp6Body(off, length int, kind, code uint8) bool {
	const innerSrc, innerDst = 8 + 8, 8 + 24 // the header of the packet that made an error
	options := func(n int) bool {
		if p.v > 0 && !p.neighborOptions(off+n, length-n) {
			p.truncated()
			return false
		}
		return true
	}
	switch kind {
	case icmp6Unreachable:
		p.f(", %s", name(icmp6Codes, code, "unknown unreach code (%d)"))
		switch code {
		case 0, 1, 3:
			p.f(" %s", p.ip6(off+innerDst))
		case 2:
			p.f(" %s, source address %s", p.ip6(off+innerDst), p.ip6(off+innerSrc))
		case 4:
			at, proto := p.upperLayer(off + 8)
			if at == 0 {
				p.truncated()
				return false
			}
			port := p.u16(at + 2)
			if proto == decode.ProtoTCP {
				p.f(", %s tcp port %s", p.ip6(off+innerDst), p.tcpPort(port))
			} else {
				p.f(", %s udp port %s", p.ip6(off+innerDst), p.udpPort(port))
			}
		default:
			if p.v <= 1 {
				p.unknownData("\n\t", off, length)
				return false
			}
		}
	case icmp6TooBig:
		p.f(", mtu %d", p.u32(off+4))
	case icmp6TimeExceeded:
		switch code {
		case 0:
			p.f(" for %s", p.ip6(off+innerDst))
		case 1:
			p.s(" (reassembly)")
		default:
			p.f(", unknown code (%d)", code)
		}
	case icmp6Problem:
		if !p.has(off+innerDst, 16) {
			p.truncated()
			return false
		}
		if code > 3 {
			p.f(", code-#%d", code)
			break
		}
		p.f(", %s - octet %d", [...]string{"erroneous", "next header", "option", "incomplete header chain"}[code], p.u32(off+4))
	case icmp6Echo, icmp6EchoReply:
		p.f(", id %d, seq %d", p.u16(off+4), p.u16(off+6))
	case icmp6Query:
		switch {
		case length == 24:
			p.listener(off)
		case length >= 28:
			p.s(" v2")
			p.listenerQuery(off, length)
		default:
			p.f(" unknown-version (len %d) ", length)
		}
	case icmp6Report, icmp6Done:
		p.listener(off)
	case icmp6Report2:
		p.listenerReport(off, length)
	case icmp6RouterSolicit:
		return options(8)
	case icmp6RouterAdvert:
		if p.v > 0 {
			bits := p.u8(off + 5)
			p.f("\n\thop limit %d, Flags [%s], pref %s, router lifetime %ds, reachable time %dms, retrans timer %dms",
				p.u8(off+4), bitNames(routerFlags, uint32(bits), ", ", "none"), preferences[bits>>3&3],
				p.u16(off+6), p.u32(off+8), p.u32(off+12))
		}
		return options(16)
	case icmp6Solicit:
		p.f(", who has %s", p.ip6(off+8))
		return options(24)
	case icmp6Advert:
		p.f(", tgt is %s", p.ip6(off+8))
		if p.v > 0 {
			p.f(", Flags [%s]", bitNames(neighborFlags, p.u32(off+4), ", ", "none"))
		}
		return options(24)
	case icmp6Redirect:
		p.f(", %s", p.ip6(off+24))
		p.f(" to %s", p.ip6(off+8))
		return options(40)
	case icmp6HomeRequest, icmp6PrefixSolicit:
		p.f(", id 0x%04x", p.u16(off+4))
	case icmp6HomeReply:
		if p.v > 0 {
			p.f(", id 0x%04x", p.u16(off+4))
			for at := 8; at < length; at += 16 {
				p.f(", %s", p.ip6(off+at))
			}
		}
	case icmp6PrefixAdvert:
		if p.v > 0 {
			p.f(", id 0x%04x", p.u16(off+4))
			bits := p.u16(off + 6)
			if bits&0xc000 != 0 {
				p.s(" ")
			}
			if bits&0x8000 != 0 {
				p.s("M")
			}
			if bits&0x4000 != 0 {
				p.s("O")
			}
		}
		return options(8)
	case 138, 139, 140, 155:
		p.passed = true
	case 141, 142:
	default:
		p.f(", length %d", length)
		if p.v <= 1 {
			p.unknownData("\n\t", off, length)
		}
		return false
	}
	return true
}

// upperLayer finds the TCP or UDP header of the IPv6 packet at off; 0 if there
// is none.
func (p *printer) upperLayer(off int) (int, uint8) {
	if !p.has(off+6, 1) {
		return 0, 0
	}
	next := p.u8(off + 6)
	for at := off + 40; ; {
		switch next {
		case decode.ProtoUDP, decode.ProtoTCP:
			if p.has(at+2, 2) {
				return at, next
			}
			return 0, 0
		case decode.ProtoHopByHop, decode.ProtoDestination, decode.ProtoRouting, decode.ProtoAH:
			if !p.has(at+1, 1) {
				return 0, 0
			}
			size := int(p.u8(at+1))*8 + 8
			if next == decode.ProtoAH {
				size = int(p.u8(at+1))*4 + 8
			}
			next, at = p.u8(at), at+size
		case decode.ProtoFragment:
			if !p.has(at+2, 2) || p.u16(at+2)&0xfff8 != 0 {
				return 0, 0
			}
			next, at = p.u8(at), at+8
		default:
			return 0, 0
		}
	}
}

// lifetime is a time in seconds, all ones without end.
func lifetime(s uint32) string {
	if s == math.MaxUint32 {
		return "infinity"
	}
	return fmt.Sprintf("%ds", s)
}

// neighborOptions prints options of neighbor discovery (RFC 4861, section 4.6)
// in n bytes. It returns false if they are cut or wrong.
func (p *printer) neighborOptions(off, n int) bool {
	for at := off; at < p.end; {
		if !p.has(at+1, 1) {
			return false
		}
		if n <= 0 {
			return true
		}
		kind, units := p.u8(at), int(p.u8(at+1))
		size := units * 8
		if units == 0 || at+size > p.end {
			return false
		}
		p.f("\n\t  %s option (%d), length %d (%d): ", word(neighborOption, kind, "unknown"), kind, size, units)
		switch kind {
		case 1, 2:
			for i := 2; i < size; i++ {
				if i > 2 {
					p.s(":")
				}
				p.f("%02x", p.u8(at+i))
			}
		case 3:
			bad := ""
			if units != 4 {
				bad = "badlen"
			}
			p.f("%s/%d%s, Flags [%s], valid time %s", p.ip6(at+16), p.u8(at+2), bad,
				bitNames(prefixFlags, uint32(p.u8(at+3)), ", ", "none"), lifetime(p.u32(at+4)))
			p.f(", pref. time %s", lifetime(p.u32(at+8)))
		case 4:
			p.unknownData("\n\t    ", off, size)
		case 5:
			bad := ""
			if units != 1 {
				bad = "bad option length"
			}
			p.f(" %d%s", p.u32(at+4), bad)
		case 7:
			p.f(" %dms", p.u32(at+4))
		case 8:
			p.f(" preference %d, lifetime %d", p.u16(at+4), p.u16(at+6))
		case 24:
			if !p.has(at+4, 4) || units > 3 {
				return false
			}
			var prefix [16]byte
			copy(prefix[:], p.bytes(at+8, size-8))
			p.f(" %s/%d", p.names.host(netip.AddrFrom16(prefix)), p.u8(at+2))
			p.f(", pref=%s", preferences[p.u8(at+3)>>3&3])
			p.f(", lifetime=%s", lifetime(p.u32(at+4)))
		case 25:
			p.f(" lifetime %ds,", p.u32(at+4))
			for i := range (units - 1) / 2 {
				p.f(" addr: %s", p.ip6(at+8+16*i))
			}
		case 31:
			p.f(" lifetime %ds, domain(s):", p.u32(at+4))
			for d := at + 8; d < at+size && p.u8(d) != 0; {
				p.s(" ")
				d = p.domain(d)
			}
		default:
			if p.v <= 1 {
				p.unknownData("\n\t  ", at+2, size-2)
				return true
			}
		}
		if p.v > 1 {
			p.unknownData("\n\t    ", at+2, size-2)
		}
		at += size
		n -= size
	}
	return true
}

// domain prints a domain name without compression (RFC 8106, section 5.2) and
// returns where it ends.
func (p *printer) domain(off int) int {
	for {
		n := int(p.u8(off))
		off++
		if n == 0 {
			return off
		}
		for _, c := range p.bytes(off, n) {
			p.char(c)
		}
		p.s(".")
		off += n
	}
}

// listener prints a multicast listener message (RFC 2710).
func (p *printer) listener(off int) {
	if p.has(off, 24) {
		p.f("max resp delay: %d addr: %s", p.u16(off+4), p.ip6(off+8))
	}
}

// listenerQuery prints a query of version 2 (RFC 3810, section 5.1).
func (p *printer) listenerQuery(off, length int) {
	code := int(p.u16(off + 4))
	if code >= 32768 {
		code = (code&0xfff | 0x1000) << (code>>12&7 + 3)
	}
	if p.v > 0 {
		p.f(" [max resp delay=%d]", code)
	}
	p.f(" [gaddr %s", p.ip6(off+8))
	if p.v > 0 {
		bits := p.u8(off + 24)
		if bits&8 != 0 {
			p.s(" sflag")
		}
		if bits&7 != 0 {
			p.f(" robustness=%d", bits&7)
		}
		interval := int(p.u8(off + 25))
		if interval >= 128 {
			interval = (interval&0xf | 0x10) << (interval>>4&7 + 3)
		}
		p.f(" qqi=%d", interval)
	}
	if n := int(p.u16(off + 26)); n > 0 {
		switch {
		case length < 28+16*n:
			p.s(" [invalid number of sources]")
		case p.v > 1:
			p.sources(off+28, n)
		default:
			p.f(", %d source(s)", n)
		}
	}
	p.s("]")
}

func (p *printer) sources(off, n int) {
	p.s(" {")
	for i := range n {
		p.f(" %s", p.ip6(off+16*i))
	}
	p.s(" }")
}

// listenerReport prints a report of version 2 (RFC 3810, section 5.2).
func (p *printer) listenerReport(off, length int) {
	if length < 8 {
		p.f(" [invalid len %d]", length)
		return
	}
	groups := int(p.u16(off + 6))
	p.f(", %d group record(s)", groups)
	if p.v == 0 {
		return
	}
	at := 8
	for range groups {
		if length < at+20 {
			p.s(" [invalid number of groups]")
			return
		}
		p.f(" [gaddr %s", p.ip6(off+at+4))
		p.f(" %s", name(listenerRecords, p.u8(off+at), " [v2-report-#%d]"))
		n := int(p.u16(off + at + 2))
		if length < at+20+16*n {
			p.f(" [invalid number of sources %d]", n)
			return
		}
		if p.v == 1 {
			p.f(", %d source(s)", n)
		} else {
			p.sources(off+at+20, n)
		}
		at += 20 + 16*n
		p.s("]")
	}
}
