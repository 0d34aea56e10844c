// Capgen writes the captures of the comparisons into a directory.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/wstap/wstap/internal/peers/capgen"
)

func main() {
	n := flag.Int("n", 500000, "small messages in a capture")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: capgen [-n MESSAGES] DIRECTORY")
		os.Exit(2)
	}
	for _, w := range capgen.Workloads(*n) {
		name := filepath.Join(flag.Arg(0), strings.ReplaceAll(w.Name, " ", "-")+".pcap")
		sum, err := w.Create(name)
		if err != nil {
			fmt.Fprintln(os.Stderr, "capgen:", err)
			os.Exit(1)
		}
		fmt.Println(name, sum.Messages, "messages", sum.Payload, "bytes")
	}
}
