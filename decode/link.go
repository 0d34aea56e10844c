package decode

import "encoding/binary"

const (
	ethernetLen = 14
	sllLen      = 16
	sll2Len     = 20
)

// maxLayers is how many link layers and shims are read in one frame, so that
// none of a hostile one costs more than others.
const maxLayers = 16

// link reads the link layer whose header begins at off. It is reached again
// where one link type carries another.
func (p *Packet) link(l LinkType, off, wire int) error {
	data := p.Data
	be := binary.BigEndian
	switch l {
	case LinkEthernet:
		err := p.ethernet(off, wire)
		if err == nil && p.IPVersion != 0 {
			return nil
		}
		return p.guess(off, wire, err)
	case LinkSLL:
		if len(data) < off+sllLen {
			return p.network(len(data), wire, ErrTruncated)
		}
		return p.cooked(be.Uint16(data[off+2:]), be.Uint16(data[off+14:]), off+sllLen, wire)
	case LinkSLL2:
		if len(data) < off+sll2Len {
			return p.network(len(data), wire, ErrTruncated)
		}
		return p.cooked(be.Uint16(data[off+8:]), be.Uint16(data[off:]), off+sll2Len, wire)
	case LinkNull, LinkLoop:
		return p.family(off, 4, wire)
	case LinkENC:
		return p.family(off, 12, wire)
	case LinkRaw, linkRaw12, linkRaw14:
		return p.version(off, wire)
	case LinkIPv4:
		return p.known(EtherTypeIPv4, off, wire)
	case LinkIPv6:
		return p.known(EtherTypeIPv6, off, wire)
	case LinkPPP, LinkPPPSerial:
		return p.serial(off, wire)
	case LinkPPPoE:
		return p.pppoe(off, wire)
	case LinkPPPPPPD:
		return p.pppd(off, wire)
	case LinkPPPDir:
		return p.serial(off+1, wire)
	case LinkHDLC:
		return p.hdlc(off, wire)
	case LinkHDLCDir:
		return p.hdlc(off+1, wire)
	case LinkFrameRelay:
		return p.frameRelay(off, wire)
	case LinkFrameDir:
		return p.frameRelay(off+1, wire)
	case LinkDot11:
		return p.dot11(off, wire, false)
	case LinkRadiotap:
		return p.radiotap(off, wire)
	case LinkPrism, LinkAVS:
		return p.prism(off, wire)
	case LinkPPI:
		return p.ppi(off, wire)
	}
	return p.rareLink(l, off, wire)
}

// within is link for what stands inside of another link type.
func (p *Packet) within(l LinkType, off, wire int) error {
	if !p.deeper() {
		return p.network(off, wire, ErrMalformed)
	}
	p.layer, p.base = l, int32(off)
	return p.link(l, off, wire)
}

// deeper counts a layer. It returns false if there are too many.
func (p *Packet) deeper() bool {
	p.layers++
	return p.layers <= maxLayers
}

// has reports whether the bytes before end were captured.
func (p *Packet) has(end int) bool { return len(p.Data) >= end }

// cooked goes on after a Linux cooked header, whose protocol field depends on
// the device's ARPHRD_ type
// (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html).
func (p *Packet) cooked(arphrd, proto uint16, off, wire int) error {
	switch arphrd {
	case ARPHRDNetlink:
		return p.network(off, wire, nil)
	case ARPHRDFRAD:
		return p.within(LinkFrameRelay, off, wire)
	case ARPHRDDot11:
		return p.within(LinkDot11, off, wire)
	case ARPHRDPrism:
		return p.within(LinkPrism, off, wire)
	case ARPHRDRadiotap:
		return p.within(LinkRadiotap, off, wire)
	}
	const llc = 4 // the cooked headers' word for 802.2
	if proto > MaxLength8023 {
		return p.ether(proto, off, wire)
	}
	p.EtherType = proto
	if proto == llc {
		return p.llc(off, wire, 0)
	}
	return p.network(off, wire, nil)
}

// family goes on after a header of n bytes that begins with an address family,
// in a byte order that is not known: families are small numbers.
func (p *Packet) family(off, n, wire int) error {
	if !p.has(off + n) {
		return p.network(len(p.Data), wire, ErrTruncated)
	}
	f := binary.BigEndian.Uint32(p.Data[off:])
	if f > 0xffff {
		f = binary.LittleEndian.Uint32(p.Data[off:])
	}
	switch f {
	case 2:
		return p.known(EtherTypeIPv4, off+n, wire)
	case 10, 23, 24, 26, 28, 30: // Linux, Windows, NetBSD and OpenBSD, Solaris, FreeBSD, Darwin
		return p.known(EtherTypeIPv6, off+n, wire)
	}
	if f > MaxLength8023 && f <= 0xffff { // an EtherType, as some writers have it
		return p.ether(uint16(f), off+n, wire)
	}
	return p.network(off+n, wire, nil)
}

// known goes on with a packet of IPv4 or IPv6, as its EtherType says.
func (p *Packet) known(t uint16, off, wire int) error {
	if off > len(p.Data) {
		return p.network(off, wire, ErrTruncated)
	}
	if p.EtherType == 0 {
		p.EtherType = t
	}
	if t == EtherTypeIPv4 {
		return p.ipv4(off, wire)
	}
	return p.ipv6(off, wire)
}

// version goes on with a packet of IP whose version tells its kind.
func (p *Packet) version(off, wire int) error {
	if !p.has(off + 1) {
		return p.network(off, wire, ErrTruncated)
	}
	switch p.Data[off] >> 4 {
	case 4:
		return p.known(EtherTypeIPv4, off, wire)
	case 6:
		return p.known(EtherTypeIPv6, off, wire)
	}
	return p.network(off, wire, ErrMalformed)
}

// addresses notes where the hardware addresses are, of n bytes each.
func (p *Packet) addresses(dst, src, n int) {
	p.hwDst, p.hwSrc, p.hwLen = int32(dst), int32(src), uint8(n)
}

// end takes what is behind an offset off Data, of a frame of wire bytes, where
// more than one packet or something else follows. The caller puts whole back.
func (p *Packet) end(at, wire int) (whole []byte, left int) {
	whole, left = p.Data, min(at, wire)
	p.Data = p.Data[:min(left, len(p.Data))]
	return whole, left
}
