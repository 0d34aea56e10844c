package decode

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// A LinkType says how a frame begins: a LINKTYPE_ value of the capture file
// formats (https://www.tcpdump.org/linktypes.html).
type LinkType uint16

// The link types that Decode knows.
const (
	LinkNull     LinkType = 0   // BSD loopback, address family in host byte order
	LinkEthernet LinkType = 1   // Ethernet
	LinkRaw      LinkType = 101 // an IPv4 or IPv6 header, told by its version
	LinkLoop     LinkType = 108 // OpenBSD loopback, address family in network byte order
	LinkSLL      LinkType = 113 // Linux cooked capture v1
	LinkIPv4     LinkType = 228 // an IPv4 header
	LinkIPv6     LinkType = 229 // an IPv6 header
	LinkSLL2     LinkType = 276 // Linux cooked capture v2
)

// String returns the type's name as tcpdump prints it, such as "EN10MB".
func (l LinkType) String() string {
	switch l {
	case LinkNull:
		return "NULL"
	case LinkEthernet:
		return "EN10MB"
	case LinkRaw:
		return "RAW"
	case LinkLoop:
		return "LOOP"
	case LinkSLL:
		return "LINUX_SLL"
	case LinkIPv4:
		return "IPV4"
	case LinkIPv6:
		return "IPV6"
	case LinkSLL2:
		return "LINUX_SLL2"
	}
	return "LINKTYPE_" + strconv.Itoa(int(l))
}

// EtherTypes that Decode looks at.
const (
	etherIPv4          = 0x0800
	etherVLAN          = 0x8100
	etherIPv6          = 0x86dd
	etherMPLS          = 0x8847
	etherMPLSMulticast = 0x8848
	etherPPPoE         = 0x8864
	etherQinQ          = 0x88a8
	etherQinQ9100      = 0x9100 // before 802.1ad had its own
	etherQinQ9200      = 0x9200
)

const (
	ethernetLen = 14
	sllLen      = 16
	sll2Len     = 20
	linkRaw12   = 12 // LinkRaw in files of some writers
)

// snap is an 802.2 header for SNAP, with the organization that EtherTypes have.
var snap = []byte{0xaa, 0xaa, 3, 0, 0, 0}

// llcIP is an 802.2 header whose access points are IP's.
var llcIP = []byte{6, 6, 3}

// link reads the link layer's header.
func (p *Packet) link(wire int) error {
	p.EtherType = 0
	data := p.Data
	be := binary.BigEndian
	switch p.Link {
	case LinkEthernet:
		if len(data) < ethernetLen {
			return p.network(len(data), wire, ErrTruncated)
		}
		return p.ether(be.Uint16(data[12:]), ethernetLen, wire)
	case LinkSLL:
		if len(data) < sllLen {
			return p.network(len(data), wire, ErrTruncated)
		}
		return p.cooked(be.Uint16(data[2:]), be.Uint16(data[14:]), sllLen, wire)
	case LinkSLL2:
		if len(data) < sll2Len {
			return p.network(len(data), wire, ErrTruncated)
		}
		return p.cooked(be.Uint16(data[8:]), be.Uint16(data), sll2Len, wire)
	case LinkNull, LinkLoop:
		if len(data) < 4 {
			return p.network(len(data), wire, ErrTruncated)
		}
		// The writer's byte order is not told; families are small numbers.
		family := be.Uint32(data)
		if family > 0xffff {
			family = binary.LittleEndian.Uint32(data)
		}
		switch family {
		case 2:
			p.EtherType = etherIPv4
			return p.ipv4(4, wire)
		case 10, 24, 28, 30: // Linux, NetBSD and OpenBSD, FreeBSD, Darwin
			p.EtherType = etherIPv6
			return p.ipv6(4, wire)
		}
		return p.network(4, wire, nil)
	case LinkRaw, linkRaw12:
		if len(data) == 0 {
			return p.network(0, wire, ErrTruncated)
		}
		switch data[0] >> 4 {
		case 4:
			p.EtherType = etherIPv4
			return p.ipv4(0, wire)
		case 6:
			p.EtherType = etherIPv6
			return p.ipv6(0, wire)
		}
		return p.network(0, wire, ErrMalformed)
	case LinkIPv4:
		p.EtherType = etherIPv4
		return p.ipv4(0, wire)
	case LinkIPv6:
		p.EtherType = etherIPv6
		return p.ipv6(0, wire)
	}
	return p.network(0, wire, ErrLinkType)
}

// cooked goes on after a Linux cooked header, whose protocol field depends on
// the device's ARPHRD_ type
// (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html).
func (p *Packet) cooked(arphrd, proto uint16, off, wire int) error {
	const frad, radiotap, netlink = 770, 803, 824
	switch arphrd {
	case frad, radiotap, netlink:
		return p.network(off, wire, nil)
	}
	return p.ether(proto, off, wire)
}

// ether goes on at off with what an EtherType names.
func (p *Packet) ether(t uint16, off, wire int) error {
	data := p.Data
	for {
		switch t {
		case etherVLAN, etherQinQ, etherQinQ9100, etherQinQ9200:
			p.EtherType = t
			if len(data) < off+4 {
				return p.network(off, wire, ErrTruncated)
			}
			t = binary.BigEndian.Uint16(data[off+2:])
			off += 4
			p.tags++
			continue
		}
		break
	}
	p.EtherType = t
	switch t {
	case etherIPv4:
		return p.ipv4(off, wire)
	case etherIPv6:
		return p.ipv6(off, wire)
	case etherMPLS, etherMPLSMulticast:
		return p.mpls(off, wire)
	case etherPPPoE:
		return p.pppoe(off, wire)
	}
	// A length instead of a type: 802.2, perhaps with a SNAP header that names
	// an EtherType (RFC 1042), or with the access points of IP (RFC 948). 4 is
	// the cooked headers' word for 802.2.
	if t <= 1500 && (p.Link == LinkEthernet || t == 4) {
		switch h := data[off:]; {
		case bytes.HasPrefix(h, llcIP):
			p.EtherType = etherIPv4
			return p.ipv4(off+len(llcIP), wire)
		case len(h) < 8:
			if wire >= off+8 && bytes.HasPrefix(snap, h[:min(len(h), len(snap))]) ||
				wire >= off+len(llcIP) && len(h) < len(llcIP) && bytes.HasPrefix(llcIP, h) {
				return p.network(off, wire, ErrTruncated)
			}
		case bytes.HasPrefix(h, snap):
			switch inner := binary.BigEndian.Uint16(h[6:]); inner {
			case etherIPv4:
				p.EtherType = inner
				return p.ipv4(off+8, wire)
			case etherIPv6:
				p.EtherType = inner
				return p.ipv6(off+8, wire)
			}
		}
	}
	return p.network(off, wire, nil)
}

// mpls skips a label stack (RFC 3032, section 2.1). What is under it is told by
// its first half byte, as routers do (RFC 4928).
func (p *Packet) mpls(off, wire int) error {
	start := off
	for {
		if len(p.Data) < off+4 {
			return p.network(start, wire, ErrTruncated)
		}
		bottom := p.Data[off+2]&1 != 0
		off += 4
		if bottom {
			break
		}
	}
	if off >= len(p.Data) {
		return p.network(start, wire, ErrTruncated)
	}
	switch p.Data[off] >> 4 {
	case 4:
		return p.ipv4(off, wire)
	case 6:
		return p.ipv6(off, wire)
	}
	return p.network(start, wire, nil)
}

// pppoe reads a PPPoE session header (RFC 2516, section 4) and the PPP protocol
// field, which may be compressed to one byte (RFC 1661, section 6.5).
func (p *Packet) pppoe(off, wire int) error {
	data := p.Data
	if len(data) < off+7 {
		return p.network(off, wire, ErrTruncated)
	}
	if data[off] != 0x11 {
		return p.network(off, wire, ErrMalformed)
	}
	start := off
	off += 6
	proto := uint16(data[off])
	off++
	if proto&1 == 0 {
		if len(data) < off+1 {
			return p.network(start, wire, ErrTruncated)
		}
		proto = proto<<8 | uint16(data[off])
		off++
	}
	switch proto {
	case 0x0021:
		return p.ipv4(off, wire)
	case 0x0057:
		return p.ipv6(off, wire)
	}
	return p.network(start, wire, nil)
}
