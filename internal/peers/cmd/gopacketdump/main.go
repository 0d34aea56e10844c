// Gopacketdump counts the WebSocket messages of a pcap file with gopacket, its
// reassembly and gobwas/ws. It is the process that `wsdump -r FILE --count` is
// compared with.
package main

import (
	"fmt"
	"os"

	"github.com/wstap/wstap/internal/peers/gopipe"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gopacketdump FILE")
		os.Exit(2)
	}
	f, err := os.Open(os.Args[1])
	if err == nil {
		var sum gopipe.Summary
		if sum, err = gopipe.Messages(f, nil); err == nil {
			fmt.Println(sum.Messages, "messages")
			return
		}
	}
	fmt.Fprintln(os.Stderr, "gopacketdump:", err)
	os.Exit(1)
}
