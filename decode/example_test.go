package decode_test

import (
	"fmt"
	"net/netip"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/wstaptest"
)

func ExamplePacket_Decode() {
	// The frames of a connection, made by hand. Those of a capture come from a
	// capture.Source.
	conn := wstaptest.NewConn(netip.MustParseAddrPort("192.0.2.1:36534"), netip.MustParseAddrPort("192.0.2.2:7272"))
	conn.Open()
	conn.Data(0, []byte("hello"))

	var p decode.Packet // one serves for all frames
	for i, f := range conn.Frames() {
		if err := p.Decode(f.Link, f.Data); err != nil {
			fmt.Println(err)
			continue
		}
		if !p.TCP {
			continue
		}
		fmt.Printf("%v > %v, seq %d, SYN %v, %q\n", p.Src(), p.Dst(), p.Seq, p.Flags&decode.SYN != 0, p.Payload)
		if i > 0 {
			continue
		}
		for o := p.Options; ; {
			opt, ok := o.Next()
			if !ok {
				break
			}
			fmt.Printf("option %d: %q\n", opt.Kind, opt.Data)
		}
	}
	// Output:
	// 192.0.2.1:36534 > 192.0.2.2:7272, seq 1000, SYN true, ""
	// option 2: "\x05\xb4"
	// option 4: ""
	// option 1: ""
	// option 3: "\a"
	// 192.0.2.2:7272 > 192.0.2.1:36534, seq 5000, SYN true, ""
	// 192.0.2.1:36534 > 192.0.2.2:7272, seq 1001, SYN false, ""
	// 192.0.2.1:36534 > 192.0.2.2:7272, seq 1001, SYN false, "hello"
	// 192.0.2.2:7272 > 192.0.2.1:36534, seq 5001, SYN false, ""
}
