package main

import "github.com/wstap/wstap/decode"

// ipv6 prints the IPv6 packet at off, in length bytes.
func (p *printer) ipv6(off, length int) {
	p.proto = "ip6"
	if !p.has(off, 40) {
		p.truncated()
		return
	}
	if length < 40 {
		p.f("truncated-ip6 %d", length)
		return
	}
	if !p.e {
		p.s("IP6 ")
	}
	if version := p.u8(off) >> 4; version != 6 {
		p.f("version error: %d != 6", version)
		return
	}
	payload := int(p.u16(off + 4))
	// Without a payload length take all there is, until a jumbo option tells it.
	n := length + 40
	if payload != 0 {
		n = payload + 40
		if length < n {
			p.f("truncated-ip6 - %d bytes missing!", n-length)
		}
	}
	next := p.u8(off + 6)
	if p.v > 0 {
		flow := p.u32(off)
		p.s("(")
		if class := flow >> 20 & 0xff; class != 0 {
			p.f("class 0x%02x, ", class)
		}
		if label := flow & 0xfffff; label != 0 {
			p.f("flowlabel 0x%05x, ", label)
		}
		p.f("hlim %d, next-header %s (%d) payload length: %d) ", p.u8(off+7), word(protocols, next, "unknown"), next, payload)
	}
	was := p.limit(off, n)
	p.ipv6Chain(off, length, n, payload, next, was)
	p.end = was
}

// ipv6Chain prints the extension headers and what they lead to. n is the
// length of the packet as far as it is known, was the end of what carries it.
func (p *printer) ipv6Chain(off, length, n, payload int, next uint8, was int) {
	var fragment, extended, jumbo, hopByHop bool
	for at, size := off, 40; at < p.end && size > 0; p.proto = "ip6" {
		if n < size {
			p.truncated()
			return
		}
		at += size
		n -= size
		first := at == off+40
		if first {
			switch next {
			case decode.ProtoTCP, decode.ProtoUDP, protoDCCP, protoSCTP:
			default:
				p.f("%s > %s: ", p.ip6(off+8), p.ip6(off+24))
			}
		}
		switch next {
		case decode.ProtoHopByHop:
			if hopByHop {
				p.s("[The Hop-by-Hop Options header was already found]")
				p.bad()
				return
			}
			if !first {
				p.s("[The Hop-by-Hop Options header don't follow the IPv6 header]")
				p.bad()
				return
			}
			o := &ipv6Options{payload: &payload, jumbo: &jumbo}
			size = p.hopByHop(at, o)
			if payload == 0 && !jumbo {
				p.s("[No valid Jumbo Payload Hop-by-Hop option found]")
				p.bad()
				return
			}
			hopByHop = true
		case decode.ProtoDestination:
			size = p.destinationOptions(at)
		case decode.ProtoFragment:
			size = p.fragment6(at, off)
			if size > 0 && p.end <= at+size {
				return
			}
			fragment = true
		case decode.ProtoRouting:
			if !p.has(at, 1) {
				p.truncated()
				return
			}
			size = p.routing6(at)
		case decode.ProtoMobility, protoMobilityOld:
			p.mobility(at)
			return
		default:
			switch {
			case jumbo:
				n = int(uint32(payload) + 40) // tcpdump counts in 32 bits
				if n < at-off {
					p.truncated()
					return
				}
				if length < n {
					p.f("truncated-ip6 - %d bytes missing!", n-length)
				}
				p.end = min(was, off+n)
				n -= at - off
			case payload == 0:
				if extended {
					p.truncated()
					return
				}
				p.end = min(was, off+40)
				n = 0
			}
			p.transport(at, n, ipHeader{6, off, next, p.u8(off + 7), fragment})
			return
		}
		if size < 0 {
			return
		}
		extended = true
		next = p.u8(at)
	}
}

// ipv6Options are what the hop-by-hop options may change.
type ipv6Options struct {
	payload *int
	jumbo   *bool
}

// hopByHop prints a hop-by-hop options header. It returns its length, or -1 if
// that is the end.
func (p *printer) hopByHop(off int, o *ipv6Options) int {
	p.proto = "hbhopt"
	size := int(p.u8(off+1))*8 + 8
	if p.has(off, size) {
		p.s("HBH ")
		if p.optionList(off+2, size-2, o) {
			return size
		}
	}
	p.truncated()
	return -1
}

// destinationOptions prints a destination options header.
func (p *printer) destinationOptions(off int) int {
	p.proto = "dstopt"
	size := int(p.u8(off+1))*8 + 8
	if p.has(off, size) {
		p.s("DSTOPT ")
		if p.v == 0 || p.optionList(off+2, size-2, nil) {
			return size
		}
	}
	p.truncated()
	return -1
}

// optionList prints n bytes of IPv6 options. o is nil in destination options.
func (p *printer) optionList(off, n int, o *ipv6Options) bool {
	const (
		pad1        = 0
		padN        = 1
		routerAlert = 5
		jumbo       = 0xc2
		homeAddress = 0xc9
	)
	verbose := func(format string, args ...any) {
		if p.v > 0 {
			p.f(format, args...)
		}
	}
	seen := false
	for i, size := 0, 0; i < n; i += size {
		kind := p.u8(off + i)
		size = 1
		if kind != pad1 {
			if i+1 >= n {
				return false
			}
			size = int(p.u8(off+i+1)) + 2
		}
		if i+size > n {
			return false
		}
		switch kind {
		case pad1:
			verbose("(pad1)")
		case padN:
			verbose("(padn)")
		case routerAlert:
			if n-i < 4 {
				p.s("(rtalert: trunc)")
				return false
			}
			if size != 4 {
				p.f("(rtalert: invalid len %d)", size-2)
				return false
			}
			verbose("(rtalert: 0x%04x) ", p.u16(off+i+2))
		case jumbo:
			if n-i < 6 {
				p.s("(jumbo: trunc)")
				return false
			}
			if size != 6 {
				p.f("(jumbo: invalid len %d)", size-2)
				return false
			}
			v := p.u32(off + i + 2)
			switch {
			case seen:
				verbose("(jumbo: %d - already seen) ", v)
			case o == nil:
				verbose("(jumbo: %d - not a hop-by-hop option) ", v)
			case *o.payload != 0:
				verbose("(jumbo: %d - payload len != 0) ", v)
			case v < 65536:
				verbose("(jumbo: %d - < 65536) ", v)
			default:
				*o.jumbo = true
				*o.payload = int(v)
				verbose("(jumbo: %d) ", v)
			}
			seen = true
		case homeAddress:
			if n-i < 18 {
				p.s("(homeaddr: trunc)")
				return false
			}
			if size < 18 {
				p.f("(homeaddr: invalid len %d)", size-2)
				return false
			}
			if p.v > 0 {
				p.f("(homeaddr: %s", p.ip6(off+i+2))
				if size > 18 && !p.subOptions(off+i+18, size-18) {
					return false
				}
				p.s(")")
			}
		default:
			verbose("(opt_type 0x%02x: len=%d)", kind, size-2)
		}
	}
	verbose(" ")
	return true
}

// subOptions prints the options in a home address option.
func (p *printer) subOptions(off, n int) bool {
	for i, size := 0, 0; i < n; i += size {
		kind := p.u8(off + i)
		size = 1
		if kind != 0 {
			if i+1 >= n {
				return false
			}
			size = int(p.u8(off+i+1)) + 2
		}
		if i+size > n {
			return false
		}
		switch kind {
		case 0:
			p.s(", pad1")
		case 1:
			p.s(", padn")
		default:
			p.f(", sopt_type 0x%02x: len=%d", kind, size-2)
		}
	}
	return true
}

// fragment6 prints a fragment header. It returns -1 for later fragments, whose
// data has no header.
func (p *printer) fragment6(off, ip int) int {
	p.proto = "frag6"
	var id uint32
	if p.v > 0 {
		id = p.u32(off + 4)
	}
	at := p.u16(off+2) &^ 7
	size := uint64(40) + uint64(p.u16(ip+4)) - uint64(off-ip) - 8
	if p.v > 0 {
		p.f("frag (0x%08x:%d|%d)", id, at, size)
	} else {
		p.f("frag (%d|%d)", at, size)
	}
	if at != 0 {
		return -1
	}
	p.s(" ")
	return 8
}

// routing6 prints a routing header.
func (p *printer) routing6(off int) int {
	p.proto = "rt6"
	p.s("RT6")
	n := int(p.u8(off + 1))
	p.f(" (len=%d", n)
	kind := p.u8(off + 2)
	p.f(", type=%d", kind)
	if kind == 0 {
		p.s(" [Deprecated]")
	}
	p.f(", segleft=%d", p.u8(off+3))
	switch kind {
	case 0, 2:
		if v := p.u32(off + 4); v != 0 || p.v > 0 {
			p.f(", rsv=0x%x", v)
		}
	case 4:
		p.f(", last-entry=%d", p.u8(off+4))
		if v := p.u8(off + 5); v != 0 || p.v > 0 {
			p.f(", flags=0x%x", v)
		}
		p.f(", tag=%x", p.u16(off+6))
	default:
		p.s(" (unknown type)")
		p.bad()
		return -1
	}
	if n%2 == 1 {
		p.f(" (invalid length %d)", n)
		p.bad()
		return -1
	}
	for i := range n / 2 {
		p.f(", [%d]%s", i, p.ip6(off+8+16*i))
	}
	p.s(") ")
	return n*8 + 8
}

func (p *printer) mobility(off int) {
	p.proto = "mobility"
	p.passed = true
	p.pass("mobility", 8+int(p.u8(off+1))*8)
}

// ipv6Destination returns where the last hop's address is, for checksums.
func (p *printer) ipv6Destination(off int) int {
	at, next := off+40, p.u8(off+6)
	for at < p.end {
		switch next {
		case decode.ProtoHopByHop, decode.ProtoDestination, decode.ProtoMobility, protoMobilityOld:
			next, at = p.u8(at), at+int(p.u8(at+1))*8+8
			continue
		case decode.ProtoFragment:
			next, at = p.u8(at), at+8
			continue
		case decode.ProtoRouting:
			if !p.has(at, 4) {
				break
			}
			n := int(p.u8(at + 1))
			if n%2 == 1 {
				break
			}
			switch p.u8(at + 2) {
			case 0, 2:
				dst := off + 24
				for i := range n / 2 {
					if !p.has(at+8+16*i, 16) {
						break
					}
					dst = at + 8 + 16*i
				}
				return dst
			case 4: // in reverse order
				if p.has(at+8, 16) {
					return at + 8
				}
			}
		}
		break
	}
	return off + 24
}
