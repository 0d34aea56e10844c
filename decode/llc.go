package decode

import (
	"bytes"
	"encoding/binary"
)

// 802.2 headers, unnumbered information, by their access points.
var (
	llcSNAP = []byte{0xaa, 0xaa, 3}
	llcIP   = []byte{6, 6, 3}       // RFC 948
	llcOSI  = []byte{0xfe, 0xfe, 3} // a network layer protocol identifier follows
)

const snapLen = 8 // of the headers of 802.2 and SNAP

// llc reads an 802.2 header, perhaps with a SNAP header that names an EtherType
// (RFC 1042). pad is what stands before frames that are bridged.
func (p *Packet) llc(off, wire, pad int) error {
	off = min(off, len(p.Data))
	h := p.Data[off:]
	switch {
	case bytes.HasPrefix(h, llcIP):
		return p.ether(EtherTypeIPv4, off+len(llcIP), wire)
	case bytes.HasPrefix(h, llcSNAP):
		if len(h) < snapLen {
			if wire < off+snapLen {
				return p.network(off, wire, nil)
			}
			return p.network(off, wire, ErrTruncated)
		}
		return p.snap(off+len(llcSNAP), off, wire, pad)
	case bytes.HasPrefix(h, llcOSI):
		return p.nlpid(off+len(llcOSI), off, wire)
	case len(h) < len(llcIP) && wire >= off+len(llcIP) &&
		(bytes.HasPrefix(llcSNAP, h) || bytes.HasPrefix(llcIP, h) || bytes.HasPrefix(llcOSI, h)):
		return p.network(off, wire, ErrTruncated)
	}
	return p.network(off, wire, nil)
}

// snap reads an organization and its protocol, behind a header that began at
// start.
func (p *Packet) snap(off, start, wire, pad int) error {
	const ethernet, tunnel, bridge = 0x000000, 0x0000f8, 0x0080c2 // RFC 1042; IEEE 802.1H; RFC 2427
	if !p.has(off + 5) {
		return p.network(start, wire, ErrTruncated)
	}
	h := p.Data[off:]
	t := binary.BigEndian.Uint16(h[3:])
	switch int(h[0])<<16 | int(h[1])<<8 | int(h[2]) {
	case ethernet, tunnel:
		if t > MaxLength8023 && p.deeper() {
			return p.ether(t, off+5, wire)
		}
	case bridge:
		if t == 1 || t == 7 { // 802.3 with its frame check sequence, and without
			return p.bridged(off+5+pad, wire)
		}
	}
	return p.network(start, wire, nil)
}

// nlpid reads a network layer protocol identifier (ISO/IEC TR 9577) and what it
// names.
func (p *Packet) nlpid(off, start, wire int) error {
	if !p.has(off + 1) {
		return p.network(start, wire, ErrTruncated)
	}
	switch p.Data[off] {
	case 0xcc:
		return p.known(EtherTypeIPv4, off+1, wire)
	case 0x8e:
		return p.known(EtherTypeIPv6, off+1, wire)
	case 0x80:
		return p.snap(off+1, start, wire, 0)
	case 0xcf: // RFC 1973
		return p.ppp(off+1, wire)
	}
	return p.network(start, wire, nil)
}
