package main

import "github.com/wstap/wstap/decode"

var arpOperations = map[uint16]string{
	1: "Request", 2: "Reply", 3: "Reverse Request", 4: "Reverse Reply", 8: "Inverse Request", 9: "Inverse Reply", 10: "NACK Reply",
}

var arpHardware = map[uint16]string{
	1: "Ethernet", 6: "TokenRing", 7: "ArcNet", 15: "FrameRelay", 23: "Strip", 24: "IEEE 1394", 19: "ATM", 32: "InfiniBand",
}

// arp prints an ARP packet (RFC 826).
func (p *printer) arp(off, length int) {
	p.proto = "arp"
	p.bytes(off, 8)
	hardware, proto, op := p.u16(off), p.u16(off+2), p.u16(off+6)
	hardLen, protoLen := int(p.u8(off+4)), int(p.u8(off+5))
	senderHard := off + 8
	senderProto := senderHard + hardLen
	targetHard := senderProto + protoLen
	targetProto := targetHard + hardLen
	if hardware == 19 {
		p.pass("ARP, ATM", length)
		return
	}
	p.bytes(targetProto, protoLen)
	if !p.e {
		p.s("ARP, ")
	}
	strange := proto != decode.EtherTypeIPv4 && proto != 0x1000 || protoLen != 4 || hardLen == 0
	if strange || p.v > 0 {
		p.f("%s (len %d), %s (len %d)", name(arpHardware, hardware, "Unknown Hardware (%d)"), hardLen,
			name(etherTypes, proto, "Unknown Protocol (0x%04x)"), protoLen)
		if p.v == 0 {
			p.f(", length %d", length)
			return
		}
		p.s(", ")
	}
	p.s(name(arpOperations, op, "Unknown (%d)") + " ")
	hard := func(off int) string {
		if hardLen == 0 {
			return "<empty>"
		}
		return p.mac(p.bytes(off, hardLen))
	}
	host := func(off int) string {
		switch {
		case proto != decode.EtherTypeIPv4 && proto != 0x1000:
			return "<wrong proto type>"
		case protoLen != 4:
			return "<wrong len>"
		}
		return p.ip4(off)
	}
	switch op {
	case 1:
		p.f("who-has %s", host(targetProto))
		for _, c := range p.bytes(targetHard, hardLen) {
			if c != 0 {
				p.f(" (%s)", hard(targetHard))
				break
			}
		}
		p.f(" tell %s", host(senderProto))
	case 2:
		p.f("%s is-at %s", host(senderProto), hard(senderHard))
	case 3, 8:
		p.f("who-is %s tell %s", hard(targetHard), hard(senderHard))
	case 4:
		p.f("%s at %s", hard(targetHard), host(targetProto))
	case 9:
		p.f("%s at %s", hard(senderHard), host(senderProto))
	default:
		p.hexASCII("\n\t", off, p.rest(off))
		return
	}
	p.f(", length %d", length)
}
