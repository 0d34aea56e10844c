package websocket_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/websocket"
)

func Example() {
	src, err := pcapfile.Open("testdata/workerman-chat-lo.pcap.gz", nil)
	if err != nil {
		log.Fatal(err)
	}
	tap := websocket.NewTap(src, nil)
	n := 0
	for msg := range tap.Messages(context.Background()) {
		if n++; n <= 3 {
			fmt.Println(msg.From, msg.Opcode, msg.Text())
		}
	}
	if err := tap.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(n, "messages")
	// Output:
	// client text {"type":"login","client_name":"mynick","room_id":1}
	// server text {"type":"login","client_id":"7f00000108fd00000001","client_name":"mynick","time":"2026-11-22 18:16:32","client_list":{"7f00000108fd00000001":"mynick"}}
	// client text {"type":"say","to_client_id":"all","to_client_name":"所有人","content":"hi, all !"}
	// 18 messages
}

// End on an interrupt, after the messages that the kernel has captured by then.
func ExampleTap_Stop() {
	src, err := capture.Listen(capture.Any, &capture.Config{Filter: "tcp port 7272"})
	if err != nil {
		log.Fatal(err)
	}
	tap := websocket.NewTap(src, nil)
	interrupted, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	context.AfterFunc(interrupted, func() { tap.Stop() })
	for msg := range tap.Messages(context.Background()) {
		fmt.Println(msg.Time, msg.Conn, msg.From, msg.Text())
	}
	if err := tap.Err(); err != nil {
		log.Fatal(err)
	}
}

// Events tells more than messages, allocates nothing for them, and lends what it
// yields: Clone keeps a message.
func ExampleTap_Events() {
	src, err := pcapfile.Open("testdata/workerman-chat-lo.pcap.gz", nil)
	if err != nil {
		log.Fatal(err)
	}
	tap := websocket.NewTap(src, nil)
	for event, err := range tap.Events(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		switch e := event.(type) {
		case *websocket.Open:
			fmt.Println(e.Conn, e.Conn.Status, e.Conn.URL)
		case *websocket.End:
			first := e.Closing[0]
			fmt.Println(e.Conn, "closed by the", first.From, first.Code, first.Reason, "TCP:", e.Cause)
		}
	}
	// Output:
	// 1 127.0.0.1:36534-127.0.0.1:7272 101 ws://127.0.0.1:7272/
	// 2 127.0.0.1:36540-127.0.0.1:7272 101 ws://127.0.0.1:7272/
	// 2 127.0.0.1:36540-127.0.0.1:7272 closed by the client 1000 bye TCP: fin
	// 1 127.0.0.1:36534-127.0.0.1:7272 closed by the client 1001  TCP: rst
}
