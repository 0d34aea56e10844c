package websocket

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// Count counts what Events gives out, also with the file dealt to workers.
func TestCount(t *testing.T) {
	var file bytes.Buffer
	w, err := pcapfile.NewWriter(&file, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	const conns, messages = 20, 50
	for i := range conns {
		c := packetgen.NewConversation()
		c.Time = c.Time.Add(time.Duration(i) * time.Second)
		c.Client = netip.AddrPortFrom(c.Client.Addr(), uint16(20000+i))
		c.Open()
		c.Send(packetgen.Client, []byte("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
		c.Send(packetgen.Server, []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"))
		for range messages {
			c.Send(packetgen.Server, []byte("\x81\x02hi"))
		}
		for _, p := range c.Packets {
			if err := w.WriteFrame(&capture.Frame{Data: p.Frame, Time: p.Time, Link: decode.LinkEthernet}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 3} {
		src, err := pcapfile.NewReader(bytes.NewReader(file.Bytes()), &pcapfile.Config{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		tap := NewTap(src, nil)
		if err := tap.Count(context.Background()); err != nil {
			t.Fatal(err)
		}
		if st := tap.Stats(); st.Messages != conns*messages || st.Conns != conns {
			t.Errorf("%d workers: %d messages of %d connections", workers, st.Messages, st.Conns)
		}
		if err := tap.Count(context.Background()); !errors.Is(err, ErrUsed) {
			t.Errorf("again: %v", err)
		}
	}
}
