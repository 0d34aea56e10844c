package main

import (
	"encoding/binary"
	"net"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// EtherTypes that have a printer, and that decode does not know.
const (
	etherRARP   = 0x8035
	etherPPPoE2 = 0x3c13 // PPPoE sessions of 3Com
)

// printers are the link types that print.
var printers = map[decode.LinkType]func(*printer, int) int{
	decode.LinkEthernet: func(p *printer, n int) int { return p.ethernet(0, n) },
	decode.LinkSLL:      (*printer).sll,
	decode.LinkSLL2:     (*printer).sll2,
	decode.LinkNull:     (*printer).null,
	decode.LinkLoop:     (*printer).null,
	decode.LinkRaw:      (*printer).raw,
	12:                  (*printer).raw, // as some writers number it
	decode.LinkIPv4:     (*printer).raw, // tcpdump goes by the version
	decode.LinkIPv6:     (*printer).raw,
}

// linkLayer prints a frame and notes the length of its link header.
func (p *printer) linkLayer(f *capture.Frame) {
	print := printers[f.Link]
	if print == nil { // in a pcapng file of several types
		p.f("link-type %d, length %d", f.Link, f.Length)
		p.unknown(0, len(f.Data))
		return
	}
	p.link = print(p, f.Length)
}

// ethernet prints the Ethernet frame at off, length bytes long on the wire. It
// returns the length of the header.
func (p *printer) ethernet(off, length int) int {
	p.proto = "ether"
	captured := p.rest(off)
	if length < captured {
		p.f("[length %d < caplen %d]", length, captured)
		p.bad()
		return length
	}
	if captured < 14 {
		p.truncated()
		return captured
	}
	m := &macs{p.mac(p.b[off+6 : off+12]), p.mac(p.b[off : off+6])}
	if p.e {
		p.f("%s > %s, ", m.src, m.dst)
	}
	header := 14
	told := false // whether the length was
	for isTag(p.u16(off+header-2)) && captured >= header+4 {
		if p.e {
			p.etherType(p.u16(off + header - 2))
			if !told {
				p.f(", length %d: ", length)
				told = true
			} else {
				p.s(", ")
			}
			p.tag(p.u16(off + header))
		}
		header += 4
	}
	t := p.u16(off + header - 2)
	if isTag(t) {
		p.proto = "vlan" // the last tag is cut
		p.truncated()
		return captured
	}
	at, payload := off+header, length-header
	if t == decode.EtherTypeJumbo {
		n, known := p.llc(at, payload, m)
		if !known {
			p.unknown(at, p.rest(at))
		}
		return header + n
	}
	if t <= decode.MaxLength8023 {
		payload = min(payload, int(t))
		was := p.limit(at, payload)
		if p.e {
			p.s("802.3")
			if !told {
				p.f(", length %d: ", payload)
			}
		}
		n, known := p.llc(at, payload, m)
		if !known {
			p.unknown(at, min(payload, captured-header))
		}
		p.end = was
		return header + n
	}
	if p.e {
		p.etherType(t)
		if told {
			p.s(", ")
		} else {
			p.f(", length %d: ", length)
		}
	}
	if !p.network(t, at, payload) {
		if !p.e {
			p.f("%s > %s, ", m.src, m.dst)
			p.etherType(t)
			p.f(", length %d: ", length)
		}
		p.unknown(at, p.rest(at))
	}
	return header
}

// isTag reports whether an EtherType is one of VLAN tags.
func isTag(t uint16) bool {
	return t == decode.EtherTypeVLAN || t == decode.EtherTypeQinQ || t == decode.EtherTypeQinQ9100 || t == decode.EtherTypeQinQ9200
}

// macs are the hardware addresses of a frame as text.
type macs struct{ src, dst string }

func (p *printer) etherType(t uint16) {
	if p.q > 0 {
		p.s(name(etherTypes, t, "Unknown Ethertype (0x%04x)"))
	} else {
		p.f("ethertype %s (0x%04x)", word(etherTypes, t, "Unknown"), t)
	}
}

// tag prints what a VLAN tag says.
func (p *printer) tag(tci uint16) {
	v := decode.VLAN{TCI: tci}
	p.f("vlan %d, p %d", v.ID(), v.Priority())
	if v.DropEligible() {
		p.s(", DEI")
	}
	p.s(", ")
}

// network prints the packet at off, which is of EtherType t and length bytes
// long. It returns false if it knows nothing of the type.
func (p *printer) network(t uint16, off, length int) bool {
	switch t {
	case decode.EtherTypeIPv4:
		p.ipv4(off, length)
	case decode.EtherTypeIPv6:
		p.ipv6(off, length)
	case decode.EtherTypeARP, etherRARP:
		p.arp(off, length)
	case decode.EtherTypeMPLS, decode.EtherTypeMPLSMulticast:
		p.mpls(off, length)
	case decode.EtherTypePPPoE, etherPPPoE2:
		p.pppoe(off, length)
	default:
		s, ok := dissected[t]
		if ok {
			p.pass(s, length)
		}
		return ok
	}
	return true
}

// packetTypes are the directions of Linux cooked frames.
var packetTypes = map[uint16]string{0: "In", 1: "B", 2: "M", 3: "P", 4: "Out"}

func (p *printer) sll(length int) int {
	p.proto = "sll"
	c, ok := p.packet.Cooked()
	if !ok {
		panic(cut{})
	}
	// tcpdump reads both halves of the packet type.
	kind := binary.BigEndian.Uint16(p.b)
	describe := func(length int) {
		p.proto = "sll"
		p.f("%3s ", word(packetTypes, kind, "?"))
		p.cooked(binary.BigEndian.Uint16(p.b[4:]), p.b[6:12], c.Protocol, length)
	}
	if p.e {
		describe(length)
	}
	return p.cookedPayload(c, 16, length, describe)
}

func (p *printer) sll2(length int) int {
	p.proto = "sll2"
	c, ok := p.packet.Cooked()
	if !ok {
		panic(cut{})
	}
	p.f("%-5s %-3s ", p.names.iface(c.Interface), word(packetTypes, uint16(c.PacketType), "?"))
	describe := func(length int) {
		p.proto = "sll2"
		p.f("ifindex %d ", c.Interface)
		p.cooked(uint16(p.b[11]), p.b[12:18], c.Protocol, length)
	}
	if p.e {
		describe(length)
	}
	return p.cookedPayload(c, 20, length, describe)
}

// iface returns the name of an interface of this machine; "?" if it has none of
// that index.
func (n *names) iface(index uint32) string {
	if s, ok := n.ifaces[index]; ok {
		return s
	}
	s := "?"
	if ifi, err := net.InterfaceByIndex(int(index)); err == nil {
		s = ifi.Name
	}
	n.ifaces[index] = s
	return s
}

// cooked prints the fields that both cooked headers have.
func (p *printer) cooked(addrLen uint16, addr []byte, proto uint16, length int) {
	if addrLen == 6 {
		p.f("%s ", p.mac(addr))
	}
	if p.q > 0 {
		return
	}
	switch {
	case proto == 1:
		p.s("802.3")
	case proto == 4:
		p.s("802.2")
	default:
		known := "Unknown"
		if proto > decode.MaxLength8023 {
			known = word(etherTypes, proto, known)
		}
		p.f("ethertype %s (0x%04x)", known, proto)
	}
	p.f(", length %d: ", length)
}

// cookedPayload prints what follows a cooked header. describe prints the header
// if nothing can be said of the payload.
func (p *printer) cookedPayload(c decode.Cooked, off, length int, describe func(length int)) int {
	header := off
	length -= off
	if c.ARPHRD == decode.ARPHRDRadiotap {
		p.pass("802.11", length)
		return header
	}
	t := c.Protocol
	for t == decode.EtherTypeVLAN {
		if p.rest(off) < 4 {
			p.proto = "vlan"
			p.truncated()
			return off + p.rest(off)
		}
		if p.e {
			p.tag(p.u16(off))
		}
		if t = p.u16(off + 2); t <= decode.MaxLength8023 {
			t = 4
		}
		if p.q == 0 {
			p.f("ethertype %s, ", word(etherTypes, t, "Unknown"))
		}
		off += 4
		length -= 4
	}
	switch {
	case t == 1:
		p.pass("IPX", length)
	case t == 4:
		n, known := p.llc(off, length, nil)
		if !known {
			p.unknown(off, p.rest(off))
			return off
		}
		return off + n
	case t <= decode.MaxLength8023:
		p.unknown(off, p.rest(off))
	case !p.network(t, off, length):
		if !p.e {
			describe(length + header)
		}
		p.unknown(off, p.rest(off))
	}
	return off
}

func (p *printer) null(length int) int {
	p.proto = "null"
	family := binary.LittleEndian.Uint32(p.bytes(0, 4))
	if family&0xffff0000 != 0 {
		family = binary.BigEndian.Uint32(p.b)
	}
	describe := func(length int) {
		if p.q > 0 {
			p.s(name(families, family, "Unknown AF %d"))
		} else {
			p.f("AF %s (%d)", word(families, family, "Unknown"), family)
		}
		p.f(", length %d: ", length)
	}
	if p.e {
		describe(length)
	}
	switch family {
	case 2:
		p.ipv4(4, length-4)
	case 24, 28, 30:
		p.ipv6(4, length-4)
	case 7, 16, 23:
		p.pass(families[family], length-4)
	default:
		if !p.e {
			describe(length)
		}
		p.unknown(4, p.rest(4))
	}
	return 4
}

func (p *printer) raw(length int) int {
	p.proto = "raw"
	if p.e {
		p.s("ip: ")
	}
	p.proto = "ipn"
	switch version := p.u8(0) >> 4; version {
	case 4:
		p.ipv4(0, length)
	case 6:
		p.ipv6(0, length)
	default:
		p.f("unknown ip %d", version)
	}
	return 0
}
