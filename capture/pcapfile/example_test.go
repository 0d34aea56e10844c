package pcapfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/netip"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/websocket"
	"github.com/wstap/wstap/wstaptest"
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

// Record a source while it is tapped, and read the recording. The source stands for
// any live one.
func ExampleTee_readBack() {
	conn := wstaptest.NewConn(netip.AddrPort{}, netip.AddrPort{})
	conn.Open()
	conn.Upgrade("/chat")
	conn.Text(websocket.FromClient, "hi, all !")
	src := wstaptest.NewLiveSource()
	src.Add(conn)
	src.Stop()

	var file bytes.Buffer
	w, err := pcapfile.NewWriter(&file, src.Info().Link, &pcapfile.WriterConfig{Format: pcapfile.Pcapng})
	if err != nil {
		log.Fatal(err)
	}
	tap := websocket.NewTap(pcapfile.Tee(src, w), nil)
	for msg := range tap.Messages(context.Background()) {
		fmt.Println("live:", msg.Text())
	}
	if err := errors.Join(tap.Err(), w.Close()); err != nil {
		log.Fatal(err)
	}

	r, err := pcapfile.NewReader(&file, nil)
	if err != nil {
		log.Fatal(err)
	}
	for msg := range websocket.NewTap(r, nil).Messages(context.Background()) {
		fmt.Println("recorded:", msg.Text())
	}
	// Output:
	// live: hi, all !
	// recorded: hi, all !
}

// Read what another program captures, as it happens: tcpdump -U -w - | program. Here
// the pipe is this program's own; otherwise it is os.Stdin.
func ExampleNewReader() {
	stdin, stdout := io.Pipe()
	go func() { // the other program
		conn := wstaptest.NewConn(netip.AddrPort{}, netip.AddrPort{})
		conn.Open()
		conn.Upgrade("/chat")
		conn.Text(websocket.FromServer, "hello, pipe")
		w, err := pcapfile.NewWriter(stdout, decode.LinkEthernet, nil)
		for i := range conn.Frames() {
			err = errors.Join(err, w.WriteFrame(&conn.Frames()[i]))
		}
		stdout.CloseWithError(errors.Join(err, w.Close()))
	}()

	src, err := pcapfile.NewReader(stdin, nil)
	if err != nil {
		log.Fatal(err)
	}
	tap := websocket.NewTap(src, nil)
	for msg := range tap.Messages(context.Background()) {
		fmt.Println(msg.Text())
	}
	fmt.Println(tap.Err())
	// Output:
	// hello, pipe
	// <nil>
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
