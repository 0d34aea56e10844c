package websocket_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/websocket"
	"github.com/wstap/wstap/wstaptest"
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

// End on an interrupt, after the messages that were captured by then. The source
// stands for capture.Listen's.
func ExampleTap_Stop() {
	conn := wstaptest.NewConn(netip.AddrPort{}, netip.AddrPort{})
	conn.Open()
	conn.Upgrade("/chat")
	conn.Text(websocket.FromClient, "hi, all !")
	src := wstaptest.NewLiveSource()
	src.Add(conn)

	tap := websocket.NewTap(src, nil)
	interrupted, interrupt := context.WithCancel(context.Background()) // signal.NotifyContext
	context.AfterFunc(interrupted, func() { tap.Stop() })
	interrupt()
	for msg := range tap.Messages(context.Background()) {
		fmt.Println(msg.Conn, msg.From, msg.Text())
	}
	fmt.Println(tap.Err())
	// Output:
	// 1 10.0.0.1:40000-10.0.0.2:80 client hi, all !
	// <nil>
}

// Keep a map of connections: Open comes first, End last, and Conn is one pointer all
// the while. A select can wait for the channel.
func ExampleTap_Batches() {
	src, err := pcapfile.Open("testdata/workerman-chat-lo.pcap.gz", nil)
	if err != nil {
		log.Fatal(err)
	}
	tap := websocket.NewTap(src, nil)
	events := tap.Batches(context.Background())
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	said := map[*websocket.Conn]int{}
	for open := true; open; {
		var batch []websocket.Event
		select {
		case batch, open = <-events:
		case <-tick.C:
			log.Println(len(said), "connections")
		}
		for _, event := range batch {
			switch e := event.(type) {
			case *websocket.Open:
				said[e.Conn] = 0
			case *websocket.Message:
				said[e.Conn]++
			case *websocket.End:
				fmt.Println(e.Conn, said[e.Conn], "messages, closed by the", e.By[0])
				delete(said, e.Conn)
			}
		}
	}
	if err := tap.Err(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 2 127.0.0.1:36540-127.0.0.1:7272 7 messages, closed by the server
	// 1 127.0.0.1:36534-127.0.0.1:7272 11 messages, closed by the client
}

// Look at some connections only: of the others nothing is inflated or copied, and
// their messages take no room in the channel.
func ExampleConfig() {
	chat, feed := wstaptest.NewConn(netip.AddrPort{}, netip.AddrPort{}), wstaptest.NewConn(netip.MustParseAddrPort("10.0.0.1:40001"), netip.AddrPort{})
	for conn, path := range map[*wstaptest.Conn]string{chat: "/chat?room=1", feed: "/feed"} {
		conn.Open()
		conn.Upgrade(path)
		conn.Text(websocket.FromServer, "news of "+path)
	}
	tap := websocket.NewTap(wstaptest.NewSource(chat, feed), &websocket.Config{
		Accept: func(c *websocket.Conn) bool { return c.Accepted() && c.Path() == "/chat" },
	})
	for msg := range tap.Messages(context.Background()) {
		fmt.Println(msg.Text())
	}
	fmt.Println(tap.Stats().Unselected, "not wanted")
	// Output:
	// news of /chat?room=1
	// 1 not wanted
}

// List who is connected, while the tap goes on.
func ExampleTap_Conns() {
	conn := wstaptest.NewConn(netip.AddrPort{}, netip.AddrPort{})
	conn.Open()
	conn.Upgrade("/chat")
	conn.Text(websocket.FromClient, "hi, all !")
	src := wstaptest.NewLiveSource()
	src.Add(conn)
	tap := websocket.NewTap(src, nil)
	messages := tap.Messages(context.Background())
	<-messages
	for c := range tap.Conns() {
		fmt.Println(c.Conn.URL, c.Counts[websocket.FromClient].Messages(), "messages of the client")
	}
	tap.Close()
	// Output: ws://10.0.0.2:80/chat 1 messages of the client
}

// Say what was lost since the last time.
func ExampleStats_Losses() {
	conn := wstaptest.NewConn(netip.AddrPort{}, netip.AddrPort{})
	conn.Open()
	conn.Upgrade("/chat")
	src := wstaptest.NewLiveSource()
	tap := websocket.NewTap(src, nil)
	messages := tap.Messages(context.Background())
	var before websocket.Losses
	for range 3 {
		conn.Text(websocket.FromServer, "one")
		conn.Lose(1)
		conn.Text(websocket.FromServer, "two")
		conn.Sleep(time.Second) // live, what is missing is waited for a short time
		conn.Text(websocket.FromServer, "three")
		src.Add(conn)
		fmt.Println((<-messages).Text(), (<-messages).Text())
		stats := tap.Stats()
		losses := stats.Losses()
		fmt.Println(losses.Sub(before).Bytes, "bytes lost")
		before = losses
	}
	tap.Close()
	// Output:
	// one three
	// 5 bytes lost
	// one three
	// 5 bytes lost
	// one three
	// 5 bytes lost
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
