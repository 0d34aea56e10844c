package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// saidOf returns what follows the usual closing lines for a capture of frames.
func saidOf(t *testing.T, frames []capture.Frame, args ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "c.pcapng")
	w, err := pcapfile.Create(name, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		frames[i].Length = max(frames[i].Length, len(frames[i].Data))
		if err := w.WriteFrame(&frames[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := mustWork(t, append(args, "-r", name)...)
	_, said, ok := strings.Cut(r.stderr, " bytes lost in gaps\n")
	if !ok {
		t.Errorf("no closing lines: %s", r.stderr)
	}
	return said
}

// carrying is a connection in which these bytes are sent, by turns.
func carrying(late bool, turns ...string) []capture.Frame {
	c := packetgen.NewConversation()
	if !late {
		c.Open()
	}
	for i, s := range turns {
		if s != "" {
			c.Send(packetgen.Side(i%2), []byte(s))
		}
	}
	var frames []capture.Frame
	for _, p := range c.Packets {
		frames = append(frames, capture.Frame{Data: p.Frame, Time: p.Time, Link: decode.LinkEthernet})
	}
	return frames
}

// udp is a datagram to a port.
func udp(port uint16) []capture.Frame {
	ip := []byte{0x45, 0, 0, 36, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	data := append(make([]byte, 12), 8, 0)
	data = append(data, ip...)
	data = append(data, 0x30, 0x39, byte(port>>8), byte(port), 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	return []capture.Frame{{Data: data, Link: decode.LinkEthernet}}
}

// TestReasons: where there are no messages wsdump says what there was instead.
func TestReasons(t *testing.T) {
	esp := udp(1)
	esp[0].Data[23] = 50
	hello := "\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03" + strings.Repeat("r", 32) + "\x00\x00\x02\x13\x01\x01\x00"
	for _, tt := range []struct {
		name   string
		frames []capture.Frame
		want   []string
		args   []string
	}{
		{"tls", carrying(false, hello), []string{"\t1 TCP connection in TLS that was not opened\n"}, nil},
		{"http", carrying(false, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), []string{"\t1 TCP connection of HTTP without"}, nil},
		{"http2", carrying(false, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"), []string{"\t1 TCP connection of HTTP/2 without"}, nil},
		{"late", carrying(true, "", "\x00\x01\x02\x03"), []string{"\t1 TCP connection joined late"}, nil},
		{"unknown", carrying(false, "\x00\x01\x02\x03"), []string{"\t1 TCP connection not understood"}, nil},
		{"silent", carrying(false), []string{"\t1 TCP connection without data"}, nil},
		{"idle WebSocket", carrying(false, upgradeRequest+"\r\n", upgradeAnswer+"\r\n"), []string{"\t1 WebSocket connection without a message"}, nil},
		{"tunnel", udp(4789), []string{"\t1 packet in tunnels that --no-tunnels leaves closed"}, []string{"--no-tunnels"}},
		{"ipsec", esp, []string{"\t1 packet encrypted by IPsec"}, nil},
		{"quic", udp(443), []string{"\t1 packet of QUIC"}, nil},
		{"dns", udp(53), []string{"\t1 packet not TCP"}, nil},
		{"cut", []capture.Frame{{Data: carrying(false)[0].Data[:40], Length: 60, Link: decode.LinkEthernet}}, []string{"\t1 packet of which too little was captured: a larger -s"}, nil},
		{"odd", []capture.Frame{{Data: []byte("hello"), Link: decode.LinkType(147)}}, []string{"\t1 packet of a link type that is not known"}, nil},
		{"filtered", carrying(false, hello), []string{"no messages: no packet passed the filter\n"}, []string{"port 7273"}},
	} {
		said := saidOf(t, tt.frames, tt.args...)
		for _, want := range append(tt.want, "no messages: ") {
			if !strings.Contains(said, want) {
				t.Errorf("%s: it does not say %q: %s", tt.name, want, said)
			}
		}
		if n := strings.Count(said, "\n\t"); n != 1 && tt.name != "filtered" {
			t.Errorf("%s: %d reasons: %s", tt.name, n, said)
		}
		if strings.Contains(said, "in which there are no frames") && tt.name != "late" && tt.name != "unknown" {
			t.Errorf("%s: %s", tt.name, said)
		}
	}
	if r := mustWork(t, "-r", recordings[0]); strings.Contains(r.stderr, "no messages") {
		t.Errorf("there are messages: %s", r.stderr)
	}
}
