package filter

import (
	"testing"

	"golang.org/x/net/bpf"

	"github.com/wstap/wstap/decode"
)

func TestCompileSmoke(t *testing.T) {
	for _, e := range []string{"", "tcp port 80", "host 1.2.3.4 and not port 80 or 443", "(tcp or udp) and portrange 20-30", "src net 10.0.0.0/8 and dst host ::1",
		"tcp[13] & 7 != 0", "vlan 5 and ip", "mpls 4 and ip", "pppoes and ip"} {
		for _, l := range []decode.LinkType{decode.LinkEthernet, decode.LinkSLL2, decode.LinkRaw, decode.LinkNull} {
			for _, live := range []bool{false, true} {
				p, err := Compile(e, Target{Link: l, Live: live})
				if err != nil {
					t.Logf("%q %v live=%v: %v", e, l, live, err)
					continue
				}
				if _, ok := bpf.Disassemble(p.Raw()); !ok {
					t.Errorf("%q %v does not disassemble", e, l)
				}
			}
		}
	}
}
