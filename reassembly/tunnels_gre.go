package reassembly

import "github.com/wstap/wstap/decode"

// Flags of a GRE header.
const (
	greChecksum = 0x8000
	greRouting  = 0x4000 // RFC 1701, given up since
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080 // version 1
	greVersion  = 0x0007
)

// gre reads a GRE header (RFC 2784, RFC 2890).
func (t *tunnel) gre() bool {
	if len(t.b) < 4 {
		return false
	}
	flags, etherType := t.u16(0), t.u16(2)
	switch {
	case flags&greVersion == 1:
		return t.pptp(flags, etherType)
	case flags&(greVersion|greRouting) != 0:
		return false
	}
	n := 4
	if flags&greChecksum != 0 {
		n += 4
	}
	if flags&greKey != 0 {
		if len(t.b) < n+4 {
			return false
		}
		t.id = t.u32(n)
		n += 4
	}
	if flags&greSequence != 0 {
		n += 4
	}
	switch etherType {
	case 0x88be, 0x22eb:
		return t.erspan(etherType, n, flags&greSequence != 0)
	case 0x6558:
		// NVGRE (RFC 7637, section 3.2): 24 bits are the network, from 0x1000 on;
		// the others are of a flow, in one direction.
		if network := t.id >> 8; network >= 0x1000 {
			t.id = network
		}
	}
	return t.etherType(GRE, etherType, n)
}

// pptp reads the enhanced GRE header of PPTP (RFC 2637, section 4.1). The key is
// a length and a call, which each end numbers by itself.
func (t *tunnel) pptp(flags, etherType uint16) bool {
	const ppp = 0x880b
	if etherType != ppp || flags&(greChecksum|greRouting|greKey) != greKey || flags&greSequence == 0 || len(t.b) < 8 {
		return false
	}
	n := 12
	if flags&greAck != 0 {
		n += 4
	}
	length := int(t.u16(4))
	if length == 0 || n+length > t.wire {
		return false
	}
	return t.ppp(n) && t.of(GRE)
}

// erspan reads the header of a mirrored frame (draft-foschiano-erspan). Type I
// has none; II and III are told by their version. A mirror's copies are one
// network, whichever switch and session they come from.
func (t *tunnel) erspan(etherType uint16, n int, sequence bool) bool {
	t.id = 0
	if etherType == 0x88be && !sequence {
		return t.is(GRE, decode.LinkEthernet, n) && t.mirror()
	}
	if len(t.b) < n+8 {
		return false
	}
	link := decode.LinkEthernet
	switch t.b[n] >> 4 {
	case 1:
		n += 8
	case 2:
		if len(t.b) < n+12 {
			return false
		}
		const ip = 2
		if t.b[n+10]>>2&0x1f == ip {
			link = decode.LinkRaw
		}
		platform := t.b[n+11]&1 != 0
		n += 12
		if platform {
			n += 8
		}
	default:
		return false
	}
	return t.is(GRE, link, n) && t.mirror()
}

func (t *tunnel) mirror() bool {
	t.ends = false
	return true
}
