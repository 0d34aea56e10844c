package filter

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// TestPFLogLikeLibpcap compares with libpcap where it can be compared: we know
// every BSD's AF_INET6, which makes other programs.
func TestPFLogLikeLibpcap(t *testing.T) {
	needTcpdump(t)
	s := subject{name: "PFLOG", target: Target{Link: decode.LinkPFLog}, frames: corpus(decode.LinkPFLog, false)}
	s.file = filepath.Join(t.TempDir(), "pflog.pcap")
	if err := os.WriteFile(s.file, writePcap(decode.LinkPFLog, false, s.frames), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, e := range []string{"tcp", "ip", "ip6", "tcp port 80", "not udp", "host 10.0.0.1 or host 2001:db8::1", "udp portrange 50-500",
		"icmp6", "inbound", "outbound", "inbound and tcp[13] & 2 != 0", "link[1] = 2", "ip[8] = 64 and len > 100", "arp", "vlan", "ip protochain 6", "broadcast"} {
		if _, _, _, complaint := s.compare(t, e); complaint != "" {
			t.Errorf("%q: %s", e, complaint)
		}
	}
}

// TestLinksLikeDecode asks for ports and hosts on every link type that has a
// filter, in the plain forms of its frames: the filter finds what decode finds.
func TestLinksLikeDecode(t *testing.T) {
	here, there := "tcp port 7272 and host 10.0.0.1 and tcp[13] & 2 != 0", "ip and not tcp port 7272"
	plain := []string{"PPP, framed", "serial PPP", "pppd", "PPPoE sessions", "HDLC", "frame relay", "token ring", "FDDI", "ATM, LLC", "SunATM, LLC",
		"IP over Fibre Channel", "IP over IEEE 1394", "ENC, little endian", "IPNET", "netANALYZER", "PFLOG of OpenBSD", "PFLOG, a length that is padded",
		"802.11", "802.11, QoS", "radiotap", "radiotap, QoS", "Prism", "AVS as Prism, QoS", "AVS, QoS", "PPI, QoS"}
	tested := map[decode.LinkType]bool{}
	seg := packetgen.TCP{Src: netip.MustParseAddrPort("10.0.0.1:40000"), Dst: netip.MustParseAddrPort("10.0.0.2:7272"), Flags: decode.SYN}
	seg6 := packetgen.TCP{Src: netip.MustParseAddrPort("[fd00::1]:40000"), Dst: netip.MustParseAddrPort("[fd00::2]:7272"), Flags: decode.SYN}
	for _, w := range packetgen.Wraps() {
		if _, ok := layouts[w.Link]; !ok || !slices.Contains(plain, w.Name) {
			continue
		}
		tested[w.Link] = true
		for _, c := range []struct {
			expr  string
			seg   *packetgen.TCP
			wants bool
		}{{here, &seg, true}, {there, &seg, false}, {"ip6 and tcp port 7272", &seg6, true}, {"dst host fd00::1", &seg6, false}, {"ip", &seg6, false}} {
			p, err := Compile(c.expr, Target{Link: w.Link})
			if err != nil {
				t.Fatalf("%v: %v", w.Link, err)
			}
			frame := w.On(*c.seg, true)
			if got := p.Match(frame, &Meta{Length: len(frame)}) > 0; got != c.wants {
				t.Errorf("%v, %s: %q: %v\n%s", w.Link, w.Name, c.expr, got, p)
			}
		}
	}
	for l := range layouts {
		if !tested[l] {
			t.Errorf("%v was not tested", l)
		}
	}
}

// TestLinksWithoutFilter: where protocols cannot be asked for, an error says so,
// and lengths and bytes can be.
func TestLinksWithoutFilter(t *testing.T) {
	for _, l := range []decode.LinkType{decode.LinkNFLOG, decode.LinkPKTAP, decode.LinkIPoIB, decode.LinkERF, decode.LinkPPPDir, 147} {
		for _, e := range []string{"tcp port 80", "host 10.0.0.1", "ip6", "ip[0] = 0x45", "vlan", "ether host 1:2:3:4:5:6", "broadcast"} {
			if _, err := Compile(e, Target{Link: l}); err == nil || !strings.Contains(err.Error(), l.String()) {
				t.Errorf("%v, %q: %v", l, e, err)
			}
		}
		p, err := Compile("len > 4 and link[0] = 2", Target{Link: l})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{{2, 0, 0, 0, 0}, {3, 0, 0, 0, 0}, {2}} {
			if got := p.Match(b, &Meta{Length: len(b)}) > 0; got != (len(b) > 4 && b[0] == 2) {
				t.Errorf("%v: %x: %v", l, b, got)
			}
		}
	}
}
