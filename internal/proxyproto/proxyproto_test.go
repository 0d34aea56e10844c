package proxyproto

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// v2 returns a header of version 2.
func v2(command, family byte, body string) string {
	b := append([]byte(signature), command, family)
	return string(binary.BigEndian.AppendUint16(b, uint16(len(body)))) + body
}

const (
	four = "\xcb\x00\x71\x07\x0a\x01\x01\x09\x12\x67\x00\x50"
	six  = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\x12\x67\x01\xbb"
	tlvs    = "\x03\x00\x04abcd\x01\x00\x08http/1.1\x04\x00\x00" // CRC32c, ALPN, NOOP
	between = "203.0.113.7:4711 10.1.1.9:80"
	sixes   = "[2001:db8::1]:4711 [2001:db8::2]:443"
	nobody  = "invalid AddrPort invalid AddrPort"
)

var headers = []struct {
	name, header string
	want         string // "" for what is no header
}{
	{"TCP4", "PROXY TCP4 203.0.113.7 10.1.1.9 4711 80\r\n", between},
	{"TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n", sixes},
	{"the longest line", "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", nobody},
	{"UNKNOWN", "PROXY UNKNOWN\r\n", nobody},
	{"a line of 107 bytes", "PROXY UNKNOWN " + strings.Repeat("x", 91) + "\r\n", nobody},
	{"a line of 108 bytes", "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", ""},
	{"no such protocol", "PROXY UDP4 203.0.113.7 10.1.1.9 4711 80\r\n", ""},
	{"no protocol", "PROXY \r\n", ""},
	{"LF alone", "PROXY UNKNOWN\n", ""},
	{"the wrong family", "PROXY TCP4 2001:db8::1 2001:db8::2 4711 443\r\n", ""},
	{"the other wrong family", "PROXY TCP6 203.0.113.7 10.1.1.9 4711 80\r\n", ""},
	{"a zone", "PROXY TCP6 fe80::1%x fe80::2%x 4711 443\r\n", ""},
	{"two spaces", "PROXY TCP4  203.0.113.7 10.1.1.9 4711 80\r\n", ""},
	{"a port too high", "PROXY TCP4 203.0.113.7 10.1.1.9 4711 65536\r\n", ""},
	{"another word", "PROXIES TCP4 203.0.113.7 10.1.1.9 4711 80\r\n", ""},
	{"a method of HTTP", "POST / HTTP/1.1\r\n", ""},

	{"IPv4", v2(0x21, 0x11, four), between},
	{"IPv4 with TLVs", v2(0x21, 0x11, four+tlvs), between},
	{"IPv6", v2(0x21, 0x21, six), sixes},
	{"IPv6 with TLVs", v2(0x21, 0x21, six+tlvs), sixes},
	{"datagrams", v2(0x21, 0x12, four), between},
	{"UNIX", v2(0x21, 0x31, strings.Repeat("/", 216)), nobody},
	{"UNSPEC", v2(0x21, 0x00, ""), nobody},
	{"LOCAL", v2(0x20, 0x00, ""), nobody},
	{"LOCAL with addresses and TLVs", v2(0x20, 0x11, four+tlvs), nobody},
	{"the longest", v2(0x21, 0x11, four+strings.Repeat("\x04\x00\x00", 21841)), between},
	{"a family to come", v2(0x21, 0x41, "abc"), nobody},
	{"addresses that do not fit", v2(0x21, 0x11, four[:11]), ""},
	{"IPv6 that does not fit", v2(0x21, 0x21, four), ""},
	{"a version to come", v2(0x31, 0x11, four), ""},
	{"a command to come", v2(0x22, 0x11, four), ""},
	{"another signature", "\r\n\r\n\x00\r\nQUIT\r\x21\x11\x00\x0c" + four, ""},
	{"empty lines before HTTP", "\r\n\r\nGET / HTTP/1.1\r\n", ""},
}

func describe(h Header) string { return fmt.Sprint(h.Source, " ", h.Destination) }

// TestParse reads headers whole, with bytes behind them, and cut anywhere.
func TestParse(t *testing.T) {
	for _, tt := range headers {
		t.Run(tt.name, func(t *testing.T) {
			for _, behind := range []string{"", "GET / HTTP/1.1\r\n\r\n"} {
				h, n, ok := Parse([]byte(tt.header + behind))
				if tt.want == "" {
					if ok {
						t.Errorf("taken: %s, %d", describe(h), n)
					}
					continue
				}
				if !ok || n != len(tt.header) || describe(h) != tt.want {
					t.Errorf("%s, %d of %d, %v; want %s", describe(h), n, len(tt.header), ok, tt.want)
				}
			}
			for cut := range tt.header {
				switch h, n, ok := Parse([]byte(tt.header[:cut])); {
				case tt.want == "" && ok && n != 0, tt.want != "" && !ok:
					t.Errorf("%d bytes: %d, %v", cut, n, ok)
				case n != 0 && (n != len(tt.header) || describe(h) != tt.want):
					t.Errorf("%d bytes: %s, %d", cut, describe(h), n)
				}
			}
		})
	}
}

func TestParseAllocates(t *testing.T) {
	header := []byte(v2(0x21, 0x21, six))
	if n := testing.AllocsPerRun(100, func() { Parse(header) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse: what is taken stays what it is when more comes, and what is refused
// stays refused.
func FuzzParse(f *testing.F) {
	f.Add([]byte("PROXY TCP4 203.0.113.7 10.1.1.9 4711 80\r\n"), byte(3)) // version 1
	f.Add([]byte("PROXY UNKNOWN\r\nGET /"), byte(8))                      // without addresses, data behind
	f.Add([]byte(v2(0x21, 0x21, six+tlvs)), byte(60))                     // version 2, cut in its TLVs
	f.Add([]byte(v2(0x20, 0x00, "")), byte(13))                           // LOCAL, cut in the fixed part
	f.Add([]byte(v2(0x21, 0x11, four[:5])), byte(14))                     // too short for its family
	f.Fuzz(func(t *testing.T, b []byte, cut byte) {
		h, n, ok := Parse(b)
		if n < 0 || n > fixed+1<<16 || !ok && (n != 0 || h != Header{}) || n == 0 && len(b) > maxLine && ok {
			t.Fatalf("%+v, %d, %v", h, n, ok)
		}
		for _, a := range []netip.AddrPort{h.Source, h.Destination} {
			if a.IsValid() != h.Source.IsValid() || a.Addr().Zone() != "" {
				t.Fatalf("%+v", h)
			}
		}
		h1, n1, ok1 := Parse(b[:min(int(cut), len(b))])
		if !ok1 && ok || n1 != 0 && (h1 != h || n1 != n) {
			t.Fatalf("%d bytes: %+v, %d, %v; then %+v, %d, %v", cut, h1, n1, ok1, h, n, ok)
		}
	})
}
