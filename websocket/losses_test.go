package websocket

import (
	"fmt"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/packetgen"
)

// TestLosses: what is missing is named, and nothing else; two moments can be
// compared.
func TestLosses(t *testing.T) {
	tap := NewTap(smallTalk(1, 20), nil)
	for range tap.Events(t.Context()) {
	}
	st := tap.Stats()
	if l := st.Losses(); l != (Losses{}) {
		t.Errorf("nothing was lost: %+v", l)
	}

	// A lost segment, and a channel that is full.
	tap = NewTap(holey(40, 10), &Config{Buffer: 5, OnFull: FullDrop})
	ch := tap.Messages(t.Context())
	for tap.Stats().Messages+tap.Stats().MessageDropped < 39 {
		time.Sleep(time.Millisecond)
	}
	for range ch {
	}
	st = tap.Stats()
	want := Losses{Bytes: st.LostBytes, Messages: 34}
	if got := st.Losses(); got != want || st.LostBytes == 0 {
		t.Errorf("%+v, want %+v", got, want)
	}

	// A message that is cut, a packet that is, and packets that the kernel drops.
	tap = NewTap(smallTalk(1, 20), &Config{MaxMessage: 1})
	for range tap.Messages(t.Context()) {
	}
	st = tap.Stats()
	flawed := st.Traffic[0].Truncated + st.Traffic[1].Truncated
	if got := st.Losses(); got.Flawed != flawed || flawed == 0 {
		t.Errorf("%+v of %d flawed messages", got, flawed)
	}
	before := st.Losses()
	st.Capture.Dropped, st.CutHeaders, st.GivenUp = 3, 4, 5
	if got, want := st.Losses().Sub(before), (Losses{Packets: 7, Conns: 5}); got != want {
		t.Errorf("since then %+v, want %+v", got, want)
	}
	st.Capture.Skipped, st.Undecoded, st.Unselected, st.MessageCopies = 1, 9, 1, 1
	if got := st.Losses().Sub(before); got.Packets != 7 {
		t.Errorf("what is no loss is among them: %+v", got)
	}
}

// TestConnHelpers: the path, and whether the handshake was accepted.
func TestConnHelpers(t *testing.T) {
	for _, c := range []struct {
		conn     Conn
		path     string
		accepted bool
	}{
		{Conn{URL: "ws://h/chat?room=1", Status: 101}, "/chat", true},
		{Conn{URL: "wss://h:8443/a%20b/#x", Status: 101}, "/a%20b/", true},
		{Conn{URL: "ws://h", Status: 403}, "/", false},
		{Conn{URL: "ws://h?x=/y", Status: 200, Method: "GET"}, "/", false},
		{Conn{URL: "wss://h/h2", Status: 200, Method: "CONNECT"}, "/h2", true},
		{Conn{URL: "wss://h/h2", Status: 404, Method: "CONNECT"}, "/h2", false},
		{Conn{Midstream: true}, "", true},
	} {
		if got := c.conn.Path(); got != c.path || c.conn.Accepted() != c.accepted {
			t.Errorf("%+v: %q, %v", c.conn, got, c.conn.Accepted())
		}
	}
	for _, c := range []struct {
		m     Message
		whole bool
	}{{Message{}, true}, {Message{Compressed: true, Conflict: true, InvalidUTF8: true}, true},
		{Message{Truncated: true}, false}, {Message{Undecoded: true}, false}, {Message{Unknown: 1}, false}} {
		if c.m.Whole() != c.whole {
			t.Errorf("%+v: whole %v", c.m, c.m.Whole())
		}
	}
}

// TestEndBy: the end of a connection says who closed TCP, and its Conn when it was
// opened.
func TestEndBy(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(c *packetgen.Conversation)
		want string
	}{
		{"client", func(c *packetgen.Conversation) { c.Close(0) }, "fin [client server]"},
		{"server", func(c *packetgen.Conversation) { c.Close(1) }, "fin [server client]"},
		{"reset", func(c *packetgen.Conversation) { c.Reset(1) }, "rst [server]"},
		{"nobody", func(c *packetgen.Conversation) {}, "eof []"},
	} {
		for _, begin := range []int{0, 10} { // mid-stream, too
			conv := packetgen.NewConversation()
			conv.Open()
			conv.Send(packetgen.Client, []byte(request))
			conv.Send(packetgen.Server, []byte(response))
			for i := range 8 {
				conv.Send(packetgen.Client, testFrame(FromClient, 0x81, fmt.Appendf(nil, "message %d", i)))
			}
			c.end(conv)
			src := source(conv)
			src.frames = src.frames[begin:]
			var opened *Open
			var got string
			for e, err := range NewTap(src, nil).Events(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				switch e := e.(type) {
				case *Open:
					o := *e
					opened = &o
				case *End:
					got = fmt.Sprint(e.Cause, " ", e.By)
					if e.Conn != opened.Conn || !e.Conn.Opened.Equal(opened.Time) || e.Duration != e.Time.Sub(opened.Time) {
						t.Errorf("%s: opened %v, told %v, lasted %v", c.name, e.Conn.Opened, opened.Time, e.Duration)
					}
				}
			}
			if got != c.want {
				t.Errorf("%s from packet %d: %q, want %q", c.name, begin, got, c.want)
			}
		}
	}
}
