package packetgen

import (
	"encoding/binary"

	"github.com/wstap/wstap/decode"
)

// A byteOrder is the one of the host that wrote the capture.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// orders are both byte orders, for headers in the order of the host.
var orders = []struct {
	name  string
	order byteOrder
}{{"little endian", binary.LittleEndian}, {"big endian", binary.BigEndian}}

// captured are headers that a capturing system made, and cooked frames.
func captured() []Wrap {
	list := []Wrap{
		{Name: "raw", Link: decode.LinkRaw, Frame: func(_ uint16, _ bool, b []byte) []byte { return b }},
		{Name: "raw, number of other writers", Link: 12, Frame: func(_ uint16, _ bool, b []byte) []byte { return b }},
		{Name: "raw, number of OpenBSD", Link: 14, Frame: func(_ uint16, _ bool, b []byte) []byte { return b }},
		{Name: "PFLOG of OpenBSD", Link: decode.LinkPFLog, Frame: func(t uint16, _ bool, b []byte) []byte { return cat(100, family8(t, 24), zeros(98), b) }},
		{Name: "PFLOG, a length that is padded", Link: decode.LinkPFLog, Frame: func(t uint16, _ bool, b []byte) []byte { return cat(61, family8(t, 30), zeros(62), b) }},
		{Name: "IPNET", Link: decode.LinkIPNET, Frame: func(t uint16, _ bool, b []byte) []byte {
			return cat(1, family8(t, 26), 0, 0, 0, 0, uint16(len(b)), zeros(16), b)
		}},
		{Name: "Juniper Ethernet", Link: decode.LinkJuniperEther, Frame: func(t uint16, client bool, b []byte) []byte {
			return cat("MGC", 0x81, uint16(6), 1, 1, 0, 6, 1, 0, eth(t, client, b))
		}},
		{Name: "ERF, Ethernet", Link: decode.LinkERF, Frame: func(t uint16, client bool, b []byte) []byte {
			f := eth(t, client, b)
			return cat(zeros(8), 2, 4, uint16(len(f)+18), 0, 0, uint16(len(f)), 0, 0, f)
		}},
		{Name: "ERF with extensions, PPP", Link: decode.LinkERF, Frame: func(t uint16, client bool, b []byte) []byte {
			return cat(zeros(8), 0x81, 4, uint16(len(b)+36), 0, 0, uint16(len(b)), 0x83, zeros(7), 3, zeros(7), 0xff, 3, ppp(t), b)
		}},
	}
	for _, arphrd := range []uint16{1, 512, 772, 65534} {
		list = append(list,
			Wrap{Name: "cooked", Link: decode.LinkSLL, Frame: func(t uint16, _ bool, b []byte) []byte {
				return cat(0, 0, arphrd, uint16(6), macClient, 0, 0, t, b)
			}},
			Wrap{Name: "cooked v2", Link: decode.LinkSLL2, Frame: func(t uint16, _ bool, b []byte) []byte {
				return cat(t, 0, 0, 0, 0, 0, 3, arphrd, 0, 6, macClient, 0, 0, b)
			}})
	}
	list = append(list,
		Wrap{Name: "cooked radiotap", Link: decode.LinkSLL, Frame: func(t uint16, client bool, b []byte) []byte {
			return cat(0, 0, uint16(803), uint16(6), macClient, 0, 0, uint16(4), Radiotap(0, false, (&Dot11{}).Append(nil, client, snap(t, b))))
		}},
		Wrap{Name: "cooked v2, 802.2", Link: decode.LinkSLL2, Frame: func(t uint16, _ bool, b []byte) []byte {
			return cat(uint16(4), 0, 0, 0, 0, 0, 3, uint16(1), 0, 6, macClient, 0, 0, snap(t, b))
		}})
	for _, o := range orders {
		list = append(list, hostOrder(", "+o.name, o.order)...)
	}
	return list
}

// family8 is an address family in a byte; six is AF_INET6.
func family8(t uint16, six int) int {
	if t == decode.EtherTypeIPv6 {
		return six
	}
	return 2
}

// hostOrder are the headers that are in the order of the host.
func hostOrder(name string, order byteOrder) []Wrap {
	family := func(t uint16, six uint32) []byte {
		if t == decode.EtherTypeIPv6 {
			return order.AppendUint32(nil, six)
		}
		return order.AppendUint32(nil, 2)
	}
	attribute := func(kind uint16, b []byte) []byte {
		h := order.AppendUint16(nil, uint16(4+len(b)))
		return pad(cat(order.AppendUint16(h, kind), b), 4, 0)
	}
	nflog := func(families [2]int, before bool) func(t uint16, _ bool, b []byte) []byte {
		return func(t uint16, _ bool, b []byte) []byte {
			f := families[0]
			if t == decode.EtherTypeIPv6 {
				f = families[1]
			}
			m := cat(f, 0, 0, 42)
			if before {
				m = cat(m, attribute(1, cat(t, 3, 0)), attribute(10, []byte("in\x00")), attribute(5, cat(0, 0, 0, 2)))
			}
			m = cat(m, attribute(9, b))
			return cat(m, attribute(12, cat(0, 0, 0, 7)))
		}
	}
	pktap := func(dlt uint32, before uint32, frame func(t uint16, client bool, b []byte) []byte) func(uint16, bool, []byte) []byte {
		return func(t uint16, client bool, b []byte) []byte {
			h := order.AppendUint32(nil, 108)
			h = order.AppendUint32(h, 1)
			h = order.AppendUint32(h, dlt)
			h = cat(h, "en0", zeros(21))
			h = order.AppendUint32(h, 2)
			h = order.AppendUint32(h, 2)
			h = order.AppendUint32(h, before)
			return cat(h, zeros(108-len(h)), frame(t, client, b))
		}
	}
	raw := func(_ uint16, _ bool, b []byte) []byte { return b }
	null := func(t uint16, _ bool, b []byte) []byte { return cat(family(t, 30), b) }
	return []Wrap{
		{Name: "null of Darwin" + name, Link: decode.LinkNull, Frame: null},
		{Name: "null of NetBSD" + name, Link: decode.LinkNull, Frame: func(t uint16, _ bool, b []byte) []byte { return cat(family(t, 24), b) }},
		{Name: "null of FreeBSD" + name, Link: decode.LinkNull, Frame: func(t uint16, _ bool, b []byte) []byte { return cat(family(t, 28), b) }},
		{Name: "ENC" + name, Link: decode.LinkENC, Frame: func(t uint16, _ bool, b []byte) []byte { return cat(family(t, 24), zeros(8), b) }},
		{Name: "NFLOG" + name, Link: decode.LinkNFLOG, Frame: nflog([2]int{2, 10}, true)},
		{Name: "NFLOG, the packet first" + name, Link: decode.LinkNFLOG, Frame: nflog([2]int{2, 10}, false)},
		{Name: "NFLOG of a bridge" + name, Link: decode.LinkNFLOG, Frame: nflog([2]int{7, 7}, true)},
		{Name: "NFLOG of a device" + name, Link: decode.LinkNFLOG, Frame: nflog([2]int{5, 5}, true)},
		{Name: "PKTAP, Ethernet" + name, Link: decode.LinkPKTAP, Frame: pktap(1, 14, eth)},
		{Name: "PKTAP as USER2, Ethernet" + name, Link: decode.LinkPKTAPUser, Frame: pktap(1, 14, eth)},
		{Name: "PKTAP, null" + name, Link: decode.LinkPKTAP, Frame: pktap(0, 4, null)},
		{Name: "PKTAP, raw" + name, Link: decode.LinkPKTAP, Frame: pktap(12, 0, raw)},
		{Name: "PKTAP as USER2, raw behind a family" + name, Link: decode.LinkPKTAPUser, Frame: pktap(12, 4, null)},
		{Name: "PKTAP, radiotap" + name, Link: decode.LinkPKTAP, Frame: pktap(127, 0, func(t uint16, client bool, b []byte) []byte {
			return Radiotap(0x10, true, cat((&Dot11{QoS: true}).Append(nil, client, snap(t, b)), zeros(4)))
		})},
	}
}

// lans are local networks other than Ethernet.
func lans() []Wrap {
	ring := func(route []byte) func(uint16, bool, []byte) []byte {
		return func(t uint16, client bool, b []byte) []byte {
			h := cat(0x10, 0x40, macs(client))
			if route != nil {
				h[8] |= 0x80
			}
			return cat(h, route, snap(t, b))
		}
	}
	return []Wrap{
		{Name: "token ring", Link: decode.LinkTokenRing, Frame: ring(nil)},
		{Name: "token ring, a route", Link: decode.LinkTokenRing, Frame: ring([]byte{0x06, 0, 1, 2, 3, 4})},
		{Name: "FDDI", Link: decode.LinkFDDI, Frame: func(t uint16, client bool, b []byte) []byte { return cat(0x57, macs(client), snap(t, b)) }},
		{Name: "FDDI, 802.2 of IP", Link: decode.LinkFDDI, IPv4: true, Frame: func(t uint16, client bool, b []byte) []byte {
			return cat(0x50, macs(client), 6, 6, 3, b)
		}},
		{Name: "ATM, LLC", Link: decode.LinkATM, Frame: func(t uint16, _ bool, b []byte) []byte { return snap(t, b) }},
		{Name: "ATM, routed by NLPID", Link: decode.LinkATM, Frame: func(t uint16, _ bool, b []byte) []byte {
			return cat(0xfe, 0xfe, 3, nlpid(t), b)
		}},
		{Name: "ATM, bridged", Link: decode.LinkATM, Frame: func(t uint16, client bool, b []byte) []byte {
			return cat(0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0, eth(t, client, b))
		}},
		{Name: "ATM, bridged, FCS", Link: decode.LinkATM, Frame: func(t uint16, client bool, b []byte) []byte {
			return cat(0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 1, 0, 0, eth(t, client, b), zeros(4))
		}},
		{Name: "SunATM, LLC", Link: decode.LinkSunATM, Frame: func(t uint16, _ bool, b []byte) []byte { return cat(0x82, 0, 0, 100, snap(t, b)) }},
		{Name: "SunATM, LAN emulation", Link: decode.LinkSunATM, Frame: func(t uint16, client bool, b []byte) []byte {
			return cat(1, 0, 0, 100, 0, 1, eth(t, client, b))
		}},
		{Name: "IP over Fibre Channel", Link: decode.LinkIPFC, Frame: func(t uint16, client bool, b []byte) []byte {
			return cat(0x10, 0, macs(client)[:6], 0x10, 0, macs(client)[6:], snap(t, b))
		}},
		{Name: "IP over IEEE 1394", Link: decode.LinkFirewire, Frame: func(t uint16, _ bool, b []byte) []byte { return cat(zeros(16), t, b) }},
		{Name: "IPoIB", Link: decode.LinkIPoIB, Frame: func(t uint16, _ bool, b []byte) []byte { return cat(t, 0, 0, b) }},
		{Name: "IPoIB behind an address", Link: decode.LinkIPoIB, Frame: func(t uint16, _ bool, b []byte) []byte {
			return cat(0, 0, 0, 1, zeros(16), t, 0, 0, b)
		}},
		{Name: "IPoIB behind a global route header", Link: decode.LinkIPoIB, Frame: func(t uint16, _ bool, b []byte) []byte {
			return cat(0x60, 1, zeros(38), t, 0, 0, b)
		}},
		{Name: "InfiniBand", Link: decode.LinkInfiniBand, Frame: func(t uint16, _ bool, b []byte) []byte {
			return cat(0, 2, zeros(6), 0x64, zeros(11), zeros(8), t, 0, 0, b, zeros(6))
		}},
		{Name: "InfiniBand, global route, connected", Link: decode.LinkInfiniBand, Frame: func(t uint16, _ bool, b []byte) []byte {
			return cat(0, 3, zeros(6), 0x60, zeros(39), 0x04, zeros(11), t, 0, 0, b, zeros(6))
		}},
	}
}
