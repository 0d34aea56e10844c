package reassembly

import "github.com/wstap/wstap/decode"

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
	return p.UDP && off&a.portKind(p) != 0
}
