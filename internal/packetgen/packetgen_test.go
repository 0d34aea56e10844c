package packetgen_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// The frames below were read by tcpdump -vv, which called every checksum right.
func TestFrames(t *testing.T) {
	v4a, v4b := netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("10.0.0.2:80")
	v6a, v6b := netip.MustParseAddrPort("[fd00::1]:40000"), netip.MustParseAddrPort("[fd00::2]:80")
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{
			"IPv4 SYN", (&packetgen.TCP{
				Src: v4a, Dst: v4b, Seq: 1000, Flags: decode.SYN, IP: packetgen.IP{ID: 7, DF: true},
				Options: packetgen.Options(packetgen.MSS(1460), packetgen.SACKPermitted(), packetgen.NOP(), packetgen.WindowScale(7)),
			}).Frame(),
			"0200000000020200000000010800" + "45000034000740004006" + "26bb" + "0a0000010a000002" +
				"9c400050000003e8000000008002faf0" + "c0a6" + "0000" + "020405b40402010303070000",
		},
		{
			"IPv6 odd payload behind padding options", (&packetgen.TCP{
				Src: v6a, Dst: v6b, Seq: 1, Ack: 2, Payload: []byte("abc"),
				IP: packetgen.IP{Extensions: []packetgen.Extension{{Proto: 60, Data: []byte{1, 0}}}},
			}).Frame(),
			"02000000000202000000000186dd" + "60000000001f3c40" +
				"fd000000000000000000000000000001" + "fd000000000000000000000000000002" + "0600010001020000" +
				"9c40005000000001000000025010faf0" + "59e6" + "0000" + "616263",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := hex.EncodeToString(c.frame); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestConversation(t *testing.T) {
	c := packetgen.NewConversation()
	c.Open()
	c.Send(packetgen.Client, []byte("hello"), 1, 3)
	c.Send(packetgen.Server, make([]byte, 3000))
	c.Close(packetgen.Server)
	var got string
	for _, p := range c.Packets {
		got += fmt.Sprintf("%d %d+%d ack %d %03x\n", p.From, p.TCP.Seq, len(p.TCP.Payload), p.TCP.Ack, p.TCP.Flags)
	}
	const want = `0 1000+0 ack 0 002
1 5000+0 ack 1001 012
0 1001+0 ack 5001 010
0 1001+1 ack 5001 010
1 5001+0 ack 1002 010
0 1002+3 ack 5001 010
1 5001+0 ack 1005 010
0 1005+1 ack 5001 018
1 5001+0 ack 1006 010
1 5001+1460 ack 1006 010
0 1006+0 ack 6461 010
1 6461+1460 ack 1006 010
0 1006+0 ack 7921 010
1 7921+80 ack 1006 018
0 1006+0 ack 8001 010
1 8001+0 ack 1006 011
0 1006+0 ack 8002 011
1 8002+0 ack 1007 010
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
