package websocket

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"reflect"
	"strings"
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

// An asking source asks the Tap for its connections when all was read.
type asking struct {
	frameSource
	tap   *Tap
	conns []*Conn
}

func (s *asking) Read(fs []capture.Frame) (int, error) {
	n, err := s.frameSource.Read(fs)
	if err != nil {
		for range 2 { // what was told does not change
			for c := range s.tap.Conns() {
				s.conns = append(s.conns, c.Conn)
			}
		}
	}
	return n, err
}

// TestCountConns: what Conns tells of connections while Count works is what Events
// tells of them.
func TestCountConns(t *testing.T) {
	wrong := strings.Replace(response, "s3pPLMB", "s3pPLMA", 1)
	for name, c := range map[string]struct {
		request, response string
		cfg               *Config
	}{
		"accepted":        {request, response, nil},
		"compressed":      {request, deflated, nil},
		"a wrong answer":  {request, wrong, nil},
		"refused":         {request, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", nil},
		"headers dropped": {request, response, &Config{MaxHeads: 1}},
		"wrong, dropped":  {request, wrong, &Config{MaxHeads: 1}},
		"no key":          {strings.Replace(request, "Sec-WebSocket-Key", "Sec-WebSocket-Cue", 1), response, nil},
	} {
		k := packetgen.NewConversation()
		k.Open()
		k.Send(packetgen.Client, []byte(c.request))
		k.Send(packetgen.Server, []byte(c.response))
		for range 5 {
			k.Send(packetgen.Server, []byte(serverText("hello")))
		}
		var want *Conn
		for e := range NewTap(source(k), c.cfg).Events(t.Context()) {
			if open, ok := e.(*Open); ok {
				want = open.Conn
			}
		}
		src := &asking{frameSource: *source(k)}
		src.tap = NewTap(src, c.cfg)
		if err := src.tap.Count(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(src.conns) != 2 || src.conns[0] != src.conns[1] || !reflect.DeepEqual(src.conns[0], want) {
			t.Errorf("%s: %+v, not %+v", name, src.conns, want)
		}
	}
}
