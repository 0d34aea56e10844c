package websocket

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/reassembly"
)

const (
	proxyV1   = "PROXY TCP4 203.0.113.7 10.1.1.9 4711 80\r\n"
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	proxyV2   = signature + "\x21\x11\x00\x0c\xcb\x00\x71\x07\x0a\x01\x01\x09\x12\x67\x00\x50"
	proxyTLVs = signature + "\x21\x21\x00\x2f" + "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x12\x67\x00\x50" + "\x01\x00\x08http/1.1"
	proxyLocal = signature + "\x20\x00\x00\x07\x03\x00\x04abcd"
	proxyUnix  = signature + "\x21\x31\x00\xd8"
	connectTo  = "CONNECT example.com:7272 HTTP/1.1\r\nHost: example.com:7272\r\n\r\n"
	connected  = "HTTP/1.1 200 Connection established\r\n\r\n"
	socks4A    = "\x04\x01\x1c\x68\x00\x00\x00\x01user\x00example.com\x00"
	socks5     = "\x05\x01\x00\x03\x0bexample.com\x1c\x68"
	granted5   = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
)

// A front's turns come before the request; the server's answers to them wait for
// what they answer.
var fronts = []struct {
	name    string
	turns   []turn
	proxied string // what Conn.Proxied says
}{
	{"PROXY 1", []turn{{c, proxyV1, 0}}, "203.0.113.7:4711 10.1.1.9:80"},
	{"PROXY 1, unknown", []turn{{c, "PROXY UNKNOWN\r\n", 0}}, ""},
	{"PROXY 2", []turn{{c, proxyV2, 0}}, "203.0.113.7:4711 10.1.1.9:80"},
	{"PROXY 2 with TLVs", []turn{{c, proxyTLVs, 0}}, "[2001:db8::7]:4711 [2001:db8::9]:80"},
	{"PROXY 2, LOCAL", []turn{{c, proxyLocal, 0}}, ""},
	{"PROXY 2, UNIX", []turn{{c, proxyUnix + strings.Repeat("/", 216), 0}}, ""},
	{"PROXY twice", []turn{{c, signature + "\x21\x11\x00\x0c\x0a\x00\x00\x01\x0a\x00\x00\x02\x00\x01\x00\x02" + proxyV1, 0}}, "203.0.113.7:4711 10.1.1.9:80"},
	{"PROXY, then LOCAL", []turn{{c, proxyV1 + proxyLocal, 0}}, "203.0.113.7:4711 10.1.1.9:80"},
	{"SOCKS 4A", []turn{{c, socks4A, 0}, {s, "\x00\x5a\x00\x00\x00\x00\x00\x00", 0}}, ""},
	{"SOCKS 5", []turn{{c, "\x05\x02\x00\x01", 0}, {s, "\x05\x00", 0}, {c, socks5, 0}, {s, granted5, 0}}, ""},
	{"SOCKS 5 with a password", []turn{{c, "\x05\x01\x02", 0}, {s, "\x05\x02", 0}, {c, "\x01\x04user\x04pass", 0}, {s, "\x01\x00", 0}, {c, socks5, 0}, {s, granted5, 0}}, ""},
	{"SOCKS twice", []turn{{c, socks4A, 0}, {s, "\x00\x5a\x00\x00\x00\x00\x00\x00", 0}, {c, "\x05\x01\x00", 0}, {s, "\x05\x00", 0}, {c, socks5, 0}, {s, granted5, 0}}, ""},
	{"PROXY, then SOCKS", []turn{{c, proxyV2 + "\x05\x01\x00", 0}, {s, "\x05\x00", 0}, {c, socks5, 0}, {s, granted5, 0}}, "203.0.113.7:4711 10.1.1.9:80"},
	{"SOCKS, then PROXY", []turn{{c, "\x05\x01\x00", 0}, {s, "\x05\x00", 0}, {c, socks5, 0}, {s, granted5, 0}, {c, proxyV1, 0}}, "203.0.113.7:4711 10.1.1.9:80"},
	{"PROXY before CONNECT", []turn{{c, proxyV1 + connectTo, 0}, {s, connected, 0}}, "203.0.113.7:4711 10.1.1.9:80"},
	{"PROXY in CONNECT", []turn{{c, connectTo, 0}, {s, connected, 0}, {c, proxyV2, 0}}, "203.0.113.7:4711 10.1.1.9:80"},
	{"SOCKS in CONNECT", []turn{{c, connectTo, 0}, {s, connected, 0}, {c, "\x05\x01\x00", 0}, {s, "\x05\x00", 0}, {c, socks5, 0}, {s, granted5, 0}}, ""},
	{"a line", []turn{{c, "STARTTLS\r\n", 0}}, ""},
	{"a line like a request", []turn{{c, "HELO example.com\r\n", 0}, {s, "250 hello\r\n", 0}}, ""},
	{"a banner", []turn{{s, "220 example.com ready\r\n", 0}, {c, "HELO example.com\r\n", 0}, {s, "250 hello\r\n", 0}}, ""},
	{"a knock", []turn{{c, "\x00\x01\x02\x03", 0}, {s, "\xff", 0}}, ""},
	{"a knock of letters", []turn{{c, "knock", 0}}, ""},
	{"a line in CONNECT", []turn{{c, connectTo, 0}, {s, connected, 0}, {c, "\x00hello\n", 0}, {s, "\x00hi", 0}}, ""},
	{"PROXY that is none", []turn{{c, "PROXY for you\r\n", 0}}, ""},
	{"SOCKS that is none", []turn{{c, "\x05\x01\x01", 0}, {s, "\x05\x01ok", 0}}, ""},
	{"a page before", []turn{{c, "\x00\x00", 0}, {s, "\x00", 0}, {c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0}, {s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 0}}, ""},
}

// withTalk returns a conversation with these turns before it.
func withTalk(front []turn) []turn {
	t := append([]turn{}, front...)
	return append(t, turn{c, request, 0}, turn{s, response, 0}, turn{c, clientText("hello"), 0}, turn{s, serverText("x"), 0}, turn{c, clientText("bye"), 0})
}

// of returns what a side says in turns.
func of(turns []turn, from Direction) (b string) {
	for _, t := range turns {
		if t.from == from {
			b += t.data
		}
	}
	return b
}

// checkTalk fails unless a talk came out.
func checkTalk(t *testing.T, name string, r *recorder, proxied string) {
	t.Helper()
	var got [2]string
	for _, m := range r.msgs {
		got[m.From] += fmt.Sprintf("%s ", m.Payload)
		if m.Truncated || m.Undecoded || m.InvalidUTF8 {
			t.Errorf("%s: %s", name, describeMessage(m))
		}
	}
	if got != [2]string{"hello bye ", "x "} || len(r.opens) != 1 || r.opens[0].URL != "ws://example.com:7272/chat?room=1" {
		t.Fatalf("%s:\n%s", name, strings.Join(r.lines, "\n"))
	}
	x := ""
	if p := r.opens[0].Proxied; p != nil {
		x = fmt.Sprint(p.Client, " ", p.Server)
	}
	if x != proxied {
		t.Errorf("%s: proxied %q", name, x)
	}
	if n := r.p.budget.Held(); n != 0 || r.p.counts.HeldBytes != 0 {
		t.Errorf("%s: %d bytes, %d of them held, are left", name, n, r.p.counts.HeldBytes)
	}
	n := r.p.counts
	if sum := n.HTTPBytes + n.HeaderBytes + n.PayloadBytes + n.SkippedBytes; sum != r.fed {
		t.Errorf("%s: %d bytes fed, %d counted", name, r.fed, sum)
	}
}

// TestFronts: whatever stands before the request, the talk comes out, however
// segments are cut and whichever side is captured first.
func TestFronts(t *testing.T) {
	for _, f := range fronts {
		t.Run(f.name, func(t *testing.T) {
			turns := withTalk(f.turns)
			run := func(name string, feed func(r *recorder)) {
				r := newRecorder(nil)
				feed(r)
				r.c.Closed(reassembly.FIN, r.now)
				checkTalk(t, name, r, f.proxied)
			}
			bytewise := func(r *recorder, from Direction, b string) {
				for i := range b {
					r.data(from, []byte(b[i:i+1]))
				}
			}
			run("turn by turn", func(r *recorder) {
				for _, turn := range turns {
					r.data(turn.from, []byte(turn.data))
				}
			})
			if !strings.Contains(f.name, "like") { // 256 segments are not enough for all
				run("byte by byte", func(r *recorder) {
					for i, turn := range turns {
						if i < len(f.turns) && len(of(f.turns, c)) < 100 {
							bytewise(r, turn.from, turn.data)
						} else {
							r.data(turn.from, []byte(turn.data))
						}
					}
				})
			}
			for _, first := range []Direction{c, s} {
				run(fmt.Sprint("all of one side before the other: ", first), func(r *recorder) {
					r.data(first, []byte(of(turns, first)))
					r.data(first.Reverse(), []byte(of(turns, first.Reverse())))
				})
			}
			for from := range Direction(2) {
				all := of(turns, from)
				for cut := 1; cut < len(all); cut++ {
					run(fmt.Sprintf("the %v's segment cut at %d", from, cut), func(r *recorder) {
						r.data(from, []byte(all[:cut]))
						r.data(from.Reverse(), []byte(of(turns, from.Reverse())))
						r.data(from, []byte(all[cut:]))
					})
				}
			}
			for seed := range 30 {
				rnd := rand.New(rand.NewPCG(uint64(seed), 7))
				run(fmt.Sprint("cut and mixed, seed ", seed), func(r *recorder) {
					left := [2]string{of(turns, c), of(turns, s)}
					for left[0]+left[1] != "" {
						from := Direction(rnd.IntN(2))
						n := min(1+rnd.IntN(40), len(left[from]))
						if n > 0 {
							r.data(from, []byte(left[from][:n]))
							left[from] = left[from][n:]
						}
					}
				})
			}
		})
	}
}

// TestFrontsThroughTCP is the same from packets, joined late too: what is then
// left begins with the front or in the midst of it.
func TestFrontsThroughTCP(t *testing.T) {
	for _, f := range fronts {
		for skip := range 3 + 2*len(f.turns) + 1 {
			conv := packetgen.NewConversation()
			conv.Open()
			for _, turn := range withTalk(f.turns) {
				conv.Send(packetgen.Side(turn.from), []byte(turn.data))
			}
			conv.Close(packetgen.Client)
			src := source(conv)
			src.frames = src.frames[skip:]
			var got []string
			for e, err := range NewTap(src, nil).Events(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if m, ok := e.(*Message); ok {
					got = append(got, string(m.Payload))
				}
			}
			if strings.Join(got, " ") != "hello x bye" {
				t.Errorf("%s, without the first %d packets: %q", f.name, skip, got)
			}
		}
	}
}

// TestFrontsLost loses a segment of what stands before the request.
func TestFrontsLost(t *testing.T) {
	for _, f := range fronts {
		for lost := range f.turns {
			r := newRecorder(nil)
			for i, turn := range withTalk(f.turns) {
				if i == lost {
					r.c.Gap(turn.from, int64(len(turn.data)), r.now)
				} else {
					r.data(turn.from, []byte(turn.data))
				}
			}
			r.c.Closed(reassembly.FIN, r.now)
			var got [2]string
			for _, m := range r.msgs {
				got[m.From] += string(m.Payload) + " "
			}
			if got != [2]string{"hello bye ", "x "} {
				t.Errorf("%s, without turn %d:\n%s", f.name, lost, strings.Join(r.lines, "\n"))
			}
		}
	}
}

// TestFrontGap: what is lost of a header behind its addresses is not missed.
func TestFrontGap(t *testing.T) {
	r := newRecorder(nil)
	r.data(c, []byte(proxyTLVs[:len(proxyTLVs)-9]))
	r.c.Gap(c, 5, r.now)
	r.data(c, []byte(proxyTLVs[len(proxyTLVs)-4:]))
	for _, turn := range withTalk(nil) {
		r.data(turn.from, []byte(turn.data))
	}
	r.c.Closed(reassembly.FIN, r.now)
	checkTalk(t, "", r, "[2001:db8::7]:4711 [2001:db8::9]:80")
}

// TestFrontBounds: a connection that is not understood is given up in the end,
// whichever side speaks and however slowly, and holds little until then.
func TestFrontBounds(t *testing.T) {
	rnd := newRand(3)
	for name, make := range map[string]func(i int) (Direction, []byte, time.Duration){
		"both":       func(i int) (Direction, []byte, time.Duration) { return Direction(i & 1), randomBytes(rnd, 500), 0 },
		"the client": func(int) (Direction, []byte, time.Duration) { return c, randomBytes(rnd, 1400), 0 },
		"the server": func(int) (Direction, []byte, time.Duration) {
			return s, append([]byte{'+'}, randomBytes(rnd, 1400)...), 0
		},
		"small": func(i int) (Direction, []byte, time.Duration) { return Direction(i & 1), randomBytes(rnd, 20), 0 },
		"slow": func(i int) (Direction, []byte, time.Duration) {
			return Direction(i & 1), randomBytes(rnd, 100), time.Minute
		},
		"SOCKS": func(i int) (Direction, []byte, time.Duration) {
			return c, append([]byte{5, 1, 0}, randomBytes(rnd, 100)...), 0
		},
		"request lines": func(i int) (Direction, []byte, time.Duration) { return c, []byte("\x00GET / HTTP/1.1\r\n"), 0 },
		"heads":         func(i int) (Direction, []byte, time.Duration) { return c, []byte("\x00GET / HTTP/1.1\r\n\r\n"), 0 },
	} {
		r := newRecorder(nil)
		most := 0
		for i := 0; !r.c.(*seat).ignored && i < 40000; i++ {
			from, b, after := make(i)
			r.now = r.now.Add(after)
			r.data(from, b)
			most = max(most, r.p.budget.Held())
		}
		if !r.c.(*seat).ignored || most > 1<<20 || r.p.budget.Held() != 0 || r.p.counts.HeldBytes != 0 || len(r.lines) > 0 {
			t.Errorf("%s: ignored %v, %d bytes at most, %d now: %q", name, r.c.(*seat).ignored, most, r.p.budget.Held(), r.lines)
		}
		if r.p.counts.Protocols[ProtocolUnknown] == 0 {
			t.Errorf("%s: %v", name, r.p.counts.Protocols)
		}
	}
}

// TestFrontFrames: behind a front that is not understood frames alone are found.
func TestFrontFrames(t *testing.T) {
	r := newRecorder(nil)
	r.data(c, []byte("\x00\x01secret\x02"))
	r.data(s, []byte("\x00"))
	for i := range 40 {
		r.now = r.now.Add(time.Second)
		r.data(c, []byte(clientText(fmt.Sprintf("question %d, of some length", i))))
		r.data(s, []byte(serverText(fmt.Sprintf(`{"answer":%d}`, i))))
	}
	r.c.Closed(reassembly.FIN, r.now)
	if len(r.msgs) != 80 || !r.opens[0].Midstream {
		t.Errorf("%d messages: %q", len(r.msgs), r.lines)
	}
}

// TestFrontTLS: TLS is told from what stands before it.
func TestFrontTLS(t *testing.T) {
	for name, before := range map[string][]turn{
		"nothing":  nil,
		"PROXY":    {{c, proxyV2, 0}},
		"SOCKS":    {{c, "\x05\x01\x00", 0}, {s, "\x05\x00", 0}, {c, socks5, 0}, {s, granted5, 0}},
		"CONNECT":  {{c, connectTo, 0}, {s, connected, 0}},
		"STARTTLS": {{s, "220 ready\r\n", 0}, {c, "EHLO a\r\n", 0}, {s, "250 STARTTLS\r\n", 0}, {c, "STARTTLS\r\n", 0}, {s, "220 go\r\n", 0}},
	} {
		r := newRecorder(nil)
		for _, turn := range append(before, turn{c, hello, 0}) {
			r.data(turn.from, []byte(turn.data))
		}
		if r.p.counts.Protocols[ProtocolTLS] != 1 || !r.c.(*seat).ignored || r.p.counts.HeldBytes != 0 {
			t.Errorf("%s: %v, ignored %v", name, r.p.counts.Protocols, r.c.(*seat).ignored)
		}
	}
}

// TestFrontAllocates: a connection that begins with HTTP costs no more for its front.
func TestFrontAllocates(t *testing.T) {
	r := newRecorder(nil)
	at := new(seat)
	b := []byte("GET / HTTP/1.1\r\nHost: a\r\n")
	through := func(enter func() reassembly.Consumer) float64 {
		return testing.AllocsPerRun(100, func() {
			at.c = enter()
			at.c.Data(c, b, t0)
			at.c.(*opening).GiveUp()
		})
	}
	plain := through(func() reassembly.Consumer { return r.p.newOpening(&origin{place: at}) })
	if n := through(func() reassembly.Consumer { return r.p.enter(&origin{place: at}) }); n > plain {
		t.Errorf("%v allocations, %v without a front", n, plain)
	}
}

// TestFrontLost loses a piece of what proxies put before a request, or of the request:
// the connection is found, and its request where that was captured whole.
func TestFrontLost(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	for _, line := range []string{proxyV1, proxyV2, proxyTLVs, "knock\n", ""} {
		all := line + request
		for _, tt := range []struct {
			name string
			cuts []int // segments
			lost int   // which
			url  bool  // the request is whole
		}{
			{"its first piece", []int{(len(line) + 1) / 2}, 0, line != ""},
			{"its first piece, and the request comes apart", []int{len(line) / 2, len(line) - len(line)/2}, 0, true},
			{"all of it", []int{len(line)}, 0, true},
			{"a piece in its midst", []int{len(line) / 3, len(line) / 3}, 1, true},
			{"its end, with the request's beginning", []int{len(line) / 2, len(line) - len(line)/2 + 9}, 1, false},
			{"all, with the request's beginning", []int{len(line) + 9}, 0, false},
		} {
			if line == "" && (len(tt.cuts) == 2 || tt.cuts[0] == 0 || strings.HasPrefix(tt.name, "its first piece")) {
				continue
			}
			k := packetgen.NewConversation()
			k.Open()
			first := len(k.Packets)
			k.NoAcks = true
			k.Send(packetgen.Client, []byte(all), tt.cuts...)
			k.Send(packetgen.Server, []byte(response))
			for i := range 5 {
				for dir := range Direction(2) {
					k.Send(packetgen.Side(dir), randomFrame(r, dir, 0x81, fmt.Appendf(nil, "message %d of the %v", i, dir)))
				}
			}
			f := source(k)
			f.frames = append(f.frames[:first+tt.lost:first+tt.lost], f.frames[first+tt.lost+1:]...)
			opens, n := 0, 0
			for e, err := range NewTap(f, nil).Events(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				switch e := e.(type) {
				case *Open:
					opens++
					if e.Conn.Status != 101 || (e.Conn.URL != "") != tt.url {
						t.Errorf("%q, %s lost: status %d, URL %q", line, tt.name, e.Conn.Status, e.Conn.URL)
					}
				case *Message:
					n++
				}
			}
			if opens != 1 || n != 10 {
				t.Errorf("%q, %s lost: %d connections, %d messages", line, tt.name, opens, n)
			}
		}
	}
}
