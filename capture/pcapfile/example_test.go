package pcapfile_test

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
)

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
	var f capture.Frame
	for {
		if err = r.Next(&f); err != nil {
			break
		}
		fmt.Println(f.Time, f.Link, f.Length, string(f.Data))
	}
	fmt.Println(err == io.EOF)
	// Output:
	// 2026-11-22 18:16:32.752 +0000 UTC EN10MB 9 hi, all !
	// true
}
