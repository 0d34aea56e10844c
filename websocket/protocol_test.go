package websocket

import (
	"testing"

	"github.com/wstap/wstap/reassembly"
)

// TestProtocols: each connection counts once, as what it turned out to be.
func TestProtocols(t *testing.T) {
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	settings := "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	connect := turn{c, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 0}
	for _, tt := range []struct {
		name  string
		turns []turn
		late  bool
		want  Protocol
	}{
		{"a head not whole", []turn{{c, "GET / HT", 0}}, false, ProtocolUndecided},
		{"joined late", []turn{{s, "\x00\x01\x02\x03", 0}}, true, ProtocolMidstream},
		{"neither", []turn{{c, "\x00\x01\x02\x03", 0}}, false, ProtocolUnknown},
		{"tls", []turn{{c, hello, 0}}, false, ProtocolTLS},
		{"tls, joined late", []turn{{s, "\x17\x03\x03\x00\x20abc", 0}}, true, ProtocolTLS},
		{"tls in a tunnel", []turn{connect, {s, ok, 0}, {c, hello, 0}}, false, ProtocolTLS},
		{"http", []turn{{c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0}}, false, ProtocolHTTP},
		{"http, joined late", []turn{{s, ok, 0}}, true, ProtocolHTTP},
		{"http that ends with the connection", []turn{{c, "GET / HTTP/1.0\r\n\r\n", 0}, {s, "HTTP/1.0 200 OK\r\n\r\nhello", 0}}, false, ProtocolHTTP},
		{"http2", []turn{{c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings, 0}, {s, settings, 0}}, false, ProtocolHTTP2},
		{"a WebSocket", []turn{{c, request, 0}, {s, response, 0}}, false, ProtocolWebSocket},
		{"a WebSocket in a tunnel", []turn{connect, {s, ok, 0}, {c, request, 0}, {s, response, 0}}, false, ProtocolWebSocket},
		{"refused", []turn{{c, request, 0}, {s, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", 0}, {c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0}}, false, ProtocolWebSocket},
		{"asked for, not answered", []turn{{c, request, 0}}, false, ProtocolHTTP},
	} {
		r := newRecorder(nil)
		r.p.counts.Protocols = [protocols]uint64{}
		r.c = newSeat(r.p, tt.late)
		for _, turn := range tt.turns {
			r.data(turn.from, []byte(turn.data))
		}
		r.c.Closed(reassembly.FIN, r.now)
		var want [protocols]uint64
		want[tt.want] = 1
		if r.p.counts.Protocols != want {
			t.Errorf("%s: %v, want one %v", tt.name, r.p.counts.Protocols, tt.want)
		}
	}
}
