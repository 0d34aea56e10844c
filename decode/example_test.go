package decode_test

import (
	"fmt"
	"net/netip"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

func ExamplePacket_Decode() {
	frame := (&packetgen.TCP{
		Src:     netip.MustParseAddrPort("192.0.2.1:36534"),
		Dst:     netip.MustParseAddrPort("192.0.2.2:7272"),
		Seq:     1,
		Flags:   decode.SYN,
		Options: packetgen.Options(packetgen.MSS(1460), packetgen.NOP(), packetgen.WindowScale(7)),
		Payload: []byte("early"),
	}).Frame()

	var p decode.Packet // one serves for all frames
	if err := p.Decode(decode.LinkEthernet, frame); err != nil {
		fmt.Println(err)
	}
	if p.TCP {
		fmt.Printf("%v > %v, seq %d, SYN %v, %q\n", p.Src(), p.Dst(), p.Seq, p.Flags&decode.SYN != 0, p.Payload)
	}
	for o := p.Options; ; {
		opt, ok := o.Next()
		if !ok {
			break
		}
		fmt.Printf("option %d: %q\n", opt.Kind, opt.Data)
	}
	// Output:
	// 192.0.2.1:36534 > 192.0.2.2:7272, seq 1, SYN true, "early"
	// option 2: "\x05\xb4"
	// option 1: ""
	// option 3: "\a"
}
