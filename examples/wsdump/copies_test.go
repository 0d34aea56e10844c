package main

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// natFile is a conversation before and behind a NAT. The first place loses some
// messages, and sees a reset before one.
func natFile(t *testing.T, lost []string, last string) string {
	c := packetgen.NewConversation()
	c.Open()
	c.Send(packetgen.Client, []byte("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"))
	c.Send(packetgen.Server, []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"))
	for i := range 9 {
		c.Send(packetgen.Server, []byte{0x81, 2, 'm', byte('0' + i)})
	}
	c.Close(packetgen.Server)
	var frames []capture.Frame
	add := func(b []byte, at time.Time) {
		frames = append(frames, capture.Frame{Data: b, Length: len(b), Time: at, Link: decode.LinkEthernet})
	}
	reset := false
	for _, p := range c.Packets {
		word := string(p.TCP.Payload[min(2, len(p.TCP.Payload)):])
		switch {
		case reset, slices.Contains(lost, word):
		case last != "" && word == last:
			r := p.TCP
			r.Flags, r.Payload = decode.RST|decode.ACK, nil
			add(r.Frame(), p.Time)
			reset = true
		default:
			add(p.Frame, p.Time)
		}
		inside := p.TCP
		for _, end := range []*netip.AddrPort{&inside.Src, &inside.Dst} {
			if *end == c.Server {
				*end = netip.MustParseAddrPort("172.17.0.2:8080")
			}
		}
		late := 10 * time.Microsecond
		if p.From == packetgen.Client { // the first place is nearer to the server
			late = -late
		}
		add(inside.Frame(), p.Time.Add(late))
	}
	slices.SortStableFunc(frames, func(a, b capture.Frame) int { return a.Time.Compare(b.Time) })
	var file bytes.Buffer
	w, err := pcapfile.NewWriter(&file, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		if err := w.WriteFrame(&frames[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return tempFile(t, file.Bytes())
}

// TestCopies: of a connection before and behind a NAT each message is shown once,
// with the number of the first that has not ended.
func TestCopies(t *testing.T) {
	opens := []string{"#1 open 101 GET ws://a/", "#2 open 101 GET ws://a/ copy of #1"}
	messages := []string{"#1 text 2 m0", "#1 text 2 m1", "#1 text 2 m2", "#1 text 2 m3", "#1 text 2 m4", "#1 text 2 m5"}
	for _, c := range []struct {
		file string
		want []string
	}{
		{natFile(t, nil, ""), []string{"#1 text 2 m6", "#1 text 2 m7", "#1 text 2 m8", "#1 end fin", "#2 end fin"}},
		{natFile(t, []string{"m2", "m3"}, ""), []string{"#1 text 2 m6", "#1 text 2 m7", "#1 text 2 m8", "#1 gap 8 bytes lost", "#1 end fin", "#2 end fin"}},
		{natFile(t, nil, "m6"), []string{"#2 text 2 m6", "#2 text 2 m7", "#2 text 2 m8", "#1 end rst", "#2 end fin"}},
	} {
		var got []string
		for line := range strings.Lines(mustWork(t, "-t", "-r", c.file).stdout) {
			f := strings.Fields(line)
			got = append(got, strings.Join(append([]string{f[0]}, f[4:]...), " "))
		}
		slices.Sort(got) // when a gap is told is the reassembly's
		want := slices.Sorted(slices.Values(slices.Concat(opens, messages, c.want)))
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestCopiesCounted: what is left out is counted, and --copies shows it.
func TestCopiesCounted(t *testing.T) {
	file := natFile(t, []string{"m2", "m3"}, "m6")
	once := mustWork(t, "-r", file)
	for _, line := range []string{"9 messages on 1 connection\n", "4 messages left out, seen in copies of connections (--copies shows them)\n"} {
		if !strings.Contains(once.stderr, line) {
			t.Errorf("no %q in %s", line, once.stderr)
		}
	}
	if all := mustWork(t, "-r", file, "--copies"); strings.Count(all.stdout, " text ") != 13 || !strings.Contains(all.stderr, "13 messages on 2 connections\n") {
		t.Errorf("%s%s", all.stdout, all.stderr)
	}
	for want, args := range map[string][]string{
		"9 messages\n":  {"--count"},
		"13 messages\n": {"--count", "--copies"},
		"5 messages\n":  {"--count", "-c", "5"},
	} {
		if got := mustWork(t, append(args, "-r", file)...).stdout; got != want {
			t.Errorf("%q: %q instead of %q", args, got, want)
		}
	}
	shown := mustWork(t, "--json", "-r", file).stdout
	if n := strings.Count(shown, `{"event":"message"`); n != 9 || strings.Count(shown, `,"copy_of":1`) != 1 || strings.Contains(shown, `"copy":true`) {
		t.Errorf("%d messages in %s", n, shown)
	}
	all := mustWork(t, "--json", "--copies", "-r", file).stdout
	if n := strings.Count(all, `,"copy":true}`); n != 4 || strings.Count(all, `,"copies":`) == 0 {
		t.Errorf("%d copies in %s", n, all)
	}
}
