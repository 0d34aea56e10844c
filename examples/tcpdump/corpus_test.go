package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// A sample is one frame of the corpus.
type sample struct {
	what string
	link decode.LinkType
	data []byte
	wire int
	time time.Time
	odd  bool // made from another by cutting or changing it
}

// A corpus is frames that between them take every path of the printers. Its
// methods add families of them.
type corpus struct {
	samples []sample
	clock   time.Time
	rand    *rand.Rand
	odd     bool
}

func newCorpus(seed uint64, mutants int) *corpus {
	c := &corpus{clock: time.Date(2026, 11, 22, 18, 16, 32, 750371000, time.UTC), rand: rand.New(rand.NewPCG(seed, 7))}
	c.tcpFlags()
	c.tcpHeaders()
	c.tcpOptions()
	c.mptcp()
	c.conversations()
	c.textProtocols()
	c.ipv4()
	c.ipv6()
	c.links()
	c.udp()
	c.icmp()
	c.icmp6()
	c.arp()
	c.llc()
	c.tunnels()
	c.times()
	c.odd = true
	c.cuts()
	c.mutants(mutants)
	return c
}

var (
	a4, b4 = netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("192.168.200.2:7272")
	a6, b6 = netip.MustParseAddrPort("[fd00::1]:40000"), netip.MustParseAddrPort("[2001:db8:0:0:1::2]:7272")
)

// newNamedCorpus is what prints names, between addresses that need no name
// server: ports, protocols, and makers of network cards.
func newNamedCorpus() *corpus {
	c := &corpus{clock: time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)}
	local := netip.MustParseAddr("127.0.0.1")
	known := services("/etc/services")
	for port := range uint16(65535) {
		number := fmt.Sprint(port)
		if port > 100 && known[number+"/tcp"] == "" && known[number+"/udp"] == "" {
			continue
		}
		src, dst := netip.AddrPortFrom(local, port), netip.AddrPortFrom(local, 65000)
		c.tcp("port", packetgen.TCP{Src: src, Dst: dst})
		c.add("port", decode.LinkEthernet, (&packetgen.UDP{Src: dst, Dst: src}).Frame())
	}
	for proto := range 256 {
		ip := packetgen.IP{Src: local, Dst: local, Proto: uint8(proto)}
		c.ether("protocol", 0x0800, ip.Append(nil, make([]byte, 40)))
		ip.Fragment, ip.Offset = true, 8
		c.ether("protocol of a fragment", 0x0800, ip.Append(nil, make([]byte, 40)))
	}
	for maker := range makers {
		l := packetgen.Ethernet()
		l.Src = [6]byte{byte(maker >> 16), byte(maker >> 8), byte(maker), 1, 2, 3}
		c.add("maker", decode.LinkEthernet, l.Append(nil, 0x88b5, []byte("x")))
	}
	return c
}

func (c *corpus) add(what string, link decode.LinkType, data []byte) {
	c.addCut(what, link, data, len(data))
}

func (c *corpus) addCut(what string, link decode.LinkType, data []byte, wire int) {
	c.clock = c.clock.Add(1234567 * time.Microsecond)
	c.samples = append(c.samples, sample{what, link, data, wire, c.clock, c.odd})
}

func (c *corpus) tcp(what string, t packetgen.TCP) {
	if !t.Src.IsValid() {
		t.Src, t.Dst = a4, b4
	}
	link := decode.LinkEthernet
	if t.Link != nil {
		link = t.Link.Type
	}
	c.add(what, link, t.Frame())
}

// ip adds a packet of any protocol over both versions that it goes with.
func (c *corpus) ip(what string, proto uint8, payload []byte, v6 bool) {
	ip := packetgen.IP{Src: a4.Addr(), Dst: b4.Addr(), Proto: proto}
	if v6 {
		ip.Src, ip.Dst = a6.Addr(), b6.Addr()
	}
	l := packetgen.Ethernet()
	c.add(what, decode.LinkEthernet, l.Append(nil, packetgen.EtherTypeOf(ip.Src), ip.Append(nil, payload)))
}

func (c *corpus) ether(what string, etherType uint16, payload []byte) {
	l := packetgen.Ethernet()
	c.add(what, decode.LinkEthernet, l.Append(nil, etherType, payload))
}

func (c *corpus) tcpFlags() {
	for f := range 512 {
		for _, ends := range [][2]netip.AddrPort{{a4, b4}, {b6, a6}} {
			c.tcp("flags", packetgen.TCP{Src: ends[0], Dst: ends[1], Flags: decode.TCPFlags(f), NoFlags: true, Seq: uint32(f * 1e6), Ack: 7, Urgent: uint16(f)})
			c.tcp("flags, data", packetgen.TCP{Src: ends[0], Dst: ends[1], Flags: decode.TCPFlags(f), NoFlags: true, Seq: 5, Ack: uint32(f * 1e7), Payload: []byte("hello, this is the data of a segment")})
		}
	}
}

func (c *corpus) tcpHeaders() {
	for n := range 16 {
		for _, data := range []int{0, 4, 30, 60} {
			for _, ends := range [][2]netip.AddrPort{{a4, b4}, {a6, b6}} {
				t := packetgen.TCP{Src: ends[0], Dst: ends[1], Seq: 9, Ack: 8, Payload: make([]byte, data)}
				f := t.Frame()
				f[len(f)-data-8] = byte(n) << 4
				c.add("data offset", decode.LinkEthernet, f)
			}
		}
	}
	c.tcp("zero window", packetgen.TCP{ZeroWindow: true})
	c.tcp("bad checksum", packetgen.TCP{BadSum: true})
	c.tcp("bad checksum", packetgen.TCP{Src: a6, Dst: b6, BadSum: true, Payload: []byte("x")})
	c.tcp("sequence number wraps", packetgen.TCP{Seq: 0xfffffff0, Ack: 0xfffffff0, Payload: make([]byte, 100)})
	for n := range 40 {
		c.ip("short segment", 6, make([]byte, n), n%2 == 0)
		c.ip("short datagram", 17, make([]byte, n), n%2 == 0)
	}
}

func (c *corpus) tcpOptions() {
	for kind := range 256 {
		for size := 0; size <= 40; size += 1 + size/14 {
			opt := make([]byte, max(2, size))
			for i := range opt {
				opt[i] = byte(c.rand.IntN(256))
			}
			opt[0], opt[1] = byte(kind), byte(size)
			t := packetgen.TCP{Flags: decode.SYN, Options: opt[:min(40, len(opt))]}
			c.tcp("option", t)
			if len(opt) < 30 && (kind < 40 || kind > 250) {
				t.Options = packetgen.Options(packetgen.NOP(), opt, packetgen.MSS(1460))
				t.Flags = decode.ACK
				t.Ack = 77
				c.tcp("option between others", t)
			}
		}
	}
	for n := range 5 {
		edges := make([]uint32, 2*n)
		for i := range edges {
			edges[i] = uint32(1000 * i)
		}
		c.tcp("SACK", packetgen.TCP{Seq: 10, Ack: 20, Options: packetgen.SACK(edges...)})
		c.tcp("SACK, other side", packetgen.TCP{Src: b4, Dst: a4, Seq: 10, Ack: 20, Options: packetgen.SACK(edges...)})
	}
	for _, n := range []int{0, 2, 4, 5, 8, 16, 18} {
		c.tcp("fast open", packetgen.TCP{Flags: decode.SYN, Options: packetgen.Option(34, make([]byte, n)...)})
		c.tcp("fast open, experimental", packetgen.TCP{Flags: decode.SYN, Options: packetgen.Option(254, append([]byte{0xf9, 0x89}, make([]byte, n)...)...)})
	}
	for range 300 {
		opts := make([]byte, c.rand.IntN(41))
		for i := range opts {
			opts[i] = byte(c.rand.IntN(256))
			if c.rand.IntN(2) == 0 {
				opts[i] = byte(c.rand.IntN(12))
			}
		}
		c.tcp("random options", packetgen.TCP{Flags: decode.TCPFlags(c.rand.IntN(32)), Options: opts})
	}
}

func (c *corpus) mptcp() {
	for subtype := range 16 {
		for _, low := range []int{0, 1, 4, 6, 15} {
			for n := 3; n <= 30; n++ {
				opt := make([]byte, n)
				for i := range opt {
					opt[i] = byte(c.rand.IntN(256))
				}
				opt[0], opt[1], opt[2] = 30, byte(n), byte(subtype<<4|low)
				flags := []decode.TCPFlags{decode.SYN, decode.ACK, decode.SYN | decode.ACK}[(n+low)%3]
				c.tcp("mptcp", packetgen.TCP{Flags: flags, Options: opt})
			}
		}
	}
}

func (c *corpus) conversations() {
	for _, ends := range [][2]netip.AddrPort{{a4, b4}, {a6, b6}, {b4, a4}, {netip.MustParseAddrPort("10.0.0.9:5000"), netip.MustParseAddrPort("10.0.0.8:5000")}} {
		conv := packetgen.NewConversation()
		conv.Client, conv.Server = ends[0], ends[1]
		conv.Timestamps = true
		conv.ISN = [2]uint32{0xffffff00, 12345}
		for range 2 { // the second time with the same ports
			conv.Open()
			conv.Send(packetgen.Client, make([]byte, 700), 1, 2, 300)
			conv.Send(packetgen.Server, []byte("\x81\x05hello"))
			keep := conv.Packets[len(conv.Packets)-1].TCP
			keep.Seq--
			conv.Add(packetgen.Client, keep)
			conv.Close(packetgen.Server)
			conv.ISN[0] += 5000
		}
		conv.Reset(packetgen.Client)
		for _, p := range conv.Packets {
			c.add("conversation", decode.LinkEthernet, p.Frame)
		}
	}
	for _, data := range []string{"go away", "\x00\x1f\x7f\x80\xff binary", "long: 0123456789012345678901234567890123456789"} {
		c.tcp("data in a reset", packetgen.TCP{Flags: decode.RST | decode.ACK, Payload: []byte(data)})
	}
}

func (c *corpus) textProtocols() {
	texts := []string{
		"GET / HTTP/1.1\r\nHost: example\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
		"HTTP/1.1  404\tNot\r\n", "HTTP/1.1 20", "get /lower HTTP/1.0\nX: y\n\nbody", "GET", "GET ", "GET /no-end-of-line",
		"GET /cr\rin the middle\r\n", "GET /tab\there\r\nbin\x01ary\r\n", " GET / space first\r\n", "\r\n\r\n",
		"nothing of the kind 200 \r\nmore\r\n", "220 mail.example ESMTP\r\n250 ok\r\n", "USER anonymous\r\nPASS x\r\n",
		"DESCRIBE rtsp://host/x RTSP/1.0\r\nCSeq: 1\r\n\r\n", "RTSP/1.0 200 OK\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "SSH-2.0-nocr\n", "SSH-1", "SSH-2.0-\x01\r\n", "MSG 0 1 . 0 52\r\n", "RPY 0 0 . 0 1\r\n",
		"GET /\xc3\xa4 HTTP/1.1\r\n", "OPTIONS * x\r\n", "A" + string(make([]byte, 200)), "INVITE sip:bob@x SIP/2.0\r\nVia: y\r\n\r\n",
		"OPTIONSTHATISAVERYLONGWORDOPTIONSTHATISAVERYLONGWORDOPTIONSTHATISAVERYLONGWORDOPTIONSTHATISAVERYLONGWORDOPTIONSTHATISAVERYLONGWORD 200 OK\r\n",
	}
	texts = append(texts,
		"*2\r\n$4\r\nINCR\r\n$1\r\nz\r\n*1\r\n$4\r\nPING\r\n", "+OK\r\n", "-ERR no\r\n", ":42\r\n", "$-1\r\n", "*-1\r\n*0\r\n$0\r\n\r\n",
		"$-2\r\n", "$99999999999\r\n", "$2147483648\r\n", "$x\r\n", "$5x\r\n", "$5\rx", "$5\r\nhi\r\n", "$5\r", "$", "$-", "+never ends",
		"PING\r\nPING\n\n", "\r\n", "\r\n\r\nPING\r\n", "*3\r\n:1\r\n", "$2\r\nhi there\r\n",
		"\xff\xfd\x18\xff\xfb\x1f\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0login:", "\xff\xff", "\xff\xf4\xff\xf9rest", "\xff\xfd\x77", "\xff\x10", "\xff", "\xff\xfa\x18",
		"\xff\xfa\x25\x00\x02\x01\xff\xf0", "\xff\xfa\x25\x01\x08\xff\xf0", "\xff\xfa\x26\x05\x63\x00\xff\xf0", "\xff\xfa\x18\x00xterm\xff\xf0", "\xff\xfa\x18\xff\xf0", "\xff\xfa\x18\x01\xff", "\xff\xfa\x25\x00\xff\xf0\xff\xfd\x01",
	)
	for _, port := range []uint16{80, 8080, 21, 25, 43, 554, 8554, 22, 10288, 23, 6379} {
		for i, text := range texts {
			src, dst := netip.AddrPortFrom(a4.Addr(), 50000), netip.AddrPortFrom(b4.Addr(), port)
			if i%2 == 1 {
				src, dst = dst, src
			}
			t := packetgen.TCP{Src: src, Dst: dst, Payload: []byte(text), Flags: decode.PSH | decode.ACK}
			c.tcp("text", t)
			f := t.Frame()
			for _, n := range []int{1, 3, 10, 24} {
				if n < len(text) {
					c.addCut("text, cut", decode.LinkEthernet, f[:len(f)-n], len(f))
				}
			}
		}
	}
}

func (c *corpus) ipv4() {
	for i := range 256 {
		ip := packetgen.IP{TTL: byte(i), TOS: byte(i), ID: uint32(i * 257), DF: i%2 == 0}
		c.tcp("header fields", packetgen.TCP{IP: ip, Payload: []byte("x")})
		c.tcp("header fields", packetgen.TCP{IP: packetgen.IP{TTL: byte(i), TOS: byte(i), Flow: uint32(i * 4099)}, Src: a6, Dst: b6})
	}
	options := [][]byte{
		{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0}, {7, 11, 8, 1, 2, 3, 4, 0, 0, 0, 0}, {131, 11, 4, 1, 2, 3, 4, 5, 6, 7, 8},
		{137, 7, 8, 9, 9, 9, 9}, {137, 3, 4}, {7, 2}, {7, 10, 4, 0, 0, 0, 0, 0, 0, 0}, {7, 7, 3, 0, 0, 0, 0}, {131, 6, 4, 1, 2, 3},
		{68, 12, 5, 0, 0, 0, 0, 1, 0, 0, 0, 0}, {68, 12, 13, 0x20, 0, 0, 0, 1, 0, 0, 0, 9}, {68, 12, 5, 1, 1, 2, 3, 4, 0, 0, 0, 7},
		{68, 12, 5, 3, 1, 2, 3, 4, 0, 0, 0, 7}, {68, 4, 5, 2}, {68, 3, 5}, {68, 10, 5, 1, 0, 0, 0, 0, 0, 0},
		{148, 4, 0, 0}, {148, 4, 0, 9}, {148, 3, 0}, {130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {1, 1, 1, 0}, {0}, {82, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		{99, 4, 1, 2}, {99, 0}, {99, 1}, {99, 50, 1}, {136, 4, 1, 2},
	}
	for _, o := range options {
		c.tcp("options", packetgen.TCP{IP: packetgen.IP{Options: o}, Payload: []byte("x")})
		c.add("options, UDP", decode.LinkEthernet, (&packetgen.UDP{Src: a4, Dst: b4, IP: packetgen.IP{Options: o}}).Frame())
	}
	for range 200 {
		o := make([]byte, c.rand.IntN(41))
		for i := range o {
			o[i] = []byte{0, 1, 7, 68, 131, 137, 148, 130, byte(c.rand.IntN(12)), byte(c.rand.IntN(256))}[c.rand.IntN(10)]
		}
		c.tcp("random options", packetgen.TCP{IP: packetgen.IP{Options: o}})
	}
	whole := packetgen.TCP{Src: a4, Dst: b4, Payload: make([]byte, 100), Seq: 1, IP: packetgen.IP{ID: 99}}
	for _, f := range whole.Fragments(48) {
		c.add("fragment", decode.LinkEthernet, f)
	}
	udp := packetgen.UDP{Src: a4, Dst: b4, Payload: make([]byte, 100), IP: packetgen.IP{ID: 98}}
	for _, f := range udp.Fragments(40) {
		c.add("fragment", decode.LinkEthernet, f)
	}
	whole.IP.Fragment, whole.IP.Offset, whole.IP.More, whole.IP.DF = true, 8, true, true
	c.tcp("fragment with DF", whole)
	c.tcp("bad sum", packetgen.TCP{IP: packetgen.IP{BadSum: true}})
	c.tcp("total length 0", packetgen.TCP{IP: packetgen.IP{NoLength: true}, Payload: make([]byte, 40)})
	for _, total := range []uint16{1, 19, 20, 21, 39, 40, 41, 60, 1500, 65535} {
		for header := range 16 {
			f := (&packetgen.TCP{Src: a4, Dst: b4, Payload: make([]byte, 60)}).Frame()
			binary.BigEndian.PutUint16(f[16:], total)
			f[14] = 0x40 | byte(header)
			c.add("lengths", decode.LinkEthernet, f)
		}
	}
	f := (&packetgen.TCP{Src: a4, Dst: b4, Payload: make([]byte, 60)}).Frame()
	for version := range 16 {
		f := append([]byte(nil), f...)
		f[14] = byte(version)<<4 | 5
		c.add("version", decode.LinkEthernet, f)
	}
	padded := packetgen.Ethernet()
	padded.Pad = true
	c.tcp("padding", packetgen.TCP{Link: &padded})
}

func (c *corpus) ipv6() {
	for _, addr := range []string{"::", "::1", "::ffff:1.2.3.4", "::1.2.3.4", "::5:0", "1:0:0:2::3", "1:0:2:0:3:0:4:0", "fe80::1", "1:2:3:4:5:6:7:8", "1::8", "0:1::", "::2:3:4:5:6:7:8", "64:ff9b::1.2.3.4"} {
		src := netip.AddrFrom16(netip.MustParseAddr(addr).As16())
		c.tcp("address", packetgen.TCP{Src: netip.AddrPortFrom(src, 1), Dst: b6})
	}
	ext := func(what string, e ...packetgen.Extension) {
		c.tcp(what, packetgen.TCP{Src: a6, Dst: b6, IP: packetgen.IP{Extensions: e}, Payload: []byte("x")})
		f := (&packetgen.UDP{Src: a6, Dst: b6, IP: packetgen.IP{Extensions: e}}).Frame()
		c.add(what, decode.LinkEthernet, f)
	}
	route := func(kind, left byte, addrs int) []byte {
		b := append([]byte{kind, left, 0, 0, 0, 0}, make([]byte, 16*addrs)...)
		for i := range addrs {
			b[6+16*i], b[6+16*i+15] = 0xfd, byte(i+3)
		}
		return b
	}
	ext("hop-by-hop", packetgen.Extension{Proto: 0})
	ext("hop-by-hop, router alert", packetgen.Extension{Proto: 0, Data: []byte{5, 2, 0, 1}})
	for _, d := range [][]byte{{5, 1, 0, 0}, {5, 3, 0, 0, 0}, {0xc2, 4, 0, 1, 0, 0}, {0xc2, 4, 0, 0, 1, 0}, {0xc2, 3, 0, 0, 0}, {0xc9, 16, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7},
		{0xc9, 20, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0, 0}, {0xc9, 4, 0, 0, 0, 0}, {0x3e, 2, 1, 2}, {1, 200}, {0, 0, 1, 0}, {0xc9, 19, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 9, 1, 0}} {
		ext("hop-by-hop options", packetgen.Extension{Proto: 0, Data: d})
		ext("destination options", packetgen.Extension{Proto: 60, Data: d})
	}
	ext("two hop-by-hop", packetgen.Extension{Proto: 0}, packetgen.Extension{Proto: 0})
	ext("hop-by-hop late", packetgen.Extension{Proto: 60}, packetgen.Extension{Proto: 0})
	for kind := range byte(6) {
		for n := range 4 {
			ext("routing", packetgen.Extension{Proto: 43, Data: route(kind, byte(n), n)})
			ext("routing", packetgen.Extension{Proto: 60}, packetgen.Extension{Proto: 43, Data: append(route(kind, 1, n), make([]byte, 8)...)})
		}
	}
	ext("authentication", packetgen.Extension{Proto: 51, Data: []byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}})
	ext("atomic fragment", packetgen.Extension{Proto: 44, Data: []byte{0, 0, 0, 0, 0, 9}})
	ext("all", packetgen.Extension{Proto: 0}, packetgen.Extension{Proto: 60}, packetgen.Extension{Proto: 43, Data: route(2, 1, 1)}, packetgen.Extension{Proto: 44, Data: []byte{0, 0, 0, 0, 0, 9}}, packetgen.Extension{Proto: 51, Data: make([]byte, 14)}, packetgen.Extension{Proto: 60})
	whole := packetgen.TCP{Src: a6, Dst: b6, Payload: make([]byte, 100), Seq: 1, IP: packetgen.IP{ID: 99, Extensions: []packetgen.Extension{{Proto: 60}}}}
	for _, f := range whole.Fragments(48) {
		c.add("fragment", decode.LinkEthernet, f)
	}
	for _, n := range []uint16{0, 1, 19, 20, 24, 25, 26, 1000, 65535} {
		for _, e := range [][]packetgen.Extension{nil, {{Proto: 0}}, {{Proto: 60}}, {{Proto: 0, Data: []byte{0xc2, 4, 0, 1, 0, 0}}},
			{{Proto: 0, Data: []byte{0xc2, 4, 0x7f, 0xff, 0xff, 0xd0}}}, {{Proto: 0, Data: []byte{0xc2, 4, 0xff, 0xff, 0xff, 0xff}}}} {
			f := (&packetgen.TCP{Src: a6, Dst: b6, IP: packetgen.IP{Extensions: e}, Payload: []byte("hello")}).Frame()
			binary.BigEndian.PutUint16(f[18:], n)
			c.add("payload length", decode.LinkEthernet, f)
		}
	}
	f := (&packetgen.TCP{Src: a6, Dst: b6}).Frame()
	for version := range 16 {
		f := append([]byte(nil), f...)
		f[14] = byte(version) << 4
		c.add("version", decode.LinkEthernet, f)
	}
	for next := range 256 {
		if _, ok := undissected[uint8(next)]; !ok && next != 135 && next != 62 {
			c.ip("next header", uint8(next), make([]byte, 40), true)
			c.ip("protocol", uint8(next), make([]byte, 40), false)
		}
	}
}

func (c *corpus) links() {
	tags := [][]packetgen.VLAN{nil, {{TCI: 7}}, {{TCI: 0xf00f}}, {{Type: 0x88a8, TCI: 0x6001}, {TCI: 0x1002}}, {{Type: 0x9100, TCI: 1}}, {{Type: 0x9200, TCI: 1}, {TCI: 2}, {TCI: 3}}}
	for _, link := range []decode.LinkType{decode.LinkEthernet, decode.LinkSLL, decode.LinkSLL2, decode.LinkNull, decode.LinkLoop, decode.LinkRaw, decode.LinkIPv4, decode.LinkIPv6} {
		for _, ends := range [][2]netip.AddrPort{{a4, b4}, {a6, b6}} {
			for i, v := range tags {
				l := packetgen.Link{Type: link, VLANs: v, Src: [6]byte{0, 0, 0x0c, 1, 2, 3}, Dst: [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, Interface: uint32(i), PacketType: uint8(i), BigEndian: i%2 == 1}
				c.tcp("link", packetgen.TCP{Link: &l, Src: ends[0], Dst: ends[1], Payload: []byte("x")})
			}
		}
		l := packetgen.Link{Type: link, Src: [6]byte{2, 0, 0, 0, 0, 1}}
		for _, t := range []uint16{0x1234, 0x88b5, 0x6004, 0x0806, 1501, 0x9999} {
			if link == decode.LinkEthernet || link == decode.LinkSLL || link == decode.LinkSLL2 {
				c.add("unknown type", link, l.Append(nil, t, []byte("\x45payload of some kind")))
				l.VLANs = []packetgen.VLAN{{TCI: 5}}
				c.add("unknown type, tagged", link, l.Append(nil, t, []byte("\x45payload of some kind")))
				l.VLANs = nil
			}
		}
		for _, n := range []int{1, 2, 3, 4, 5, 10, 13, 14, 15, 16, 17, 18, 19, 20, 21, 24} {
			c.addCut("short frame", link, make([]byte, n), 60)
		}
	}
	for _, f := range []uint32{2, 6, 10, 24, 28, 30, 99, 0x02000000} {
		c.add("family", decode.LinkNull, binary.LittleEndian.AppendUint32(nil, f))
		c.add("family", decode.LinkNull, append(binary.LittleEndian.AppendUint32(nil, f), (&packetgen.TCP{Src: a6, Dst: b6}).Frame()[14:]...))
	}
	sll := packetgen.Link{Type: decode.LinkSLL}
	sll2 := packetgen.Link{Type: decode.LinkSLL2, Interface: 1}
	for _, t := range []uint16{0, 2, 3, 5, 12, 0x88a8} {
		c.add("cooked type", decode.LinkSLL, sll.Append(nil, t, []byte("payload")))
		c.add("cooked type", decode.LinkSLL2, sll2.Append(nil, t, []byte("payload")))
	}
	f := (&packetgen.TCP{Link: &sll, Src: a4, Dst: b4}).Frame()
	for _, halen := range []byte{0, 4, 6, 8} {
		f := append([]byte(nil), f...)
		f[5] = halen
		c.add("address length", decode.LinkSLL, f)
		g := (&packetgen.TCP{Link: &sll2, Src: a4, Dst: b4}).Frame()
		g[11] = halen
		c.add("address length", decode.LinkSLL2, g)
	}
}

func (c *corpus) udp() {
	for _, ends := range [][2]netip.AddrPort{{a4, b4}, {a6, b6}} {
		for _, n := range []int{0, 1, 2, 100, 1400} {
			u := packetgen.UDP{Src: ends[0], Dst: ends[1], Payload: make([]byte, n)}
			c.add("udp", decode.LinkEthernet, u.Frame())
			u.NoSum = true
			c.add("udp, no sum", decode.LinkEthernet, u.Frame())
			u.NoSum, u.BadSum = false, true
			c.add("udp, bad sum", decode.LinkEthernet, u.Frame())
			for _, told := range []uint16{0, 7, 8, 9, 2000} {
				f := u.Frame()
				binary.BigEndian.PutUint16(f[len(f)-n-4:], told)
				c.add("udp length", decode.LinkEthernet, f)
			}
		}
	}
	sip := packetgen.UDP{Src: a4, Dst: netip.AddrPortFrom(b4.Addr(), 5060), Payload: []byte("INVITE sip:bob@x SIP/2.0\r\nVia: y\r\n\r\n")}
	c.add("sip", decode.LinkEthernet, sip.Frame())
}

func (c *corpus) icmp() {
	inner := (&packetgen.TCP{Src: b4, Dst: a4, Payload: []byte("x")}).Frame()[14:]
	innerUDP := (&packetgen.UDP{Src: b4, Dst: a4}).Frame()[14:]
	icmp := func(what string, b []byte) {
		binary.BigEndian.PutUint16(b[2:], 0)
		binary.BigEndian.PutUint16(b[2:], ^packetgen.Sum(b, 0))
		c.ip(what, 1, b, false)
	}
	for kind := range 45 {
		for code := range 17 {
			head := []byte{byte(kind), byte(code), 0, 0, 0x12, 0x34, 0x05, 0x78}
			icmp("icmp", append(head, inner...))
			if kind == 3 {
				icmp("icmp", append(append([]byte(nil), head...), innerUDP...))
			}
		}
		c.ip("icmp, wrong sum", 1, append([]byte{byte(kind), 0, 1, 2, 0, 0, 0, 0}, inner...), false)
		for n := range 30 {
			c.ip("short icmp", 1, append([]byte{byte(kind)}, make([]byte, n)...), false)
		}
	}
	icmp("redirect", append([]byte{5, 1, 0, 0, 10, 0, 0, 254}, inner...))
	for _, s := range []uint16{30, 300, 9000} {
		icmp("router", []byte{9, 0, 0, 0, 2, 2, byte(s >> 8), byte(s), 10, 0, 0, 1, 0, 0, 0, 5, 10, 0, 0, 2, 0, 0, 0, 6})
	}
	icmp("router, entry size 3", []byte{9, 0, 0, 0, 2, 3, 0, 1, 10, 0, 0, 1, 0, 0, 0, 5})
	icmp("timestamp reply", []byte{14, 0, 0, 0, 0, 1, 0, 2, 0x01, 0xff, 0, 0, 0x02, 0, 0, 0, 0x05, 0x26, 0x5c, 0x00})
	object := []byte{0, 8, 1, 1, 0, 0x3e, 0x81, 0xff, 0, 12, 2, 3, 1, 2, 3, 4, 5, 6, 7, 8}
	extension := append([]byte{0x20, 0, 0, 0}, object...)
	binary.BigEndian.PutUint16(extension[2:], ^packetgen.Sum(extension, 0))
	quoted := append(append([]byte(nil), inner...), make([]byte, 128-len(inner))...)
	for _, kind := range []byte{3, 11, 12} {
		for _, n := range []byte{0, 32} {
			icmp("extensions", append(append([]byte{kind, 0, 0, 0, 0, n, 0, 0}, quoted...), extension...))
			wrong := append([]byte(nil), extension...)
			wrong[3]++
			icmp("extensions, wrong sum", append(append([]byte{kind, 0, 0, 0, 0, n, 0, 0}, quoted...), wrong...))
			wrong[0] = 0x10
			icmp("extensions, version 1", append(append([]byte{kind, 0, 0, 0, 0, n, 0, 0}, quoted...), wrong...))
		}
	}
}

func (c *corpus) icmp6() {
	inner := (&packetgen.TCP{Src: b6, Dst: a6, Payload: []byte("x")}).Frame()[14:]
	innerUDP := (&packetgen.UDP{Src: b6, Dst: a6, IP: packetgen.IP{Extensions: []packetgen.Extension{{Proto: 60}, {Proto: 44, Data: make([]byte, 6)}}}}).Frame()[14:]
	send := func(what string, b []byte) {
		binary.BigEndian.PutUint16(b[2:], 0)
		src, dst := a6.Addr(), b6.Addr()
		sum := uint32(packetgen.Sum(src.AsSlice(), 0)) + uint32(packetgen.Sum(dst.AsSlice(), 0)) + 58 + uint32(len(b))
		binary.BigEndian.PutUint16(b[2:], ^packetgen.Sum(b, sum))
		c.ip(what, 58, b, true)
	}
	for kind := range 256 {
		if kind >= 138 && kind <= 140 || kind == 155 {
			continue
		}
		for code := range 6 {
			head := []byte{byte(kind), byte(code), 0, 0, 0x12, 0x34, 0x05, 0x78}
			send("icmp6", append(append([]byte(nil), head...), inner...))
			send("icmp6", append(append([]byte(nil), head...), innerUDP...))
		}
		for n := range 30 {
			c.ip("short icmp6", 58, append([]byte{byte(kind)}, make([]byte, n)...), true)
		}
	}
	target := b6.Addr().AsSlice()
	options := [][]byte{
		{1, 1, 2, 0, 0, 0, 0, 1}, {2, 1, 2, 0, 0, 0, 0, 2}, {5, 1, 0, 0, 0, 0, 5, 0xdc}, {5, 2, 0, 0, 0, 0, 5, 0xdc, 0, 0, 0, 0, 0, 0, 0, 0},
		append([]byte{3, 4, 64, 0xe0, 0, 0, 14, 16, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, target...),
		append([]byte{25, 3, 0, 0, 0, 0, 1, 2}, target...), {31, 3, 0, 0, 0, 0, 0, 9, 3, 'f', 'o', 'o', 2, 'd', 'e', 0, 0, 0, 0, 0, 0, 0, 0, 0},
		{7, 1, 0, 0, 0, 0, 1, 1}, {8, 1, 0, 0, 0, 1, 0, 2}, {24, 1, 0, 0x08, 0, 0, 0, 7}, {24, 2, 64, 0x18, 0, 0, 0, 7, 0xfd, 0, 0, 0, 0, 0, 0, 1}, {24, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		{4, 2, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, {99, 1, 1, 2, 3, 4, 5, 6}, {1, 0, 0, 0, 0, 0, 0, 0}, {1, 9, 0, 0, 0, 0, 0, 0},
	}
	for i, o := range append(options, nil) {
		more := options[i%len(options)]
		send("router solicitation", append(append([]byte{133, 0, 0, 0, 0, 0, 0, 0}, o...), more...))
		send("router advertisement", append(append([]byte{134, 0, 0, 0, 64, byte(i * 16), 7, 8, 0, 0, 1, 0, 0, 0, 2, 0}, o...), more...))
		send("neighbor solicitation", append(append(append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, target...), o...), more...))
		send("neighbor advertisement", append(append(append([]byte{136, 0, 0, 0, byte(i << 4), 0, 0, 0}, target...), o...), more...))
		send("redirect", append(append(append(append([]byte{137, 0, 0, 0, 0, 0, 0, 0}, target...), target...), o...), more...))
	}
	send("query", append([]byte{130, 0, 0, 0, 3, 0xe8, 0, 0}, target...))
	send("query 2", append(append([]byte{130, 0, 0, 0, 0x83, 0xe8, 0, 0}, target...), 0x0a, 0x7d, 0, 0))
	send("query 2", append(append(append([]byte{130, 0, 0, 0, 0x13, 0xe8, 0, 0}, target...), 0x02, 0xfd, 0, 1), target...))
	send("query 2", append(append([]byte{130, 0, 0, 0, 0x13, 0xe8, 0, 0}, target...), 0x02, 0xfd, 0, 1))
	for kind := range byte(8) {
		record := append(append([]byte{kind, 0, 0, 1}, target...), target...)
		send("report 2", append(append([]byte{143, 0, 0, 0, 0, 0, 0, 2}, record...), append([]byte{4, 0, 0, 0}, target...)...))
		send("report 2", append([]byte{143, 0, 0, 0, 0, 0, 0, 2}, record...))
		send("report 2", append([]byte{143, 0, 0, 0, 0, 0, 0, 2}, record[:30]...))
	}
}

func (c *corpus) arp() {
	request := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2}
	for op := range 12 {
		for _, hardware := range []byte{0, 1, 6, 24, 32, 77} {
			b := append([]byte(nil), request...)
			b[1], b[7] = hardware, byte(op)
			c.ether("arp", 0x0806, b)
			b[20] = 9
			c.ether("arp", 0x8035, b)
		}
	}
	for _, change := range [][2]byte{{4, 0}, {4, 2}, {4, 8}, {5, 0}, {5, 6}, {2, 0x86}, {3, 9}} {
		b := append([]byte(nil), request...)
		b[change[0]] = change[1]
		c.ether("arp, strange", 0x0806, b)
		c.ether("arp, strange", 0x0806, append(b, make([]byte, 18)...))
		b[7] = 2
		c.ether("arp, strange", 0x0806, b)
	}
}

func (c *corpus) llc() {
	for _, head := range [][]byte{
		{0x02, 0x02, 0x03}, {0xf0, 0xf1, 0x03}, {0xf0, 0xf0, 0x7f}, {4, 5, 0xaf}, {4, 4, 0xaf, 0x81, 1, 2}, {4, 4, 0xbf, 0x81, 1}, {4, 4, 0xaf, 7},
		{4, 4, 1, 1}, {4, 4, 5, 0}, {4, 4, 9, 2}, {4, 5, 13, 2}, {4, 5, 0, 2}, {5, 4, 0x42, 0x11}, {0x10, 0x20, 0x03, 1, 2, 3}, {0x10, 0x10, 0xe3}, {4, 4}, {4}, {},
		{0xaa, 0xaa, 3, 0, 0, 0, 0x12, 0x34, 1, 2, 3}, {0xaa, 0xaa, 3, 0, 0, 0x0c, 0x12, 0x34, 1}, {0xaa, 0xaa, 3, 0, 1}, {0xaa, 0xaa, 3, 0xf1, 2, 3, 4, 5, 6}, {0xaa, 0xab, 0x13, 0, 0, 0, 8, 0},
	} {
		c.ether("llc", uint16(len(head)), head)
		c.ether("llc, padded", uint16(len(head)), append(append([]byte(nil), head...), make([]byte, 46)...))
		sll := packetgen.Link{Type: decode.LinkSLL}
		c.add("llc, cooked", decode.LinkSLL, sll.Append(nil, 4, head))
	}
	ip := (&packetgen.TCP{Src: a4, Dst: b4, Payload: []byte("x")}).Frame()[14:]
	c.ether("snap", uint16(len(ip)+8), append([]byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, ip...))
	c.ether("llc ip", uint16(len(ip)+3), append([]byte{6, 6, 3}, ip...))
}

func (c *corpus) tunnels() {
	ip4 := (&packetgen.TCP{Src: a4, Dst: b4, Payload: []byte("x")}).Frame()[14:]
	ip6 := (&packetgen.TCP{Src: a6, Dst: b6, Payload: []byte("x")}).Frame()[14:]
	eth := (&packetgen.TCP{Src: a4, Dst: b4, Payload: []byte("x")}).Frame()
	join := func(head []byte, rest []byte) []byte { return append(append([]byte(nil), head...), rest...) }
	for _, v6 := range []bool{false, true} {
		c.ip("ip in ip", 4, ip4, v6)
		c.ip("ip6 in ip", 41, ip6, v6)
		c.ip("ethernet in ip", 143, eth, v6)
		for _, head := range [][]byte{{0, 0, 8, 0}, {0x20, 0, 8, 0, 0, 0, 0, 7}, {0x30, 0, 8, 0, 0, 0, 0, 7, 0, 0, 0, 9}, {0x80, 0, 8, 0, 1, 2, 0, 0}, {0, 0}, {0, 0, 8}, {0, 3, 8, 0}} {
			c.ip("gre", 47, join(head, ip4), v6)
		}
		c.ip("gre, ip6", 47, join([]byte{0, 0, 0x86, 0xdd}, ip6), v6)
		c.ip("gre, ethernet", 47, join([]byte{0, 0, 0x65, 0x58}, eth), v6)
		c.ip("gre, other", 47, join([]byte{0, 0, 0x12, 0x34}, eth), v6)
		c.ip("gre, mpls", 47, join([]byte{0, 0, 0x88, 0x47, 0, 1, 1, 64}, ip4), v6)
	}
	for _, head := range [][]byte{{0, 1, 1, 64}, {0, 1, 0, 64, 0, 2, 0x1f, 64}, {0, 0, 1, 1}, {0, 0, 0x11, 1}, {0, 0, 0x31, 1}, {0, 0, 0x51, 1}, {0, 1, 0}, {0, 1, 0, 1}} {
		c.ether("mpls", 0x8847, join(head, ip4))
		c.ether("mpls", 0x8848, head)
	}
	c.ether("mpls, ip6", 0x8847, join([]byte{0, 0, 0x21, 64}, ip6))
	c.ether("mpls, ip6", 0x8847, join([]byte{0, 1, 1, 64}, ip6))
	c.ether("mpls, other", 0x8847, join([]byte{0, 1, 1, 64}, []byte("other")))
	pppoe := func(n int, head ...byte) []byte { return append([]byte{0x11, 0, 0, 7, 0, byte(n)}, head...) }
	c.ether("pppoe", 0x8864, join(pppoe(len(ip4)+2, 0, 0x21), ip4))
	c.ether("pppoe", 0x8864, join(pppoe(len(ip6)+2, 0, 0x57), ip6))
	c.ether("pppoe", 0x8864, join(pppoe(len(ip4)+1, 0x21), ip4))
	c.ether("pppoe", 0x8864, join(pppoe(len(ip4)+4, 0xff, 3, 0, 0x21), ip4))
	c.ether("pppoe, long", 0x8864, join(pppoe(200, 0, 0x21), ip4))
	c.ether("pppoe, short", 0x8864, pppoe(1, 0x21))
	c.ether("pppoe, shorter", 0x8864, []byte{0x11, 0, 0})
	vxlan := packetgen.UDP{Src: a4, Dst: netip.AddrPortFrom(b4.Addr(), 4789), Payload: join([]byte{8, 0, 0, 0, 0, 1, 2, 0}, eth)}
	c.add("vxlan", decode.LinkEthernet, vxlan.Frame())
	vxlan.Payload = vxlan.Payload[:7]
	c.add("vxlan, short", decode.LinkEthernet, vxlan.Frame())
	c.ip("ah", 51, join([]byte{6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, ip4[20:]), false)
	c.ip("ah, reserved", 51, join([]byte{17, 1, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2}, make([]byte, 20)), false)
}

func (c *corpus) times() {
	frame := (&packetgen.TCP{Src: a4, Dst: b4}).Frame()
	for _, d := range []time.Duration{0, time.Nanosecond, 999999 * time.Nanosecond, -time.Second, -90 * time.Minute, 49 * time.Hour, 400 * 24 * time.Hour} {
		s := sample{"time", decode.LinkEthernet, frame, len(frame), c.clock.Add(d), false}
		c.samples = append(c.samples, s)
	}
	c.samples = append(c.samples, sample{"after 2038", decode.LinkEthernet, frame, len(frame), time.Unix(0x80000001, 5000), false})
	c.samples = append(c.samples, sample{"the epoch", decode.LinkEthernet, frame, len(frame), time.Unix(0, 0), false})
	c.samples = append(c.samples, sample{"early", decode.LinkEthernet, frame, len(frame), time.Unix(1, 999999999), false})
}

// cuts adds every way to cut one frame of each kind, shorter with -s and shorter
// on the wire.
func (c *corpus) cuts() {
	seen := make(map[string]int)
	for _, s := range append([]sample(nil), c.samples...) {
		key := fmt.Sprint(s.what, s.link)
		if s.wire != len(s.data) || seen[key] >= 2 {
			continue
		}
		seen[key]++
		for n := 1; n < min(len(s.data), 140); n++ {
			c.addCut(s.what+", cut", s.link, s.data[:n], s.wire)
			if n%3 == 0 {
				c.add(s.what+", short", s.link, s.data[:n])
			}
		}
	}
}

// mutants adds frames with some bytes changed.
func (c *corpus) mutants(n int) {
	all := c.samples
	for range n {
		s := all[c.rand.IntN(len(all))]
		data := append([]byte(nil), s.data...)
		for range 1 + c.rand.IntN(3) {
			i := c.rand.IntN(min(len(data), 90))
			switch c.rand.IntN(3) {
			case 0:
				data[i] = byte(c.rand.IntN(256))
			case 1:
				data[i] ^= 1 << c.rand.IntN(8)
			case 2:
				data[i] = []byte{0, 1, 0xff, 0x80}[c.rand.IntN(4)]
			}
		}
		c.addCut("mutant of "+s.what, s.link, data, s.wire)
	}
}
