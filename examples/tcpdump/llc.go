package main

import "encoding/binary"

// saps names service access points of 802.2.
var saps = map[uint8]string{
	0x00: "Null", 0xff: "Global", 0x02: "802.1B I", 0x03: "802.1B G", 0x06: "IP", 0x04: "SNA", 0x0e: "ProWay NM",
	0x42: "STP", 0x4e: "RS511", 0x7e: "ISO8208", 0x8e: "ProWay", 0xaa: "SNAP", 0xe0: "IPX", 0xf0: "NetBeui", 0xfe: "OSI",
}

var llcCommands = map[uint16]string{
	0x03: "ui", 0xe3: "test", 0xaf: "xid", 0x63: "ua", 0x43: "disc", 0x0f: "dm", 0x6f: "sabme", 0x87: "frmr",
}

var llcFlags = map[uint16]string{
	0: "Command", 1: "Response", 0x10: "Poll", 0x11: "Final", 0x100: "Poll", 0x101: "Final",
}

// llc prints an 802.2 frame. It returns the length of its header, and whether
// more than the header was printed or known. m is nil where there are no
// hardware addresses.
func (p *printer) llc(off, length int, m *macs) (header int, known bool) {
	const (
		ui   = 0x03
		snap = 0xaa
	)
	p.proto = "llc"
	captured := p.rest(off)
	short := func() (int, bool) {
		p.truncated()
		p.hexASCII("\n\t", off, min(captured, length))
		return min(captured, length), true
	}
	if captured < 3 || length < 3 {
		return short()
	}
	dsapField, ssapField := p.u8(off), p.u8(off+1)
	control := uint16(p.u8(off + 2))
	unnumbered := control&3 == 3
	header = 3
	if !unnumbered {
		if captured < 4 || length < 4 {
			return short()
		}
		control = binary.LittleEndian.Uint16(p.bytes(off+2, 2))
		header = 4
	}
	if ssapField == 0xff && dsapField == 0xff { // an 802.3 frame of Novell's, without 802.2
		if p.e {
			p.s("IPX 802.3: ")
		}
		p.pass("IPX", length)
		return 0, true
	}
	dsap, ssap := dsapField&^1, ssapField&^1
	if p.e {
		kind := "Individual"
		if dsapField&1 != 0 {
			kind = "Group"
		}
		p.f("LLC, dsap %s (0x%02x) %s, ssap %s (0x%02x) %s", word(saps, dsap, "Unknown"), dsap, kind,
			word(saps, ssap, "Unknown"), ssap, llcFlags[uint16(ssapField&1)])
		if unnumbered {
			p.f(", ctrl 0x%02x: ", control)
		} else {
			p.f(", ctrl 0x%04x: ", control)
		}
	}
	at, n := off+header, length-header
	if dsap == ssap && control == ui {
		switch dsap {
		case snap:
			return header + 5, p.snap(at, n, m)
		case 0x06:
			p.ipv4(at, n)
			return header, true
		case 0x42:
			p.pass("STP", n)
			return header, true
		case 0xe0:
			if p.e {
				p.s("IPX 802.2: ")
			}
			p.pass("IPX", n)
			return header, true
		case 0xfe:
			p.pass("OSI", n)
			return header, true
		}
	}
	if !p.e {
		to := name(saps, dsap, "Unknown DSAP 0x%02x")
		from := name(saps, ssap, "Unknown SSAP 0x%02x")
		switch {
		case dsap == ssap && m == nil:
			p.f("%s ", to)
		case dsap == ssap:
			p.f("%s > %s %s ", m.src, m.dst, to)
		case m == nil:
			p.f("%s > %s ", from, to)
		default:
			p.f("%s %s > %s %s ", m.src, from, m.dst, to)
		}
	}
	response := uint16(ssapField & 1)
	switch {
	case unnumbered:
		p.f("Unnumbered, %s, Flags [%s], length %d", name(llcCommands, control&^0x10, "%02x"),
			word(llcFlags, response|control&0x10, "?"), length)
		if control&^0x10 == 0xaf { // xid
			switch {
			case n == 0:
				return header, true
			case p.rest(at) < 1:
				p.truncated()
				return header, true
			case p.u8(at) == 0x81:
				if p.rest(at) < 3 || n < 3 {
					p.truncated()
					p.hexASCII("\n\t", at, p.rest(at))
				} else {
					p.f(": %02x %02x", p.u8(at+1), p.u8(at+2))
				}
				return header, true
			}
		}
	case control&1 != 0:
		p.f("Supervisory, %s, rcv seq %d, Flags [%s], length %d",
			word(map[uint16]string{0: "Receiver Ready", 1: "Receiver not Ready", 2: "Reject"}, control>>2&3, "?"),
			control>>9, word(llcFlags, response|control&0x100, "?"), length)
		return header, true
	default:
		p.f("Information, send seq %d, rcv seq %d, Flags [%s], length %d",
			control>>1&0x7f, control>>9, word(llcFlags, response|control&0x100, "?"), length)
	}
	return header, false
}

// snap prints a packet behind a SNAP header.
func (p *printer) snap(off, length int, m *macs) bool {
	const cisco = 0x0000f8
	p.proto = "snap"
	if !p.has(off, 5) || length < 5 {
		p.truncated()
		return true
	}
	org := uint32(p.u8(off))<<16 | uint32(p.u16(off+1))
	t := p.u16(off + 3)
	off += 5
	length -= 5
	known := "Unknown"
	if org == 0 || org == cisco || org == 0x080007 {
		known = word(etherTypes, t, known)
	}
	if p.e {
		kind := "pid"
		if org == 0 {
			kind = "ethertype"
		}
		p.f("oui %s (0x%06x), %s %s (0x%04x), length %d: ", word(makers, org, "Unknown"), org, kind, known, t, length)
	}
	if (org == 0 || org == cisco) && p.network(t, off, length) {
		return true
	}
	if !p.e {
		if m != nil {
			p.f("%s > %s ", m.src, m.dst)
		}
		if org == 0 {
			p.f("SNAP, ethertype %s (0x%04x), length %d: ", known, t, length)
		} else {
			p.f("SNAP, oui %s (0x%06x), pid %s (0x%04x), length %d: ", word(makers, org, "Unknown"), org, known, t, length)
		}
	}
	return false
}
