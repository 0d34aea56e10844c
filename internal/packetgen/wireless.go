package packetgen

import (
	"encoding/binary"

	"github.com/wstap/wstap/decode"
)

// A Dot11 is a data frame of IEEE 802.11.
type Dot11 struct {
	QoS, HTC  bool
	Four      bool // between access points: four addresses
	AdHoc     bool // neither to nor from an access point
	Mesh      bool // with a mesh control field
	Protected bool // says that it is encrypted
	Pad       bool // fill the header to a multiple of 4 bytes
	Aggregate bool // what it carries are subframes
	Fragment  uint16
}

// Append appends a frame that carries b: headers of 802.2 and SNAP and a packet, or
// subframes.
func (d *Dot11) Append(f []byte, client bool, b []byte) []byte {
	dst, src := macs(client)[:6], macs(client)[6:]
	kind, flags := 0x08, 0x01
	if d.QoS {
		kind = 0x88
	}
	first, second, third := macRelay, src, dst
	switch {
	case d.Four:
		flags, second, third = 3, macRelay, dst
	case d.AdHoc:
		flags, first, third = 0, dst, macRelay
	case !client:
		flags, first, second, third = 2, dst, macRelay, src
	}
	if d.HTC {
		flags |= 0x80
	}
	if d.Protected {
		flags |= 0x40
	}
	h := cat(kind, flags, 0x2c, 0, first, second, third, int(d.Fragment), 0x10)
	if d.Four {
		h = cat(h, src)
	}
	if d.QoS {
		control := 0
		if d.Aggregate {
			control = 0x80
		}
		mesh := 0
		if d.Mesh {
			mesh = 1
		}
		h = cat(h, control, mesh)
		if d.HTC {
			h = cat(h, zeros(4))
		}
	}
	if d.Pad {
		h = pad(h, 4, 0)
	}
	if d.Mesh {
		h = cat(h, 0, 31, 9, 0, 0, 0)
	}
	return append(append(f, h...), b...)
}

// Subframes returns the subframes of an A-MSDU, one for each packet.
func Subframes(etherType uint16, client bool, packets ...[]byte) []byte {
	var b []byte
	for _, p := range packets {
		b = pad(b, 4, 0)
		p = snap(etherType, p)
		b = cat(b, macs(client), uint16(len(p)), p)
	}
	return b
}

// Radiotap puts a radiotap header before a frame: one with a time stamp in front of
// flags, behind two words of what is present, or the shortest one.
func Radiotap(flags uint8, long bool, frame []byte) []byte {
	if !long {
		if flags == 0 {
			return cat(0, 0, 8, 0, 0, 0, 0, 0, frame)
		}
		return cat(0, 0, 9, 0, 2, 0, 0, 0, int(flags), frame)
	}
	// Two words; the time stamp behind them is aligned to 8.
	return cat(0, 0, 36, 0, 0x0f, 0, 0, 0xa0, zeros(4), zeros(4), zeros(8), int(flags), 0x16, zeros(10), frame)
}

// ppi puts a PPI header with a field of 802.11 before a frame.
func ppi(link uint32, aligned bool, frame []byte) []byte {
	flags := 0
	field := cat(2, 0, 20, 0, zeros(8), 1, 0, zeros(10))
	if aligned {
		flags = 1
		field = cat(0x31, 0x75, 5, 0, zeros(8), field) // a vendor's field of 5 bytes, and its padding
	}
	h := cat(0, flags, 8+len(field), 0)
	h = binary.LittleEndian.AppendUint32(h, link)
	return cat(h, field, frame)
}

// prism is a Prism header.
func prism() []byte { return cat(0x44, 0, 0, 0, 144, 0, 0, 0, "wlan0", zeros(131)) }

// avs is an AVS header.
func avs() []byte { return cat(0x80, 0x21, 0x10, 1, 0, 0, 0, 64, zeros(56)) }

// wireless are frames of 802.11.
func wireless() []Wrap {
	var list []Wrap
	add := func(name string, link decode.LinkType, d Dot11, around func([]byte) []byte) {
		list = append(list, Wrap{Name: name, Link: link, Frame: func(t uint16, client bool, b []byte) []byte {
			body := snap(t, b)
			if d.Aggregate {
				body = Subframes(t, client, b)
			}
			return around(d.Append(nil, client, body))
		}})
	}
	bare := func(b []byte) []byte { return b }
	fcs := func(b []byte) []byte { return cat(b, "fcs!") }
	for _, k := range []struct {
		name string
		Dot11
	}{
		{"", Dot11{}},
		{", QoS", Dot11{QoS: true}},
		{", QoS, HT control", Dot11{QoS: true, HTC: true}},
		{", four addresses", Dot11{Four: true}},
		{", QoS, four addresses", Dot11{QoS: true, Four: true}},
		{", ad hoc", Dot11{AdHoc: true}},
		{", mesh", Dot11{QoS: true, Four: true, Mesh: true}},
		{", decrypted", Dot11{QoS: true, Protected: true}},
		{", A-MSDU", Dot11{QoS: true, Aggregate: true}},
		{", A-MSDU, four addresses, HT control", Dot11{QoS: true, HTC: true, Four: true, Aggregate: true}},
	} {
		add("802.11"+k.name, decode.LinkDot11, k.Dot11, bare)
		add("802.11"+k.name+", FCS", decode.LinkDot11, k.Dot11, fcs)
		add("radiotap"+k.name, decode.LinkRadiotap, k.Dot11, func(b []byte) []byte { return Radiotap(0, false, b) })
		add("radiotap"+k.name+", FCS", decode.LinkRadiotap, k.Dot11, func(b []byte) []byte { return Radiotap(0x10, true, fcs(b)) })
		padded := k.Dot11
		padded.Pad = true
		add("radiotap"+k.name+", padded", decode.LinkRadiotap, padded, func(b []byte) []byte { return Radiotap(0x20, false, b) })
		add("radiotap"+k.name+", padded, FCS", decode.LinkRadiotap, padded, func(b []byte) []byte { return Radiotap(0x30, true, fcs(b)) })
		add("PPI"+k.name, decode.LinkPPI, k.Dot11, func(b []byte) []byte { return ppi(105, false, b) })
		add("PPI"+k.name+", aligned, FCS", decode.LinkPPI, k.Dot11, func(b []byte) []byte { return ppi(105, true, fcs(b)) })
		add("Prism"+k.name, decode.LinkPrism, k.Dot11, func(b []byte) []byte { return cat(prism(), b) })
		add("AVS as Prism"+k.name, decode.LinkPrism, k.Dot11, func(b []byte) []byte { return cat(avs(), b) })
		add("AVS"+k.name, decode.LinkAVS, k.Dot11, func(b []byte) []byte { return cat(avs(), b) })
	}
	add("radiotap, bad FCS but right checksums", decode.LinkRadiotap, Dot11{QoS: true}, func(b []byte) []byte { return Radiotap(0x50, true, fcs(b)) })
	list = append(list, Wrap{Name: "PPI, Ethernet", Link: decode.LinkPPI, Frame: func(t uint16, client bool, b []byte) []byte {
		return ppi(1, false, eth(t, client, b))
	}})
	return list
}
