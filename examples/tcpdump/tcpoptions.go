package main

var tcpOptionNames = map[uint8]string{
	0: "eol", 1: "nop", 2: "mss", 3: "wscale", 4: "sackOK", 5: "sack", 6: "echo", 7: "echoreply", 8: "TS",
	11: "cc", 12: "ccnew", 13: "", 19: "md5", 20: "scps", 28: "uto", 29: "tcp-ao", 30: "mptcp", 34: "tfo", 254: "exp",
}

// tcpOptions prints the options of a segment. It returns false if that ended
// the line.
func (p *printer) tcpOptions(s *segment) bool {
	off, left := s.off+20, s.header-20
	p.s(", options [")
	for first := true; left > 0; first = false {
		if !first {
			p.s(",")
		}
		kind := p.u8(off)
		off++
		size := 1
		if kind > 1 {
			size = int(p.u8(off))
			off++
			if size < 2 || size > left {
				return p.badOption(first)
			}
			left--
		}
		left--
		p.s(name(tcpOptionNames, kind, "unknown-%d"))
		o := tcpOption{p: p, off: off, left: left, size: size, flags: uint32(s.flags)}
		o.print(kind, s)
		if o.state == optionBad {
			return p.badOption(first)
		}
		if o.state == optionCut {
			p.truncated()
			if !first {
				p.s(">")
			}
			return false
		}
		off += o.used
		left -= o.used
		if head := min(size, 2); o.used+head != size {
			p.f("[len %d]", size)
		}
		if kind == 0 {
			break
		}
	}
	p.s("]")
	return true
}

func (p *printer) badOption(first bool) bool {
	p.s("[bad opt]")
	if !first {
		p.s("]")
	}
	return false
}

// How printing an option ended.
const (
	optionOK = iota
	optionBad
	optionCut
)

// A tcpOption prints the data of one option.
type tcpOption struct {
	p     *printer
	off   int // of the data
	left  int // bytes up to the header's end
	size  int // as the option says, kind and length included
	flags uint32
	used  int // bytes printed
	state int
}

// need says that n bytes of data are there.
func (o *tcpOption) need(n int) bool {
	switch {
	case n > o.left:
		o.state = optionBad
	case !o.p.has(o.off, n):
		o.state = optionCut
	}
	return o.state == optionOK
}

func (o *tcpOption) print(kind uint8, s *segment) {
	p, off := o.p, o.off
	fixed := func(n int) bool {
		o.used = n
		return o.need(n)
	}
	switch kind {
	case 0, 1, 4:
	case 2:
		if fixed(2) {
			p.f(" %d", p.u16(off))
		}
	case 3:
		if fixed(1) {
			p.f(" %d", p.u8(off))
		}
	case 5:
		o.sack(s)
	case 6, 7, 11, 12, 13:
		if fixed(4) {
			p.f(" %d", p.u32(off))
		}
	case 8:
		if fixed(8) {
			p.f(" val %d ecr %d", p.u32(off), p.u32(off+4))
		}
	case 19:
		if fixed(16) {
			p.s(" ")
			if !p.has(s.off+s.header, s.length) {
				p.s("snaplen too short, ")
			} else {
				p.s("shared secret not supplied with -M, ")
			}
			p.f("can't check - %x", p.bytes(off, 16))
		}
	case 20:
		if fixed(2) {
			p.f(" cap %02x id %d", p.u8(off), p.u8(off+1))
		}
	case 28:
		if fixed(2) {
			v := p.u16(off)
			seconds := int(v >> 1)
			if v&1 != 0 {
				seconds *= 60
			}
			p.f(" 0x%x %d", v, seconds)
		}
	case 29:
		o.authentication()
	case 30:
		if fixed(o.size - 2) {
			was := p.limit(off-2, o.size)
			if !p.mptcp(off-2, o.size, s.flags) {
				o.state = optionBad
			}
			p.end = was
		}
	case 34:
		if fixed(o.size - 2) {
			p.s(" ")
			p.fastOpen(off, o.size-2)
		}
	case 254:
		if !fixed(o.size - 2) {
			return
		}
		if o.used < 2 {
			o.state = optionBad
			return
		}
		p.s("-")
		if id := p.u16(off); id == 0xf989 { // RFC 7413 before it had a kind
			p.s("tfo")
			p.fastOpen(off+2, o.used-2)
		} else {
			p.f("%04x", id)
		}
	default:
		if o.used = o.size - 2; o.used > 0 {
			p.s(" 0x")
		}
		for i := 0; i < o.used && o.need(i+1); i++ {
			p.f("%02x", p.u8(off+i))
		}
	}
}

func (o *tcpOption) sack(s *segment) {
	p := o.p
	o.used = o.size - 2
	if o.used%8 != 0 {
		p.s(" invalid sack")
		return
	}
	p.f(" %d ", o.used/8)
	for i := 0; i < o.used; i += 8 {
		if !o.need(i+4) || !o.need(i+8) {
			return
		}
		p.f("{%d:%d}", p.u32(o.off+i)-s.theirs, p.u32(o.off+i+4)-s.theirs)
	}
}

// authentication prints a TCP-AO option (RFC 5925, section 2.2).
func (o *tcpOption) authentication() {
	p := o.p
	o.used = o.size - 2
	if o.used < 2 {
		p.bad()
		return
	}
	if !o.need(1) {
		return
	}
	p.f(" keyid %d", p.u8(o.off))
	if !o.need(2) {
		return
	}
	p.f(" rnextkeyid %d", p.u8(o.off+1))
	if o.used > 2 {
		p.s(" mac 0x")
		for i := 2; i < o.used && o.need(i+1); i++ {
			p.f("%02x", p.u8(o.off+i))
		}
	}
}

// fastOpen prints a TCP fast open cookie (RFC 7413, section 4.1.1).
func (p *printer) fastOpen(off, n int) {
	switch {
	case n == 0:
		p.s(" cookiereq")
	case n%2 != 0 || n < 4 || n > 16:
		p.bad()
	default:
		p.s(" cookie ")
		for i := range n {
			p.f("%02x", p.u8(off+i))
		}
	}
}
