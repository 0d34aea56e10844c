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

// The lines of a capture. With capture.Listen in place of pcapfile.Open it is a
// live tap.
func Example() {
	src, err := pcapfile.Open("testdata/chat.pcap.gz", nil)
	if err != nil {
		log.Fatal(err)
	}
	tap := websocket.NewTap(src, nil)
	enc := jsonl.NewEncoder(os.Stdout, nil)
	if err := enc.EncodeAll(tap.Events(context.Background())); err != nil {
		log.Fatal(err)
	}
	// Output:
	// {"event":"open","time":"2026-11-22T18:16:32.757Z","conn":1,"client":"10.0.0.1:40000","server":"10.0.0.2:80","method":"GET","url":"ws://chat.example/chat?token=***","status":101,"subprotocol":"","extensions":"","accept_valid":true,"request":{"Connection":["Upgrade"],"Host":["chat.example"],"Sec-Websocket-Key":["dGhlIHNhbXBsZSBub25jZQ=="],"Sec-Websocket-Version":["13"],"Upgrade":["websocket"]},"response":{"Connection":["Upgrade"],"Sec-Websocket-Accept":["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],"Upgrade":["websocket"]}}
	// {"event":"message","time":"2026-11-22T18:16:32.759Z","start":"2026-11-22T18:16:32.759Z","conn":1,"client":"10.0.0.1:40000","server":"10.0.0.2:80","from":"client","opcode":"text","length":9,"wire_length":9,"frames":1,"compressed":false,"text":"hi, all !"}
	// {"event":"message","time":"2026-11-22T18:16:32.761Z","start":"2026-11-22T18:16:32.761Z","conn":1,"client":"10.0.0.1:40000","server":"10.0.0.2:80","from":"client","opcode":"close","length":5,"wire_length":5,"frames":1,"compressed":false,"code":1000,"reason":"bye"}
	// {"event":"end","time":"2026-11-22T18:16:32.764Z","conn":1,"cause":"fin","client":"10.0.0.1:40000","server":"10.0.0.2:80","duration":0.007,"counts":{"client":{"messages":2,"text":1,"binary":0,"ping":0,"pong":0,"close":1,"bytes":14,"wire_bytes":14,"lost_bytes":0},"server":{"messages":0,"text":0,"binary":0,"ping":0,"pong":0,"close":0,"bytes":0,"wire_bytes":0,"lost_bytes":0}},"code":1000,"reason":"bye","closed_by":"client","tcp_closed_by":["client","server"]}
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
	// {"event":"gap","time":"2026-11-22T18:16:32.752Z","conn":1,"from":"server","bytes":1460,"client":"127.0.0.1:36534","server":"127.0.0.1:7272"}
	// {"event":"end","time":"2026-11-22T18:16:32.752Z","conn":1,"cause":"fin","client":"127.0.0.1:36534","server":"127.0.0.1:7272","duration":0,"counts":{"client":{"messages":0,"text":0,"binary":0,"ping":0,"pong":0,"close":0,"bytes":0,"wire_bytes":0,"lost_bytes":0},"server":{"messages":0,"text":0,"binary":0,"ping":0,"pong":0,"close":0,"bytes":0,"wire_bytes":0,"lost_bytes":0}}}
}
