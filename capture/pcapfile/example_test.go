package pcapfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/websocket"
)

// Record a live capture while it is tapped: it stays live, with its rings.
func ExampleTee() {
	src, err := capture.Listen("eth0", &capture.Config{Filter: "tcp port 7272"})
	if err != nil {
		log.Fatal(err)
	}
	w, err := pcapfile.Create("chat.pcapng", src.Info().Link, nil)
	if err != nil {
		log.Fatal(err)
	}
	tap := websocket.NewTap(pcapfile.Tee(src, w), nil)
	for msg := range tap.Messages(context.Background()) {
		fmt.Println(msg.Text())
	}
	if err := errors.Join(tap.Err(), w.Close()); err != nil {
		log.Fatal(err)
	}
}

func Example() {
	var file bytes.Buffer
	w, err := pcapfile.NewWriter(&file, decode.LinkEthernet, nil)
	if err != nil {
		panic(err)
	}
	err = w.WriteFrame(&capture.Frame{
		Data: []byte("hi, all !"),
		Time: time.Date(2026, 11, 22, 18, 16, 32, 752e6, time.UTC),
		Link: decode.LinkEthernet,
	})
	if err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}

	r, err := pcapfile.NewReader(&file, nil)
	if err != nil {
		panic(err)
	}
	defer r.Close()
	for f, err := range capture.Frames(r) {
		if err != nil {
			panic(err)
		}
		fmt.Println(f.Time, f.Link, f.Length, string(f.Data))
	}
	// Output:
	// 2026-11-22 18:16:32.752 +0000 UTC EN10MB 9 hi, all !
}
