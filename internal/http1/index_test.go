package http1

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wstap/wstap/internal/testkit"
)

// checkIndex: what a head's index says is what a scan of all its lines says.
func checkIndex(t *testing.T, h *Head) {
	t.Helper()
	plain := h.Fields()
	for f := range known {
		var got []string
		for v := range h.Values(f) {
			got = append(got, string(v))
		}
		want := slices.Collect(plain.Values(names[f]))
		if !slices.Equal(got, want) || h.Has(f) != (want != nil) || string(h.Get(f)) != plain.Get(names[f]) {
			t.Errorf("%s: %q, want %q, in %q", names[f], got, want, h.Raw())
		}
		if got, want := h.GetFrom(plain, f), plain.Get(names[f]); got != want {
			t.Errorf("%s: %q, want %q, in %q", names[f], got, want, h.Raw())
		}
		if got, want := h.ListFrom(plain, f), plain.List(names[f]); got != want {
			t.Errorf("%s: %q, want %q, in %q", names[f], got, want, h.Raw())
		}
		for _, token := range []string{"websocket", "chunked", "5"} {
			if got := h.HasToken(f, token); got != plainToken(want, token) {
				t.Errorf("%s has %s: %v, in %q", names[f], token, got, h.Raw())
			}
		}
	}
	if got, want := h.Body(), plainBody(plain); got != want {
		t.Errorf("%+v, want %+v, behind %q", got, want, h.Raw())
	}
}

func plainToken(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.Trim(t, " \t\r"), token) {
				return true
			}
		}
	}
	return false
}

func plainBody(f Fields) (b Framing) {
	for v := range f.Values("Transfer-Encoding") {
		all := strings.Split(v, ",")
		if strings.EqualFold(strings.Trim(all[len(all)-1], " \t\r"), "chunked") {
			return Framing{Chunked: true, Given: true}
		}
		return Framing{Length: -1, Given: true}
	}
	for v := range f.Values("Content-Length") {
		for one := range strings.SplitSeq(v, ",") {
			n, err := strconv.ParseInt(strings.Trim(one, " \t\r"), 10, 64)
			if err != nil || n < 0 || b.Given && n != b.Length {
				return Framing{Length: -1, Given: true}
			}
			b.Length, b.Given = n, true
		}
	}
	return b
}

// TestIndex asks heads of random lines.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	var c Head
	for range testkit.Rounds(3000, 500, 300_000) {
		head := pick("GET / HTTP/1.1", "HTTP/1.1 101 OK", "", "X: websocket") + pick("\r\n", "\n", "\r\n ")
		for range r.IntN(12) {
			name := pick(append(names[:], "Connection", "Sec-WebSocket-Key1", "Sec-WebSocket-Keys", "User-Agent", "Cookie", "Hos", "H", "S", "ſec-WebSocket-Key", "")...)
			switch r.IntN(6) {
			case 0:
				name = strings.ToLower(name)
			case 1:
				name = strings.ToUpper(name)
			case 2:
				name = name[:r.IntN(len(name)+1)]
			}
			head += name + pick("", "", "", " ", "\t ", "\r", "\n\t") + pick(":", ":", ":", ":", "", "::") + pick("", " ", "\t", "\r\n ") +
				pick("websocket", "WebSocket", "", "h2c, websocket", "gzip, Chunked", "chunked", "5", "5, 5", "6", "-1", "x\r\n y", ",", " , websocket ,") +
				pick("", " ", "\t") + pick("\r\n", "\r\n", "\n", "\r\r\n")
		}
		head += pick("\r\n", "\n") + "GET / HTTP/1.1\r\nHost: of the next head\r\n\r\n"
		var h Head
		n := h.read([]byte(head))
		if n == 0 {
			t.Fatalf("no end in %q", head)
		}
		checkIndex(t, &h)
		if c.Copy(&h); fmt.Sprint(c) != fmt.Sprint(h) || &c.raw[0] == &h.raw[0] {
			t.Fatalf("a copy is %v, not %v", c, h)
		}
	}
}

// TestHeadAllocations: to read a head and to ask it takes no memory.
func TestHeadAllocations(t *testing.T) {
	raw := []byte("GET / HTTP/1.1\r\nUpgrade: h2c\r\nUpgrade: WebSocket\r\nContent-Length: 3\r\n\r\n")
	if n := testing.AllocsPerRun(100, func() {
		h := Whole(raw)
		if _, _, ok := h.RequestLine(); !ok || h.Body().Length != 3 || !h.HasToken(Upgrade, "websocket") || h.Has(Host) {
			t.Error("another head")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
