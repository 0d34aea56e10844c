package main

import (
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wstap/wstap/websocket"
)

var (
	testTime = time.Date(2026, 11, 22, 18, 16, 32, 752000000, time.UTC)
	testConn = &websocket.Conn{
		Number:      1,
		Client:      netip.MustParseAddrPort("127.0.0.1:36534"),
		Server:      netip.MustParseAddrPort("127.0.0.1:7272"),
		Method:      "GET",
		URL:         "ws://127.0.0.1:7272/",
		Status:      101,
		AcceptValid: true,
	}
)

func message(op websocket.Opcode, payload string, change ...func(*websocket.Message)) *websocket.Message {
	m := &websocket.Message{
		Conn: testConn, From: websocket.FromClient, Opcode: op, Payload: []byte(payload),
		Start: testTime, Time: testTime.Add(1500 * time.Nanosecond),
		WireLength: int64(len(payload)), Frames: 1,
	}
	for _, f := range change {
		f(m)
	}
	return m
}

// printed returns the lines for eyes.
func printed(o *options, events ...websocket.Event) string {
	var out strings.Builder
	p := newTextPrinter(o, &out)
	p.times.zone = time.UTC
	for _, ev := range events {
		p.Encode(ev)
	}
	p.Flush()
	return out.String()
}

func TestText(t *testing.T) {
	const head = "18:16:32.752001 #1 127.0.0.1:36534 -> 127.0.0.1:7272 "
	long := strings.Repeat("x", shownBytes-1) + "你好"
	for _, tt := range []struct {
		args string
		ev   websocket.Event
		want string
	}{
		{"", &websocket.Open{Time: testTime, Conn: testConn}, "18:16:32.752000 #1 127.0.0.1:36534 -> 127.0.0.1:7272 open 101 GET ws://127.0.0.1:7272/\n"},
		{"", message(websocket.Text, "hi, all !\n"), head + `text 10 hi, all !\n` + "\n"},
		{"", message(websocket.Text, ""), head + "text 0\n"},
		{"", message(websocket.Text, "x", func(m *websocket.Message) { m.From = websocket.FromServer }),
			"18:16:32.752001 #1 127.0.0.1:36534 <- 127.0.0.1:7272 text 1 x\n"},
		{"-q", message(websocket.Text, "hi"), head + "text 2\n"},
		{"", message(websocket.Text, long), head + "text 517 " + long[:shownBytes-1] + "... (6 more bytes, -A shows them)\n"},
		{"-A", message(websocket.Text, long), head + "text 517 " + long + "\n"},
		{"", message(websocket.Binary, "\x00\xff"), head + "binary 2\n"},
		{"-x", message(websocket.Binary, "\x00\xffA"), head + "binary 3\n\t0x0000:  00ff 41\n"},
		{"-X", message(websocket.Binary, "\x00\xffA"), head + "binary 3\n\t0x0000:  00ff 41                                  ..A\n"},
		{"", message(websocket.Ping, "abc"), head + "ping 3 abc\n"},
		{"", message(websocket.Pong, "\xff"), head + "pong 1\n"},
		{"-x", message(websocket.Pong, "\xff"), head + "pong 1\n\t0x0000:  ff\n"},
		{"", message(websocket.Close, "\x03\xe8bye\x07"), head + `close 6 1000 bye\x07` + "\n"},
		{"", message(websocket.Close, ""), head + "close 0\n"},
		{"-#", message(websocket.Text, "x"), "1  " + head + "text 1 x\n"},
		{"-t", message(websocket.Text, "x"), "#1 127.0.0.1:36534 -> 127.0.0.1:7272 text 1 x\n"},
		{"-tt", message(websocket.Text, "x"), "1795371392.752001 #1 127.0.0.1:36534 -> 127.0.0.1:7272 text 1 x\n"},
		{"-ttt", message(websocket.Text, "x"), "00:00:00.000000 #1 127.0.0.1:36534 -> 127.0.0.1:7272 text 1 x\n"},
		{"-tttt", message(websocket.Text, "x"), "2026-11-22 " + head + "text 1 x\n"},
		{"", message(websocket.Text, "abc", func(m *websocket.Message) {
			m.Compressed, m.WireLength, m.Frames, m.Truncated, m.Conflict, m.Midstream, m.InvalidUTF8 = true, 9, 2, true, true, true, true
		}), head + "text 3 (compressed 9) (2 frames) [truncated] [conflict] [midstream] [invalid UTF-8] abc\n"},
		{"", message(websocket.Text, "a\uFFFDc", func(m *websocket.Message) { m.Unknown = 1 }), head + "text 5 [1 byte unknown] a\uFFFDc\n"},
		{"", message(websocket.Text, "abc", func(m *websocket.Message) { m.BadMask, m.RSV = true, 0x50 }), head + "text 3 [unmasked] [RSV1] [RSV3] abc\n"},
		{"", message(websocket.Ping, "abc", func(m *websocket.Message) { m.Violations = websocket.FragmentedControl }), head + "ping 3 [fragmented control] abc\n"},
		{"", message(websocket.Text, "abc", func(m *websocket.Message) { m.Undecoded = true }), head + "text 3 [undecoded]\n"},
		{"", &websocket.Gap{Time: testTime, Conn: testConn, From: websocket.FromServer, Bytes: 1460},
			"18:16:32.752000 #1 127.0.0.1:36534 <- 127.0.0.1:7272 gap 1460 bytes lost\n"},
		{"", &websocket.Gap{Time: testTime, Conn: testConn, From: websocket.FromServer, Bytes: 1460, Reason: websocket.LateKeys},
			"18:16:32.752000 #1 127.0.0.1:36534 <- 127.0.0.1:7272 gap 1460 bytes lost: keys came too late\n"},
		{"", &websocket.End{Time: testTime, Conn: testConn, Cause: "fin"}, "18:16:32.752000 #1 127.0.0.1:36534 -- 127.0.0.1:7272 end fin\n"},
	} {
		o, err := parse(strings.Fields(tt.args))
		if err != nil {
			t.Fatal(err)
		}
		if got := printed(o, tt.ev); got != tt.want {
			t.Errorf("%s\n got %q\nwant %q", tt.args, got, tt.want)
		}
	}
}

func TestColours(t *testing.T) {
	var out strings.Builder
	p := newTextPrinter(&options{}, &out)
	p.paint = colours
	p.Encode(message(websocket.Text, "hi\x1b[31m"))
	got := out.String()
	if !strings.Contains(got, "\x1b[36mtext\x1b[0m") || strings.Contains(got, "\x1b[31m") {
		t.Errorf("got %q", got)
	}
}

// TestTextHostile: nothing of what peers sent is a control code, nor ends a line.
func TestTextHostile(t *testing.T) {
	const nasty = "\"\\\x00\x1b[2J\u202e\u2028\xff\xed\xa0\x80</script>\n"
	c := *testConn
	c.Method, c.URL, c.Subprotocol, c.Extensions = nasty, nasty, nasty, nasty
	for _, ev := range []websocket.Event{
		&websocket.Open{Time: testTime, Conn: &c},
		message(websocket.Text, nasty), message(websocket.Close, "\x03\xe8"+nasty),
		&websocket.End{Time: time.Time{}, Conn: &c, Cause: nasty},
	} {
		line := strings.TrimSuffix(printed(&options{whole: true}, ev), "\n")
		for _, r := range line {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == utf8.RuneError {
				t.Errorf("%q lets %q through", line, r)
			}
		}
	}
}

// TestSecrets: what logs in is not printed unless asked for.
func TestSecrets(t *testing.T) {
	c := *testConn
	c.URL = "ws://user:hunter2@h/?token=hunter2"
	open := &websocket.Open{Time: testTime, Conn: &c}
	for _, show := range []bool{false, true} {
		for _, json := range []bool{false, true} {
			var out strings.Builder
			o := &options{secrets: show, verbose: 1, json: json}
			if err := o.printer(&out).Encode(open); err != nil {
				t.Error(err)
			}
			if strings.Contains(out.String(), "hunter2") != show {
				t.Errorf("--show-secrets %v: %s", show, &out)
			}
		}
	}
}

// TestHeadersDropped: a handshake whose headers were not kept says so.
func TestHeadersDropped(t *testing.T) {
	c := *testConn
	c.HeadersDropped = true
	if got := printed(&options{}, &websocket.Open{Time: testTime, Conn: &c}); !strings.HasSuffix(got, " [headers dropped]\n") {
		t.Error(got)
	}
	c.HeadersDropped = false
	for draft, want := range map[string]string{"hixie-76": " draft hixie-76 [frames are not read]\n", "hybi-08": " draft hybi-08\n"} {
		c.Draft = draft
		if got := printed(&options{}, &websocket.Open{Time: testTime, Conn: &c}); !strings.HasSuffix(got, want) {
			t.Error(got)
		}
	}
}

// TestProxied: the addresses of a proxy's header are shown.
func TestProxied(t *testing.T) {
	for _, late := range []bool{false, true} {
		c := *testConn
		c.Midstream = late
		c.Proxied = &websocket.Proxied{Client: netip.MustParseAddrPort("203.0.113.7:4711"), Server: netip.MustParseAddrPort("[2001:db8::1]:80")}
		if got := printed(&options{}, &websocket.Open{Time: testTime, Conn: &c}); !strings.HasSuffix(got, " proxied 203.0.113.7:4711 -> [2001:db8::1]:80\n") {
			t.Error(got)
		}
	}
}

// TestQuietJSON: -q leaves payloads out of JSON as well.
func TestQuietJSON(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		var out strings.Builder
		o := &options{json: true, quiet: quiet}
		if err := o.printer(&out).Encode(message(websocket.Text, "hi")); err != nil {
			t.Error(err)
		}
		if strings.Contains(out.String(), `"text":"hi"`) == quiet {
			t.Errorf("-q %v: %s", quiet, &out)
		}
	}
}

// longest keeps the length of the longest piece.
type longest struct{ n, all int }

func (l *longest) Write(b []byte) (int, error) {
	l.n, l.all = max(l.n, len(b)), l.all+len(b)
	return len(b), nil
}

// TestLongLines: no line is held whole that is long.
func TestLongLines(t *testing.T) {
	for _, op := range []websocket.Opcode{websocket.Text, websocket.Binary} {
		var out longest
		p := newTextPrinter(&options{whole: true, hex: true, ascii: true}, &out)
		if err := p.Encode(message(op, strings.Repeat("\x01", 1<<20))); err != nil || out.all < 4<<20 || out.n > 1<<19 {
			t.Errorf("%v: %d bytes, %d at once: %v", op, out.all, out.n, err)
		}
	}
}

// TestPrintAllocs keeps printing free of allocations for messages.
func TestPrintAllocs(t *testing.T) {
	m := message(websocket.Text, `{"type":"say","content":"hi, all ! 你好"}`)
	for _, o := range []*options{{json: true}, {}} {
		p := o.printer(io.Discard)
		if n := testing.AllocsPerRun(100, func() { p.Encode(m) }); n != 0 {
			t.Errorf("JSON %v: %v allocations a message", o.json, n)
		}
	}
}

func BenchmarkText(b *testing.B) {
	for name, payload := range map[string]string{
		"small":      `{"type":"say","to_client_id":"all","to_client_name":"所有人","content":"hi, all !"}`,
		"64KiB-long": strings.Repeat(`{"type":"say","content":"hi, all !"}`, 1800),
	} {
		b.Run(name, func(b *testing.B) {
			p := newTextPrinter(&options{whole: true}, io.Discard)
			m := message(websocket.Text, payload)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				p.Encode(m)
			}
		})
	}
}

// TestGapBurst: losses in one message are one line, before the message, whatever
// comes between; those of other directions and of later are others.
func TestGapBurst(t *testing.T) {
	other := *testConn
	other.Number = 2
	gap := func(c *websocket.Conn, from websocket.Direction, n int64, at time.Duration) *websocket.Gap {
		return &websocket.Gap{Time: testTime.Add(at), Conn: c, From: from, Bytes: n}
	}
	said := printed(&options{quiet: true}, gap(testConn, websocket.FromServer, 100, 0), gap(&other, websocket.FromServer, 7, 1), gap(testConn, websocket.FromServer, 200, 2),
		gap(testConn, websocket.FromClient, 9, 3), gap(testConn, websocket.FromServer, 300, 4),
		&websocket.Message{Conn: testConn, From: websocket.FromServer, Opcode: websocket.Binary, Time: testTime, Start: testTime},
		gap(testConn, websocket.FromServer, 5, 6), gap(testConn, websocket.FromServer, 6, 2*time.Second))
	var got []string
	for line := range strings.Lines(said) {
		_, rest, _ := strings.Cut(line, " ")
		got = append(got, strings.TrimSpace(rest))
	}
	want := []string{
		"#1 127.0.0.1:36534 <- 127.0.0.1:7272 gap 600 bytes lost in 3 places",
		"#1 127.0.0.1:36534 -> 127.0.0.1:7272 gap 9 bytes lost",
		"#1 127.0.0.1:36534 <- 127.0.0.1:7272 binary 0",
		"#2 127.0.0.1:36534 <- 127.0.0.1:7272 gap 7 bytes lost",
		"#1 127.0.0.1:36534 <- 127.0.0.1:7272 gap 5 bytes lost",
		"#1 127.0.0.1:36534 <- 127.0.0.1:7272 gap 6 bytes lost",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
