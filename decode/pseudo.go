package decode

import (
	"bytes"
	"encoding/binary"
)

// rareLink reads the link types that are not in link.
func (p *Packet) rareLink(l LinkType, off, wire int) error {
	switch l {
	case LinkNFLOG:
		return p.nflog(off, wire)
	case LinkPKTAP, LinkPKTAPUser:
		return p.pktap(l, off, wire)
	case LinkPFLog:
		return p.pflog(off, wire)
	case LinkTokenRing:
		return p.tokenRing(off, wire)
	case LinkFDDI:
		return p.fddi(off, wire)
	case LinkATM:
		return p.atm(off, wire)
	case LinkSunATM:
		return p.sunATM(off, wire)
	case LinkIPFC:
		return p.lan(off, 2, 10, 16, wire)
	case LinkFirewire:
		return p.typed(off, 16, wire)
	case LinkIPoIB:
		return p.ipoib(off, wire)
	case LinkInfiniBand:
		return p.infiniBand(off, wire)
	case LinkIPNET:
		return p.version(off+24, wire)
	case LinkJuniperEther:
		return p.juniper(off, wire)
	case LinkERF:
		return p.erf(off, wire)
	case LinkNetAnalyzer:
		return p.within(LinkEthernet, off+4, wire)
	case LinkMPacket:
		return p.mPacket(off, wire)
	case LinkDSABroadcom, LinkDSA:
		return p.tagged(off, 4, wire)
	case LinkEDSA:
		return p.tagged(off, 8, wire)
	case LinkDSAPrepended:
		return p.within(LinkEthernet, off+4, wire)
	}
	return p.network(off, wire, ErrLinkType)
}

// nflog reads a message of Linux's netfilter log: attributes, one of which is the
// packet (https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html).
func (p *Packet) nflog(off, wire int) error {
	const header, attribute = 4, 4
	const packetHeader, payload = 1, 9 // attributes
	if !p.has(off + header) {
		return p.network(off, wire, ErrTruncated)
	}
	if p.Data[off+1] != 0 { // the version
		return p.network(off, wire, ErrMalformed)
	}
	family := p.Data[off]
	var proto uint16
	for off += header; ; {
		if !p.has(off + attribute) {
			if wire < off+attribute {
				return p.network(off, wire, nil) // without a packet
			}
			return p.network(off, wire, ErrTruncated)
		}
		h := p.Data[off:]
		// The order is the logging host's. No type needs a second byte.
		size, kind := int(binary.LittleEndian.Uint16(h)), binary.LittleEndian.Uint16(h[2:])
		if kind > 0xff {
			size, kind = int(binary.BigEndian.Uint16(h)), binary.BigEndian.Uint16(h[2:])
		}
		if size < attribute || off+size > wire {
			return p.network(off, wire, ErrMalformed)
		}
		switch {
		case kind == packetHeader && size >= attribute+2 && p.has(off+attribute+2):
			proto = binary.BigEndian.Uint16(h[attribute:])
		case kind == payload:
			end := off + size
			off += attribute
			whole, left := p.end(end, wire)
			err := p.logged(family, proto, off, left)
			p.Data = whole
			return err
		}
		off += (size + 3) &^ 3
	}
}

// logged reads what netfilter logged of a family, and of a protocol as the
// packet's buffer has it.
func (p *Packet) logged(family uint8, proto uint16, off, wire int) error {
	const inet, inet6 = 2, 10
	switch {
	case family == inet:
		return p.known(EtherTypeIPv4, off, wire)
	case family == inet6:
		return p.known(EtherTypeIPv6, off, wire)
	case proto > MaxLength8023 && p.has(off): // bridges and devices
		return p.ether(proto, off, wire)
	case p.has(off+1) && (p.Data[off]>>4 == 4 || p.Data[off]>>4 == 6):
		return p.version(off, wire)
	}
	return p.network(off, wire, nil)
}

// pktap reads Apple's header of where a packet was seen, which names a link type
// (https://www.tcpdump.org/linktypes.html). Numbers are in the order of the host,
// which has been little endian for long.
func (p *Packet) pktap(l LinkType, off, wire int) error {
	const header, longest, packet = 108, 1 << 10, 1
	if !p.has(off + 12) {
		return p.network(off, wire, ErrTruncated)
	}
	h := p.Data[off:]
	var order binary.ByteOrder = binary.LittleEndian
	if order.Uint32(h) > longest {
		order = binary.BigEndian
	}
	n, link := order.Uint32(h), order.Uint32(h[8:])
	if n < header || n > longest || order.Uint32(h[4:]) != packet {
		if l == LinkPKTAPUser { // somebody else's
			return p.network(off, wire, ErrLinkType)
		}
		return p.network(off, wire, ErrMalformed)
	}
	if !p.has(off + int(n)) {
		return p.network(off, wire, ErrTruncated)
	}
	at := off + int(n)
	inner := LinkType(min(link, 0xffff))
	if inner == linkRaw12 || inner == LinkRaw { // some devices have a header all the same
		before := int(min(order.Uint32(h[44:]), longest))
		if p.has(at+1) && p.Data[at]>>4 != 4 && p.Data[at]>>4 != 6 {
			at += before
		}
	}
	return p.within(inner, at, wire)
}

// pflog reads the header of a packet that OpenBSD's filter logged. It begins
// with its length, without padding, and the address family.
func (p *Packet) pflog(off, wire int) error {
	if !p.has(off + 2) {
		return p.network(off, wire, ErrTruncated)
	}
	n := (int(p.Data[off]) + 3) &^ 3
	if n < 4 {
		return p.network(off, wire, ErrMalformed)
	}
	return p.version(off+n, wire)
}

// lan reads the 802.2 header behind n bytes of another one with two addresses.
func (p *Packet) lan(off, dst, src, n, wire int) error {
	if !p.has(off + n) {
		return p.network(off, wire, ErrTruncated)
	}
	p.addresses(off+dst, off+src, 6)
	return p.llc(off+n, wire, 0)
}

// tokenRing reads the header of IEEE 802.5, perhaps with a route in it.
func (p *Packet) tokenRing(off, wire int) error {
	const header, kinds, data, routed = 14, 0xc0, 0x40, 0x80
	if !p.has(off + header) {
		return p.network(off, wire, ErrTruncated)
	}
	h := p.Data[off:]
	if h[1]&kinds != data {
		return p.network(off, wire, nil)
	}
	n := header
	if h[8]&routed != 0 {
		if !p.has(off + header + 2) {
			return p.network(off, wire, ErrTruncated)
		}
		route := int(h[header] & 0x1f)
		if route < 2 {
			return p.network(off, wire, ErrMalformed)
		}
		n += route
	}
	return p.lan(off, 2, 8, n, wire)
}

// fddi reads the header of FDDI.
func (p *Packet) fddi(off, wire int) error {
	const header, kinds, data = 13, 0x70, 0x50
	if !p.has(off + header) {
		return p.network(off, wire, ErrTruncated)
	}
	if p.Data[off]&kinds != data {
		return p.network(off, wire, nil)
	}
	return p.lan(off, 1, 7, header, wire)
}

// atm reads the payload of an ATM circuit (RFC 2684): LLC, or bare IP where the
// circuit stands for it.
func (p *Packet) atm(off, wire int) error {
	const pad = 2
	if b := p.Data[min(off, len(p.Data)):]; soundIPv4(b) || soundIPv6(b, wire-off) {
		return p.version(off, wire)
	}
	return p.llc(off, wire, pad)
}

// sunATM reads what SunATM devices put before a packet: the kind of traffic, the
// virtual path and the channel.
func (p *Packet) sunATM(off, wire int) error {
	const header, kinds, lane, llc = 4, 0x0f, 1, 2
	if !p.has(off + header) {
		return p.network(off, wire, ErrTruncated)
	}
	switch p.Data[off] & kinds {
	case lane: // LAN emulation: the client's number, then its frame
		return p.within(LinkEthernet, off+header+2, wire)
	case llc, 0:
		return p.atm(off+header, wire)
	}
	return p.network(off+header, wire, nil)
}

// typed goes on behind n bytes and an EtherType.
func (p *Packet) typed(off, n, wire int) error {
	if !p.has(off + n + 2) {
		return p.network(off, wire, ErrTruncated)
	}
	return p.ether(binary.BigEndian.Uint16(p.Data[off+n:]), off+n+2, wire)
}

// ipoib reads the header of IP over InfiniBand (RFC 4391, section 6), behind the
// global route header or the address that some writers have before it.
func (p *Packet) ipoib(off, wire int) error {
	for _, n := range [...]int{0, 20, 40} {
		at := off + n
		if !p.has(at + 5) {
			return p.network(off, wire, ErrTruncated)
		}
		h, v := p.Data[at:], p.Data[at+4]>>4
		switch t := binary.BigEndian.Uint16(h); {
		case h[2] != 0 || h[3] != 0:
		case t == EtherTypeIPv4 && v == 4, t == EtherTypeIPv6 && v == 6, t == EtherTypeARP:
			return p.ether(t, at+4, wire)
		}
	}
	return p.network(off, wire, nil)
}

// infiniBand reads the local and the global route header, the base transport
// header and that of datagrams, behind which is IPoIB.
func (p *Packet) infiniBand(off, wire int) error {
	const local, global, base, datagram = 8, 40, 12, 8
	if !p.has(off + local) {
		return p.network(off, wire, ErrTruncated)
	}
	at := off + local
	switch p.Data[off+1] & 3 { // what follows
	case 2:
	case 3:
		at += global
	default:
		return p.network(off, wire, nil)
	}
	if !p.has(at + 1) {
		return p.network(off, wire, ErrTruncated)
	}
	const sendOnly, connected = 0x64, 0x04 // of unreliable datagrams, and of a connection
	op := p.Data[at]
	at += base
	switch op {
	case sendOnly:
		at += datagram
	case connected:
	default:
		return p.network(off, wire, nil)
	}
	if !p.has(at + 4) {
		return p.network(off, wire, ErrTruncated)
	}
	if p.Data[at+2] != 0 || p.Data[at+3] != 0 {
		return p.network(off, wire, nil)
	}
	return p.ether(binary.BigEndian.Uint16(p.Data[at:]), at+4, wire)
}

// tagged reads an Ethernet frame with n bytes of a switch's tag behind its
// addresses.
func (p *Packet) tagged(off, n, wire int) error {
	if !p.has(off + 12 + n) {
		return p.network(off, wire, ErrTruncated)
	}
	p.addresses(off, off+6, 6)
	return p.typed(off, 12+n, wire)
}

// mPacket reads an Ethernet frame with its preamble, of which the first bytes may
// be missing. Frames in fragments are passed over.
func (p *Packet) mPacket(off, wire int) error {
	const preamble, delimiter = 0x55, 0xd5
	for range 7 {
		if p.has(off+1) && p.Data[off] == preamble {
			off++
		}
	}
	if !p.has(off + 1) {
		return p.network(off, wire, ErrTruncated)
	}
	if p.Data[off] != delimiter {
		return p.network(off, wire, nil)
	}
	return p.within(LinkEthernet, off+1, wire)
}

// juniper reads the header that Juniper's devices put before Ethernet.
func (p *Packet) juniper(off, wire int) error {
	const header, extended, bare = 4, 0x80, 0x02
	if !p.has(off + header + 2) {
		return p.network(off, wire, ErrTruncated)
	}
	h := p.Data[off:]
	if !bytes.HasPrefix(h, []byte("MGC")) {
		return p.network(off, wire, ErrMalformed)
	}
	n := header
	if h[3]&extended != 0 {
		n += 2 + int(binary.BigEndian.Uint16(h[header:]))
	}
	if h[3]&bare != 0 { // no link layer, but a number for the protocol
		return p.version(off+n+4, wire)
	}
	return p.within(LinkEthernet, off+n, wire)
}

// erf reads a record of Endace's format: Ethernet, PPP or IP.
func (p *Packet) erf(off, wire int) error {
	const header, extension, more = 16, 8, 0x80
	if !p.has(off + header) {
		return p.network(off, wire, ErrTruncated)
	}
	kind, at := p.Data[off+8], off+header
	for ext := kind; ext&more != 0; at += extension {
		if !p.has(at + extension) {
			return p.network(off, wire, ErrTruncated)
		}
		ext = p.Data[at]
	}
	switch kind &^ more {
	case 2, 11, 16, 20: // Ethernet, behind an offset and padding
		return p.within(LinkEthernet, at+2, wire)
	case 1, 10, 15, 17, 19:
		return p.within(LinkPPPSerial, at, wire)
	case 22, 23:
		return p.version(at, wire)
	}
	return p.network(off, wire, ErrLinkType)
}
