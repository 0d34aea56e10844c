package reassembly

import (
	"encoding/binary"
	"slices"

	"github.com/wstap/wstap/decode"
)

// Tunnels is a set of the encapsulations that an Assembler looks into.
type Tunnels uint8

// The encapsulations.
const (
	VXLAN  Tunnels = 1 << iota // RFC 7348, over UDP
	Geneve                     // RFC 8926, over UDP
	GRE                        // RFC 2784, RFC 2890, with IP, Ethernet or ERSPAN II inside
	IPIP                       // RFC 2003, RFC 2473, RFC 4213: IP in IP, of any version in any

	AllTunnels = VXLAN | Geneve | GRE | IPIP
)

// maxDepth is how many layers of tunnels and fragments are looked through.
const maxDepth = 4

// packet takes a packet that is depth layers deep.
func (a *Assembler) packet(p *decode.Packet, space uint32, depth int) {
	switch {
	case p.IPVersion == 0:
		a.stats.Other++
	case p.Fragment:
		if a.wantsFragment(p.Proto) {
			a.fragment(p, space, depth)
		} else {
			a.stats.Other++
		}
	case p.TCP:
		a.look(p, space, &a.one)
		a.segment(p, &a.one)
	case a.cfg.Tunnels == 0 || depth >= maxDepth || !a.tunnel(p, space, depth):
		a.stats.Other++
	}
}

// wantsFragment says whether what is in a fragment may be of use.
func (a *Assembler) wantsFragment(proto uint8) bool {
	switch proto {
	case decode.ProtoUDP:
		return a.cfg.Tunnels&(VXLAN|Geneve) != 0
	case decode.ProtoGRE:
		return a.cfg.Tunnels&GRE != 0
	case decode.ProtoIPv4, decode.ProtoIPv6:
		return a.cfg.Tunnels&IPIP != 0
	case decode.ProtoTCP, decode.ProtoHopByHop, decode.ProtoRouting, decode.ProtoDestination, decode.ProtoAH:
		return true
	}
	return false
}

// tunnel takes what is inside of p. It returns false if p is no tunnel.
func (a *Assembler) tunnel(p *decode.Packet, space uint32, depth int) bool {
	b := p.Payload
	var kind Tunnels
	var id uint32
	link := decode.LinkEthernet
	header := 8
	switch {
	case p.UDP && a.cfg.Tunnels&VXLAN != 0 && slices.Contains(a.cfg.VXLANPorts, p.DstPort):
		if len(b) < 8 || b[0]&8 == 0 {
			return false
		}
		kind, id = VXLAN, binary.BigEndian.Uint32(b[4:])>>8
	case p.UDP && a.cfg.Tunnels&Geneve != 0 && p.DstPort == genevePort:
		if len(b) < 8 || b[0]>>6 != 0 {
			return false
		}
		header += int(b[0]&0x3f) * 4
		kind, id = Geneve, binary.BigEndian.Uint32(b[4:])>>8
		var ok bool
		if link, ok = linkOf(binary.BigEndian.Uint16(b[2:])); !ok {
			return false
		}
	case p.Proto == decode.ProtoGRE && a.cfg.Tunnels&GRE != 0:
		var ok bool
		if link, header, id, ok = gre(b); !ok {
			return false
		}
		kind = GRE
	case (p.Proto == decode.ProtoIPv4 || p.Proto == decode.ProtoIPv6) && a.cfg.Tunnels&IPIP != 0:
		kind, header, link = IPIP, 0, decode.LinkIPv4
		if p.Proto == decode.ProtoIPv6 {
			link = decode.LinkIPv6
		}
	default:
		return false
	}
	if len(b) < header {
		return false
	}
	inner := &a.inner[depth]
	inner.DecodeCut(link, b[header:], p.PayloadLen-header)
	a.packet(inner, a.spaceOf(p, space, kind, id), depth+1)
	return true
}

const genevePort = 6081

// linkOf returns the link type for an EtherType inside of GRE or Geneve.
func linkOf(etherType uint16) (decode.LinkType, bool) {
	switch etherType {
	case decode.EtherTypeIPv4:
		return decode.LinkIPv4, true
	case decode.EtherTypeIPv6:
		return decode.LinkIPv6, true
	case decode.EtherTypeTEB:
		return decode.LinkEthernet, true
	}
	return 0, false
}

// gre reads a GRE header: flags C, K and S, version 0.
func gre(b []byte) (link decode.LinkType, n int, key uint32, ok bool) {
	const checksum, keyed, sequence = 0x8000, 0x2000, 0x1000
	if len(b) < 4 {
		return 0, 0, 0, false
	}
	flags, etherType := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	if flags&0x4007 != 0 { // routing (RFC 1701), or another version
		return 0, 0, 0, false
	}
	n = 4
	if flags&checksum != 0 {
		n += 4
	}
	if flags&keyed != 0 {
		if len(b) < n+4 {
			return 0, 0, 0, false
		}
		key = binary.BigEndian.Uint32(b[n:])
		n += 4
	}
	if flags&sequence != 0 {
		n += 4
	}
	const erspan = 0x88be
	if etherType == erspan {
		if flags&sequence != 0 {
			n += 8 // type II has a header of its own
		}
		return decode.LinkEthernet, n, key, true
	}
	link, ok = linkOf(etherType)
	return link, n, key, ok
}

// spaceOf names the address space inside of a tunnel, the same for both
// directions: that of the VXLAN or Geneve network, or of the pair of ends (and
// the key) of GRE and IP in IP. It is a keyed hash, so that no table grows.
func (a *Assembler) spaceOf(p *decode.Packet, outer uint32, kind Tunnels, id uint32) uint32 {
	h := uint64(outer)
	if kind == GRE || kind == IPIP {
		h = uint64(mix(h^sum(addressOf(p.Src().Addr()), &a.seed)+sum(addressOf(p.Dst().Addr()), &a.seed), a.seed[3]))
	}
	h = h<<32 | uint64(id)
	return mix(h^a.seed[1], a.seed[2]^uint64(kind))>>1 | 1
}

// vlanSpace is taggedSpace if VLANs are to be kept apart.
func (a *Assembler) vlanSpace(p *decode.Packet) uint32 {
	if a.cfg.SeparateVLANs {
		return a.taggedSpace(p)
	}
	return 0
}

// taggedSpace names the address space of the VLAN tags of p; 0: no tag.
func (a *Assembler) taggedSpace(p *decode.Packet) uint32 {
	if p.VLANs() == 0 {
		return 0
	}
	h := a.seed[3]
	for i := range p.VLANs() {
		h = uint64(mix(h^a.seed[0], a.seed[1]^uint64(p.VLAN(i).ID())))
	}
	return uint32(h)>>1 | 1
}
