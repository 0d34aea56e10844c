package main

import (
	"fmt"
	"strings"

	"github.com/wstap/wstap/decode"
)

// unreachable are the codes of a destination unreachable message; %s is the
// destination.
var unreachable = map[uint8]string{
	0: "net %s unreachable", 1: "host %s unreachable", 5: "%s unreachable - source route failed",
	6: "net %s unreachable - unknown", 7: "host %s unreachable - unknown", 8: "%s unreachable - source host isolated",
	9: "net %s unreachable - admin prohibited", 10: "host %s unreachable - admin prohibited",
	11: "net %s unreachable - tos prohibited", 12: "host %s unreachable - tos prohibited",
	13: "host %s unreachable - admin prohibited filter", 14: "host %s unreachable - host precedence violation",
	15: "host %s unreachable - precedence cutoff",
}

var redirects = map[uint8]string{
	0: "redirect %s to net %s", 1: "redirect %s to host %s", 2: "redirect-tos %s to net %s", 3: "redirect-tos %s to host %s",
}

// icmp prints an ICMP message (RFC 792).
func (p *printer) icmp(off, length int, fragment bool) {
	p.proto = "icmp"
	kind, code := p.u8(off), p.u8(off+1)
	text, ok := p.icmpText(off, kind, code)
	if !ok {
		p.truncated()
		return
	}
	p.f("ICMP %s, length %d", text, length)
	if p.v == 0 {
		return
	}
	if !fragment && p.has(off, length) {
		if sum := decode.Checksum(p.bytes(off, length)); sum != 0 {
			field := p.u16(off + 2)
			p.f(" (wrong icmp cksum %x (->%x)!)", field, rightSum(field, sum))
		}
	}
	switch kind {
	case 3, 4, 5, 11, 12: // errors carry the packet that made them
		p.s("\n\t")
		was := p.end
		n := int(p.u16(off + 10))
		p.end = min(p.end, off+8+n)
		p.ipv4(off+8, int(p.u16(off+10))) // a length below 4 cuts itself
		p.end = was
	}
	p.proto = "icmp"
	if length > 136 && (kind == 3 || kind == 11 || kind == 12) {
		p.icmpExtensions(off, length)
	}
}

// icmpText says what a message is about. It returns false if it is cut.
func (p *printer) icmpText(off int, kind, code uint8) (string, bool) {
	inner := func() string { return p.ip4(off + 8 + 16) }
	switch kind {
	case 0, 8:
		word := "reply"
		if kind == 8 {
			word = "request"
		}
		return fmt.Sprintf("echo %s, id %d, seq %d", word, p.u16(off+4), p.u16(off+6)), true
	case 3:
		return p.icmpUnreachable(off, code)
	case 4:
		return "source quench", true
	case 5:
		if format, ok := redirects[code]; ok {
			return fmt.Sprintf(format, inner(), p.ip4(off+4)), true
		}
		return fmt.Sprintf("redirect-#%d %s to %s", code, inner(), p.ip4(off+4)), true
	case 9:
		return p.icmpRouter(off)
	case 10:
		return "router solicitation", true
	case 11:
		if !p.has(off+24, 4) {
			return "", false
		}
		return name(map[uint8]string{0: "time exceeded in-transit", 1: "ip reassembly time exceeded"}, code, "time exceeded-#%d"), true
	case 12:
		if code != 0 {
			return fmt.Sprintf("parameter problem - code %d", code), true
		}
		return fmt.Sprintf("parameter problem - octet %d", p.u8(off+4)), true
	case 13:
		return fmt.Sprintf("time stamp query id %d seq %d", p.u16(off+4), p.u16(off+6)), true
	case 14:
		if !p.has(off+16, 4) {
			return "", false
		}
		clock := func(ms uint32) string {
			s := ms / 1000
			return fmt.Sprintf("%02d:%02d:%02d.%03d", s/3600, s/60%60, s%60, ms%1000)
		}
		return fmt.Sprintf("time stamp reply id %d seq %d: org %s, recv %s, xmit %s", p.u16(off+4), p.u16(off+6),
			clock(p.u32(off+8)), clock(p.u32(off+12)), clock(p.u32(off+16))), true
	case 15:
		return "information request", true
	case 16:
		return "information reply", true
	case 17:
		return "address mask request", true
	case 18:
		return fmt.Sprintf("address mask is 0x%08x", p.u32(off+8)), true
	}
	return fmt.Sprintf("type-#%d", kind), true
}

func (p *printer) icmpUnreachable(off int, code uint8) (string, bool) {
	ip := off + 8
	switch code {
	case 2:
		return fmt.Sprintf("%s protocol %d unreachable", p.ip4(ip+16), p.u8(ip+9)), true
	case 3:
		if !p.has(ip+9, 1) {
			return "", false
		}
		port := p.u16(ip + int(p.u8(ip)&0xf)*4 + 2)
		dst := p.ip4(ip + 16)
		switch proto := p.u8(ip + 9); proto {
		case decode.ProtoTCP:
			return fmt.Sprintf("%s tcp port %s unreachable", dst, p.tcpPort(port)), true
		case decode.ProtoUDP:
			return fmt.Sprintf("%s udp port %s unreachable", dst, p.udpPort(port)), true
		default:
			return fmt.Sprintf("%s protocol %d port %d unreachable", dst, proto, port), true
		}
	case 4:
		if mtu := p.u16(off + 6); mtu != 0 {
			return fmt.Sprintf("%s unreachable - need to frag (mtu %d)", p.ip4(ip+16), mtu), true
		}
		return fmt.Sprintf("%s unreachable - need to frag", p.ip4(ip+16)), true
	}
	if format, ok := unreachable[code]; ok {
		return fmt.Sprintf(format, p.ip4(ip+16)), true
	}
	return fmt.Sprintf("%s unreachable - #%d", p.ip4(ip+16), code), true
}

// icmpRouter is a router advertisement (RFC 1256).
func (p *printer) icmpRouter(off int) (string, bool) {
	if !p.has(off+4, 4) {
		return "", false
	}
	var b strings.Builder
	b.WriteString("router advertisement lifetime ")
	switch s := p.u16(off + 6); {
	case s < 60:
		fmt.Fprintf(&b, "%d", s)
	case s < 3600:
		fmt.Fprintf(&b, "%d:%02d", s/60, s%60)
	default:
		fmt.Fprintf(&b, "%d:%02d:%02d", s/3600, s%3600/60, s%60)
	}
	n, size := int(p.u8(off+4)), p.u8(off+5)
	fmt.Fprintf(&b, " %d:", n)
	if size != 2 {
		fmt.Fprintf(&b, " [size %d]", size)
		return b.String(), true
	}
	for i := range n {
		at := off + 8 + 8*i
		if !p.has(at, 8) {
			return "", false
		}
		fmt.Fprintf(&b, " {%s %d}", p.ip4(at), p.u32(at+4))
	}
	// tcpdump's line is no longer than a host name and 100 bytes.
	return b.String()[:min(b.Len(), 163)], true
}

var icmpObjects = map[uint8]string{1: "MPLS Stack Entry", 2: "Interface Identification"}

// icmpExtensions prints the extensions of an error (RFC 4884), which follow 128
// bytes of the packet that made it.
func (p *printer) icmpExtensions(off, length int) {
	at, n := off+136, length-136
	if !p.has(off, 141) {
		p.truncated()
		return
	}
	if p.u8(off+5) == 0 && p.has(at, n) && decode.Checksum(p.bytes(at, n)) != 0 {
		return // no extension then
	}
	version := p.u8(at) >> 4
	p.f("\n\tICMP Multi-Part extension v%d", version)
	if version != 2 {
		p.s(" packet not supported")
		return
	}
	if p.has(at, n) {
		not := ""
		if decode.Checksum(p.bytes(at, n)) != 0 {
			not = "in"
		}
		p.f(", checksum 0x%04x (%scorrect), length %d", p.u16(at+2), not, n)
	}
	at += 4
	n -= 4
	for n > 4 {
		if !p.has(at, 4) {
			p.truncated()
			return
		}
		size, class, kind := int(p.u16(at)), p.u8(at+2), p.u8(at+3)
		at += 4
		n -= 4
		p.f("\n\t  %s Object (%d), Class-Type: %d, length %d", word(icmpObjects, class, "unknown"), class, kind, size)
		if class == 0 || size < 4 {
			return
		}
		size -= 4
		if class == 1 && kind == 1 {
			entry := p.u32(at)
			p.f("\n\t    label %d, tc %d", entry>>12, entry>>9&7)
			if entry&0x100 != 0 {
				p.s(", [S]")
			}
			p.f(", ttl %d", entry&0xff)
		} else {
			p.unknownData("\n\t    ", at, size)
		}
		if n < size {
			return
		}
		n -= size
		at += size
	}
}
