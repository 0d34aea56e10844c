package reassembly_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/reassembly"
	"github.com/wstap/wstap/wstaptest"
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
	fmt.Printf("%s -> %s: %s, closed by %v\n", p.flow.Client(), p.flow.Server(), reason, p.flow.Closers())
}

// Frames go through a decode.Packet to an Assembler, which calls a Consumer for
// each connection.
func Example() {
	a := reassembly.New(nil, func(f *reassembly.Flow) reassembly.Consumer { return &printer{f} })
	conn := wstaptest.NewConn(netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:80"))
	conn.Open()
	conn.Data(reassembly.FromClient, []byte("GET / HTTP/1.1\r\n\r\n"))
	conn.Data(reassembly.FromServer, []byte("HTTP/1.1 204 No Content\r\n\r\n"))
	conn.Shut(reassembly.FromServer)
	var p decode.Packet
	for _, f := range conn.Frames() { // or capture.Frames(src)
		p.Time = f.Time
		if p.Decode(f.Link, f.Data) == nil {
			a.Packet(&p)
			a.Packet(&p) // what comes twice does no harm
		}
	}
	a.Close()
	// Output:
	// client: "GET / HTTP/1.1\r\n\r\n"
	// server: "HTTP/1.1 204 No Content\r\n\r\n"
	// 192.0.2.1:40000 -> 192.0.2.2:80: fin, closed by [server client]
}

// Where nothing comes the clock of an Assembler stands still, unless it is moved.
func ExampleAssembler_Advance() {
	a := reassembly.New(nil, func(f *reassembly.Flow) reassembly.Consumer { return &printer{f} })
	conn := wstaptest.NewConn(netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:80"))
	conn.Open()
	conn.Lose(1) // the request is not captured
	conn.Data(reassembly.FromClient, []byte("GET / HTTP/1.1\r\n\r\n"))
	conn.Data(reassembly.FromServer, []byte("HTTP/1.1 204 No Content\r\n\r\n"))
	var p decode.Packet
	var last time.Time
	for _, f := range conn.Frames() {
		p.Time = f.Time
		if p.Decode(f.Link, f.Data) == nil {
			a.Packet(&p)
		}
		last = f.Time
	}
	fmt.Println("100 milliseconds later")
	a.Advance(last.Add(100 * time.Millisecond))
	a.Close()
	// Output:
	// 100 milliseconds later
	// client: 18 bytes lost
	// server: "HTTP/1.1 204 No Content\r\n\r\n"
	// 192.0.2.1:40000 -> 192.0.2.2:80: eof, closed by []
}
