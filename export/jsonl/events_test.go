package jsonl

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
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

// line returns the line of an event.
func line(t testing.TB, cfg *Config, ev websocket.Event) string {
	t.Helper()
	var out strings.Builder
	if err := NewEncoder(&out, cfg).Encode(ev); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestContract is the contract: these bytes may not change.
func TestContract(t *testing.T) {
	const ends = `"conn":1,"client":"127.0.0.1:36534","server":"127.0.0.1:7272"`
	const head = `{"event":"message","time":"2026-11-22T18:16:32.7520015Z","start":"2026-11-22T18:16:32.752Z",` + ends
	const addresses = `"client":"127.0.0.1:36534","server":"127.0.0.1:7272"`
	const nothing = `{"messages":0,"text":0,"binary":0,"ping":0,"pong":0,"close":0,"bytes":0,"wire_bytes":0,"lost_bytes":0}`
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
		{ev: &websocket.Open{Time: testTime, Conn: &websocket.Conn{Number: 2, Client: six, Server: six, Draft: "hixie-76", Midstream: true}},
			want: `{"event":"open","time":"2026-11-22T18:16:32.752Z","conn":2,"client":"[fe80::1%eth0]:1","server":"[fe80::1%eth0]:1",` +
				`"method":"","url":"","status":0,"subprotocol":"","extensions":"","accept_valid":false,"request":{},"response":{},"draft":"hixie-76","midstream":true}`},
		{ev: &websocket.Open{Time: testTime, Conn: &websocket.Conn{Number: 2, Client: six, Server: six, Midstream: true,
			TLS: &websocket.TLS{Version: "1.3", Cipher: "TLS_AES_128_GCM_SHA256", ServerName: "chat.example", ALPN: "http/1.1"}}},
			want: `{"event":"open","time":"2026-11-22T18:16:32.752Z","conn":2,"client":"[fe80::1%eth0]:1","server":"[fe80::1%eth0]:1",` +
				`"method":"","url":"","status":0,"subprotocol":"","extensions":"","accept_valid":false,"request":{},"response":{},` +
				`"tls":{"version":"1.3","cipher":"TLS_AES_128_GCM_SHA256","server_name":"chat.example","alpn":"http/1.1"},"midstream":true}`},
		{ev: message(websocket.Text, `{"a":"所有人"}`),
			want: head + `,"from":"client","opcode":"text","length":17,"wire_length":17,"frames":1,"compressed":false,"text":"{\"a\":\"所有人\"}"}`},
		{ev: message(websocket.Text, "", func(m *websocket.Message) { m.From = websocket.FromServer }),
			want: head + `,"from":"server","opcode":"text","length":0,"wire_length":0,"frames":1,"compressed":false,"text":""}`},
		{ev: message(websocket.Text, "secret"), quiet: true,
			want: head + `,"from":"client","opcode":"text","length":6,"wire_length":6,"frames":1,"compressed":false}`},
		{ev: message(websocket.Text, "\xff\xfe", func(m *websocket.Message) { m.InvalidUTF8 = true }),
			want: head + `,"from":"client","opcode":"text","length":2,"wire_length":2,"frames":1,"compressed":false,"base64":"//4=","text":"\ufffd\ufffd","invalid_utf8":true}`},
		{ev: message(websocket.Text, "a\uFFFDc", func(m *websocket.Message) { m.Unknown, m.Compressed = 1, true }),
			want: head + `,"from":"client","opcode":"text","length":5,"wire_length":5,"frames":1,"compressed":true,"text":"a�c","partial":true,"unknown":1}`},
		{ev: message(websocket.Text, "abc", func(m *websocket.Message) { m.Undecoded, m.Compressed = true, true }), // looks like text, is not
			want: head + `,"from":"client","opcode":"text","length":3,"wire_length":3,"frames":1,"compressed":true,"base64":"YWJj","undecoded":true}`},
		{ev: message(websocket.Binary, "abc", func(m *websocket.Message) {
			m.WireLength, m.Frames, m.Truncated, m.Conflict, m.Midstream = 9, 3, true, true, true
		}),
			want: head + `,"from":"client","opcode":"binary","length":3,"wire_length":9,"frames":3,"compressed":false,"base64":"YWJj","truncated":true,"conflict":true,"midstream":true}`},
		{ev: message(websocket.Binary, "a", func(m *websocket.Message) { m.BadMask, m.RSV = true, 0x60 }),
			want: head + `,"from":"client","opcode":"binary","length":1,"wire_length":1,"frames":1,"compressed":false,"base64":"YQ==","bad_mask":true,"rsv":96}`},
		{ev: message(0, "a", func(m *websocket.Message) { m.Violations = websocket.NoBeginning }),
			want: head + `,"from":"client","opcode":"continuation","length":1,"wire_length":1,"frames":1,"compressed":false,"base64":"YQ==","violations":["no_beginning"]}`},
		{ev: message(websocket.Ping, "a", func(m *websocket.Message) { m.Violations = websocket.LongControl | websocket.FragmentedControl }),
			want: head + `,"from":"client","opcode":"ping","length":1,"wire_length":1,"frames":1,"compressed":false,"base64":"YQ==","violations":["long_control","fragmented_control"]}`},
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
		{ev: message(5, "abc"),
			want: head + `,"from":"client","opcode":"0x5","length":3,"wire_length":3,"frames":1,"compressed":false,"base64":"YWJj"}`},
		{ev: &websocket.Open{Time: testTime, Conn: &websocket.Conn{Number: 3, Client: six, Server: six, HeadersDropped: true, Status: 403, Subprotocol: "chat", Extensions: "x; y=1"}},
			want: `{"event":"open","time":"2026-11-22T18:16:32.752Z","conn":3,"client":"[fe80::1%eth0]:1","server":"[fe80::1%eth0]:1",` +
				`"method":"","url":"","status":403,"subprotocol":"chat","extensions":"x; y=1","accept_valid":false,"request":{},"response":{},"headers_dropped":true}`},
		{ev: &websocket.Open{Time: testTime, Conn: &websocket.Conn{Number: 4, Client: six, Server: six, Midstream: true,
			Proxied: &websocket.Proxied{Client: netip.MustParseAddrPort("203.0.113.7:4711"), Server: netip.MustParseAddrPort("[2001:db8::1]:80")}}},
			want: `{"event":"open","time":"2026-11-22T18:16:32.752Z","conn":4,"client":"[fe80::1%eth0]:1","server":"[fe80::1%eth0]:1",` +
				`"method":"","url":"","status":0,"subprotocol":"","extensions":"","accept_valid":false,"request":{},"response":{},` +
				`"proxied":{"client":"203.0.113.7:4711","server":"[2001:db8::1]:80"},"midstream":true}`},
		{ev: &websocket.Gap{Time: testTime, Conn: testConn, From: websocket.FromServer, Bytes: 1460},
			want: `{"event":"gap","time":"2026-11-22T18:16:32.752Z","conn":1,"from":"server","bytes":1460,"client":"127.0.0.1:36534","server":"127.0.0.1:7272"}`},
		{ev: &websocket.Gap{Time: testTime, Conn: testConn, From: websocket.FromServer, Bytes: 1460, Reason: websocket.LateKeys},
			want: `{"event":"gap","time":"2026-11-22T18:16:32.752Z","conn":1,"from":"server","bytes":1460,` + addresses + `,"reason":"keys came too late"}`},
		{ev: &websocket.End{Time: testTime.In(time.FixedZone("", 3600)), Conn: testConn, Cause: "fin"},
			want: `{"event":"end","time":"2026-11-22T18:16:32.752Z","conn":1,"cause":"fin",` + addresses + `,"duration":0,"counts":{"client":` + nothing + `,"server":` + nothing + `}}`},
		{ev: &websocket.End{Time: testTime, Conn: testConn, Cause: "rst", Duration: 90*time.Second + 50*time.Millisecond,
			Closing: []websocket.Closing{{From: websocket.FromServer, Code: 1001, Reason: "bye"}, {From: websocket.FromClient, Code: 1000}},
			Counts:  [2]websocket.Counts{{Text: 2, Ping: 1, Close: 1, Bytes: 30, WireBytes: 20}, {Binary: 3, Pong: 1, Close: 1, Other: 1, LostBytes: 5}}},
			want: `{"event":"end","time":"2026-11-22T18:16:32.752Z","conn":1,"cause":"rst",` + addresses + `,"duration":90.05,"counts":{` +
				`"client":{"messages":4,"text":2,"binary":0,"ping":1,"pong":0,"close":1,"bytes":30,"wire_bytes":20,"lost_bytes":0},` +
				`"server":{"messages":6,"text":0,"binary":3,"ping":0,"pong":1,"close":1,"bytes":0,"wire_bytes":0,"lost_bytes":5}},` +
				`"code":1001,"reason":"bye","closed_by":"server"}`},
		{ev: &websocket.End{Time: testTime, Conn: testConn, Cause: "fin", By: []websocket.Direction{websocket.FromServer, websocket.FromClient}},
			want: `{"event":"end","time":"2026-11-22T18:16:32.752Z","conn":1,"cause":"fin",` + addresses +
				`,"duration":0,"counts":{"client":` + nothing + `,"server":` + nothing + `},"tcp_closed_by":["server","client"]}`},
		{ev: &websocket.End{Time: testTime, Conn: testConn, Cause: "rst", By: []websocket.Direction{websocket.FromClient}, Counts: [2]websocket.Counts{{Copies: 2}, {Copies: 1}}},
			want: `{"event":"end","time":"2026-11-22T18:16:32.752Z","conn":1,"cause":"rst",` + addresses +
				`,"duration":0,"counts":{"client":` + nothing + `,"server":` + nothing + `},"copies":3,"tcp_closed_by":["client"]}`},
		{ev: &websocket.End{Time: testTime, Conn: testConn, Cause: "fin", Duration: 1, Closing: []websocket.Closing{{Code: websocket.StatusNone}}},
			want: `{"event":"end","time":"2026-11-22T18:16:32.752Z","conn":1,"cause":"fin",` + addresses +
				`,"duration":0.000000001,"counts":{"client":` + nothing + `,"server":` + nothing + `},"closed_by":"client"}`},
	} {
		got := line(t, &Config{OmitPayloads: tt.quiet}, tt.ev)
		if got != tt.want+"\n" {
			t.Errorf("got  %swant %s\n", got, tt.want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("not JSON: %s", got)
		}
	}
}

// TestSecrets: what logs in is not written unless asked for.
func TestSecrets(t *testing.T) {
	c := *testConn
	c.URL = "ws://user:hunter2@h/?token=hunter2"
	open := &websocket.Open{Time: testTime, Conn: &c}
	for _, show := range []bool{false, true} {
		if got := line(t, &Config{ShowSecrets: show}, open); strings.Contains(got, "hunter2") != show {
			t.Errorf("ShowSecrets %v: %s", show, got)
		}
	}
	if got := line(t, nil, open); strings.Contains(got, "hunter2") {
		t.Errorf("by default: %s", got)
	}
}

// TestTimes compares with package time, and with what RFC 3339 can say.
func TestTimes(t *testing.T) {
	var c clock
	for _, d := range []time.Duration{0, 1, 999, 1e6, 1e9 - 1, 1e9, 86400e9, -1, -1e9, -5000 * time.Hour} {
		at := testTime.Add(d)
		for range 2 {
			if got, want := string(c.append(nil, at)), `"`+at.Format(time.RFC3339Nano)+`"`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
	for _, tt := range []struct {
		t    time.Time
		want string
	}{
		{time.Unix(1<<62, 0), "9999-12-31T23:59:59.999999999Z"},
		{time.Unix(math.MaxInt64, 999999999), "9999-12-31T23:59:59.999999999Z"},
		{time.Unix(-1<<40, 0), "0000-01-01T00:00:00Z"},
		{time.Unix(-1, 5), "1969-12-31T23:59:59.000000005Z"},
		{time.Unix(0, 0), "1970-01-01T00:00:00Z"}, // the second of a new clock
	} {
		if got := string(new(clock).append(nil, tt.t)); got != `"`+tt.want+`"` {
			t.Errorf("%d: %s, want %s", tt.t.Unix(), got, tt.want)
		}
	}
}

// pieces keeps what is written, and the number and the length of the longest of
// the Writes.
type pieces struct {
	bytes.Buffer
	writes, longest int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.writes++
	p.longest = max(p.longest, len(b))
	return p.Buffer.Write(b)
}

// TestPieces: a line is one Write. A long one is several, none of which is long,
// and gives back its payload.
func TestPieces(t *testing.T) {
	long := strings.Repeat("所有人 \x1b[31m\"a\\b\"\u202e\U0001f30d", 40000)
	for _, m := range []*websocket.Message{
		message(websocket.Text, "hi"), message(websocket.Text, long), message(websocket.Binary, long), message(websocket.Close, "\x03\xe8"+long),
	} {
		var out pieces
		if err := NewEncoder(&out, nil).Encode(m); err != nil {
			t.Error(err)
		}
		if (out.writes > 1) != (len(m.Payload) > 1<<16) || out.longest > 1<<19 {
			t.Errorf("%v of %d bytes: %d Writes, up to %d bytes", m.Opcode, len(m.Payload), out.writes, out.longest)
		}
		checkLine(t, m, out.Bytes())
	}
}

// checkLine holds a line against what it promises for any event.
func checkLine(t *testing.T, ev websocket.Event, line []byte) {
	t.Helper()
	body, ok := bytes.CutSuffix(line, []byte("\n"))
	for _, r := range string(body) {
		if ok = ok && r >= 0x20 && (r < 0x7f || r > 0x9f) && r != '\u202e' && r != '\u2028'; !ok {
			break
		}
	}
	if !ok || !utf8.Valid(body) {
		t.Fatalf("not one harmless line: %.1000q", line)
	}
	var got struct {
		Event, From, Text, Base64, Reason, Cause, Client, Method, URL *string
		Time, Start                                                   time.Time
		Conn                                                          uint64
		Code, Length                                                  *int
	}
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%v: %.1000q", err, line)
	}
	same := func(what string, got *string, want string) {
		if got == nil || *got != strings.ToValidUTF8(want, "\ufffd") && utf8.ValidString(want) {
			t.Errorf("%s of %.1000q is not %q", what, line, want)
		}
	}
	switch ev := ev.(type) {
	case *websocket.Open:
		same("event", got.Event, "open")
		same("client", got.Client, ev.Conn.Client.String())
		same("method", got.Method, ev.Conn.Method)
	case *websocket.Message:
		same("event", got.Event, "message")
		if got.Length == nil || *got.Length != len(ev.Payload) {
			t.Errorf("wrong length in %.1000q", line)
		}
		var payload []byte
		switch {
		case got.Base64 != nil:
			payload, _ = base64.StdEncoding.DecodeString(*got.Base64)
		case got.Text != nil:
			payload = []byte(*got.Text)
		case got.Code != nil && got.Reason != nil:
			payload = append([]byte{byte(*got.Code >> 8), byte(*got.Code)}, *got.Reason...)
		}
		if !bytes.Equal(payload, ev.Payload) {
			t.Errorf("payload %.200q came back as %.200q", ev.Payload, payload)
		}
	case *websocket.Gap:
		same("event", got.Event, "gap")
		same("from", got.From, ev.From.String())
	case *websocket.End:
		same("event", got.Event, "end")
		same("cause", got.Cause, string(ev.Cause))
	}
}

// eventsOf returns events that hold s wherever a string may be.
func eventsOf(s string, n uint64) []websocket.Event {
	at := time.Unix(int64(n), int64(n%1e9))
	c := &websocket.Conn{
		Number: n, Method: s, URL: s, Subprotocol: s, Extensions: s, Status: int(n % 1000),
		Client: netip.AddrPortFrom(netip.MustParseAddr("fe80::1").WithZone(s), uint16(n)),
		Server: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n)}), 80), Midstream: n&1 != 0, HeadersDropped: n&2 != 0,
	}
	m := &websocket.Message{
		Conn: c, From: websocket.Direction(n & 1), Opcode: websocket.Opcode(n & 15), Payload: []byte(s), Time: at, Start: at.Add(-time.Duration(n)),
		WireLength: int64(n), Frames: int(n % 7), Compressed: n&1 != 0, Truncated: n&2 != 0, Undecoded: n&4 != 0,
		Conflict: n&8 != 0, Midstream: n&16 != 0, InvalidUTF8: n&32 != 0,
	}
	return []websocket.Event{
		&websocket.Open{Time: at, Conn: c}, m, &websocket.Gap{Time: at, Conn: c, From: m.From, Bytes: int64(n), Reason: s},
		&websocket.End{Time: at, Conn: c, Cause: websocket.Cause(s), By: []websocket.Direction{m.From, m.From ^ 1}[:n%3]},
	}
}

// checkEvents checks one Encoder's lines of all kinds of events.
func checkEvents(t *testing.T, s string, n uint64) {
	var out bytes.Buffer
	enc := NewEncoder(&out, &Config{ShowSecrets: true})
	for _, ev := range eventsOf(s, n) {
		out.Reset()
		if err := enc.Encode(ev); err != nil {
			t.Fatal(err)
		}
		checkLine(t, ev, out.Bytes())
	}
}

// TestAnyEvent: whatever an event holds, its line is JSON, one line, harmless on
// a terminal, and gives back what was sent.
func TestAnyEvent(t *testing.T) {
	parts := []string{
		"a", "\"", "\\", "\x00", "\x1b[2J", "\n", "\r\n", "\u202e", "\u2028", "\ufeff", "\u009b", "\x9b", "\xff", "\xed\xa0\x80",
		"所有人", "\U0001f30d", "\U000e0041", "</script>", "\ufffd", "\x03\xe8", "\xf0\x9f\x8c",
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var s strings.Builder
		for range rnd.IntN(8) {
			s.WriteString(parts[rnd.IntN(len(parts))])
		}
		checkEvents(t, s.String(), rnd.Uint64()>>rnd.IntN(64))
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("plain", uint64(1))
	f.Add("\x03\xe8\"\\\x1b\u202e\xff", uint64(8))                   // a close frame
	f.Add("\xed\xa0\x80\U000e0041</script>", uint64(math.MaxUint64)) // a time after the year 9999
	f.Fuzz(checkEvents)
}

// failing takes some Writes.
type failing int

var errFull = errors.New("no space left")

func (f *failing) Write(b []byte) (int, error) {
	if *f--; *f < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// TestError: behind a line that did not get out whole there is no other.
func TestError(t *testing.T) {
	w := failing(1)
	enc := NewEncoder(&w, nil)
	if err := enc.Encode(message(websocket.Text, "hi")); err != nil {
		t.Error(err)
	}
	for range 3 {
		if err := enc.Encode(message(websocket.Text, strings.Repeat("x", 1<<18))); err != errFull {
			t.Error(err)
		}
	}
	if w != -1 {
		t.Errorf("%d Writes after the error", -1-w)
	}
}

// TestEncodeAll: it ends with the events, or with the first error.
func TestEncodeAll(t *testing.T) {
	errTap := errors.New("the tap failed")
	for _, tt := range []struct {
		room int // for so many lines
		fail error
		want error
	}{{3, nil, nil}, {3, errTap, errTap}, {2, errTap, errTap}, {1, errTap, errFull}, {1, nil, errFull}} {
		w := failing(tt.room)
		err := NewEncoder(&w, nil).EncodeAll(func(yield func(websocket.Event, error) bool) {
			for range 2 {
				if !yield(message(websocket.Ping, ""), nil) {
					return
				}
			}
			if tt.fail != nil && !yield(nil, tt.fail) {
				return
			}
			yield(message(websocket.Ping, ""), nil)
		})
		if err != tt.want {
			t.Errorf("room for %d lines, %v: %v", tt.room, tt.fail, err)
		}
	}
}

// TestUnknown: no event passes in silence, and none stops the next.
func TestUnknown(t *testing.T) {
	var out strings.Builder
	enc := NewEncoder(&out, nil)
	if err := enc.Encode(nil); err == nil || out.Len() > 0 {
		t.Errorf("nil: %v, %q", err, &out)
	}
	if err := enc.Encode(message(websocket.Ping, "")); err != nil || out.Len() == 0 {
		t.Error(err)
	}
}

// TestAllocs: a message costs no allocation, whatever its payload is.
func TestAllocs(t *testing.T) {
	enc := NewEncoder(io.Discard, nil)
	long := strings.Repeat("所有人 \x1b", 1<<16)
	for _, m := range []*websocket.Message{
		message(websocket.Text, `{"type":"say","content":"hi, all ! 你好"}`), message(websocket.Binary, "abc"),
		message(websocket.Close, "\x03\xe8bye"), message(websocket.Text, long), message(websocket.Binary, long),
	} {
		if n := testing.AllocsPerRun(20, func() { _ = enc.Encode(m) }); n != 0 {
			t.Errorf("%v of %d bytes: %v allocations", m.Opcode, len(m.Payload), n)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, bb := range []struct {
		name string
		m    *websocket.Message
	}{
		{"small", message(websocket.Text, `{"type":"say","to_client_id":"all","to_client_name":"所有人","content":"hi, all !"}`)},
		{"64KiB", message(websocket.Text, strings.Repeat(`{"type":"say","content":"hi, all !"}`, 1800))},
		{"64KiB-binary", message(websocket.Binary, string(make([]byte, 64<<10)))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			enc := NewEncoder(io.Discard, nil)
			b.SetBytes(int64(len(bb.m.Payload)))
			b.ReportAllocs()
			for b.Loop() {
				_ = enc.Encode(bb.m)
			}
		})
	}
}
