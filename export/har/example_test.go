package har_test

import (
	"context"
	"errors"
	"log"
	"os"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/export/har"
	"github.com/wstap/wstap/websocket"
)

// An archive of a capture. With capture.Listen in place of pcapfile.Open it is that
// of a live tap.
func Example() {
	src, err := pcapfile.Open("testdata/chat.pcap.gz", nil)
	if err != nil {
		log.Fatal(err)
	}
	enc := har.NewEncoder(os.Stdout, nil)
	err = enc.EncodeAll(websocket.NewTap(src, nil).Events(context.Background()))
	if err := errors.Join(err, enc.Close()); err != nil {
		log.Fatal(err)
	}
}
