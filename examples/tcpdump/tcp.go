package main

import (
	"net/netip"

	"github.com/wstap/wstap/decode"
)

// A flowKey is a connection, whichever side sends.
type flowKey struct {
	a, b         netip.Addr // a is the side with the lower port, or address
	aPort, bPort uint16
}

// maxFlows bounds the memory of a long capture. Beyond it connections are
// forgotten, and their numbers count from the next segment.
const maxFlows = 1 << 20

// A flowStart is where the sequence numbers of both sides count from.
type flowStart struct{ a, b uint32 }

var tcpFlags = []bit{
	{uint32(decode.FIN), "F"}, {uint32(decode.SYN), "S"}, {uint32(decode.RST), "R"}, {uint32(decode.PSH), "P"},
	{uint32(decode.ACK), "."}, {uint32(decode.URG), "U"}, {uint32(decode.ECE), "E"}, {uint32(decode.CWR), "W"},
}

// A segment is what the printers of a TCP header's parts need.
type segment struct {
	off, header, length int
	flags               decode.TCPFlags
	src, dst            uint16
	theirs              uint32 // what SACK blocks count from
}

// hosts returns both addresses of an IP header as text.
func (p *printer) hosts(ip ipHeader) (src, dst string) {
	if ip.version == 6 {
		return p.ip6(ip.off + 8), p.ip6(ip.off + 24)
	}
	return p.ip4(ip.off + 12), p.ip4(ip.off + 16)
}

// direct says that a transport header follows the IP header and no other
// header between them.
func (p *printer) direct(ip ipHeader, proto uint8) bool {
	if ip.version == 6 {
		return p.u8(ip.off+6) == proto
	}
	return p.u8(ip.off+9) == proto
}

// tcp prints the segment at off.
func (p *printer) tcp(off, length int, ip ipHeader) {
	p.proto = "tcp"
	if !p.has(off+2, 2) {
		src, dst := p.hosts(ip)
		p.f("%s > %s:", src, dst)
		p.truncated()
		return
	}
	s := segment{off: off, src: p.u16(off), dst: p.u16(off + 2)}
	from, to := p.tcpPort(s.src), p.tcpPort(s.dst)
	if p.direct(ip, decode.ProtoTCP) {
		src, dst := p.hosts(ip)
		p.f("%s.%s > %s.%s: ", src, from, dst, to)
	} else {
		p.f("%s > %s: ", from, to)
	}
	if !p.has(off, 20) {
		p.truncated()
		return
	}
	s.header = int(p.u8(off+12)>>4) * 4
	s.length = length - s.header
	if s.header < 20 {
		p.f(" tcp %d [bad hdr length %d - too short, < 20]", uint32(s.length), s.header)
		return
	}
	if p.q > 0 {
		p.f("tcp %d", uint32(s.length))
		if s.header > length {
			p.f(" [bad hdr length %d - too long, > %d]", s.header, length)
		}
		return
	}
	s.flags = decode.TCPFlags(p.u8(off + 13))
	p.f("Flags [%s]", bitNames(tcpFlags, uint32(s.flags), "", "none"))
	seq, ack := p.u32(off+4), p.u32(off+8)
	if !p.S && s.flags&decode.ACK != 0 {
		seq, ack = p.relative(&s, ip, seq, ack)
	}
	if s.header > length {
		p.f(" [bad hdr length %d - too long, > %d]", s.header, length)
		return
	}
	if p.v > 0 && !p.K && !ip.fragment && p.has(off, length) {
		field := p.u16(off + 16)
		p.f(", cksum 0x%04x", field)
		src, dst := p.ends(ip)
		if sum := decode.TransportChecksum(src, dst, decode.ProtoTCP, p.bytes(off, length)); sum != 0 {
			p.f(" (incorrect -> 0x%04x)", rightSum(field, sum))
		} else {
			p.s(" (correct)")
		}
	}
	if p.v > 1 || s.length > 0 || s.flags&(decode.SYN|decode.FIN|decode.RST) != 0 {
		p.f(", seq %d", seq)
		if s.length > 0 {
			p.f(":%d", seq+uint32(s.length))
		}
	}
	if s.flags&decode.ACK != 0 {
		p.f(", ack %d", ack)
	}
	p.f(", win %d", p.u16(off+14))
	if s.flags&decode.URG != 0 {
		p.f(", urg %d", p.u16(off+18))
	}
	if s.header > 20 && !p.tcpOptions(&s) {
		return
	}
	p.f(", length %d", s.length)
	if s.length > 0 {
		p.tcpPayload(&s)
	}
}

// relative counts sequence numbers from the start of the connection, or notes
// it: the first segment with an ACK, and each SYN, prints as it is.
func (p *printer) relative(s *segment, ip ipHeader, seq, ack uint32) (uint32, uint32) {
	at, n := ip.off+12, 4
	if ip.version == 6 {
		at, n = ip.off+8, 16
	}
	src, _ := netip.AddrFromSlice(p.bytes(at, n))
	dst, _ := netip.AddrFromSlice(p.bytes(at+n, n))
	k := flowKey{src, dst, s.src, s.dst}
	reverse := s.src > s.dst || s.src == s.dst && src.Compare(dst) > 0
	if reverse {
		k = flowKey{dst, src, s.dst, s.src}
	}
	f := p.flows[k]
	if f == nil || s.flags&decode.SYN != 0 {
		if f == nil {
			if len(p.flows) >= maxFlows {
				clear(p.flows)
			}
			f = new(flowStart)
			p.flows[k] = f
		}
		*f = flowStart{seq, ack - 1}
		if reverse {
			*f = flowStart{ack - 1, seq}
		}
	} else if reverse {
		seq, ack = seq-f.b, ack-f.a
	} else {
		seq, ack = seq-f.a, ack-f.b
	}
	s.theirs = f.b
	if reverse {
		s.theirs = f.a
	}
	return seq, ack
}

// tcpPayload prints what is known of the data by the ports.
func (p *printer) tcpPayload(s *segment) {
	if !p.has(s.off, s.header) {
		p.f(" [remaining caplen(%d) < header length(%d)]", p.rest(s.off), s.header)
		panic(cut{})
	}
	off := s.off + s.header
	if s.flags&decode.RST != 0 && p.v > 0 {
		p.resetData(off, s.length)
		return
	}
	for _, port := range tcpServices {
		if s.src == port.number || s.dst == port.number {
			port.print(p, off, s.length)
			return
		}
	}
}

// tcpServices are the ports whose data prints, the first match counting.
// tcpdump also knows PPTP, OpenFlow, DNS, MSDP, LDP and NFS: of these the
// length prints, as of any other data; of BGP and RPKI-RTR the name, without -v.
var tcpServices = []struct {
	number uint16
	print  func(p *printer, off, length int)
}{
	{23, (*printer).telnet},
	{25, text("smtp", nil)},
	{43, text("whois", nil)},
	{179, named("bgp", ": BGP")}, {1723, ignored},
	{6379, (*printer).resp},
	{22, (*printer).ssh},
	{10288, (*printer).beep},
	{6633, ignored}, {6653, ignored},
	{21, text("ftp", nil)},
	{80, text("http", httpMethods)}, {8080, text("http", httpMethods)},
	{554, text("rtsp", rtspMethods)}, {8554, text("rtsp", rtspMethods)},
	{53, ignored}, {639, ignored}, {323, named("rpki_rtr", ", RPKI-RTR")}, {646, ignored}, {2049, ignored},
}

// named returns a printer that tells no more than the protocol's name, as
// tcpdump does without -v.
func named(proto, name string) func(*printer, int, int) {
	return func(p *printer, _, _ int) {
		p.proto = proto
		if p.v == 0 {
			p.s(name)
		} else {
			p.passed = true
		}
	}
}

// ignored is the printer of data that only tcpdump dissects.
func ignored(p *printer, _, _ int) { p.passed = true }

// resetData prints the data of a RST (RFC 9293, section 3.5.3 allows it).
func (p *printer) resetData(off, length int) {
	if p.has(off, length) {
		p.s(" [RST")
	} else {
		p.s(" [!RST")
	}
	if length > 30 {
		length = 30
		p.s("+")
	}
	p.s(" ")
	for ; length > 0 && off < p.end; length-- {
		p.char(p.u8(off))
		off++
	}
	p.s("]")
}
