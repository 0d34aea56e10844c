package websocket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/websocket"
)

// TestLinkCases reads captures of the kinds of link layers that real networks
// have, each with four messages.
func TestLinkCases(t *testing.T) {
	files, err := filepath.Glob("testdata/links/*.pcap")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts, st := read(t, file, 1)
		if len(texts) != 4 || st.LostBytes != 0 || st.Undecoded != 0 {
			t.Errorf("%s: messages %q, %d bytes lost, %d packets not decoded", name, texts, st.LostBytes, st.Undecoded)
		}
		if guessed := strings.Contains(name, "rawip"); guessed != (st.Guessed > 0) {
			t.Errorf("%s: %d frames guessed", name, st.Guessed)
		}
	}
}

// read returns the texts that are in a file, and the counters.
func read(t *testing.T, file []byte, workers int) ([]string, websocket.Stats) {
	t.Helper()
	r, err := pcapfile.NewReader(bytes.NewReader(file), &pcapfile.Config{Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	tap := websocket.NewTap(r, nil)
	var texts []string
	for e, err := range tap.Events(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := e.(*websocket.Message); ok {
			texts = append(texts, string(m.Payload))
		}
	}
	st := tap.Stats()
	for _, a := range st.Accounts() {
		left := a.Total
		for _, p := range a.Parts {
			left -= p.N
		}
		if left != 0 {
			t.Errorf("account %q of %d does not balance: %+v", a.Name, a.Total, a.Parts)
		}
	}
	return texts, st
}

// said is what the conversations of these tests say.
var said = []string{"hello", "world", strings.Repeat("a long one ", 300), "bye"}

// conversation is a WebSocket connection, its frames bare IP.
func conversation(six bool) *packetgen.Conversation {
	c := packetgen.NewConversation()
	if six {
		c.Client, c.Server = netip.MustParseAddrPort("[fd00::1]:40000"), netip.MustParseAddrPort("[fd00::2]:80")
	}
	c.Link = &packetgen.Link{Type: decode.LinkRaw}
	c.MSS = 500
	c.Open()
	c.Send(packetgen.Client, []byte("GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"))
	c.Send(packetgen.Server, []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"))
	for i, s := range said {
		side := packetgen.Side(i % 2)
		c.Send(side, textFrame(s, side == packetgen.Client))
	}
	c.Close(packetgen.Client)
	return c
}

// textFrame is a message in one frame, masked with zeros by clients.
func textFrame(s string, masked bool) []byte {
	b := []byte{0x81, byte(len(s))}
	if len(s) > 125 {
		b = binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(len(s)))
	}
	if masked {
		b[1] |= 0x80
		b = append(b, 0, 0, 0, 0)
	}
	return append(b, s...)
}

// pcap is a capture file in one byte order, its frames cut at snap bytes.
func pcap(order binary.AppendByteOrder, link decode.LinkType, snap int, frames [][]byte) []byte {
	b := order.AppendUint32(nil, 0xa1b2c3d4)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = order.AppendUint32(b, uint32(snap))
	b = order.AppendUint32(b, uint32(link))
	for i, f := range frames {
		n := min(len(f), snap)
		for _, v := range []int{1_700_000_000, i, n, len(f)} {
			b = order.AppendUint32(b, uint32(v))
		}
		b = append(b, f[:n]...)
	}
	return b
}

// pcapng is the same conversation as a pcapng file.
func pcapng(t *testing.T, link decode.LinkType, frames [][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := pcapfile.NewWriter(&out, link, &pcapfile.WriterConfig{Format: pcapfile.Pcapng})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range frames {
		frame := capture.Frame{Data: f, Length: len(f), Link: link, Time: time.Unix(1_700_000_000, int64(i)*1000)}
		if err := w.WriteFrame(&frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestLinksThrough sends a conversation through every way to carry packets that
// packetgen knows, in files of all kinds, with one worker and several.
func TestLinksThrough(t *testing.T) {
	for _, six := range []bool{false, true} {
		c := conversation(six)
		for _, w := range packetgen.Wraps() {
			if six && w.IPv4 {
				continue
			}
			frames := make([][]byte, len(c.Packets))
			for i, p := range c.Packets {
				frames[i] = w.Frame(packetgen.EtherTypeOf(c.Client.Addr()), p.From == packetgen.Client, p.Frame)
			}
			for i, file := range [][]byte{
				pcap(binary.LittleEndian, w.Link, 1<<16, frames),
				pcap(binary.BigEndian, w.Link, 1<<16, frames),
				pcapng(t, w.Link, frames),
			} {
				texts, st := read(t, file, 1+i)
				if !slices.Equal(texts, said) || st.LostBytes != 0 || st.Undecoded != 0 || st.Reassembly.Other != 0 {
					t.Errorf("%v, %s, file %d: %d messages, %d bytes lost, %d packets not decoded, %d other", w.Link, w.Name, i, len(texts), st.LostBytes, st.Undecoded, st.Reassembly.Other)
				}
			}
			if _, st := read(t, pcap(binary.LittleEndian, w.Link, 90, frames), 1); st.Reassembly.Cut == 0 && st.Undecoded+st.Reassembly.Other == 0 {
				t.Errorf("%v, %s: cut at 90 bytes, and nobody says so: %+v", w.Link, w.Name, st.Reassembly)
			}
		}
	}
}

// TestAggregatesThrough puts the packets of a conversation together into A-MSDUs:
// all of them come through, and the accounts balance.
func TestAggregatesThrough(t *testing.T) {
	c := conversation(false)
	for _, most := range []int{2, 7, 40} {
		var frames [][]byte
		for at := 0; at < len(c.Packets); {
			var together [][]byte
			from := c.Packets[at].From
			for at < len(c.Packets) && len(together) < most && c.Packets[at].From == from {
				together = append(together, c.Packets[at].Frame)
				at++
			}
			frames = append(frames, (&packetgen.Dot11{QoS: true, Aggregate: true}).Append(nil, from == packetgen.Client,
				packetgen.Subframes(0x0800, from == packetgen.Client, together...)))
		}
		for workers := 1; workers <= 3; workers++ {
			texts, st := read(t, pcap(binary.LittleEndian, decode.LinkDot11, 1<<16, frames), workers)
			if !slices.Equal(texts, said) || st.LostBytes != 0 || int(st.Aggregated) != len(c.Packets)-len(frames) {
				t.Errorf("%d together, %d workers: %d messages, %d bytes lost, %d aggregated of %d", most, workers, len(texts), st.LostBytes, st.Aggregated, len(c.Packets)-len(frames))
			}
		}
	}
}

// TestManyAggregates has more packets in frames than a pipeline works on at a time,
// and breaks off in the midst.
func TestManyAggregates(t *testing.T) {
	c := conversation(false)
	c.Packets = c.Packets[:len(c.Packets)-3]
	c.NoAcks = true
	const messages = 200
	for range messages {
		c.Send(packetgen.Server, textFrame("tick", false))
	}
	var frames [][]byte
	for from := 0; from < len(c.Packets); from += 50 {
		var together [][]byte
		for _, p := range c.Packets[from:min(from+50, len(c.Packets))] {
			together = append(together, p.Frame)
		}
		frames = append(frames, (&packetgen.Dot11{QoS: true, Aggregate: true}).Append(nil, false, packetgen.Subframes(0x0800, false, together...)))
	}
	file := pcap(binary.LittleEndian, decode.LinkDot11, 1<<20, frames)
	texts, st := read(t, file, 1)
	if len(texts) != messages+len(said) || int(st.Aggregated) != len(c.Packets)-len(frames) {
		t.Errorf("%d messages, %d aggregated", len(texts), st.Aggregated)
	}
	for _, stop := range []int{1, 5, 40, 100, messages} {
		r, err := pcapfile.NewReader(bytes.NewReader(file), nil)
		if err != nil {
			t.Fatal(err)
		}
		tap := websocket.NewTap(r, nil)
		n := 0
		for e := range tap.Events(context.Background()) {
			if _, ok := e.(*websocket.Message); ok {
				if n++; n == stop {
					break
				}
			}
		}
		for _, a := range func() []websocket.Account { s := tap.Stats(); return s.Accounts() }() {
			left := int64(a.Total)
			for _, p := range a.Parts {
				left -= int64(p.N)
			}
			if left != 0 && strings.HasPrefix(a.Name, "packets") {
				t.Errorf("broken off after %d: account %q of %d does not balance: %+v", stop, a.Name, a.Total, a.Parts)
			}
		}
	}
}
