package reassembly_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/reassembly"
)

// A printer is a Consumer that prints what it is told.
type printer struct{ flow *reassembly.Flow }

func (p *printer) Data(dir reassembly.Direction, b []byte, t time.Time) {
	fmt.Printf("%s: %q\n", dir, b)
}

func (p *printer) Gap(dir reassembly.Direction, n int64, t time.Time) {
	fmt.Printf("%s: %d bytes lost\n", dir, n)
}

func (p *printer) Conflict(dir reassembly.Direction, offset, n int64, t time.Time) {
	fmt.Printf("%s: %d bytes at %d were sent twice, and differ\n", dir, n, offset)
}

func (p *printer) Closed(reason reassembly.Reason, t time.Time) {
	fmt.Printf("%s -> %s: %s\n", p.flow.Client(), p.flow.Server(), reason)
}

// Frames go through a decode.Packet to an Assembler, which calls a Consumer for
// each connection.
func Example() {
	a := reassembly.New(nil, func(f *reassembly.Flow) reassembly.Consumer { return &printer{f} })
	var p decode.Packet
	for _, frame := range conversation() {
		if p.Decode(decode.LinkEthernet, frame) == nil {
			a.Packet(&p, time.Now()) // the time of the capture
		}
	}
	a.Close()
	// Output:
	// client: "GET / HTTP/1.1\r\n\r\n"
	// server: "HTTP/1.1 204 No Content\r\n\r\n"
	// 192.0.2.1:40000 -> 192.0.2.2:80: fin
}

// Where nothing comes the clock of an Assembler stands still, unless it is moved.
func ExampleAssembler_Advance() {
	a := reassembly.New(nil, func(f *reassembly.Flow) reassembly.Consumer { return &printer{f} })
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	var p decode.Packet
	for i, frame := range conversation() {
		if i == 3 {
			continue // the request is not captured
		}
		if i == 5 {
			break
		}
		if p.Decode(decode.LinkEthernet, frame) == nil {
			a.Packet(&p, now)
		}
	}
	fmt.Println("100 milliseconds later")
	a.Advance(now.Add(100 * time.Millisecond))
	a.Close()
	// Output:
	// 100 milliseconds later
	// client: 18 bytes lost
	// server: "HTTP/1.1 204 No Content\r\n\r\n"
	// 192.0.2.1:40000 -> 192.0.2.2:80: eof
}

// conversation makes the frames of a short connection, one of them twice.
func conversation() (frames [][]byte) {
	client, server := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:80")
	c, s := uint32(100), uint32(500)
	add := func(fromClient bool, flags decode.TCPFlags, payload string) {
		t := packetgen.TCP{Src: client, Dst: server, Seq: c, Ack: s, Flags: flags, Payload: []byte(payload)}
		n := uint32(len(payload))
		if flags&(decode.SYN|decode.FIN) != 0 {
			n++
		}
		if fromClient {
			c += n
		} else {
			t.Src, t.Dst, t.Seq, t.Ack = server, client, s, c
			s += n
		}
		frames = append(frames, t.Frame())
	}
	add(true, decode.SYN, "")
	add(false, decode.SYN|decode.ACK, "")
	add(true, decode.ACK, "")
	add(true, decode.ACK|decode.PSH, "GET / HTTP/1.1\r\n\r\n")
	add(false, decode.ACK|decode.PSH, "HTTP/1.1 204 No Content\r\n\r\n")
	frames = append(frames, frames[4])
	add(true, decode.ACK|decode.FIN, "")
	add(false, decode.ACK|decode.FIN, "")
	return frames
}
