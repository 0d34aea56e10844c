package filter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/wstap/wstap/decode"
)

// fixed is a resolver that does not depend on the machine.
type fixed struct{ missing }

func (fixed) hosts(name string) ([]netip.Addr, error) {
	switch name {
	case "localhost":
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	case "both":
		return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")}, nil
	}
	return nil, errors.New("no such host")
}

func (fixed) network(name string) (uint32, bool) {
	v, ok := map[string]uint32{"loopback": 127 << 24, "short": 127}[name]
	return v, ok
}

func (fixed) ether(name string) ([]byte, bool) {
	return []byte{0, 1, 2, 3, 4, 5}, name == "printer"
}

// missing is a machine without any file of names.
type missing struct{ system }

func (missing) service(name, proto string) (uint32, bool) { return wellKnownService(name, proto) }
func (missing) protocol(name string) (uint32, bool)       { return wellKnownProtocol(name) }

func compileWith(r resolver, expr string, t Target) (p *Program, err error) {
	defer catch(expr, &p, &err)
	return compile(expr, t, r), nil
}

// A golden expression and how long libpcap's program is for it on Ethernet, 0
// where libpcap refuses it.
type golden struct {
	expr string
	len  int
}

// goldens reads testdata/expressions.txt. Its lengths were printed by
// tcpdump -ddd (libpcap 1.10.3), reading a file.
func goldens(t testing.TB) []golden {
	f, err := os.Open("testdata/expressions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []golden
	for s := bufio.NewScanner(f); s.Scan(); {
		n, expr, _ := strings.Cut(s.Text(), "\t")
		l, err := strconv.Atoi(n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, golden{expr, l})
	}
	return out
}

// Programs are at most a quarter longer than libpcap's, and refused are the
// same expressions.
func TestLengths(t *testing.T) {
	ours, theirs := 0, 0
	for _, g := range goldens(t) {
		p, err := compileWith(fixed{}, g.expr, Target{Link: decode.LinkEthernet})
		switch {
		case err != nil && g.len > 0:
			t.Errorf("%q is refused: %v", g.expr, err)
		case err == nil && g.len == 0:
			t.Errorf("%q is not refused", g.expr)
		case err == nil && p.Len()*4 > g.len*5:
			t.Errorf("%q: %d instructions, libpcap %d\n%s", g.expr, p.Len(), g.len, p)
		case err == nil:
			ours, theirs = ours+p.Len(), theirs+g.len
		}
	}
	t.Logf("%d instructions, libpcap %d", ours, theirs)
}

// Every production of the grammar selects the same frames as libpcap, on every
// link type. All of them are tried on each with a greater WSTAP_FILTER_EXPRS.
func TestProductionsLikeLibpcap(t *testing.T) {
	needTcpdump(t)
	for i, s := range subjects(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for j, g := range goldens(t) {
				if exprs() <= defaultExprs && (i > 0 && j%5 != i%5 || i > 8 && j/5%5 != i/5 || testing.Short() && j/5%10 != 0) {
					continue // a part of them, to save time
				}
				if _, _, _, complaint := s.compare(t, g.expr); complaint != "" {
					t.Errorf("%s, %q: %s", s.name, g.expr, complaint)
				}
			}
		})
	}
}

// The listings are tcpdump's, letter by letter.
func TestListingsLikeTcpdump(t *testing.T) {
	needTcpdump(t)
	s := subjects(t)[0]
	for _, e := range []string{"", "tcp port 80", "host 10.0.0.1 or vlan 5", "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
		"len % ip[3] ^ 7 >= 10 / ip[9]", "ether[-1] = 1", "-len * 3 - 2 << ip[1] >> 2 | len != 1", "ip[0] < ip[1] and not tcp[1] <= tcp[3]"} {
		p := must(t, e, s.target)
		for flag, got := range map[string]string{"-d": p.String(), "-dd": p.C(), "-ddd": p.Decimal()} {
			if want := tcpdump(t, "-r", s.file, flag, "--", e); got != want {
				t.Errorf("%s %q:\n%s\ntcpdump:\n%s", flag, e, got, want)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		expr, at, says string // the token that the error points at
	}{
		{"tcp port", "", "expected"},
		{"tcp port 80 and", "", "unexpected end"},
		{"port 99999", "99999", "65535"},
		{"host 10.0.0.256", "10.0.0.256", "IPv4"},
		{"net 10.0.0.1/8", "10.0.0.1/8", "mask"},
		{"tcp prot 80", "prot", "unexpected"},
		{"port 7272 and hots 10.0.0.1", "10.0.0.1", `is "hots" misspelt`},
		{"tcp[0:3] = 1", "3", "1, 2 or 4"},
		{"len / 0 = 1", "/ 0", "zero"},
		{"vlan 4096", "4096", "4095"},
		{"ether host 10.0.0.1", "10.0.0.1", "MAC"},
		{"ether host 1:2:3:4:5", "1:2:3:4:", "MAC"},
		{"tcp @ 80", "@", "unexpected"},
		{"icmp port 80", "icmp port", "tcp, udp and sctp"},
		{"10.0.0.1", "10.0.0.1", "host"},
		{"tcp or 443", "443", "port 443"},
		{"ip and arp", "ip and arp", "no packet"},
		{"(tcp or udp", "", `")"`},
		{"tcp)", ")", "unexpected"},
		{"wlan addr1 00:01:02:03:04:05", "wlan addr1", "802.11"},
		{"on eth0", "on", "BSD"},
		{"vpi 5", "vpi", "ATM"},
		{"inbound", "inbound", "direction"},
		{"llc nonsense", "nonsense", "LLC"},
		{"port nosuch", "nosuch", "unknown port"},
		{"host nosuch.invalid", "nosuch.invalid", "unknown host"},
		{"089 = len", "089", "octal"},
		{"4294967296 = len", "4294967296", "32 bits"},
		{"fe80::1::2 = 1", "fe80::1", ""},
		{strings.Repeat("(", 5000) + "tcp" + strings.Repeat(")", 5000), "(", "deep"},
	} {
		_, err := compileWith(fixed{}, c.expr, Target{Link: decode.LinkEthernet})
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.40q: %v is no *Error", c.expr, err)
			continue
		}
		if got := e.Expr[e.Offset : e.Offset+e.Len]; got != c.at {
			t.Errorf("%.40q: points at %q, wanted %q: %v", c.expr, got, c.at, err)
		}
		if !strings.Contains(e.Error(), c.says) || strings.Contains(e.Error(), "\n") {
			t.Errorf("%.40q: %q does not say %q", c.expr, e, c.says)
		}
		if e.Expr != c.expr || c.at == "" && e.Offset != len(c.expr) {
			t.Errorf("%.40q: offset %d", c.expr, e.Offset)
		}
	}
}

func TestPoint(t *testing.T) {
	_, err := Compile("tcp\tprot 80", Target{Link: decode.LinkEthernet})
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if got, want := e.Point(), "tcp?prot 80\n    ^^^^"; got != want {
		t.Errorf("%q, wanted %q", got, want)
	}
}

// Names are found on a machine without /etc/services and /etc/protocols.
func TestWellKnownNames(t *testing.T) {
	for _, c := range [][2]string{
		{"port http", "tcp port 80"}, {"port domain", "port 53 and not sctp"}, {"tcp port https", "tcp port 443"},
		{"udp port ntp", "udp port 123"}, {"ip proto gre", "ip proto 47"}, {"proto \\sctp", "proto 132"}, {"port www", "tcp port 80"},
	} {
		if _, err := compileWith(missing{}, c[0], Target{Link: decode.LinkEthernet}); err != nil {
			t.Errorf("%q: %v", c[0], err)
			continue
		}
		if c[0] == "port domain" {
			continue // no expression of numbers means just TCP and UDP
		}
		a, _ := compileWith(missing{}, c[0], Target{Link: decode.LinkEthernet})
		b, _ := compileWith(missing{}, c[1], Target{Link: decode.LinkEthernet})
		if a.Decimal() != b.Decimal() {
			t.Errorf("%q is not %q:\n%s\n%s", c[0], c[1], a, b)
		}
	}
}

// A name stands for all of its addresses.
func TestHostNames(t *testing.T) {
	for _, c := range [][2]string{
		{"host both", "host 10.0.0.1 or host 2001:db8::1"}, {"ip host both", "ip host 10.0.0.1"},
		{"ip6 src both", "ip6 src 2001:db8::1"}, {"dst localhost", "dst 127.0.0.1"}, {"ether src printer", "ether src 0:1:2:3:4:5"},
		{"net short", "net 127"},
	} {
		a, err := compileWith(fixed{}, c[0], Target{Link: decode.LinkEthernet})
		if err != nil {
			t.Errorf("%q: %v", c[0], err)
			continue
		}
		b, _ := compileWith(fixed{}, c[1], Target{Link: decode.LinkEthernet})
		if a.Decimal() != b.Decimal() {
			t.Errorf("%q is not %q:\n%s\n%s", c[0], c[1], a, b)
		}
	}
}

// Jumps reach farther than 255 instructions, and programs are no longer than
// the kernel allows.
func TestLongPrograms(t *testing.T) {
	hosts := func(n int) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteString(" or ")
			}
			b.WriteString("host " + netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String())
		}
		return b.String()
	}
	for _, live := range []bool{false, true} {
		p := must(t, hosts(200)+" or tcp port 80", Target{Link: decode.LinkEthernet, Live: live})
		if p.Len() < 600 {
			t.Errorf("%d instructions for 200 hosts", p.Len())
		}
		if err := valid(p.Raw()); err != nil {
			t.Error(err)
		}
		for i := range 200 {
			b := ipv4(0, 6, 0, nil, tcp(0, 2))
			copy(b[12:], []byte{10, 0, byte(i >> 8), byte(i)})
			f := ether(0, 0x0800, b)
			if p.Match(f, &Meta{Length: len(f), Protocol: 0x0800}) == 0 {
				t.Fatalf("live %v: host %d is not selected", live, i)
			}
		}
		f := ether(0, 0x0800, ipv4(3, 17, 0, nil, udp(1, nil)))
		if p.Match(f, &Meta{Length: len(f), Protocol: 0x0800}) != 0 {
			t.Errorf("live %v: another is", live)
		}
	}
	if _, err := Compile(hosts(3000), Target{Link: decode.LinkEthernet}); err == nil || !strings.Contains(err.Error(), "4096") {
		t.Errorf("3000 hosts: %v", err)
	}
}

// valid checks a program much as the kernel does.
func valid(ins []bpf.RawInstruction) error {
	plain := append([]bpf.RawInstruction(nil), ins...)
	for i, in := range plain {
		if in.Op&0xe7 == opLD|modeABS && in.K >= linkBase {
			plain[i].K = 0 // x/net knows some extensions, and serves fewer
		}
	}
	decoded, ok := bpf.Disassemble(plain)
	if !ok {
		return errors.New("unknown instruction")
	}
	_, err := bpf.NewVM(decoded)
	return err
}

func FuzzCompile(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.expr, uint8(0)) // each production, and each error
	}
	links := []decode.LinkType{decode.LinkEthernet, decode.LinkSLL2, decode.LinkSLL, decode.LinkRaw, decode.LinkNull,
		decode.LinkLoop, decode.LinkIPv4, decode.LinkIPv6, 12345}
	f.Fuzz(func(t *testing.T, expr string, how uint8) {
		if len(expr) > 500 {
			return
		}
		target := Target{Link: links[int(how>>1)%len(links)], Order: binary.LittleEndian, Live: how&1 != 0}
		p, err := compileWith(fixed{}, expr, target)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%T", err)
			}
			if e.Offset < 0 || e.Len < 0 || e.Offset+e.Len > len(expr) {
				t.Fatalf("%q points at %d+%d", err, e.Offset, e.Len)
			}
			_ = e.Error() + e.Point()
			return
		}
		if p.Len() == 0 || p.Len() > maxInsns {
			t.Fatalf("%d instructions", p.Len())
		}
		if !strings.Contains(expr, "protochain") {
			if err := valid(p.Raw()); err != nil && !strings.Contains(err.Error(), "divide") {
				t.Fatalf("%v\n%s", err, p)
			}
		}
		p.Match([]byte(expr), &Meta{Length: len(expr)})
	})
}

// TestZeroTarget: what says no link type selects nothing by mistake, but is refused.
func TestZeroTarget(t *testing.T) {
	for _, e := range []string{"", "tcp port 80"} {
		if _, err := Compile(e, Target{}); err == nil || !strings.Contains(err.Error(), "no link type") {
			t.Errorf("%q: %v", e, err)
		}
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian, binary.NativeEndian} {
		p, err := Compile("ip", Target{Link: decode.LinkNull, Order: order})
		if err != nil {
			t.Fatal(err)
		}
		frame := make([]byte, 24)
		order.PutUint32(frame, 2) // AF_INET
		if p.Match(frame, nil) == 0 {
			t.Errorf("%v: IP is not found", order)
		}
	}
}
