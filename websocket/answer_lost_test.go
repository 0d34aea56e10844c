package websocket

import (
	"strings"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// Where an answer was lost, the next one may be taken for it: that of HEAD has no
// body, and what follows reads as no HTTP. It is looked at for frames all the same.
func TestAnswerLost(t *testing.T) {
	for _, method := range []string{"HEAD", "GET"} {
		c := packetgen.NewConversation()
		c.Open()
		c.Send(packetgen.Client, []byte(method+" / HTTP/1.1\r\nHost: x\r\n\r\n"))
		lost := len(c.Packets)
		c.Send(packetgen.Server, []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		c.Send(packetgen.Client, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		c.Send(packetgen.Server, []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
		c.Send(packetgen.Client, []byte(request))
		c.Send(packetgen.Server, []byte(response))
		say(c, "x", 5)
		frames := view{lost: func(i int, p packetgen.Packet) bool { return i == lost }}.of(c)
		var r reader
		texts := r.messages(&frameSource{link: decode.LinkEthernet, frames: frames})
		if len(texts) < 9 || strings.Join(texts, " ") != strings.Join(said("x", 5)[10-len(texts):], " ") {
			t.Errorf("%s: %q", method, texts)
		}
	}
}
