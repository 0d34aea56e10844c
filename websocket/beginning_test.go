package websocket

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wstap/wstap/internal/packetgen"
)

// TestBeginningLost: of a message whose first fragments were not captured the rest
// is given, as truncated. Where nothing was lost nothing is missing.
func TestBeginningLost(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  func(s *frameSource, at int) // at is the packet with the first fragment
		want bool
	}{
		{"joined behind the first fragment", func(s *frameSource, at int) { s.frames = s.frames[at+1:] }, true},
		{"first fragment lost", func(s *frameSource, at int) { s.frames = append(s.frames[:at:at], s.frames[at+1:]...) }, true},
		{"all there", func(s *frameSource, at int) {}, false},
	} {
		for dir := range Direction(2) {
			for _, fragments := range []int{2, 3, 9} {
				t.Run(fmt.Sprintf("%s %v %d", c.name, dir, fragments), func(t *testing.T) {
					k := packetgen.NewConversation()
					k.NoAcks = true
					k.Open()
					k.Send(packetgen.Client, []byte(request))
					k.Send(packetgen.Server, []byte(response))
					at := len(k.Packets)
					part := strings.Repeat("some text ", 9)
					send := func(b0 byte, payload string) { k.Send(packetgen.Side(dir), testFrame(dir, b0, []byte(payload))) }
					send(0x01, part)
					for i := range 6 { // enough to find frames by
						send(0x89, "between fragments "+part[i:])
					}
					for range fragments - 2 {
						send(0x00, part)
					}
					send(0x80, part)
					for i := range 5 {
						send(0x81, fmt.Sprintf(`{"n":%d,"text":"a message behind it"}`, i))
					}
					k.Close(packetgen.Client)
					s := source(k)
					c.cut(s, at)
					rest, behind := 0, 0
					for e, err := range NewTap(s, nil).Events(t.Context()) {
						if err != nil {
							t.Fatal(err)
						}
						m, ok := e.(*Message)
						switch {
						case !ok:
						case m.Frames > 1 || m.Opcode == 0:
							rest++
							if whole := m.Opcode == Text && m.Frames == fragments; m.Truncated != c.want || whole == c.want || m.InvalidUTF8 {
								t.Errorf("%s", describeMessage(m))
							}
						case m.Opcode == Text:
							behind++
							if m.Truncated {
								t.Errorf("%s", describeMessage(m))
							}
						}
					}
					if rest != 1 || behind != 5 {
						t.Errorf("%d messages in fragments, %d whole", rest, behind)
					}
				})
			}
		}
	}
}
