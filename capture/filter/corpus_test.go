package filter

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"github.com/wstap/wstap/decode"
)

// A frame of the corpus: what was captured of it, and its length on the wire.
type frame struct {
	data   []byte
	length int
}

// The addresses, ports and names that both the corpus and the generated
// expressions draw from.
var (
	macs  = []string{"00:01:02:03:04:05", "02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:fb", "01:80:c2:00:00:00", "33:33:00:00:00:fb"}
	ip4s  = []string{"10.0.0.1", "10.0.0.2", "10.1.2.3", "192.168.1.1", "224.0.0.251", "255.255.255.255", "127.0.0.1", "0.0.0.0"}
	ip6s  = []string{"::1", "fe80::1", "2001:db8::1", "2001:db8::2", "ff02::fb", "::ffff:10.0.0.1"}
	ports = []uint16{22, 53, 80, 443, 6081, 7272, 8080, 65535}
)

func cat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func u16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func u32(v int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }

func mac(i int) []byte { return macBytes(macs[i%len(macs)]) }

func addr4(i int) []byte { return netip.MustParseAddr(ip4s[i%len(ip4s)]).AsSlice() }
func addr6(i int) []byte {
	a := netip.MustParseAddr(ip6s[i%len(ip6s)]).As16()
	return a[:]
}

func ether(i, proto int, payload []byte) []byte {
	return cat(mac(i), mac(i+1), u16(proto), payload)
}

func vlanTag(tci, proto int, payload []byte) []byte { return cat(u16(tci), u16(proto), payload) }

func label(l, bottom int, payload []byte) []byte { return cat(u32(l<<12|bottom<<8|64), payload) }

func ppp(session, proto int, payload []byte) []byte {
	return cat([]byte{0x11, 0}, u16(session), u16(len(payload)+2), u16(proto), payload)
}

func ipv4(i, proto, frag int, options, payload []byte) []byte {
	n := 20 + len(options)
	return cat([]byte{byte(0x40 | n/4), 0}, u16(n+len(payload)), u16(i), u16(frag), []byte{64, byte(proto), 0, 0},
		addr4(i), addr4(i/2+1), options, payload)
}

func ipv6(i, next int, payload []byte) []byte {
	return cat([]byte{0x60, 0, 0, 0}, u16(len(payload)), []byte{byte(next), 64}, addr6(i), addr6(i/2+1), payload)
}

// extension header of 8*(1+units) bytes.
func option6(next, units int, payload []byte) []byte {
	return cat([]byte{byte(next), byte(units), 1, 4}, make([]byte, 8*units+4), payload)
}

func fragment6(next, off int, payload []byte) []byte {
	return cat([]byte{byte(next), 0}, u16(off<<3|1), u32(7), payload)
}

func authHeader(next, words int, payload []byte) []byte {
	return cat([]byte{byte(next), byte(words)}, make([]byte, 4*(words+2)-2), payload)
}

func tcp(i, flags int) []byte {
	n := i % 4
	return cat(u16(int(ports[i%len(ports)])), u16(int(ports[(i/3)%len(ports)])), u32(1000+i), u32(2000+i),
		[]byte{byte((5 + n) << 4), byte(flags)}, u16(512), u16(0), u16(0), make([]byte, 4*n), []byte("GET / HTTP/1.1\r\n")[:i%17])
}

func udp(i int, payload []byte) []byte {
	return cat(u16(int(ports[i%len(ports)])), u16(int(ports[(i/3)%len(ports)])), u16(8+len(payload)), u16(0), payload)
}

func udpTo(port int, payload []byte) []byte {
	return cat(u16(5353), u16(port), u16(8+len(payload)), u16(0), payload)
}

func sctp(i int) []byte {
	return cat(u16(int(ports[i%len(ports)])), u16(int(ports[(i/3)%len(ports)])), u32(i), u32(0), []byte{1, 0, 0, 4})
}

func arp(i, op int) []byte {
	return cat(u16(1), u16(0x0800), []byte{6, 4}, u16(op), mac(i), addr4(i), mac(i+1), addr4(i/2+1))
}

func geneve(vni, proto int, options, payload []byte) []byte {
	return cat([]byte{byte(len(options) / 4), 0}, u16(proto), u32(vni<<8), options, payload)
}

func llc(dsap, ssap int, control []byte, payload []byte) []byte {
	return cat([]byte{byte(dsap), byte(ssap)}, control, payload)
}

func snap(org, proto int, payload []byte) []byte {
	return cat([]byte{0xaa, 0xaa, 3, byte(org >> 16), byte(org >> 8), byte(org)}, u16(proto), payload)
}

// A packet is what a link header carries.
type packet struct {
	proto int // EtherType; 4 for LLC, 1 for Novell's 802.3
	data  []byte
}

// packets returns network packets of many kinds.
func packets() []packet {
	var out []packet
	v4 := func(b []byte) { out = append(out, packet{0x0800, b}) }
	v6 := func(b []byte) { out = append(out, packet{0x86dd, b}) }
	options := []byte{7, 7, 4, 1, 2, 3, 4, 0}
	for i := range 24 {
		v4(ipv4(i, 6, 0x4000, nil, tcp(i, 1<<(i%8)|i%3)))
		v6(ipv6(i, 6, tcp(i, 1<<(i%8))))
		v4(ipv4(i, 17, 0, options[:4*(i%3)], udp(i, make([]byte, i*5))))
		v6(ipv6(i, 17, udp(i, make([]byte, i*5))))
	}
	for i := range 8 {
		v4(ipv4(i, 132, 0, nil, sctp(i)))
		v6(ipv6(i, 132, sctp(i)))
		v4(ipv4(i, 6, 0, options, tcp(i, 0x12)))
		v4(ipv4(i, 6, 0x2000, nil, tcp(i, 2)))                       // first fragment
		v4(ipv4(i, 6, 0x2000|(20+i), nil, tcp(i, 2)))                // another
		v6(ipv6(i, 44, fragment6(6, 0, tcp(i, 2))))                  // first fragment
		v6(ipv6(i, 44, fragment6(17, 100, udp(i, nil))))             // another
		v6(ipv6(i, 0, option6(6, i%2, tcp(i, 2))))                   // hop by hop
		v6(ipv6(i, 60, option6(43, 0, option6(17, 1, udp(i, nil))))) // destination, routing
		v6(ipv6(i, 51, authHeader(6, 4, tcp(i, 2))))
		v4(ipv4(i, 51, 0, nil, authHeader(17, 4, udp(i, nil))))
		out = append(out, packet{0x0806, arp(i, 1+i%2)}, packet{0x8035, arp(i, 3+i%2)})
	}
	for i, t := range []int{0, 3, 4, 5, 8, 9, 10, 11, 12, 13, 17} {
		v4(ipv4(i, 1, 0, nil, cat([]byte{byte(t), byte(i % 4), 0, 0}, u32(i), make([]byte, 8))))
	}
	for i, t := range []int{1, 2, 3, 4, 128, 129, 130, 133, 134, 135, 136, 143} {
		v6(ipv6(i, 58, cat([]byte{byte(t), byte(i % 4), 0, 0}, u32(i), make([]byte, 8))))
	}
	for i, p := range []int{0, 2, 4, 9, 41, 47, 50, 51, 59, 88, 89, 94, 103, 112, 255} {
		v4(ipv4(i, p, 0, nil, make([]byte, 24)))
		v6(ipv6(i, p, make([]byte, 24)))
	}
	inner := ipv4(3, 6, 0, nil, tcp(3, 2))
	inner6 := ipv6(3, 17, udp(3, nil))
	v4(ipv4(1, 47, 0, nil, cat([]byte{0, 0, 8, 0}, inner)))
	v4(ipv4(1, 4, 0, nil, inner))
	for i := range 4 {
		opts := make([]byte, 4*i)
		for _, vni := range []int{0, 5, 0xffffff} {
			v4(ipv4(i, 17, 0, opts, udpTo(6081, geneve(vni, 0x6558, opts, ether(i, 0x0800, inner)))))
			v6(ipv6(i, 17, udpTo(6081, geneve(vni, 0x6558, opts, ether(i, 0x86dd, inner6)))))
			v4(ipv4(i, 17, 0, nil, udpTo(6081, geneve(vni, 0x0800, opts, inner))))
			v4(ipv4(i, 17, 0, nil, udpTo(6081, geneve(vni, 0x6558, opts, ether(i, 0x8100, vlanTag(5, 0x0800, inner))))))
		}
	}
	v4(ipv4(1, 17, 0, nil, udpTo(6081, cat([]byte{0x40}, make([]byte, 30))))) // no known version
	bad := ipv4(1, 6, 0, nil, tcp(1, 2))
	bad[0] = 0x41 // shorter than a header can be
	v4(bad)
	for _, p := range []int{0x0600, 0x6001, 0x6002, 0x6003, 0x6004, 0x6007, 0x809b, 0x80f3, 0x8137, 0x8863, 0x88cc, 0x9000} {
		out = append(out, packet{p, make([]byte, 46)})
	}
	for i, n := range []int{0x0201, 0x0200} {
		out = append(out, packet{0x6003, cat([]byte{20, 0}, []byte{0x81, 0x06}[i:], make([]byte, 7), u16(n), make([]byte, 6), u16(n), make([]byte, 8))})
		out = append(out, packet{0x6003, cat([]byte{20, 0}, []byte{0x81, 0x02}[i:], u16(0x0104), u16(n), make([]byte, 20))})
	}
	// LLC
	add := func(b []byte) { out = append(out, packet{4, b}) }
	add(llc(0x42, 0x42, []byte{3}, make([]byte, 35)))
	add(llc(0xe0, 0xe0, []byte{3}, make([]byte, 30)))
	add(llc(0xf0, 0xf0, []byte{3}, make([]byte, 30)))
	add(llc(0x06, 0x06, []byte{3}, inner))
	for _, nlpid := range []byte{0x81, 0x82} {
		add(llc(0xfe, 0xfe, []byte{3}, cat([]byte{nlpid}, make([]byte, 30))))
	}
	for _, t := range []byte{15, 16, 17, 18, 20, 24, 25, 26, 27, 30} {
		add(llc(0xfe, 0xfe, []byte{3}, cat([]byte{0x83, 27, 1, 0, t}, make([]byte, 30))))
	}
	for _, c := range []int{0x00, 0x02, 0x01, 0x05, 0x09, 0x03, 0x13, 0x63, 0x43, 0x0f, 0x6f, 0xe3, 0xaf, 0x87} {
		add(llc(0x80, 0x81, []byte{byte(c), 0}, make([]byte, 20)))
	}
	add(snap(0, 0x8137, make([]byte, 30)))
	add(snap(0, 0x0800, inner))
	add(snap(0x080007, 0x809b, make([]byte, 30)))
	add(snap(0, 0x80f3, make([]byte, 30)))
	out = append(out, packet{1, cat([]byte{0xff, 0xff}, make([]byte, 28))})
	return out
}

// etherFrame puts a packet into an Ethernet frame.
func etherFrame(i int, p packet) []byte {
	if p.proto <= 4 {
		return ether(i, len(p.data), p.data)
	}
	return ether(i, p.proto, p.data)
}

// corpus returns frames of a link type: packets of all kinds, encapsulated in
// the ways that the link type knows, whole and cut.
func corpus(link decode.LinkType, bigEndian bool) []frame {
	var whole [][]byte
	for i, p := range packets() {
		ip := p.proto == 0x0800 || p.proto == 0x86dd
		switch link {
		case decode.LinkEthernet:
			whole = append(whole, etherFrame(i, p))
			if p.proto <= 4 {
				if i%3 == 0 {
					whole = append(whole, ether(i, 0x8100, vlanTag(5, len(p.data), p.data)))
				}
				continue
			}
			pppProto := map[int]int{0x0800: 0x0021, 0x86dd: 0x0057, 0x6003: 0x0027, 0x809b: 0x0029}[p.proto]
			tag := vlanTag(i%5|i%2<<13, p.proto, p.data)
			switch i % 6 {
			case 0:
				whole = append(whole, ether(i, 0x8100, tag))
			case 1:
				whole = append(whole, ether(i, 0x88a8, vlanTag(i%7, 0x8100, tag)))
			case 2:
				whole = append(whole, ether(i, 0x9100, vlanTag(5, 0x8100, tag)), ether(i, 0x8100, vlanTag(0, p.proto, p.data)))
			case 3:
				if ip {
					whole = append(whole, ether(i, 0x8847, label(16+i%3, 1, p.data)),
						ether(i, 0x8847, label(1024, 0, label(i%5, 1, p.data))),
						ether(i, 0x8100, vlanTag(5, 0x8847, label(3, 1, p.data))))
				}
			case 4:
				if pppProto != 0 {
					whole = append(whole, ether(i, 0x8864, ppp(i%4, pppProto, p.data)),
						ether(i, 0x8100, vlanTag(5, 0x8864, ppp(5, pppProto, p.data))))
				}
			case 5:
				if ip {
					whole = append(whole, ether(i, 0x8864, ppp(2, 0x0281, label(7, 1, p.data))),
						ether(i, 0x8847, label(5, 1, cat(u32(0), ether(i, p.proto, p.data)))))
				}
			}
		case decode.LinkSLL:
			if i%7 == 0 && p.proto > 4 {
				whole = append(whole, cat(u16(i%5), u16(1), u16(6), mac(i), u16(0), u16(0x8100), vlanTag(i%9, p.proto, p.data)))
			}
			whole = append(whole, cat(u16(i%5), u16(1), u16(6), mac(i), u16(0), u16(p.proto), p.data))
		case decode.LinkSLL2:
			if i%7 == 0 && p.proto > 4 {
				whole = append(whole, cat(u16(0x88a8), u16(0), u32(1+i%3), u16(1), []byte{byte(i % 5), 6}, mac(i), u16(0), vlanTag(i%9, p.proto, p.data)))
			}
			whole = append(whole, cat(u16(p.proto), u16(0), u32(1+i%3), u16(1), []byte{byte(i % 5), 6}, mac(i), u16(0), p.data))
		case decode.LinkRaw, decode.LinkIPv4, decode.LinkIPv6:
			whole = append(whole, p.data)
		case decode.LinkNull, decode.LinkLoop:
			af := 7
			switch p.proto {
			case 0x0800:
				af = 2
			case 0x86dd:
				af = []int{24, 28, 30, 10}[i%4]
			}
			if link == decode.LinkNull && !bigEndian {
				whole = append(whole, cat(binary.LittleEndian.AppendUint32(nil, uint32(af)), p.data))
			} else {
				whole = append(whole, cat(u32(af), p.data))
			}
		default:
			whole = append(whole, rareFrames(link, bigEndian, i, p)...)
		}
	}
	r := rand.New(rand.NewPCG(1, uint64(link)))
	var out []frame
	for i, b := range whole {
		out = append(out, frame{b, len(b)})
		if i%2 == 0 {
			n := r.IntN(min(len(b), 80) + 1)
			out = append(out, frame{b[:n], len(b)})
		}
	}
	// Noise that begins like frames.
	for range 40 {
		b := append([]byte(nil), whole[r.IntN(len(whole))]...)
		for range 1 + r.IntN(4) {
			if len(b) > 0 {
				b[r.IntN(min(len(b), 60))] = byte(r.Uint32())
			}
		}
		out = append(out, frame{b, len(b)})
	}
	return out
}

// writePcap writes frames as a capture file in either byte order.
func writePcap(link decode.LinkType, bigEndian bool, frames []frame) []byte {
	type order interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}
	var o order = binary.LittleEndian
	if bigEndian {
		o = binary.BigEndian
	}
	b := o.AppendUint32(nil, 0xa1b2c3d4)
	b = o.AppendUint16(b, 2)
	b = o.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = o.AppendUint32(b, 262144)
	b = o.AppendUint32(b, uint32(link))
	for i, f := range frames {
		b = o.AppendUint32(b, uint32(i))
		b = o.AppendUint32(b, 0)
		b = o.AppendUint32(b, uint32(len(f.data)))
		b = o.AppendUint32(b, uint32(f.length))
		b = append(b, f.data...)
	}
	return b
}
