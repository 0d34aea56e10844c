package main

import "github.com/wstap/wstap/decode"

// mptcp prints a Multipath TCP option (RFC 8684): n bytes at off, kind and
// length included. It returns false if it is none.
func (p *printer) mptcp(off, n int, flags decode.TCPFlags) bool {
	p.proto = "mptcp"
	if n < 3 {
		return false
	}
	subtype := min(p.u8(off+2)>>4, 8)
	p.f(" %d %s", n, [...]string{"capable", "join", "dss", "add-addr", "rem-addr", "prio", "fail", "fast-close", "unknown"}[subtype])
	low := p.u8(off+2) & 0xf
	syn, ack := flags&decode.SYN != 0, flags&decode.ACK != 0
	switch subtype {
	case 0:
		if !((n == 12 || n == 4) && syn || (n == 20 || n == 22) && !syn && ack) {
			return false
		}
		return p.mpCapable(off, n, low)
	case 1:
		if !(n == 12 && syn || n == 16 && syn && ack || n == 24 && ack) {
			return false
		}
		return p.mpJoin(off, n, low)
	case 2:
		return n >= 4 && !syn && p.mpDSS(off, n)
	case 3:
		return p.mpAddAddr(off, n, low)
	case 4:
		if n < 4 {
			return false
		}
		p.s(" id")
		for i := range n - 3 {
			p.f(" %d", p.u8(off+3+i))
		}
	case 5:
		if n != 3 && n != 4 {
			return false
		}
		if low&1 != 0 {
			p.s(" backup")
		} else {
			p.s(" non-backup")
		}
		if n == 4 {
			p.f(" id %d", p.u8(off+3))
		}
	case 6:
		if n != 12 {
			return false
		}
		p.f(" seq %d", p.u64(off+4))
	case 7:
		if n != 12 {
			return false
		}
		p.f(" key 0x%x", p.u64(off+4))
	}
	return true
}

func (p *printer) mpCapable(off, n int, version uint8) bool {
	if version > 1 {
		p.f(" Unknown Version (%d)", version)
		return true
	}
	p.f(" v%d", version)
	if p.u8(off+3)&0x80 != 0 {
		p.s(" csum")
	}
	if n >= 12 {
		p.f(" {0x%x", p.u64(off+4))
		if n >= 20 {
			p.f(",0x%x", p.u64(off+12))
		}
		p.s("}")
	}
	return true
}

func (p *printer) mpJoin(off, n int, low uint8) bool {
	if n != 24 {
		if low&1 != 0 {
			p.s(" backup")
		}
		p.f(" id %d", p.u8(off+3))
	}
	switch n {
	case 12:
		p.f(" token 0x%x nonce 0x%x", p.u32(off+4), p.u32(off+8))
	case 16:
		p.f(" hmac 0x%x nonce 0x%x", p.u64(off+4), p.u32(off+12))
	case 24:
		p.f(" hmac 0x%x", p.bytes(off+4, 20))
	}
	return true
}

// mpDSS prints a data sequence signal.
func (p *printer) mpDSS(off, n int) bool {
	flags := p.u8(off + 3)
	if flags&0x10 != 0 {
		p.s(" fin")
	}
	off += 4
	n -= 4
	number := func(wide bool) bool {
		if wide {
			if n < 8 {
				return false
			}
			p.f("%d", p.u64(off))
			off += 8
			n -= 8
			return true
		}
		if n < 4 {
			return false
		}
		p.f("%d", p.u32(off))
		off += 4
		n -= 4
		return true
	}
	if flags&1 != 0 {
		p.s(" ack ")
		if !number(flags&2 != 0) {
			return false
		}
	}
	if flags&4 != 0 {
		p.s(" seq ")
		if !number(flags&8 != 0) || n < 4 {
			return false
		}
		p.f(" subseq %d", p.u32(off))
		if n < 6 {
			return false
		}
		p.f(" len %d", p.u16(off+4))
		off += 6
		n -= 6
		if n >= 2 {
			p.f(" csum 0x%x", p.u16(off))
			n -= 2
		}
	}
	return n == 0
}

func (p *printer) mpAddAddr(off, n int, low uint8) bool {
	var v6, port, mac bool
	switch n {
	case 8, 10, 16, 18:
		port, mac = n == 10 || n == 18, n >= 16
	case 20, 22, 28, 30:
		v6, port, mac = true, n == 22 || n == 30, n >= 28
	default:
		return false
	}
	p.f(" %s", word(map[uint8]string{6: "v0-ip6", 4: "v0-ip4", 1: "v1-echo", 0: "v1"}, low, "[bad version/echo]"))
	p.f(" id %d", p.u8(off+3))
	off += 4
	if v6 {
		p.f(" %s", p.ip6(off))
		off += 16
	} else {
		p.f(" %s", p.ip4(off))
		off += 4
	}
	if port {
		p.f(":%d", p.u16(off))
		off += 2
	}
	if mac {
		p.f(" hmac 0x%x", p.u64(off))
	}
	return true
}
