package handshake

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/wstap/wstap/internal/http1"
)

// TestAcceptKey takes the example of RFC 6455, section 1.3.
func TestAcceptKey(t *testing.T) {
	if got := AcceptKey([]byte("dGhlIHNhbXBsZSBub25jZQ==")); string(got[:]) != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("%s", got)
	}
}

func TestURL(t *testing.T) {
	url := func(target, host string, secure bool) string {
		var b strings.Builder
		WriteURL(&b, []byte(target), []byte(host), netip.MustParseAddrPort("[::1]:7272"), secure)
		return b.String()
	}
	for _, c := range [][3]string{
		{"/chat", "example.com", "ws://example.com/chat"},
		{"/chat", "", "ws://[::1]:7272/chat"},
		{"http://a/b", "example.com", "ws://a/b"},
		{"/to/http://a/b", "example.com", "ws://example.com/to/http://a/b"},
		{"://a/b", "example.com", "ws://example.com://a/b"},
		{"HTTPS://a/b", "example.com", "wss://a/b"},
		{"ftp://a/b", "example.com", "ftp://a/b"},
	} {
		if got := url(c[0], c[1], false); got != c[2] {
			t.Errorf("%s at %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
	if got := url("/chat", "example.com", true); got != "wss://example.com/chat" {
		t.Error(got)
	}
}

func TestUpgrade(t *testing.T) {
	for field, want := range map[string][2]bool{
		"Upgrade: WebSocket":      {true, false},
		"upgrade: h2c, websocket": {true, false},
		"Upgrade: h2c":            {false, true},

		"Upgrade:\r\nUpgrade: h2c":       {false, true},
		"Upgrade:\r\nUpgrade: websocket": {true, false},
		"Upgrade:\r\nUpgrade:":           {false, false},
		"Connection: Upgrade":            {false, false},
	} {
		h := head(field + "\r\n\r\n")
		if got := [2]bool{Upgrade(&h), OtherUpgrade(&h)}; got != want {
			t.Errorf("%s: %v", field, got)
		}
	}
}

func TestParseDeflate(t *testing.T) {
	for extensions, want := range map[string]Deflate{
		"":                   {},
		"x-foo; a=1":         {Others: true},
		"permessage-deflate": {On: true, Bits: [2]uint8{15, 15}},
		"foo, PerMessage-Deflate; client_no_context_takeover; server_max_window_bits=\"10\"": {On: true, NoTakeover: [2]bool{true, false}, Bits: [2]uint8{15, 10}, Others: true},
		"permessage-deflate; server_no_context_takeover; client_max_window_bits=7":           {On: true, NoTakeover: [2]bool{false, true}, Bits: [2]uint8{15, 15}},
		`foo; a="b, permessage-deflate"`:                                                     {Others: true},
		"permessage-deflate, , ":                                                             {On: true, Bits: [2]uint8{15, 15}},
		"permessage-deflate; client_no_context_takeover, mux":                                {On: true, NoTakeover: [2]bool{true, false}, Bits: [2]uint8{15, 15}, Others: true},
		"x-webkit-deflate-frame; no_context_takeover":                                        {On: true, Frames: true, Bits: [2]uint8{15, 15}},
		"Deflate-Frame; max_window_bits=8, x-webkit-deflate-frame":                           {On: true, Frames: true, Bits: [2]uint8{15, 15}, Others: true},
	} {
		if got := ParseDeflate(extensions); got != want {
			t.Errorf("%s: %+v, want %+v", extensions, got, want)
		}
	}
}

// FuzzParseDeflate: anything is read, and a window is of a size that there is.
func FuzzParseDeflate(f *testing.F) {
	f.Add(`permessage-deflate; client_max_window_bits="9"`) // quoted
	f.Add(`a;b="\",;", permessage-deflate`)                 // separators in quotes
	f.Fuzz(func(t *testing.T, extensions string) {
		p := ParseDeflate(extensions)
		for _, n := range p.Bits {
			if p.On && (n < 8 || n > 15) {
				t.Errorf("%d bits", n)
			}
		}
	})
}

// TestDraft: versions in any form; what no rule names is the RFC's.
func TestDraft(t *testing.T) {
	for _, c := range []struct {
		request, response, name string
		framed                  bool
	}{
		{"Sec-WebSocket-Version: 13\r\n\r\n", "\r\n", "", true},
		{"sec-websocket-version:13\r\n\r\n", "Sec-WebSocket-Location: ws://a/\r\n\r\n", "", true},
		{"Sec-WebSocket-Version: 13, 8\r\n\r\n", "\r\n", "", true},
		{"Sec-WebSocket-Version: -1\r\n\r\n", "\r\n", "", true},
		{"Sec-WebSocket-Version: 0\r\n\r\n", "\r\n", "hybi-00", false},
		{"Sec-WebSocket-Version: 6\r\n\r\n", "\r\n", "hybi-06", false},
		{"SEC-WEBSOCKET-VERSION: 7\r\n\r\n", "\r\n", "hybi-07", true},
		{"Sec-WebSocket-Version: 12\r\n\r\n", "\r\n", "hybi-12", true},
		{"", "Sec-WebSocket-Accept: x\r\nWebSocket-Origin: a\r\n\r\n", "", true},
		{"", "Sec-WebSocket-Location: ws://a/\r\n\r\n", "hixie-76", false}, // the request was not seen
		{"", "WebSocket-Location: ws://a/\r\n\r\n", "hixie-75", false},
		{"Sec-WebSocket-Key1: 1\r\n\r\n", "\r\n", "", true},
		{"", "", "", true},
	} {
		request, response := head(c.request), head(c.response)
		if name, framed := Draft(&request, &response); name != c.name || framed != c.framed {
			t.Errorf("%q, %q: %q, %v", c.request, c.response, name, framed)
		}
	}
}

// head makes a head of fields; none of "".
func head(fields string) http1.Head {
	if fields == "" {
		return http1.Head{}
	}
	return http1.Whole([]byte("the first line\r\n" + fields))
}

// BenchmarkAccepts is what every handshake that somebody looks at takes. With
// GODEBUG=cpu.all=off it is that of a processor without instructions for SHA.
func BenchmarkAccepts(b *testing.B) {
	accept, key := []byte("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), []byte("dGhlIHNhbXBsZSBub25jZQ==")
	b.ReportAllocs()
	for b.Loop() {
		if !Accepts(accept, key) {
			b.Fatal("not accepted")
		}
	}
}
