package main

import (
	"net/netip"

	"github.com/wstap/wstap/decode"
)

// An ipHeader tells the printers of transport protocols what carries them.
type ipHeader struct {
	version  int
	off      int // of the IP header
	proto    uint8
	ttl      uint8
	fragment bool // the first of several
}

var fragmentFlags = []bit{{0x2000, "+"}, {0x4000, "DF"}, {0x8000, "rsvd"}}

// ipv4 prints the IPv4 packet at off, in length bytes.
func (p *printer) ipv4(off, length int) {
	p.proto = "ip"
	switch version := p.u8(off) >> 4; version {
	case 4:
	case 6:
		p.s("IP6, wrong link-layer encapsulation")
		p.bad()
		return
	default:
		p.f("IP%d", version)
		p.bad()
		return
	}
	if !p.e {
		p.s("IP ")
	}
	if !p.has(off, 20) {
		p.truncated()
		return
	}
	if length < 20 {
		p.f("truncated-ip %d", length)
		return
	}
	header := int(p.u8(off)&0xf) * 4
	if header < 20 {
		p.f("bad-hlen %d", header)
		return
	}
	total := int(p.u16(off + 2))
	if length < total {
		p.f("truncated-ip - %d bytes missing! ", total-length)
	}
	if total < header { // also 0, as in sends that the adapter will cut
		p.f("bad-len %d", total)
		return
	}
	was := p.limit(off, total)
	defer func() { p.end = was }()

	frag := p.u16(off + 6)
	proto := p.u8(off + 9)
	if p.v > 0 && !p.ipv4Verbose(off, header, frag, proto) {
		return
	}
	src, dst := p.ip4(off+12), p.ip4(off+16)
	if frag&0x1fff != 0 {
		if p.q > 1 {
			return
		}
		p.f("%s > %s:", src, dst)
		p.protocolName(proto)
		return
	}
	switch proto {
	case decode.ProtoTCP, decode.ProtoUDP, protoSCTP, protoDCCP:
	default:
		p.f("%s > %s: ", src, dst)
	}
	if !p.has(off, header) {
		p.f(" [remaining caplen(%d) < header length(%d)]", p.rest(off), header)
		panic(cut{})
	}
	p.transport(off+header, total-header, ipHeader{4, off, proto, p.u8(off + 8), frag&0x2000 != 0})
}

// protocolName prints a protocol that has no printer.
func (p *printer) protocolName(proto uint8) {
	if s := protocolNames[proto]; p.n == 0 && s != "" {
		p.f(" %s", s)
	} else {
		p.f(" ip-proto-%d", proto)
	}
}

// ipv4Verbose prints the fields of the header. It returns false if the options
// are cut.
func (p *printer) ipv4Verbose(off, header int, frag uint16, proto uint8) bool {
	tos := p.u8(off + 1)
	p.f("(tos 0x%x%s", tos, [4]string{"", ",ECT(1)", ",ECT(0)", ",CE"}[tos&3])
	if ttl := p.u8(off + 8); ttl >= 1 {
		p.f(", ttl %d", ttl)
	}
	p.f(", id %d, offset %d, flags [%s], proto %s (%d), length %d", p.u16(off+4), frag&0x1fff*8,
		bitNames(fragmentFlags, uint32(frag), ", ", "none"), word(protocols, proto, "unknown"), proto, p.u16(off+2))
	whole := true
	if header > 20 {
		p.s(", options (")
		if whole = p.ipOptions(off+20, header-20); !whole {
			p.s(" [truncated-option]")
		}
		p.s(")")
	}
	if !p.K && p.has(off, header) {
		if sum := decode.Checksum(p.bytes(off, header)); sum != 0 {
			was := p.u16(off + 10)
			p.f(", bad cksum %x (->%x)!", was, rightSum(was, sum))
		}
	}
	p.s(")\n    ")
	if !whole {
		p.f("%s > %s: ", p.ip4(off+12), p.ip4(off+16))
		p.truncated()
	}
	return whole
}

// rightSum returns what a checksum field should hold, from what it holds and
// the checksum over all, itself included.
func rightSum(field, sum uint16) uint16 {
	s := uint32(field) + uint32(sum)
	s = s&0xffff + s>>16
	return uint16(s&0xffff + s>>16)
}

var ipOptionNames = map[uint8]string{
	0: "EOL", 1: "NOP", 68: "timestamp", 130: "security", 7: "RR", 137: "SSRR", 131: "LSRR", 148: "RA", 82: "traceroute",
}

// ipOptions prints n bytes of options. It returns false if they are cut.
func (p *printer) ipOptions(off, n int) bool {
	for first := true; n > 0; first = false {
		if !first {
			p.s(",")
		}
		kind := p.u8(off)
		p.s(name(ipOptionNames, kind, "unknown %d"))
		size := 1
		if kind > 1 {
			size = int(p.u8(off + 1))
		}
		if kind > 1 && size < 2 || size > n {
			p.f(" [bad length %d]", size)
			return true
		}
		if !p.has(off, size) {
			return false
		}
		switch kind {
		case 0:
			return true
		case 68:
			if !p.ipTimestamps(off, size) {
				return false
			}
		case 7, 131, 137:
			if !p.ipRoute(off, size) {
				return false
			}
		case 148:
			if size < 4 {
				p.f(" [bad length %d]", size)
			} else if v := p.u16(off + 2); v != 0 {
				p.f(" value %d", v)
			}
		}
		off += size
		n -= size
	}
	return true
}

// ipRoute prints a recorded or source route. It returns false if it is cut.
func (p *printer) ipRoute(off, size int) bool {
	if size < 3 {
		p.f(" [bad length %d]", size)
		return true
	}
	if (size+1)&3 != 0 {
		p.f(" [bad length %d]", size)
	}
	field := p.u8(off + 2)
	next := uint32(field) - 1
	if next < 3 || (next+1)&3 != 0 || next > uint32(size)+1 {
		p.f(" [bad ptr %d]", field)
	}
	for i := 3; i < size; i += 4 {
		if !p.has(off+i, 4) {
			return false
		}
		p.f(" %s", p.ip4(off+i))
		if next > uint32(i) {
			p.s(",")
		}
	}
	return true
}

// ipTimestamps prints a timestamp option. It returns false if it is cut.
func (p *printer) ipTimestamps(off, size int) bool {
	if size < 4 {
		p.f("[bad length %d]", size)
		return true
	}
	p.s(" TS{")
	kind := p.u8(off + 3)
	hop := 8
	if kind&0xf == 0 {
		hop = 4
	}
	if (size-4)&(hop-1) != 0 {
		p.f("[bad length %d]", size)
	}
	field := p.u8(off + 2)
	next := uint32(field) - 1
	if next < 4 || (next-4)&uint32(hop-1) != 0 || next > uint32(size)+1 {
		p.f("[bad ptr %d]", field)
	}
	i := 0
	switch kind & 0xf {
	case 0, 1, 3:
		p.s(map[uint8]string{0: "TSONLY", 1: "TS+ADDR", 3: "PRESPEC"}[kind&0xf])
		for i = 4; i < size; i += hop {
			sep := " "
			if next == uint32(i) {
				sep = " ^ "
			}
			if !p.has(off+i, hop) {
				return false
			}
			host := ""
			if hop == 8 {
				host = p.ip4(off + i)
			}
			p.f("%s%d@%s", sep, p.u32(off+i+hop-4), host)
		}
	default:
		p.f("[bad ts type %d]", kind&0xf)
	}
	if next == uint32(i) {
		p.s(" ^ ")
	}
	if over := kind >> 4; over != 0 {
		p.f(" [%d hops not recorded]} ", over)
	} else {
		p.s("}")
	}
	return true
}

// ends returns the addresses that a transport checksum covers: with a source
// route, its end is the destination.
func (p *printer) ends(ip ipHeader) (src, dst netip.Addr) {
	if ip.version == 6 {
		src, _ = netip.AddrFromSlice(p.bytes(ip.off+8, 16))
		dst, _ = netip.AddrFromSlice(p.bytes(p.ipv6Destination(ip.off), 16))
		return src, dst
	}
	src, _ = netip.AddrFromSlice(p.bytes(ip.off+12, 4))
	dst, _ = netip.AddrFromSlice(p.bytes(p.ipv4Destination(ip.off), 4))
	return src, dst
}

// ipv4Destination returns where the last hop's address is.
func (p *printer) ipv4Destination(off int) int {
	header := int(p.u8(off)&0xf) * 4
	for i := 20; i < header; {
		kind := p.u8(off + i)
		if kind == 0 {
			break
		}
		size := 1
		if kind != 1 {
			if size = int(p.u8(off + i + 1)); size < 2 {
				break
			}
		}
		if i+size > header || !p.has(off+i, size) {
			break
		}
		if (kind == 131 || kind == 137) && size >= 7 {
			return off + i + size - 4
		}
		i += size
	}
	return off + 16
}
