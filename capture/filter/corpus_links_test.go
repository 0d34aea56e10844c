package filter

import (
	"encoding/binary"

	"github.com/wstap/wstap/decode"
)

// rareFrames puts a packet into frames of the link types of layouts.
func rareFrames(link decode.LinkType, bigEndian bool, i int, p packet) [][]byte {
	pppProto, ok := map[int]int{0x0800: 0x0021, 0x86dd: 0x0057, 0x6003: 0x0027, 0x809b: 0x0029, 0x0600: 0x0025, 0x8137: 0x002b, 4: 0x0023}[p.proto]
	if !ok {
		pppProto = p.proto
	}
	af := map[int]int{0x0800: 2, 0x86dd: []int{24, 28, 30}[i%3]}[p.proto]
	lan := p.data // behind 802.2
	if p.proto != 4 && p.proto != 1 {
		lan = snap(0, p.proto, p.data)
	}
	one := func(parts ...[]byte) [][]byte { return [][]byte{cat(parts...)} }
	switch link {
	case decode.LinkPPP, decode.LinkPPPSerial:
		out := one([]byte{0xff, 3}, u16(pppProto), p.data)
		if i%5 == 0 {
			out = append(out, cat([]byte{0xff, 3}, u16(0x0281), label(16+i%3, 1, p.data)))
		}
		return out
	case decode.LinkPPPPPPD:
		return one([]byte{byte(i % 3), 3}, u16(pppProto), p.data)
	case decode.LinkPPPoE:
		return one(ppp(i%4, pppProto, p.data))
	case decode.LinkHDLC:
		out := one([]byte{0x0f, 0}, u16(p.proto), p.data)
		switch i % 5 {
		case 0:
			out = append(out, cat([]byte{0x8f, 0}, u16(0x8847), label(16+i%3, 1, p.data)))
		case 1:
			out = append(out, cat([]byte{0x8f, 0}, u16(0xfefe), []byte{3, 0x83}, p.data))
		}
		return out
	case decode.LinkTokenRing:
		return one([]byte{0x10, 0x40}, mac(i), mac(i+1), lan)
	case decode.LinkFDDI:
		return one([]byte{0x50}, mac(i), mac(i+1), lan)
	case decode.LinkATM:
		return one(lan)
	case decode.LinkSunATM:
		return one([]byte{byte(0x80*(i%2) | i%5), 0, 0, 100}, lan)
	case decode.LinkIPFC:
		return one([]byte{0x10, 0}, mac(i), []byte{0x10, 0}, mac(i+1), lan)
	case decode.LinkFirewire:
		return one(make([]byte, 16), u16(p.proto), p.data)
	case decode.LinkENC:
		b := u32(af)
		if !bigEndian {
			b = binary.LittleEndian.AppendUint32(nil, uint32(af))
		}
		return one(b, make([]byte, 8), p.data)
	case decode.LinkIPNET:
		return one([]byte{1, byte(map[int]int{0x0800: 2, 0x86dd: 26}[p.proto])}, u16(i%4), make([]byte, 20), p.data)
	case decode.LinkNetAnalyzer:
		return one([]byte{1, 2, 3, 4}, etherFrame(i, p), make([]byte, 4))
	case decode.LinkPFLog: // libpcap knows the AF_INET6 of the system that it runs on
		n := []int{61, 64, 100}[i%3]
		h := make([]byte, (n+3)&^3)
		h[0], h[1], h[60] = byte(n), byte(map[int]int{0x0800: 2, 0x86dd: 10}[p.proto]), byte(i%3)
		return one(h, p.data)
	}
	return dot11Frames(link, i, lan)
}

// dot11Frames are frames of 802.11 of all kinds, behind what the link type says.
func dot11Frames(link decode.LinkType, i int, lan []byte) [][]byte {
	var out [][]byte
	kinds := []byte{0x08, 0x88, 0x08, 0x88, 0x80, 0xb4, 0x48, 0xc8}
	for k, ds := range []byte{0, 1, 2, 3} {
		kind := kinds[(i+k*3)%len(kinds)]
		h := cat([]byte{kind, ds, 0, 0}, mac(i), mac(i+1), mac(i+2), u16(i))
		if ds == 3 {
			h = append(h, mac(i+3)...)
		}
		if kind&0x88 == 0x88 {
			h = append(h, 0, 0)
		}
		flags := byte(0)
		if (i+k)%4 == 0 {
			flags = 0x20
			for len(h)%4 != 0 {
				h = append(h, 0)
			}
		}
		out = append(out, cat(before(link, i+k, flags), h, lan))
	}
	return out
}

// before is what a link type has before the header of 802.11.
func before(link decode.LinkType, i int, flags byte) []byte {
	switch link {
	case decode.LinkRadiotap:
		switch i % 4 {
		case 0: // flags only
			return []byte{0, 0, 9, 0, 2, 0, 0, 0, flags}
		case 1: // a time stamp before
			return cat([]byte{0, 0, 17, 0, 3, 0, 0, 0}, make([]byte, 8), []byte{flags})
		case 2: // no flags
			return []byte{0, 0, 8, 0, 0, 0, 0, 0}
		}
		return []byte{0, 0, 13, 0, 2, 0, 0, 0x80, 0, 0, 0, 0, flags} // a second word
	case decode.LinkPrism:
		if i%2 == 0 {
			return cat([]byte{0x44, 0, 0, 0, 144, 0, 0, 0}, make([]byte, 136))
		}
		return cat([]byte{0x80, 0x21, 0x10, 0x01}, u32(64), make([]byte, 56))
	case decode.LinkAVS:
		return cat([]byte{0x80, 0x21, 0x10, 0x01}, u32([]int{64, 40}[i%2]), make([]byte, []int{56, 32}[i%2]))
	case decode.LinkPPI:
		if i%7 == 0 {
			return []byte{0, 0, 8, 0, 1, 0, 0, 0} // Ethernet, it says
		}
		return cat([]byte{0, 0, 32, 0, 105, 0, 0, 0, 2, 0, 20, 0}, make([]byte, 20))
	}
	return nil
}
