package main

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/websocket"
)

// recording is a real chat between two browsers and workerman-chat, for
// machines where the demo cannot have a network of its own.
//
//go:embed walkthrough.pcap.gz
var recording []byte

// demoPort is the port of the walkthrough's chat server.
const demoPort = "7272"

// demoTime is far more than the demo takes.
const demoTime = 20 * time.Second

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
	r, err := pcapfile.NewReader(gz, nil)
	if err != nil {
		return err
	}
	src, err := o.filtered(&source{Source: r}, "walkthrough.pcap")
	if err == nil {
		err = o.prepare(src)
	}
	if err != nil {
		return err
	}
	return o.tapAll(context.Background(), src, nil)
}

// demoLive captures the chat on lo, from before its first packet until its
// last connection has ended.
func (o *options) demoLive(src *source) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), demoTime,
		errors.New("--demo: the conversation was not captured to its end"))
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	chat := newChat()
	defer chat.close()
	talked := make(chan struct{})
	go func() {
		defer close(talked)
		if err := chat.conversation(ctx); err != nil {
			fail(fmt.Errorf("--demo: %w", err))
		}
	}()
	ended := 0
	err := o.tapAll(ctx, src, func(ev websocket.Event) bool {
		if _, ok := ev.(*websocket.End); ok {
			ended++
		}
		return ended < chatClients
	})
	fail(nil)
	<-talked
	return err
}
