package websocket

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/reassembly"
)

// A turn is what one side sends; gap bytes are lost before it.
type turn struct {
	from Direction
	data string
	gap  int64
}

const c, s = FromClient, FromServer

func clientText(s string) string { return string(testFrame(FromClient, 0x81, []byte(s))) }
func serverText(s string) string { return string(testFrame(FromServer, 0x81, []byte(s))) }

var openings = []struct {
	name  string
	turns []turn
	want  string // events, separated by |; "ignored" where the flow is given up
}{
	{"plain", []turn{{c, request, 0}, {s, response, 0}, {c, clientText("a"), 0}}, `open 101 ws://example.com:7272/chat?room=1|client text "a"|end fin`},
	{"data right behind the answer", []turn{{c, request, 0}, {s, response + serverText("x"), 0}}, `open 101 ws://example.com:7272/chat?room=1|server text "x"|end fin`},
	{"the answer is captured first", []turn{{s, response + serverText("x"), 0}, {c, request + clientText("a"), 0}},
		`open 101 ws://example.com:7272/chat?room=1|server text "x"|client text "a"|end fin`},
	{"frames are captured before the answer", []turn{{c, request, 0}, {c, clientText("a"), 0}, {s, response, 0}},
		`open 101 ws://example.com:7272/chat?room=1|client text "a"|end fin`},
	{"requests before it on the same connection", []turn{
		{c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
		{s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0},
		{c, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
		{s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 0},
		{c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5;x=y\r\nGET /\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", 0},
		{s, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 0},
		{c, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n", 0},
		{s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP/1.1 304 Not Modified\r\n", 0},
		{c, "GET /d HTTP/1.1\r\nHost: a\r\n\r\n" + request, 0},
		{s, "\r\n" + response + serverText("x"), 0},
		{c, clientText("a"), 0}},
		`open 101 ws://example.com:7272/chat?room=1|server text "x"|client text "a"|end fin`},
	{"refused", []turn{{c, request, 0}, {s, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 0}}, `open 403 ws://example.com:7272/chat?room=1|end fin`},
	{"refused until the connection closes", []turn{{c, request, 0}, {s, "HTTP/1.1 400 Bad Request\r\n\r\nno", 0}, {c, clientText("a"), 0}},
		`open 400 ws://example.com:7272/chat?room=1|end fin`},
	{"refused, then tried again", []turn{{c, request, 0}, {s, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 0}, {c, request, 0}, {s, response + serverText("x"), 0}},
		`open 401 ws://example.com:7272/chat?room=1|end refused|open 101 ws://example.com:7272/chat?room=1|server text "x"|end fin`},
	{"through a proxy's tunnel", []turn{{c, "CONNECT example.com:7272 HTTP/1.1\r\nHost: example.com:7272\r\n\r\n", 0},
		{s, "HTTP/1.1 200 Connection established\r\n\r\n", 0}, {c, request, 0}, {s, response + serverText("x"), 0}},
		`open 101 ws://example.com:7272/chat?room=1|server text "x"|end fin`},
	{"a tunnel for TLS", []turn{{c, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 0},
		{s, "HTTP/1.1 200 Connection established\r\n\r\n", 0}, {c, hello, 0}}, "ignored"},
	{"a tunnel refused, then another host", []turn{{c, "CONNECT example.com:7272 HTTP/1.1\r\nHost: example.com:7272\r\n\r\n", 0},
		{s, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", 0}, {c, request, 0}, {s, response, 0}},
		`open 101 ws://example.com:7272/chat?room=1|end fin`},
	{"absolute target, header names in any case, odd spacing, repeated fields", []turn{
		{c, "GET http://example.org/x?y HTTP/1.1\r\nHOST:example.org\r\nupgrade:  WebSocket , foo\r\nCONNECTION:Upgrade\r\nsec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==  \r\n\r\n", 0},
		{s, "HTTP/1.1 101\r\nUPGRADE:WEBSOCKET\r\nsec-websocket-accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: x-a\r\nsec-websocket-extensions: permessage-deflate;client_max_window_bits=\"10\"\r\n\r\n", 0}},
		`open 101 ws://example.org/x?y|end fin`},
	{"lines end with LF alone", []turn{{c, strings.ReplaceAll(request, "\r", ""), 0}, {s, strings.ReplaceAll(response, "\r", "") + serverText("x"), 0}},
		`open 101 ws://example.com:7272/chat?room=1|server text "x"|end fin`},
	{"not HTTP", []turn{{c, "\x00\x01\x02", 0}}, ""},
	{"the server speaks first", []turn{{s, "SSH-2.0-OpenSSH_9.9\r\n", 0}}, ""},
	{"HTTP/1.0 without an upgrade", []turn{{c, "GET / HTTP/1.0\r\n\r\n", 0}, {s, "HTTP/1.0 200 OK\r\n\r\nhello", 0}}, "ignored"},
	{"a change to another protocol", []turn{{c, "GET / HTTP/1.1\r\nUpgrade: foo\r\n\r\n", 0}, {s, "HTTP/1.1 101 Switching\r\nUpgrade: foo\r\n\r\n\x81\x01x", 0}}, "ignored"},
	{"a head without end", []turn{{c, "GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 70000), 0}}, "ignored"},
	{"the request is lost", []turn{{c, "", 200}, {s, response, 0}, {s, serverText("x"), 0}, {c, clientText("hello there"), 0}},
		`open 101 |gap client 200|server text "x"|client text "hello there" midstream|end fin`},
	{"the answer is lost", []turn{{c, request, 0}, {s, "", 129}, {s, serverText(`{"a":1}`), 0}, {s, serverText(`{"b":2}`), 0}, {s, serverText(`{"c":3}`), 0}, {c, clientText("a"), 0}},
		`open 0 ws://example.com:7272/chat?room=1|gap server 129|server text "{\"a\":1}" midstream|server text "{\"b\":2}" midstream|server text "{\"c\":3}" midstream|client text "a"|end fin`},
	{"only the client is captured", []turn{{c, request, 0}, {c, clientText("hello there"), 0}, {c, clientText("how are you?"), 0}, {c, clientText("fine, thanks"), 0}},
		`open 0 ws://example.com:7272/chat?room=1|client text "hello there" midstream|client text "how are you?" midstream|client text "fine, thanks" midstream|end fin`},
	{"a gap in a body", []turn{{c, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc", 0}, {c, request, 97}, {s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + response, 0}},
		`open 101 ws://example.com:7272/chat?room=1|end fin`},
	{"a gap between requests", []turn{{c, "GET / HTTP/1.1\r\n\r\n", 0}, {s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0}, {c, request, 50}, {s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0}, {s, response, 0}},
		`open 101 ws://example.com:7272/chat?room=1|end fin`},
	{"a snapshot length cuts both heads", []turn{{c, "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgr", 0}, {c, "", 100}, {s, "HTTP/1.1 101 Switching Pro", 0}, {s, "", 90}, {c, clientText("hello"), 0}, {s, serverText("x"), 0}},
		`open 101 ws://example.com/chat|client text "hello"|server text "x"|end fin`},
	{"a snapshot length cuts the request line", []turn{{c, "GET /chat?room=", 0}, {c, "", 300}, {s, response + serverText("x"), 0}, {c, clientText("hello"), 0}},
		`open 101 |server text "x"|client text "hello"|end fin`},
	{"a snapshot length cuts the response line", []turn{{c, request, 0}, {s, "HTTP/1.1 101 S", 0}, {s, "", 115}, {s, serverText("x"), 0}, {c, clientText("hello"), 0}},
		`open 101 ws://example.com:7272/chat?room=1|server text "x"|client text "hello"|end fin`},
	{"a cut request that asked for something else", []turn{{c, "GET /x HTTP/1.1\r\nHost: a", 0}, {c, "", 50}, {s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0}, {c, request, 0}, {s, response, 0}},
		`open 101 ws://example.com:7272/chat?room=1|end fin`},
	{"a cut request, refused", []turn{{c, "GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nOri", 0}, {c, "", 50}, {s, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", 0}},
		`open 403 ws://a/x|end fin`},
	{"a refusal is lost, and the client asks again", []turn{{c, request, 0}, {s, "", 45}, {c, "GET / HTTP/1.1\r\n\r\n" + request, 0}, {s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0}, {s, response + serverText("x"), 0}, {c, clientText("hello"), 0}},
		`open 101 ws://example.com:7272/chat?room=1|server text "x"|client text "hello"|end fin`},
	{"a gap in the frames held for the answer", []turn{{c, request, 0}, {c, clientText("hello")[:7], 0}, {c, clientText("hello")[9:], 2}, {s, response, 0}},
		`open 101 ws://example.com:7272/chat?room=1|gap client 2|client text "hlo" truncated|end fin`},
}

// hello is the shortest ClientHello.
var hello = "\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03" + strings.Repeat("r", 32) + "\x00\x00\x02\x13\x01\x01\x00"

func TestOpenings(t *testing.T) {
	for _, o := range openings {
		t.Run(o.name, func(t *testing.T) {
			// Whole, byte by byte, and cut at random.
			for seed := range 20 {
				rnd := rand.New(rand.NewPCG(1, uint64(seed)))
				r := newRecorder(nil)
				for _, turn := range o.turns {
					if turn.gap > 0 {
						r.c.Gap(turn.from, turn.gap, r.now)
					}
					for b := turn.data; len(b) > 0; {
						n := len(b)
						if seed > 0 {
							n = min(n, 1+rnd.IntN([]int{1, 10, 100}[seed%3]))
						}
						if strings.Contains(o.name, "lost") || strings.Contains(o.name, "between") || strings.Contains(o.name, "only") {
							n = len(b) // what is looked for begins with a segment
						}
						r.data(turn.from, []byte(b[:n]))
						b = b[n:]
					}
				}
				r.c.Closed(reassembly.FIN, r.now)
				want := o.want
				if want == "ignored" {
					want = ""
					if !r.c.(*seat).ignored {
						t.Error("not given up")
					}
				}
				got := strings.Join(r.lines, "|")
				if strings.ReplaceAll(got, " midstream", "") != strings.ReplaceAll(want, " midstream", "") || seed == 0 && got != want {
					t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, strings.Join(r.lines, "\n"), strings.ReplaceAll(want, "|", "\n"))
				}
				if r.p.budget.Held() != 0 {
					t.Errorf("seed %d: %d bytes still held", seed, r.p.budget.Held())
				}
			}
		})
	}
}

func TestWrongAccept(t *testing.T) {
	r := newRecorder(nil)
	r.data(FromClient, []byte(request))
	r.data(FromServer, []byte(strings.Replace(response, "s3pP", "XXXX", 1)+serverText("x")))
	r.want(t, "open 101 ws://example.com:7272/chat?room=1", `server text "x"`)
	if r.opens[0].AcceptValid {
		t.Error("a wrong Sec-WebSocket-Accept passed")
	}
}

// TestCutOrLost: frames are supposed to follow where a snapshot length cut a
// head. Where packets are missing the same is a guess, and said so.
func TestCutOrLost(t *testing.T) {
	for _, lost := range []bool{false, true} {
		r := newRecorder(nil)
		r.data(FromClient, []byte(request[:60]))
		if lost {
			r.now = r.now.Add(time.Millisecond)
		}
		r.c.Gap(FromClient, int64(len(request)-60), r.now)
		r.data(FromServer, []byte(response[:60]))
		if lost {
			r.now = r.now.Add(time.Millisecond)
		}
		r.c.Gap(FromServer, int64(len(response)-60), r.now)
		r.data(FromClient, []byte(clientText("a")))
		r.data(FromServer, []byte(serverText("b")))
		for _, m := range r.msgs {
			if m.Midstream != lost {
				t.Errorf("lost %v: %s", lost, describeMessage(m))
			}
		}
		if len(r.msgs) != 2 {
			t.Errorf("lost %v: %d messages", lost, len(r.msgs))
		}
	}
}
