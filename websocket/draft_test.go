package websocket

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/internal/packetgen"
)

// TestDrafts: drafts before RFC 6455 are told by name. Those with other frames give
// no messages, and their bytes are accounted for.
func TestDrafts(t *testing.T) {
	const (
		upgrade = "GET /demo HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
		answer  = "HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
		keys    = "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n"
		key     = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		accept  = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
		old     = "\x00hello\xff\x80\x05world\x81\x03abc"
	)
	text := [2]string{clientText("hello"), serverText("world")}
	for _, c := range []struct {
		name, request, response string
		behind                  [2]string // the heads
		draft                   string
		messages                int
	}{
		{"75", upgrade + "Origin: http://example.com\r\nWebSocket-Protocol: sample\r\n\r\n",
			answer + "WebSocket-Origin: http://example.com\r\nWebSocket-Location: ws://example.com/demo\r\nWebSocket-Protocol: sample\r\n\r\n",
			[2]string{old, old}, "hixie-75", 0},
		{"76", upgrade + "Origin: http://example.com\r\nSec-WebSocket-Protocol: sample\r\n" + keys + "\r\n",
			answer + "Sec-WebSocket-Origin: http://example.com\r\nSec-WebSocket-Location: ws://example.com/demo\r\nSec-WebSocket-Protocol: sample\r\n\r\n",
			[2]string{"^n:ds[4U" + old + text[0], "8jKS'y:G*Co,Wxa-" + old + text[1]}, "hixie-76", 0},
		{"76, terse", upgrade + keys + "\r\n", answer + "\r\n", [2]string{"^n:ds[4U", "8jKS'y:G*Co,Wxa-" + text[1]}, "hixie-76", 0},
		{"04", upgrade + key + "Sec-WebSocket-Version: 4\r\n\r\n", answer + accept + "\r\n", text, "hybi-04", 0},
		{"06", upgrade + key + "Sec-WebSocket-Version: 6\r\n\r\n", answer + accept + "\r\n", text, "hybi-06", 0},
		{"07", upgrade + "Sec-WebSocket-Origin: http://example.com\r\n" + key + "Sec-WebSocket-Version: 7\r\n\r\n", answer + accept + "\r\n", text, "hybi-07", 2},
		{"08", upgrade + "Sec-WebSocket-Origin: http://example.com\r\n" + key + "Sec-WebSocket-Version: 8\r\n\r\n", answer + accept + "\r\n", text, "hybi-08", 2},
		{"13", upgrade + key + "Sec-WebSocket-Version: 13\r\n\r\n", answer + accept + "Sec-WebSocket-Location: ws://example.com/demo\r\n\r\n", text, "", 2},
		{"no version", upgrade + key + "\r\n", answer + accept + "\r\n", text, "", 2},
		{"nothing at all", upgrade + "\r\n", answer + "\r\n", text, "", 2},
	} {
		for _, mss := range []int{1460, 7} {
			for _, lost := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s mss %d lost %v", c.name, mss, lost), func(t *testing.T) {
					k := packetgen.NewConversation()
					k.MSS = mss
					k.Open()
					k.Send(packetgen.Client, []byte(c.request))
					k.Send(packetgen.Client, []byte(c.behind[0])) // sent before the answer
					k.Send(packetgen.Server, []byte(c.response))
					k.Send(packetgen.Server, []byte(c.behind[1]))
					bytes := len(c.behind[0]) + len(c.behind[1])
					if lost && c.messages == 0 {
						for range 2 {
							k.Send(packetgen.Server, []byte("\x00lost\xff"))
						}
						bytes += 6
						n := len(k.Packets)
						k.Packets = slices.Delete(k.Packets, n-4, n-3)
					}
					k.Close(packetgen.Client)
					tap := NewTap(source(k), nil)
					messages, gaps := 0, 0
					var conn *Conn
					cause := Cause("")
					for e, err := range tap.Events(t.Context()) {
						switch e := e.(type) {
						case nil:
							t.Fatal(err)
						case *Open:
							conn = e.Conn
						case *Message:
							messages++
						case *Gap:
							gaps++
						case *End:
							cause = e.Cause
						}
					}
					st := tap.Stats()
					checkAccounts(t, c.name, st, true)
					if conn == nil || conn.Draft != c.draft || !strings.HasSuffix(conn.URL, "example.com/demo") || conn.Status != 101 || cause != CauseFIN {
						t.Fatalf("%+v, end %s", conn, cause)
					}
					if c.messages == 0 && st.DraftBytes != uint64(bytes) || c.messages > 0 && st.DraftBytes > 0 || messages != c.messages || gaps > 0 != (lost && c.messages == 0) {
						t.Errorf("%d messages, %d gaps, %d bytes of drafts", messages, gaps, st.DraftBytes)
					}
				})
			}
		}
	}
}
