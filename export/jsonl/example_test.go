package jsonl_test

import (
	"context"
	"log"
	"net/netip"
	"os"
	"time"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/websocket"
)

// The events of a capture. With capture.Listen in place of pcapfile.Open it is a
// live tap.
func Example() {
	src, err := pcapfile.Open("testdata/lossy.pcap.gz", nil)
	if err != nil {
		log.Fatal(err)
	}
	enc := jsonl.NewEncoder(os.Stdout, &jsonl.Config{OmitPayloads: true})
	n := 0
	for ev, err := range websocket.NewTap(src, nil).Events(context.Background()) {
		if err == nil {
			err = enc.Encode(ev)
		}
		if err != nil {
			log.Fatal(err)
		}
		if n++; n == 3 {
			break
		}
	}
	// Output:
	// {"event":"open","time":"2026-11-22T18:00:00.027Z","conn":1,"client":"10.0.0.1:40002","server":"10.0.0.2:7272","method":"","url":"","status":0,"subprotocol":"","extensions":"","accept_valid":false,"request":{},"response":{},"midstream":true}
	// {"event":"gap","time":"2026-11-22T18:00:00.027Z","conn":1,"from":"client","bytes":157}
	// {"event":"message","time":"2026-11-22T18:00:00.027Z","start":"2026-11-22T18:00:00.027Z","conn":1,"client":"10.0.0.1:40002","server":"10.0.0.2:7272","from":"client","opcode":"binary","length":128,"wire_length":21,"frames":1,"compressed":true,"midstream":true}
}

func ExampleEncoder_Encode() {
	enc := jsonl.NewEncoder(os.Stdout, nil)
	conn := &websocket.Conn{
		Number: 1,
		Client: netip.MustParseAddrPort("127.0.0.1:36534"),
		Server: netip.MustParseAddrPort("127.0.0.1:7272"),
	}
	at := time.Date(2026, 11, 22, 18, 16, 32, 752000000, time.UTC)
	for _, ev := range []websocket.Event{
		&websocket.Message{Conn: conn, Opcode: websocket.Text, Payload: []byte("hi, \"all\" !\x1b"), Start: at, Time: at, WireLength: 12, Frames: 1},
		&websocket.Gap{Time: at, Conn: conn, From: websocket.FromServer, Bytes: 1460},
		&websocket.End{Time: at, Conn: conn, Cause: "fin"},
	} {
		if err := enc.Encode(ev); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// {"event":"message","time":"2026-11-22T18:16:32.752Z","start":"2026-11-22T18:16:32.752Z","conn":1,"client":"127.0.0.1:36534","server":"127.0.0.1:7272","from":"client","opcode":"text","length":12,"wire_length":12,"frames":1,"compressed":false,"text":"hi, \"all\" !\u001b"}
	// {"event":"gap","time":"2026-11-22T18:16:32.752Z","conn":1,"from":"server","bytes":1460}
	// {"event":"end","time":"2026-11-22T18:16:32.752Z","conn":1,"cause":"fin"}
}
