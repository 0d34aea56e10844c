package http1

import (
	"bytes"
	"fmt"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

func TestHead(t *testing.T) {
	h := Whole([]byte("GET /a b HTTP/1.1\r\nHost: x\r\nA:1\r\n\t two\r\n  \r\nB : 2\r\na: 3\r\n: none\r\n\r\n"))
	if method, target, ok := h.RequestLine(); string(method) != "GET" || string(target) != "/a" || ok {
		t.Errorf("%q %q %v", method, target, ok)
	}
	f := h.Fields()
	if got := fmt.Sprint(f.Header()); got != `map[A:[1	 two 3] B:[2] Host:[x]]` {
		t.Errorf("%s", got)
	}
	if f.Get("b") != "2" || f.List("A") != "1\t two, 3" {
		t.Errorf("%q, %q", f.Get("b"), f.List("A"))
	}
	for line, want := range map[string]int{"HTTP/1.1 101 OK": 101, "HTTP/1.1  200": 200, "HTTP/1.1 20": 0, "HTTP/1.1": 0, "HTTP/1.1 abc": 0, "HTTP/1.1 -12": 0} {
		if h := Whole([]byte(line + "\r\n\r\n")); h.Status() != want {
			t.Errorf("%s: %d", line, h.Status())
		}
	}
	for _, name := range append(names[:], "Connection", "Origin", "User-Agent", "Cookie", "Pragma", "Cache-Control", "Accept-Encoding", "Accept-Language", "Date", "Server", "x-forwarded-for") {
		for _, name := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if got, want := canonical(name), textproto.CanonicalMIMEHeaderKey(name); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	if Fields("").Header() != nil || Fields("\r\n").Header() == nil {
		t.Error("a head without fields is not the same as none")
	}
	for cut, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: x\r\nUpgr": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\n":                  "GET / HTTP/1.1\n\r\n",
		"GET":                               "GET\r\n",
	} {
		if h, whole := Cut([]byte(cut)); string(h.Raw()) != want || whole != (cut != "GET") || h.None() {
			t.Errorf("%q: %q, %v", cut, h.Raw(), whole)
		}
	}
}

func TestBody(t *testing.T) {
	for fields, want := range map[string]Framing{
		"":                      {},
		"Content-Length: 5\r\n": {Length: 5, Given: true},
		"Content-Length: 5\r\ncontent-length: 5\r\n":          {Length: 5, Given: true},
		"Content-Length: 5, 5\r\n":                            {Length: 5, Given: true},
		"Content-Length: 5\r\nContent-Length: 6\r\n":          {Length: -1, Given: true},
		"Content-Length: x\r\n":                               {Length: -1, Given: true},
		"Content-Length: -1\r\n":                              {Length: -1, Given: true},
		"Transfer-Encoding: gzip, chunked\r\n":                {Chunked: true, Given: true},
		"Transfer-Encoding: gzip\r\n":                         {Length: -1, Given: true},
		"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n": {Chunked: true, Given: true},
	} {
		h := Whole([]byte("GET / HTTP/1.1\r\n" + fields + "\r\n"))
		if got := h.Body(); got != want {
			t.Errorf("%q: %+v, want %+v", fields, got, want)
		}
	}
}

// TestReader reads heads and bodies however they are cut.
func TestReader(t *testing.T) {
	stream := "\r\nPOST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\nGET POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"a;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\nGET /c HTTP/1.1\n\n"
	for step := 1; step < len(stream); step++ {
		var r Reader
		var lines []string
		for b := []byte(stream); len(b) > 0; {
			var head Head
			n, ok := r.Next(b[:min(step, len(b))], false, t0, &head)
			if !ok || n <= 0 {
				t.Fatalf("step %d: %d, %v before %q", step, n, ok, b)
			}
			b = b[n:]
			if !head.None() {
				lines = append(lines, string(head.Line()))
				body := head.Body()
				r.Expect(body.Length, body.Chunked)
			}
		}
		if got := strings.Join(lines, "|"); got != "POST /a HTTP/1.1|POST /b HTTP/1.1|GET /c HTTP/1.1" || !r.AtStart() {
			t.Fatalf("step %d: %s", step, got)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		b        string
		response bool
	}{
		"no method":       {"\x00\x01", false},
		"a long method":   {strings.Repeat("A", 30), false},
		"no response":     {"SSH-2.0", true},
		"a head too long": {"GET / HTTP/1.1\r\nA: " + strings.Repeat("a", MaxHead), false},
	} {
		var r Reader
		if _, ok := r.Next([]byte(c.b), c.response, t0, &Head{}); ok {
			t.Errorf("%s: taken", name)
		}
	}
	var r Reader
	refused := false
	for i := 0; i < 2*MaxHead && !refused; i += 100 {
		_, ok := r.Next([]byte("GET /"+strings.Repeat("a", 95)), false, t0, &Head{})
		refused = !ok
	}
	if !refused || r.Size() > MaxHead+100 {
		t.Errorf("a head of %d bytes is kept", r.Size())
	}
}

func TestReaderGap(t *testing.T) {
	var r Reader
	r.Expect(10, false)
	if r.SkipGap(11) || !r.SkipGap(10) || !r.AtStart() || r.SkipGap(1) {
		t.Error("a gap that ends with a body ends it, one that is longer does not")
	}
	r.Next([]byte("GET /"), false, t0, &Head{})
	if h, came := r.Abandon(); string(h) != "GET /" || !came.Equal(t0) || !r.AtStart() {
		t.Errorf("%q at %v", h, came)
	}
}

// FuzzReader: a head is found where the simple way finds it, and its accessors
// take anything.
func FuzzReader(f *testing.F) {
	f.Add([]byte("GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"), byte(7)) // a request
	f.Add([]byte("HTTP/1.1 101 OK\r\nContent-Length: 1\r\n\r\n"), byte(1))                // a response
	f.Add([]byte("GET / HTTP/1.1\nA:b\n\n"), byte(3))                                     // line feeds alone
	f.Add([]byte("GET / HTTP/1.1\r\nA:b\r\n c\r\n:\r\nX\r\n\r\n"), byte(2))               // folded, nameless
	f.Fuzz(func(t *testing.T, b []byte, cut byte) {
		want := 0
		for i := range b {
			if b[i] == '\n' && (bytes.HasPrefix(b[i+1:], []byte("\n")) || bytes.HasPrefix(b[i+1:], []byte("\r\n"))) {
				want = i + 1 + bytes.IndexByte(b[i+1:], '\n') + 1
				break
			}
		}
		have := min(int(cut), len(b))
		if headEnd(b, have) != (want > 0) && !headEnd(b[:have], 0) {
			t.Fatalf("no end at %d (cut at %d)", want, have)
		}
		var h Head
		n := h.read(b)
		if n != want {
			t.Fatalf("end at %d, want %d", n, want)
		}
		if n > 0 {
			checkIndex(t, &h)
		}
		part, _ := Cut(b[:have])
		for _, h := range []*Head{&h, &part} {
			h.RequestLine()
			h.Status()
			h.Body()
			h.Fields().Header()
		}
		LooksLikeRequest(b)
		for _, response := range []bool{false, true} {
			var r Reader
			for rest := b; len(rest) > 0; {
				var head Head
				n, ok := r.Next(rest, response, t0, &head)
				if !ok {
					break
				}
				if n <= 0 || n > len(rest) || r.Size() > MaxHead {
					t.Fatalf("%d of %d bytes taken, %d kept", n, len(rest), r.Size())
				}
				if !head.None() {
					body := head.Body()
					r.Expect(body.Length, body.Chunked)
				}
				rest = rest[n:]
			}
		}
	})
}
