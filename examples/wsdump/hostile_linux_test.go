package main

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
)

const (
	upgradeRequest = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	upgradeAnswer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	deflateAnswer = upgradeAnswer + "Sec-WebSocket-Extensions: permessage-deflate\r\n"
)

// longHead fills a head up to about n bytes.
func longHead(begin string, n int) string {
	var b strings.Builder
	b.WriteString(begin)
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "X-%d: %d\r\n", i, i)
	}
	return b.String()
}

func deflated(b []byte) string {
	var out bytes.Buffer
	z, _ := flate.NewWriter(&out, flate.BestCompression)
	z.Write(b)
	z.Flush()
	return strings.TrimSuffix(out.String(), "\x00\x00\xff\xff")
}

// compressed frames a compressed message of the server.
func compressed(payload string) string {
	n := len(payload)
	return "\xc2\x7f" + string([]byte{0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + payload
}

// racing says that the race detector is on, which takes memory.
func racing() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// TestHostileFiles reads captures that were made to take memory, and measures the
// process: with WSTAP_LONG=1 so much of each that nothing unbounded stays below
// 400 MB.
func TestHostileFiles(t *testing.T) {
	size, most := testkit.Rounds(4<<20, 1<<20, 150<<20), testkit.Rounds(64<<20, 256<<10, 64<<20)
	request, answer := upgradeRequest+"\r\n", upgradeAnswer+"\r\n"
	head := longHead(upgradeRequest, 60000)
	long := longHead(upgradeAnswer, 60000) + "\r\n"
	window := compressed(deflated(append([]byte(head[:8000]), make([]byte, 40000)...)))
	bomb := compressed(deflated(make([]byte, most)))
	begin := func(c *packetgen.Conversation, from packetgen.Side, s string) {
		c.Send(from, []byte(s))
	}
	for _, attack := range []struct {
		name, answer string // what one of the closing lines says
		flow         func(c *packetgen.Conversation)
	}{
		{"SYNs", "0 messages on 0 connections", func(c *packetgen.Conversation) { c.Segment(packetgen.Client, decode.SYN, nil, nil) }},
		{"mid-stream", "0 messages on 0 connections", func(c *packetgen.Conversation) {
			begin(c, packetgen.Client, "\x81")
			begin(c, packetgen.Server, "\x81")
		}},
		{"heads without end", "0 messages on 0 connections", func(c *packetgen.Conversation) { begin(c, packetgen.Client, head) }},
		{"requests without an answer", "0 messages on 0 connections", func(c *packetgen.Conversation) {
			c.Open()
			begin(c, packetgen.Client, head+"\r\n")
		}},
		{"long heads", "0 messages on ", func(c *packetgen.Conversation) {
			c.Open()
			begin(c, packetgen.Client, head+"\r\n")
			begin(c, packetgen.Server, long)
		}},
		{"unfinished messages", " messages truncated", func(c *packetgen.Conversation) {
			c.Open()
			begin(c, packetgen.Client, request)
			begin(c, packetgen.Server, answer+"\x02\x7e\x75\x30"+strings.Repeat("x", 30000))
		}},
		{"the longest frames", " messages truncated", func(c *packetgen.Conversation) {
			c.Open()
			begin(c, packetgen.Client, request)
			begin(c, packetgen.Server, answer+"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"+strings.Repeat("x", 30000))
		}},
		{"windows", " messages on ", func(c *packetgen.Conversation) {
			c.Open()
			begin(c, packetgen.Client, request)
			begin(c, packetgen.Server, deflateAnswer+"\r\n"+window+window)
		}},
		{"bombs", " messages on ", func(c *packetgen.Conversation) {
			c.Open()
			begin(c, packetgen.Client, request)
			begin(c, packetgen.Server, deflateAnswer+"\r\n"+bomb)
		}},
	} {
		t.Run(attack.name, func(t *testing.T) {
			r, w := io.Pipe()
			go func() { w.CloseWithError(writeFlows(w, size, attack.flow)) }()
			cmd := command(t, "-q", "-r", "-")
			var errs bytes.Buffer
			cmd.Stdin, cmd.Stderr = r, &errs
			status := exitStatusOf(cmd.Run())
			r.Close()
			if status != 0 || !strings.Contains(errs.String(), attack.answer) {
				t.Errorf("exit status %d\n%s", status, errs.String())
			}
			rss := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
			t.Logf("%d MB read, %d MB resident, %v of processor time", size>>20, rss, cmd.ProcessState.UserTime())
			if rss > 400 && !racing() {
				t.Errorf("%d MB resident", rss)
			}
		})
	}
}

func exitStatusOf(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// writeFlows writes a capture of about size bytes, of a connection after the
// other.
func writeFlows(out io.Writer, size int, flow func(*packetgen.Conversation)) error {
	w, err := pcapfile.NewWriter(out, decode.LinkEthernet, nil)
	if err != nil {
		return err
	}
	c := packetgen.NewConversation()
	for i := 0; size > 0; i++ {
		next := packetgen.NewConversation()
		next.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 24), byte(i >> 16), byte(i >> 8)}), uint16(20000+i&255))
		next.MSS, next.NoAcks, next.Time, next.Step = 16000, true, c.Time, 1000
		c = next
		flow(c)
		for _, p := range c.Packets {
			f := capture.Frame{Data: p.Frame, Length: len(p.Frame), Time: p.Time, Link: decode.LinkEthernet}
			if err := w.WriteFrame(&f); err != nil {
				return err
			}
			size -= len(p.Frame) + 16
		}
	}
	return w.Close()
}
