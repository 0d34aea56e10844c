package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

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

// TestJSON is the contract: these bytes may not change.
func TestJSON(t *testing.T) {
	const ends = `"conn":1,"client":"127.0.0.1:36534","server":"127.0.0.1:7272"`
	const head = `{"event":"message","time":"2026-11-22T18:16:32.7520015Z","start":"2026-11-22T18:16:32.752Z",` + ends
	six := netip.MustParseAddrPort("[fe80::1%eth0]:1")
	for _, tt := range []struct {
		ev    websocket.Event
		quiet bool
		want  string
	}{
		{ev: &websocket.Open{Time: testTime, Conn: testConn},
			want: `{"event":"open","time":"2026-11-22T18:16:32.752Z",` + ends + `,"method":"GET","url":"ws://127.0.0.1:7272/","status":101,` +
				`"subprotocol":"","extensions":"","accept_valid":true,"request":{},"response":{}}`},
		{ev: &websocket.Open{Time: testTime, Conn: &websocket.Conn{Number: 2, Client: six, Server: six, Midstream: true}},
			want: `{"event":"open","time":"2026-11-22T18:16:32.752Z","conn":2,"client":"[fe80::1%eth0]:1","server":"[fe80::1%eth0]:1",` +
				`"method":"","url":"","status":0,"subprotocol":"","extensions":"","accept_valid":false,"request":{},"response":{},"midstream":true}`},
		{ev: message(websocket.Text, `{"a":"所有人"}`),
			want: head + `,"from":"client","opcode":"text","length":17,"wire_length":17,"frames":1,"compressed":false,"text":"{\"a\":\"所有人\"}"}`},
		{ev: message(websocket.Text, "", func(m *websocket.Message) { m.From = websocket.FromServer }),
			want: head + `,"from":"server","opcode":"text","length":0,"wire_length":0,"frames":1,"compressed":false,"text":""}`},
		{ev: message(websocket.Text, "secret"), quiet: true,
			want: head + `,"from":"client","opcode":"text","length":6,"wire_length":6,"frames":1,"compressed":false}`},
		{ev: message(websocket.Text, "\xff\xfe", func(m *websocket.Message) { m.InvalidUTF8 = true }),
			want: head + `,"from":"client","opcode":"text","length":2,"wire_length":2,"frames":1,"compressed":false,"base64":"//4=","invalid_utf8":true}`},
		{ev: message(websocket.Text, "abc", func(m *websocket.Message) { m.Undecoded, m.Compressed = true, true }), // looks like text, is not
			want: head + `,"from":"client","opcode":"text","length":3,"wire_length":3,"frames":1,"compressed":true,"base64":"YWJj","undecoded":true}`},
		{ev: message(websocket.Binary, "abc", func(m *websocket.Message) {
			m.WireLength, m.Frames, m.Truncated, m.Conflict, m.Midstream = 9, 3, true, true, true
		}),
			want: head + `,"from":"client","opcode":"binary","length":3,"wire_length":9,"frames":3,"compressed":false,"base64":"YWJj","truncated":true,"conflict":true,"midstream":true}`},
		{ev: message(websocket.Ping, ""),
			want: head + `,"from":"client","opcode":"ping","length":0,"wire_length":0,"frames":1,"compressed":false,"base64":""}`},
		{ev: message(websocket.Close, "\x03\xe8bye"),
			want: head + `,"from":"client","opcode":"close","length":5,"wire_length":5,"frames":1,"compressed":false,"code":1000,"reason":"bye"}`},
		{ev: message(websocket.Close, "\x03\xe8"),
			want: head + `,"from":"client","opcode":"close","length":2,"wire_length":2,"frames":1,"compressed":false,"code":1000,"reason":""}`},
		{ev: message(websocket.Close, ""),
			want: head + `,"from":"client","opcode":"close","length":0,"wire_length":0,"frames":1,"compressed":false}`},
		{ev: message(websocket.Close, "\x03"),
			want: head + `,"from":"client","opcode":"close","length":1,"wire_length":1,"frames":1,"compressed":false,"base64":"Aw=="}`},
		{ev: message(websocket.Close, "\x03\xe8\xff"),
			want: head + `,"from":"client","opcode":"close","length":3,"wire_length":3,"frames":1,"compressed":false,"code":1000,"base64":"A+j/"}`},
		{ev: &websocket.Gap{Time: testTime, Conn: testConn, From: websocket.FromServer, Bytes: 1460},
			want: `{"event":"gap","time":"2026-11-22T18:16:32.752Z","conn":1,"from":"server","bytes":1460}`},
		{ev: &websocket.End{Time: testTime.In(time.FixedZone("", 3600)), Conn: testConn, Cause: "fin"},
			want: `{"event":"end","time":"2026-11-22T18:16:32.752Z","conn":1,"cause":"fin"}`},
	} {
		p := &jsonPrinter{quiet: tt.quiet}
		got := string(p.appendEvent(nil, tt.ev))
		if got != tt.want+"\n" {
			t.Errorf("got  %swant %s\n", got, tt.want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("not JSON: %s", got)
		}
	}
}

func TestJSONHostile(t *testing.T) {
	const nasty = "\"\\\x00\x1b[2J\u202e\u2028\xff\xed\xa0\x80</script>\n"
	c := *testConn
	c.Method, c.URL, c.Subprotocol, c.Extensions = nasty, nasty, nasty, nasty
	for _, ev := range []websocket.Event{
		&websocket.Open{Time: testTime, Conn: &c},
		message(websocket.Text, nasty), message(websocket.Close, "\x03\xe8"+nasty),
		&websocket.End{Time: time.Time{}, Conn: &c, Cause: nasty},
	} {
		line := new(jsonPrinter).appendEvent(nil, ev)
		if !json.Valid(line) || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("not one line of JSON: %q", line)
		}
		if r, ok := harmless(strings.TrimSuffix(string(line), "\n")); !ok {
			t.Errorf("%q lets %q through", line, r)
		}
		text := (&textPrinter{opt: &options{whole: true}, zone: time.UTC}).appendEvent(nil, ev)
		if r, ok := harmless(strings.TrimSuffix(string(text), "\n")); !ok {
			t.Errorf("%q lets %q through", text, r)
		}
	}
}

// TestSecrets: what logs in is not printed unless asked for.
func TestSecrets(t *testing.T) {
	c := *testConn
	c.URL = "ws://user:hunter2@h/?token=hunter2"
	open := &websocket.Open{Time: testTime, Conn: &c}
	for _, show := range []bool{false, true} {
		for _, p := range []printer{
			&jsonPrinter{secrets: show},
			&textPrinter{opt: &options{secrets: show, verbose: 1}, zone: time.UTC},
		} {
			if got := string(p.appendEvent(nil, open)); strings.Contains(got, "hunter2") != show {
				t.Errorf("--show-secrets %v: %s", show, got)
			}
		}
	}
}

// TestOddTimes: clocks that were set, and times that only a file can tell.
func TestOddTimes(t *testing.T) {
	for _, tt := range []struct {
		t    time.Time
		want string
	}{
		{time.Unix(1<<62, 0), "9999-12-31T23:59:59.999999999Z"},
		{time.Unix(math.MaxInt64, 999999999), "9999-12-31T23:59:59.999999999Z"},
		{time.Unix(-1<<40, 0), "0000-01-01T00:00:00Z"},
		{time.Unix(-1, 5), "1969-12-31T23:59:59.000000005Z"},
	} {
		if got := string(new(clock).appendTime(nil, tt.t)); got != tt.want {
			t.Errorf("%d: %s, want %s", tt.t.Unix(), got, tt.want)
		}
	}
	for _, tt := range []struct {
		times int
		t     []time.Time
		want  string // of the last
	}{
		{2, []time.Time{time.Unix(-5, 250e6)}, "-4.750000 "},
		{2, []time.Time{time.Unix(-1, 250e6)}, "-0.750000 "},
		{2, []time.Time{time.Unix(-1, 0)}, "-1.000000 "},
		{2, []time.Time{time.Unix(math.MinInt64, 0)}, "-9223372036854775808.000000 "},
		{3, []time.Time{testTime, testTime.Add(-time.Hour)}, "-01:00:00.000000 "},
		{3, []time.Time{testTime, testTime.Add(1000*time.Hour + time.Second)}, "1000:00:01.000000 "},
		{5, []time.Time{testTime.AddDate(1000, 0, 0), testTime}, "-2562047:47:16.854775 "},
		{5, []time.Time{testTime, testTime.AddDate(1000, 0, 0)}, "2562047:47:16.854775 "},
	} {
		p := &textPrinter{opt: &options{times: tt.times}, zone: time.UTC}
		got := ""
		for _, at := range tt.t {
			got = string(p.appendTime(nil, at))
		}
		if got != tt.want {
			t.Errorf("%v: %q, want %q", tt.t, got, tt.want)
		}
	}
}

// TestTimes compares both clocks with package time.
func TestTimes(t *testing.T) {
	var utc clock
	local := &textPrinter{opt: &options{nano: true}, zone: time.FixedZone("", 8*3600)}
	for _, d := range []time.Duration{0, 1, 999, 1e6, 1e9 - 1, 1e9, 86400e9, -1, -1e9, -5000 * time.Hour} {
		at := testTime.Add(d)
		if got, want := string(utc.appendTime(nil, at)), at.UTC().Format(time.RFC3339Nano); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got, want := string(local.appendTime(nil, at)), at.In(local.zone).Format("15:04:05.000000000 "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
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
		{"", message(websocket.Text, "abc", func(m *websocket.Message) { m.Undecoded = true }), head + "text 3 [undecoded]\n"},
		{"", &websocket.Gap{Time: testTime, Conn: testConn, From: websocket.FromServer, Bytes: 1460},
			"18:16:32.752000 #1 127.0.0.1:36534 <- 127.0.0.1:7272 gap 1460 bytes lost\n"},
		{"", &websocket.End{Time: testTime, Conn: testConn, Cause: "fin"}, "18:16:32.752000 #1 127.0.0.1:36534 -- 127.0.0.1:7272 end fin\n"},
	} {
		o, err := parse(strings.Fields(tt.args))
		if err != nil {
			t.Fatal(err)
		}
		p := &textPrinter{opt: o, zone: time.UTC}
		if got := string(p.appendEvent(nil, tt.ev)); got != tt.want {
			t.Errorf("%s\n got %q\nwant %q", tt.args, got, tt.want)
		}
	}
}

func TestTextDeltas(t *testing.T) {
	for args, want := range map[string]string{
		"-ttt":   "00:00:00.000000 00:00:01.500000 -00:00:00.500000 ",
		"-ttttt": "00:00:00.000000 00:00:01.500000 00:00:01.000000 ",
	} {
		o, _ := parse([]string{args})
		p := &textPrinter{opt: o}
		var got []byte
		for _, d := range []time.Duration{0, 1500 * time.Millisecond, time.Second} {
			got = p.appendTime(got, testTime.Add(d))
		}
		if string(got) != want {
			t.Errorf("%s: got %q, want %q", args, got, want)
		}
	}
}

func TestColours(t *testing.T) {
	p := &textPrinter{opt: &options{}, paint: colours, zone: time.UTC}
	got := string(p.appendEvent(nil, message(websocket.Text, "hi\x1b[31m")))
	if !strings.Contains(got, "\x1b[36mtext\x1b[0m") || strings.Contains(got, "\x1b[31m") {
		t.Errorf("got %q", got)
	}
}

func TestHexDumpLong(t *testing.T) {
	got := string(longWriter{}.hexDump(nil, make([]byte, 0x10001), false))
	if !strings.HasSuffix(got, "\t0xfff0:  0000 0000 0000 0000 0000 0000 0000 0000\n\t0x10000:  00\n") {
		t.Errorf("ends with %q", got[len(got)-80:])
	}
}

// TestPrintAllocs keeps printing free of allocations for messages.
func TestPrintAllocs(t *testing.T) {
	m := message(websocket.Text, `{"type":"say","content":"hi, all ! 你好"}`)
	b := make([]byte, 0, 4096)
	for name, p := range map[string]printer{
		"json": new(jsonPrinter),
		"text": &textPrinter{opt: &options{}, zone: time.UTC},
	} {
		if n := testing.AllocsPerRun(100, func() { p.appendEvent(b, m) }); n != 0 {
			t.Errorf("%s: %v allocations a message", name, n)
		}
	}
}

func BenchmarkPrint(b *testing.B) {
	small := message(websocket.Text, `{"type":"say","to_client_id":"all","to_client_name":"所有人","content":"hi, all !"}`)
	large := message(websocket.Text, strings.Repeat(`{"type":"say","content":"hi, all !"}`, 1800))
	binary := message(websocket.Binary, string(make([]byte, 64<<10)))
	for _, bb := range []struct {
		name string
		p    printer
		m    *websocket.Message
	}{
		{"json/small", new(jsonPrinter), small},
		{"json/64KiB", new(jsonPrinter), large},
		{"json/64KiB-binary", new(jsonPrinter), binary},
		{"text/small", &textPrinter{opt: &options{}, zone: time.UTC}, small},
		{"text/64KiB-whole", &textPrinter{opt: &options{whole: true}, zone: time.UTC}, large},
	} {
		b.Run(bb.name, func(b *testing.B) {
			buf := make([]byte, 0, base64.StdEncoding.EncodedLen(128<<10))
			b.SetBytes(int64(len(bb.m.Payload)))
			b.ReportAllocs()
			for b.Loop() {
				buf = bb.p.appendEvent(buf[:0], bb.m)
			}
		})
	}
}

// longest keeps what is written and the length of the longest piece.
type longest struct {
	bytes.Buffer
	n int
}

func (l *longest) Write(b []byte) (int, error) {
	l.n = max(l.n, len(b))
	return l.Buffer.Write(b)
}

// TestLongLines: a line that is written in pieces is the one that is written
// whole, and no piece is long, however much escapes make of a payload.
func TestLongLines(t *testing.T) {
	mixed := strings.Repeat("所有人 \x1b[31m\"a\\b\"\u202e\U0001f30d", 20000) // cut at every place in a character
	broken := mixed + strings.Repeat("\xf0\x9f\x8c\x80\x80\x80\xff\xed\xa0", 20000)
	for name, m := range map[string]*websocket.Message{
		"text":    message(websocket.Text, mixed),
		"invalid": message(websocket.Text, broken, func(m *websocket.Message) { m.InvalidUTF8 = true }),
		"binary":  message(websocket.Binary, broken),
		"close":   message(websocket.Close, "\x03\xe8"+mixed),
		"control": message(websocket.Text, strings.Repeat("\x01", 1<<20)),
	} {
		for kind, printers := range map[string]func(longWriter) printer{
			"text": func(l longWriter) printer {
				return &textPrinter{opt: &options{whole: true, hex: true, ascii: true}, zone: time.UTC, long: l}
			},
			"json": func(l longWriter) printer { return &jsonPrinter{long: l} },
		} {
			want := printers(longWriter{}).appendEvent(nil, m)
			var out longest
			out.Write(printers(longWriter{&out}).appendEvent(nil, m))
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("%s as %s: %d bytes differ from %d", name, kind, out.Len(), len(want))
			}
			if out.n > 7*longLine {
				t.Errorf("%s as %s: a piece of %d bytes", name, kind, out.n)
			}
		}
	}
}

// TestHeadersDropped: a handshake whose headers were not kept says so.
func TestHeadersDropped(t *testing.T) {
	c := *testConn
	c.HeadersDropped = true
	ev := &websocket.Open{Time: testTime, Conn: &c}
	if got := string(new(jsonPrinter).appendEvent(nil, ev)); !strings.HasSuffix(got, `,"headers_dropped":true}`+"\n") {
		t.Error(got)
	}
	if got := string((&textPrinter{opt: &options{}, zone: time.UTC}).appendEvent(nil, ev)); !strings.HasSuffix(got, " [headers dropped]\n") {
		t.Error(got)
	}
}
