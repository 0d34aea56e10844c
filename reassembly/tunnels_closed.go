package reassembly

import (
	"slices"

	"github.com/wstap/wstap/decode"
)

const (
	protoESP = 50 // RFC 4303
	quicPort = 443
)

// other counts a packet that leads to no connection, and what may be the reason.
func (a *Assembler) other(p *decode.Packet) {
	a.stats.Other++
	switch {
	case p.Proto == protoESP:
		a.stats.ESP++
	case p.UDP && (p.SrcPort == quicPort || p.DstPort == quicPort):
		a.stats.QUIC++
	case a.closed(p):
		a.stats.Tunneled++
	}
}

// closed says that a packet is in a tunnel that is not looked into.
func (a *Assembler) closed(p *decode.Packet) bool {
	off := tunnelOf(p.Proto) &^ a.cfg.Tunnels
	if off == 0 || p.Proto != decode.ProtoUDP {
		return off != 0
	}
	if !p.UDP {
		return false
	}
	either := func(port uint16) bool { return p.DstPort == port || p.SrcPort == port }
	return off&VXLAN != 0 && (slices.Contains(a.cfg.VXLANPorts, p.DstPort) || p.DstPort == gpePort) ||
		off&Geneve != 0 && p.DstPort == genevePort || off&MPLS != 0 && p.DstPort == mplsPort ||
		off&GTP != 0 && either(gtpPort) || off&L2TP != 0 && either(l2tpPort) || off&TZSP != 0 && p.DstPort == tzspPort
}
