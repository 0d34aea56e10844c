package packetgen

import (
	"encoding/binary"

	"github.com/wstap/wstap/decode"
)

// A Wrap is a way in which real captures carry IP packets.
type Wrap struct {
	Name string // what is special
	Link decode.LinkType
	// Frame puts a packet of an EtherType, sent by the client or not, into a frame.
	Frame func(etherType uint16, client bool, packet []byte) []byte
	// IPv4 says that there is no way to carry IPv6.
	IPv4 bool
}

// On returns the frame of a segment.
func (w *Wrap) On(t TCP, client bool) []byte {
	t.Link = &Link{Type: decode.LinkRaw}
	return w.Frame(EtherTypeOf(t.Src.Addr()), client, t.Frame())
}

// cat joins pieces: bytes, uint8 and uint16 in network byte order.
func cat(pieces ...any) []byte {
	var b []byte
	for _, p := range pieces {
		switch p := p.(type) {
		case []byte:
			b = append(b, p...)
		case string:
			b = append(b, p...)
		case int:
			b = append(b, byte(p))
		case uint16:
			b = binary.BigEndian.AppendUint16(b, p)
		default:
			panic("packetgen: no piece of a frame")
		}
	}
	return b
}

func zeros(n int) []byte { return make([]byte, n) }

var (
	macClient = []byte{2, 0, 0, 0, 0, 1}
	macServer = []byte{2, 0, 0, 0, 0, 2}
	macRelay  = []byte{2, 0, 0, 0, 0, 9}
)

// macs are the addresses of an Ethernet frame.
func macs(client bool) []byte {
	if client {
		return cat(macServer, macClient)
	}
	return cat(macClient, macServer)
}

// eth is a plain Ethernet frame.
func eth(t uint16, client bool, b []byte) []byte { return cat(macs(client), t, b) }

// snap puts headers of 802.2 and SNAP before a packet.
func snap(t uint16, b []byte) []byte { return cat(0xaa, 0xaa, 3, 0, 0, 0, t, b) }

// nlpid is the network layer protocol identifier of a packet.
func nlpid(t uint16) int {
	if t == decode.EtherTypeIPv6 {
		return 0x8e
	}
	return 0xcc
}

// ppp is the protocol field of PPP.
func ppp(t uint16) uint16 {
	switch t {
	case decode.EtherTypeIPv6:
		return 0x57
	case decode.EtherTypeMPLS:
		return 0x281
	}
	return 0x21
}

// Wraps returns the ways that this package knows, links and shims in many forms.
func Wraps() []Wrap {
	var all []Wrap
	for _, list := range [][]Wrap{ethernets(), pointToPoint(), wireless(), captured(), lans()} {
		all = append(all, list...)
	}
	return all
}

// ethernets are shims on Ethernet.
func ethernets() []Wrap {
	type shim = func(t uint16, client bool, b []byte) (uint16, []byte)
	tag := func(tpid uint16, tci uint16) shim {
		return func(t uint16, _ bool, b []byte) (uint16, []byte) { return tpid, cat(tci, t, b) }
	}
	fixed := func(ethertype uint16, body ...any) shim {
		return func(t uint16, _ bool, b []byte) (uint16, []byte) { return ethertype, cat(cat(body...), t, b) }
	}
	hsr := func(t uint16, _ bool, b []byte) (uint16, []byte) {
		return 0x892f, cat(uint16(0x1000|len(b)+6), uint16(77), t, b)
	}
	macsec := func(tci int, sci ...any) shim {
		return func(t uint16, _ bool, b []byte) (uint16, []byte) {
			short := 0
			if len(b)+2 < 48 {
				short = len(b) + 2
			}
			return 0x88e5, cat(tci, short, 0, 0, 0, 9, cat(sci...), t, b, "integrity-check-")
		}
	}
	nsh := func(md, n int, frames bool) shim {
		return func(t uint16, client bool, b []byte) (uint16, []byte) {
			next := 1
			if t == decode.EtherTypeIPv6 {
				next = 2
			}
			if frames {
				next, b = 3, eth(t, client, b)
			}
			return 0x894f, cat(0x0f, 0xc0|n, md, next, zeros(n*4-4), b)
		}
	}
	trill := func(options int) shim {
		return func(t uint16, client bool, b []byte) (uint16, []byte) {
			return 0x22f3, cat(0, options<<6|0x3f, 0, 1, 0, 2, zeros(4*options), eth(0x8100, client, cat(uint16(1), t, b)))
		}
	}
	mpls := func(labels int, control []byte, frames bool) shim {
		return func(t uint16, client bool, b []byte) (uint16, []byte) {
			stack := cat(control)
			for i := range labels {
				bottom := 0
				if i == 0 {
					bottom = 1
				}
				stack = cat(0, i+16, i<<4|bottom, 64, stack)
			}
			if frames {
				b = eth(t, client, b)
			}
			return 0x8847, cat(stack, b)
		}
	}
	pppoe := func(protocol func(uint16) []byte) shim {
		return func(t uint16, _ bool, b []byte) (uint16, []byte) {
			b = cat(protocol(t), b)
			return 0x8864, cat(0x11, 0, 0, 1, uint16(len(b)), b)
		}
	}
	pbb := func(t uint16, client bool, b []byte) (uint16, []byte) {
		return 0x88e7, cat(0, 0, 0x10, 1, macs(client), t, b)
	}
	snapped := func(t uint16, _ bool, b []byte) (uint16, []byte) {
		b = snap(t, b)
		return uint16(min(len(b), 1500)), b
	}
	jumbo := func(t uint16, _ bool, b []byte) (uint16, []byte) { return 0x8870, snap(t, b) }
	frame := func(t uint16, client bool, b []byte) (uint16, []byte) { return 0x6558, eth(t, client, b) }
	fabric := func(t uint16, client bool, b []byte) (uint16, []byte) { return 0x8903, cat(0, 0x60, eth(t, client, b)) }

	cmd := fixed(0x8909, 1, 1, 0, 1, 0, 5)
	vn, e := fixed(0x8926, 0x40, 1, 0, 2), fixed(0x893f, 0xe0, 0, 0, 1, 0, 0)
	vlan, service := tag(0x8100, 7), tag(0x88a8, 0x2008)
	with := func(name string, shims ...shim) Wrap { // the outermost first
		return Wrap{Name: name, Link: decode.LinkEthernet, Frame: func(t uint16, client bool, b []byte) []byte {
			for i := len(shims) - 1; i >= 0; i-- {
				t, b = shims[i](t, client, b)
			}
			return eth(t, client, b)
		}}
	}
	trailed := func(name string, trailer []byte, shims ...shim) Wrap {
		w := with(name, shims...)
		frame := w.Frame
		w.Frame = func(t uint16, client bool, b []byte) []byte { return cat(frame(t, client, b), trailer) }
		return w
	}
	return []Wrap{
		with("Ethernet"),
		with("VLAN", vlan),
		with("802.1ad and VLAN", service, vlan),
		with("9100, 9200, VLAN", tag(0x9100, 1), tag(0x9200, 2), vlan),
		with("priority tag", tag(0x8100, 0xa000)),
		with("CMD", cmd),
		with("VLAN, CMD", vlan, cmd),
		with("CMD, VLAN", cmd, vlan),
		with("802.1ad, VLAN, CMD", service, vlan, cmd),
		with("VN-Tag", vn),
		with("VN-Tag, VLAN", vn, vlan),
		with("VLAN, VN-Tag", vlan, vn),
		with("E-Tag", e),
		with("E-Tag, VLAN", e, vlan),
		with("802.1ad, E-Tag, VLAN", service, e, vlan),
		with("HSR", hsr),
		with("HSR, VLAN", hsr, vlan),
		with("VLAN, HSR", vlan, hsr),
		trailed("PRP trailer", cat(uint16(5), uint16(0xa034), uint16(0x88fb))),
		trailed("PRP trailer, VLAN", cat(uint16(5), uint16(0xb034), uint16(0x88fb)), vlan),
		trailed("frame check sequence", zeros(4)),
		with("R-Tag", fixed(0xf1c1, 0, 0, 0, 9)),
		with("VLAN, R-Tag", vlan, fixed(0xf1c1, 0, 0, 0, 9)),
		with("PBB", pbb),
		with("PBB behind 802.1ad, VLAN inside", tag(0x88a8, 9), pbb, vlan),
		with("PBB with 802.1ad and VLAN inside", pbb, service, vlan),
		with("PBB with SNAP inside", pbb, snapped),
		with("NSH, fixed context", nsh(1, 6, false)),
		with("NSH without context, frame inside", nsh(2, 2, true)),
		with("VLAN, NSH", vlan, nsh(2, 4, false)),
		with("TRILL", trill(0)),
		with("TRILL with options, behind VLAN", vlan, trill(2)),
		with("MACsec", macsec(0)),
		with("MACsec with SCI", macsec(0x20, macClient, 0, 1)),
		with("MACsec, VLAN inside", macsec(0x20, macClient, 0, 1), vlan),
		with("VLAN, MACsec", vlan, macsec(0)),
		with("Arista, 64 bits", fixed(0xd28b, 0, 1, 0, 0x10, zeros(8))),
		with("Arista, 48 bits, UTC", fixed(0xd28b, 0, 1, 1, 0x20, zeros(6))),
		with("Arista of R3, VLAN", fixed(0xd28b, 0, 1, 1, 0x11, zeros(8)), vlan),
		with("EDSA", fixed(0xdada, 0, 0, 0x40, 0, 0, 0)),
		with("MPLS", mpls(1, nil, false)),
		with("MPLS, three labels", mpls(3, nil, false)),
		with("MPLS, a pseudowire with control word", mpls(2, zeros(4), true)),
		with("MPLS, a pseudowire without", mpls(1, nil, true)),
		with("MPLS, a pseudowire with VLAN inside", mpls(1, cat(0, 0, 0, 9), true), vlan),
		with("VLAN, MPLS", vlan, mpls(1, nil, false)),
		with("PPPoE", pppoe(func(t uint16) []byte { return cat(ppp(t)) })),
		with("PPPoE, compressed protocol", pppoe(func(t uint16) []byte { return cat(ppp(t))[1:] })),
		with("802.1ad, VLAN, PPPoE", service, vlan, pppoe(func(t uint16) []byte { return cat(ppp(t)) })),
		with("SNAP", snapped),
		with("VLAN, SNAP", vlan, snapped),
		with("SNAP, VLAN", snapped, vlan),
		with("jumbo SNAP", jumbo),
		with("a frame in a frame", frame),
		with("FabricPath", fabric),
		with("CMD, E-Tag, HSR, 802.1ad, VLAN, MPLS", cmd, e, hsr, service, vlan, mpls(2, nil, false)),
		{Name: "bare IP called Ethernet", Link: decode.LinkEthernet, Frame: func(_ uint16, _ bool, b []byte) []byte { return b }},
		{Name: "bare IP called Ethernet, padded", Link: decode.LinkEthernet, Frame: func(_ uint16, _ bool, b []byte) []byte {
			return cat(b, zeros(max(0, 60-len(b))))
		}},
		{Name: "DSA tag", Link: decode.LinkDSA, Frame: func(t uint16, client bool, b []byte) []byte { return cat(macs(client), 0xc0, 0, 0, 0, t, b) }},
		{Name: "DSA tag with EtherType", Link: decode.LinkEDSA, Frame: func(t uint16, client bool, b []byte) []byte {
			return cat(macs(client), uint16(0xdada), 0, 0, 0xc0, 0, 0, 0, t, b)
		}},
		{Name: "Broadcom's tag", Link: decode.LinkDSABroadcom, Frame: func(t uint16, client bool, b []byte) []byte { return cat(macs(client), 0, 0, 0, 1, t, b) }},
		{Name: "Broadcom's tag before", Link: decode.LinkDSAPrepended, Frame: func(t uint16, client bool, b []byte) []byte { return cat(0, 0, 0, 1, eth(t, client, b)) }},
		{Name: "netANALYZER", Link: decode.LinkNetAnalyzer, Frame: func(t uint16, client bool, b []byte) []byte {
			return cat(1, 4, 0, 0, eth(t, client, b), zeros(4))
		}},
		{Name: "mPacket", Link: decode.LinkMPacket, Frame: func(t uint16, client bool, b []byte) []byte {
			return cat("UUUUUUU", 0xd5, eth(t, client, b), zeros(4))
		}},
	}
}

// pointToPoint are PPP, HDLC and frame relay in their forms.
func pointToPoint() []Wrap {
	plain := func(t uint16, _ bool, b []byte) []byte { return cat(ppp(t), b) }
	framed := func(t uint16, _ bool, b []byte) []byte { return cat(0xff, 3, ppp(t), b) }
	short := func(t uint16, _ bool, b []byte) []byte { return cat(cat(ppp(t))[1:], b) }
	hdlc := func(address int) func(uint16, bool, []byte) []byte {
		return func(t uint16, _ bool, b []byte) []byte { return cat(address, 0, t, b) }
	}
	dir := func(f func(uint16, bool, []byte) []byte) func(uint16, bool, []byte) []byte {
		return func(t uint16, client bool, b []byte) []byte {
			d := 0
			if client {
				d = 1
			}
			return cat(d, f(t, client, b))
		}
	}
	labelled := func(_ uint16, _ bool, b []byte) []byte {
		return cat(0xff, 3, ppp(decode.EtherTypeMPLS), 0, 1, 1, 64, b)
	}
	multilink := func(number ...any) func(uint16, bool, []byte) []byte {
		return func(t uint16, _ bool, b []byte) []byte { return cat(0xff, 3, 0, 0x3d, cat(number...), ppp(t), b) }
	}
	bridged := func(t uint16, client bool, b []byte) []byte {
		return cat(0xff, 3, 0, 0x31, 0, 1, eth(t, client, b))
	}
	q922 := []byte{0x18, 0x41}
	rfc2427 := func(address []byte, pad []byte) func(uint16, bool, []byte) []byte {
		return func(t uint16, _ bool, b []byte) []byte { return cat(address, 3, pad, nlpid(t), b) }
	}
	cisco := func(t uint16, _ bool, b []byte) []byte { return cat(q922, t, b) }
	frSNAP := func(t uint16, _ bool, b []byte) []byte { return cat(q922, 3, 0, 0x80, 0, 0, 0, t, b) }
	frBridged := func(t uint16, client bool, b []byte) []byte {
		return cat(q922, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7, eth(t, client, b))
	}
	frPPP := func(t uint16, _ bool, b []byte) []byte { return cat(q922, 3, 0xcf, ppp(t), b) }
	session := func(t uint16, _ bool, b []byte) []byte {
		return cat(0x11, 0, 0, 1, uint16(len(b)+2), ppp(t), b)
	}
	return []Wrap{
		{Name: "PPP", Link: decode.LinkPPP, Frame: plain},
		{Name: "PPP, framed", Link: decode.LinkPPP, Frame: framed},
		{Name: "PPP, compressed protocol", Link: decode.LinkPPP, Frame: short},
		{Name: "PPP, MPLS", Link: decode.LinkPPP, Frame: labelled},
		{Name: "PPP, multilink, long number", Link: decode.LinkPPP, Frame: multilink(0xc0, 0, 0, 9)},
		{Name: "PPP, multilink, short number", Link: decode.LinkPPP, Frame: multilink(0xc0, 9)},
		{Name: "PPP, bridged", Link: decode.LinkPPP, Frame: bridged},
		{Name: "serial PPP", Link: decode.LinkPPPSerial, Frame: framed},
		{Name: "serial PPP, not framed", Link: decode.LinkPPPSerial, Frame: plain},
		{Name: "serial, Cisco's", Link: decode.LinkPPPSerial, Frame: hdlc(0x0f)},
		{Name: "PPPoE sessions", Link: decode.LinkPPPoE, Frame: session},
		{Name: "pppd", Link: decode.LinkPPPPPPD, Frame: func(t uint16, client bool, b []byte) []byte {
			f := framed(t, client, b)
			f[0] = 0
			if client {
				f[0] = 1
			}
			return f
		}},
		{Name: "PPP with direction", Link: decode.LinkPPPDir, Frame: dir(plain)},
		{Name: "PPP with direction, framed", Link: decode.LinkPPPDir, Frame: dir(framed)},
		{Name: "HDLC", Link: decode.LinkHDLC, Frame: hdlc(0x0f)},
		{Name: "HDLC, broadcast", Link: decode.LinkHDLC, Frame: hdlc(0x8f)},
		{Name: "HDLC with direction", Link: decode.LinkHDLCDir, Frame: dir(hdlc(0x0f))},
		{Name: "HDLC, MPLS", Link: decode.LinkHDLC, Frame: func(_ uint16, client bool, b []byte) []byte {
			return hdlc(0x0f)(decode.EtherTypeMPLS, client, cat(0, 1, 1, 64, b))
		}},
		{Name: "frame relay", Link: decode.LinkFrameRelay, Frame: rfc2427(q922, nil)},
		{Name: "frame relay, padded", Link: decode.LinkFrameRelay, Frame: rfc2427(q922, []byte{0})},
		{Name: "frame relay, address of four bytes", Link: decode.LinkFrameRelay, Frame: rfc2427([]byte{0x18, 0x40, 0x10, 0x03}, nil)},
		{Name: "frame relay, Cisco's", Link: decode.LinkFrameRelay, Frame: cisco},
		{Name: "frame relay, SNAP", Link: decode.LinkFrameRelay, Frame: frSNAP},
		{Name: "frame relay, bridged", Link: decode.LinkFrameRelay, Frame: frBridged},
		{Name: "frame relay, PPP", Link: decode.LinkFrameRelay, Frame: frPPP},
		{Name: "frame relay with direction", Link: decode.LinkFrameDir, Frame: dir(rfc2427(q922, nil))},
	}
}
