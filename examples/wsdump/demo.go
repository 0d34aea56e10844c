package main

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"

	"github.com/wstap/wstap/capture/pcapfile"
)

// recording is a real chat between two browsers and workerman-chat, for
// machines where the demo cannot have a network of its own.
//
//go:embed walkthrough.pcap.gz
var recording []byte

// runDemo captures a chat on a loopback of its own. Where that cannot be had it
// says why and replays the recording.
func (o *options) runDemo() error {
	why, err := o.demoHost()
	if why == nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "wsdump: no private network for the demo here (%s): replaying a recording\n", quoteArg(why.Error()))
	gz, err := gzip.NewReader(bytes.NewReader(recording))
	if err != nil {
		return err
	}
	r, err := pcapfile.NewReader(gz, &pcapfile.Config{Filter: strings.TrimSpace(o.filter)})
	if err != nil {
		return err
	}
	src := (&source{Source: r}).reading("file walkthrough.pcap")
	if err := o.prepare(src); err != nil {
		return err
	}
	return o.tapAll(context.Background(), src, nil)
}
