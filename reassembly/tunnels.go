package reassembly

import (
	"slices"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/flowhash"
)

// Tunnels is a set of the encapsulations that an Assembler looks into.
type Tunnels uint16

// The encapsulations.
const (
	VXLAN   Tunnels = 1 << iota // RFC 7348, with GBP or GPE, over UDP
	Geneve                      // RFC 8926, over UDP
	GRE                         // RFC 2784, RFC 2890 with IP, Ethernet, PPP, MPLS, NSH, WCCP or ERSPAN I to III inside; RFC 2637 (PPTP); RFC 8086, over UDP
	IPIP                        // RFC 2003, RFC 2473, RFC 4213: IP in IP, of any version in any; RFC 4380 (Teredo)
	MPLS                        // RFC 7510, over UDP; RFC 4023, over IP
	GTP                         // 3GPP TS 29.281: GTP-U, over UDP
	L2TP                        // RFC 2661, over UDP; RFC 3931, over UDP and IP
	EtherIP                     // RFC 3378; also Ethernet in IP (RFC 8986)
	TZSP                        // TaZmen Sniffer Protocol, over UDP
	GUE                         // generic UDP encapsulation (draft-ietf-intarea-gue)
	LISP                        // RFC 9300, over UDP
	CAPWAP                      // RFC 5415, over UDP: data that DTLS does not protect
	AnyPort                     // those over UDP on ports of a mirror's own choice, where the form leaves no doubt

	AllTunnels = VXLAN | Geneve | GRE | IPIP | MPLS | GTP | L2TP | EtherIP | TZSP | GUE | LISP | CAPWAP | AnyPort
)

// overUDP are those that UDP carries.
const overUDP = VXLAN | Geneve | GRE | IPIP | MPLS | GTP | L2TP | TZSP | GUE | LISP | CAPWAP

// maxDepth is how many layers of tunnels and fragments are looked through.
const maxDepth = 4

// An encapsulation is what a tunnel's headers say: what is inside, and from where on.
type encapsulation struct {
	kind Tunnels
	link decode.LinkType // of what is inside
	n    int             // length of the headers
	id   uint32          // of the network inside
	// ends: the network is one of the two ends of the tunnel, as they number
	// each direction by itself or not at all.
	ends bool
}

// packet takes a packet that is depth layers deep.
func (a *Assembler) packet(p *decode.Packet, space uint32, depth int) {
	switch {
	case p.IPVersion == 0:
		a.stats.Other++
	case p.Fragment:
		if a.wantsFragment(p.Proto) {
			a.fragment(p, space, depth)
		} else {
			a.other(p)
		}
	case p.TCP:
		a.look(p, space, &a.one)
		a.segment(p, &a.one)
	case a.cfg.Tunnels == 0 || depth >= maxDepth || !a.tunnel(p, space, depth):
		a.other(p)
	}
}

// tunnelOf returns the tunnels that IP carries under a protocol number.
func tunnelOf(proto uint8) Tunnels {
	switch proto {
	case decode.ProtoUDP:
		return overUDP
	case decode.ProtoGRE:
		return GRE
	case decode.ProtoIPv4, decode.ProtoIPv6:
		return IPIP
	case protoMPLS:
		return MPLS
	case protoL2TP:
		return L2TP
	case protoEtherIP, protoEthernet:
		return EtherIP
	}
	return 0
}

// wantsFragment says whether what is in a fragment may be of use.
func (a *Assembler) wantsFragment(proto uint8) bool {
	switch proto {
	case decode.ProtoTCP, decode.ProtoHopByHop, decode.ProtoRouting, decode.ProtoDestination, decode.ProtoAH:
		return true
	}
	return a.cfg.Tunnels&tunnelOf(proto) != 0
}

// tunnel takes what is inside of p. It returns false if p is no tunnel.
func (a *Assembler) tunnel(p *decode.Packet, space uint32, depth int) bool {
	kind := a.cfg.Tunnels & tunnelOf(p.Proto)
	if kind == 0 {
		return false
	}
	t := tunnel{b: p.Payload, wire: p.PayloadLen, inner: &a.inner[depth]}
	var ok bool
	switch p.Proto {
	case decode.ProtoUDP:
		ok = p.UDP && (a.byPort(&t, p) || a.cfg.Tunnels&AnyPort != 0 && t.byForm(kind))
	case decode.ProtoGRE:
		ok = t.gre()
	case decode.ProtoIPv4:
		ok = t.is(IPIP, decode.LinkIPv4, 0)
	case decode.ProtoIPv6:
		ok = t.is(IPIP, decode.LinkIPv6, 0)
	case protoMPLS:
		ok = t.mpls(0) && t.of(MPLS)
	case protoL2TP:
		ok = t.l2tp3(0)
	case protoEtherIP:
		ok = t.etherIP()
	case protoEthernet:
		ok = t.is(EtherIP, decode.LinkEthernet, 0)
	}
	if !ok || len(t.b) < t.n {
		return false
	}
	t.inner.DecodeCut(t.link, t.b[t.n:], t.wire-t.n)
	if p.UDP && !t.sound() {
		return false
	}
	a.packet(t.inner, a.spaceOf(p, space, &t.encapsulation), depth+1)
	return true
}

// portKind returns the one of the tunnels over UDP that has the ports of a
// datagram, or 0.
func (a *Assembler) portKind(p *decode.Packet) Tunnels {
	either := func(port uint16) bool { return p.DstPort == port || p.SrcPort == port }
	switch {
	case slices.Contains(a.cfg.VXLANPorts, p.DstPort), p.DstPort == gpePort:
		return VXLAN
	case p.DstPort == genevePort:
		return Geneve
	case p.DstPort == mplsPort:
		return MPLS
	case either(gtpPort):
		return GTP
	case either(l2tpPort):
		return L2TP
	case p.DstPort == tzspPort:
		return TZSP
	case p.DstPort == guePort:
		return GUE
	case p.DstPort == greUDPPort:
		return GRE
	case either(teredoPort):
		return IPIP
	case p.DstPort == lispPort:
		return LISP
	case either(capwapPort):
		return CAPWAP
	}
	return 0
}

// byPort reads the tunnel that has the ports of a UDP datagram.
func (a *Assembler) byPort(t *tunnel, p *decode.Packet) bool {
	switch a.portKind(p) & a.cfg.Tunnels {
	case VXLAN:
		return t.vxlan()
	case Geneve:
		return t.geneve()
	case MPLS:
		return t.mpls(0) && t.of(MPLS)
	case GTP:
		return t.gtp()
	case L2TP:
		return t.l2tp()
	case TZSP:
		return t.tzsp()
	case GUE:
		return t.gue()
	case GRE:
		return t.gre()
	case IPIP:
		return t.teredo()
	case LISP:
		return t.lisp()
	case CAPWAP:
		return t.capwap()
	}
	return false
}

// spaceOf names the address space inside of a tunnel, the same for both
// directions: that of the VXLAN or Geneve network, or of the pair of ends (and
// the key) of GRE and the like. It is a keyed hash, so that no table grows.
func (a *Assembler) spaceOf(p *decode.Packet, outer uint32, t *encapsulation) uint32 {
	h := uint64(outer)
	if t.ends {
		h = uint64(flowhash.Mix(h^sum(addressOf(p.Src().Addr()), &a.seed)+sum(addressOf(p.Dst().Addr()), &a.seed), a.seed[3]))
	}
	h = h<<32 | uint64(t.id)
	return flowhash.Mix(h^a.seed[1], a.seed[2]^uint64(t.kind))>>1 | 1
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
		h = uint64(flowhash.Mix(h^a.seed[0], a.seed[1]^uint64(p.VLAN(i).ID())))
	}
	return uint32(h)>>1 | 1
}
