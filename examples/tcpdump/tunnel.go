package main

import (
	"fmt"

	"github.com/wstap/wstap/decode"
)

// authentication prints an authentication header (RFC 4302) and returns its
// length.
func (p *printer) authentication(off int) int {
	p.proto = "ah"
	p.s("AH")
	words := int(p.u8(off + 1))
	n := (words + 2) * 4
	p.s("(")
	if p.v > 0 {
		p.f("length=%d(%d-bytes),", words, n)
	}
	if reserved := p.u16(off + 2); reserved != 0 {
		p.f("reserved=0x%x[MustBeZero],", reserved)
	}
	p.f("spi=0x%08x,", p.u32(off+4))
	p.f("seq=0x%x,", p.u32(off+8))
	p.s("icv=0x")
	for i := 12; i < n; i++ {
		p.f("%02x", p.u8(off+i))
	}
	p.s("): ")
	return n
}

var greFlags = []bit{
	{0x8000, "checksum present"}, {0x4000, "routing present"}, {0x2000, "key present"}, {0x1000, "sequence# present"},
	{0x0800, "source routing present"}, {0x0080, "ack present"},
}

// gre prints a GRE packet (RFC 2784, RFC 2890); of version 1 (RFC 2637) and of
// source routes only the length.
func (p *printer) gre(off, length int) {
	p.proto = "gre"
	start := length
	next := func(n int) (int, bool) {
		if !p.has(off, n) || length < n {
			p.truncated()
			return 0, false
		}
		off += n
		length -= n
		return off - n, true
	}
	at, ok := next(2)
	if !ok {
		return
	}
	bits := p.u16(at)
	p.f("GREv%d", bits&7)
	switch version := bits & 7; {
	case version > 1:
		p.s(" ERROR: unknown-version")
		return
	case version == 1:
		p.pass("", start)
		return
	}
	if p.v > 0 {
		p.f(", Flags [%s]", bitNames(greFlags, uint32(bits), ", ", "none"))
	}
	if at, ok = next(2); !ok {
		return
	}
	proto := p.u16(at)
	if bits&0xc000 != 0 {
		if at, ok = next(2); !ok {
			return
		}
		if p.v > 0 {
			p.f(", sum 0x%x", p.u16(at))
		}
		if at, ok = next(2); !ok {
			return
		}
		p.f(", off 0x%x", p.u16(at))
	}
	if bits&0x2000 != 0 {
		if at, ok = next(4); !ok {
			return
		}
		p.f(", key=0x%x", p.u32(at))
	}
	if bits&0x1000 != 0 {
		if at, ok = next(4); !ok {
			return
		}
		p.f(", seq %d", p.u32(at))
	}
	if bits&0x4000 != 0 {
		p.pass("", start)
		return
	}
	if p.e {
		p.f(", proto %s (0x%04x)", word(etherTypes, proto, "unknown"), proto)
	}
	p.f(", length %d", start)
	if p.v == 0 {
		p.s(": ")
	} else {
		p.s("\n\t")
	}
	switch proto {
	case decode.EtherTypeIPv4:
		p.ipv4(off, length)
	case decode.EtherTypeIPv6:
		p.ipv6(off, length)
	case decode.EtherTypeMPLS:
		p.mpls(off, length)
	case decode.EtherTypeTEB:
		p.ethernet(off, length)
	default:
		p.f("gre-proto-0x%x", proto)
	}
}

var mplsLabels = [16]string{"IPv4 explicit NULL", "router alert", "IPv6 explicit NULL", "implicit NULL"}

// mpls prints a label stack (RFC 3032) and the packet under it.
func (p *printer) mpls(off, length int) {
	p.proto = "mpls"
	p.s("MPLS")
	var label uint32
	for first := true; ; first = false {
		if length < 4 {
			p.bad()
			p.bytes(off, length)
			return
		}
		entry := p.u32(off)
		label = entry >> 12
		if first || p.v == 0 {
			p.s(" ")
		} else {
			p.s("\n\t")
		}
		p.f("(label %d", label)
		if p.v > 0 && label < 16 {
			s := mplsLabels[label]
			if s == "" {
				s = "rsvd"
			}
			p.f(" (%s)", s)
		}
		p.f(", tc %d", entry>>9&7)
		bottom := entry&0x100 != 0
		if bottom {
			p.s(", [S]")
		}
		p.f(", ttl %d)", entry&0xff)
		off += 4
		length -= 4
		if bottom {
			break
		}
	}
	version := uint8(0)
	switch label {
	case 0, 3:
		version = 4
	case 2:
		version = 6
	default:
		if length < 1 {
			return
		}
		if c := p.u8(off); c >= 0x45 && c <= 0x4f || c >= 0x60 && c <= 0x6f {
			version = c >> 4
		}
	}
	sep := " "
	if p.v > 0 {
		sep = "\n\t"
	}
	switch version {
	case 4:
		p.s(sep)
		p.ipv4(off, length)
	case 6:
		p.s(sep)
		p.ipv6(off, length)
	default:
		p.unknown(off, length)
	}
}

var pppProtocols = map[uint16]string{0x0021: "IP", 0x0057: "IP6"}

// pppoe prints a PPPoE session packet (RFC 2516) that carries IP; of others the
// length.
func (p *printer) pppoe(off, length int) {
	p.proto = "pppoe"
	if length < 6 {
		p.f(" (length %d < 6)", length)
		p.bad()
		return
	}
	length -= 6
	p.bytes(off, 6)
	version, code, session, told := p.u8(off), p.u8(off+1), p.u16(off+2), int(p.u16(off+4))
	if v := version >> 4; v != 1 {
		p.f(" [ver %d]", v)
	}
	if t := version & 0xf; t != 1 {
		p.f(" [type %d]", t)
	}
	p.s("PPPoE ")
	if code != 0 {
		p.pass(fmt.Sprintf("PAD-%x", code), told)
		return
	}
	if told > length {
		p.f(" [len %d > %d!]", told, length)
		told = length
	}
	if session != 0 {
		p.f(" [ses 0x%x]", session)
	}
	p.s(" ")
	p.ppp(off+6, told)
}

// ppp prints a PPP packet (RFC 1661) without framing.
func (p *printer) ppp(off, length int) {
	p.proto = "ppp"
	whole := length
	if length >= 2 && p.u16(off) == 0xff03 {
		off += 2
		length -= 2
	}
	if length < 2 {
		p.truncated()
		return
	}
	proto := p.u16(off)
	n := 2
	if proto>>8&1 != 0 {
		proto >>= 8
		n = 1
	}
	off += n
	length -= n
	if p.e {
		known, ok := pppProtocols[proto]
		if !ok {
			p.pass(fmt.Sprintf("unknown (0x%04x)", proto), whole)
			return
		}
		p.f("%s (0x%04x), length %d: ", known, proto, whole)
	}
	switch proto {
	case 0x0021:
		p.ipv4(off, length)
	case 0x0057:
		p.ipv6(off, length)
	default:
		p.pass(fmt.Sprintf("PPP protocol 0x%04x", proto), length)
	}
}

// vxlan prints a VXLAN packet (RFC 7348).
func (p *printer) vxlan(off, length int) {
	p.proto = "vxlan"
	p.s("VXLAN")
	if length < 8 {
		p.bad()
		return
	}
	bits := p.u8(off)
	p.f(", flags [%s] (0x%02x), ", bitNames([]bit{{0x08, "I"}}, uint32(bits), "", "invalid"), bits)
	p.f("vni %d\n", uint32(p.u16(off+4))<<8|uint32(p.u8(off+6)))
	p.u8(off + 7)
	p.ethernet(off+8, length-8)
}
