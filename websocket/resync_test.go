package websocket

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
)

// A sent message, as the endpoint knows it.
type sent struct {
	op      Opcode
	payload []byte
}

// A load makes the messages of one kind of traffic.
var loads = []struct {
	name string
	make func(r *rand.Rand) sent
}{
	{"json", func(r *rand.Rand) sent {
		return sent{Text, fmt.Appendf(nil, `{"type":"say","n":%d,"content":%q}`, r.IntN(1e6), randomText(r, r.IntN(150)))}
	}},
	{"text", func(r *rand.Rand) sent { return sent{Text, []byte(randomText(r, 1+r.IntN(300)))} }},
	{"cjk", func(r *rand.Rand) sent {
		var b []byte
		for range 1 + r.IntN(100) {
			b = append(b, string(rune(0x3041+r.IntN(80)))...)
		}
		return sent{Text, b}
	}},
	{"binary", func(r *rand.Rand) sent { return sent{Binary, randomBytes(r, 1+r.IntN(300))} }},
	{"mixed", func(r *rand.Rand) sent {
		switch r.IntN(6) {
		case 0:
			return sent{Ping, randomBytes(r, r.IntN(20))}
		case 1:
			return sent{Binary, randomBytes(r, r.IntN(5000))}
		case 2:
			return sent{Text, nil}
		}
		return sent{Text, []byte(randomText(r, r.IntN(2000)))}
	}},
	{"large binary", func(r *rand.Rand) sent { return sent{Binary, randomBytes(r, 20000+r.IntN(60000))} }},
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func randomText(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = " etaoinshrdlu,.!?ETA0123456789"[r.IntN(30)]
	}
	return string(b)
}

// mask masks a client's frame with a key of r.
func randomFrame(r *rand.Rand, dir Direction, b0 byte, payload []byte) []byte {
	b := testFrame(FromServer, b0, payload)
	if dir == FromServer {
		return b
	}
	n := len(b) - len(payload)
	var key [4]byte
	binary.LittleEndian.PutUint32(key[:], r.Uint32())
	masked := append(append(bytes.Clone(b[:n]), key[:]...), payload...)
	masked[1] |= 0x80
	for i := range payload {
		masked[n+4+i] ^= key[i&3]
	}
	return masked
}

// source turns conversations into a Source.
func source(cs ...*packetgen.Conversation) *frameSource {
	s := &frameSource{link: decode.LinkEthernet}
	for _, c := range cs {
		for _, p := range c.Packets {
			s.frames = append(s.frames, capture.Frame{Data: p.Frame, Length: len(p.Frame), Time: p.Time, Link: decode.LinkEthernet})
		}
	}
	return s
}

// converse makes a conversation with n messages of each side after a handshake
// with the given response, and returns what was sent, by side.
func converse(r *rand.Rand, n int, response string, coalesce bool, f func(*rand.Rand) sent) (*packetgen.Conversation, [2][]sent) {
	c := packetgen.NewConversation()
	c.Client = netip.MustParseAddrPort("10.0.0.1:" + strconv.Itoa(10000+r.IntN(50000)))
	c.Server = netip.MustParseAddrPort("10.0.0.2:7272")
	c.Open()
	c.Send(packetgen.Client, []byte(request))
	c.Send(packetgen.Server, []byte(response))
	var all [2][]sent
	var held [2][]byte
	for range n {
		for dir := range Direction(2) {
			m := f(r)
			all[dir] = append(all[dir], m)
			held[dir] = append(held[dir], randomFrame(r, dir, 0x80|byte(m.op), m.payload)...)
			if !coalesce || r.IntN(5) == 0 {
				c.Send(packetgen.Side(dir), held[dir])
				held[dir] = nil
			}
		}
	}
	for dir := range held {
		if held[dir] != nil {
			c.Send(packetgen.Side(dir), held[dir])
		}
	}
	c.Close(packetgen.Client)
	return c, all
}

// lose drops packets at the given rate, but none of the first keep.
func lose(r *rand.Rand, s *frameSource, rate float64, keep int) {
	kept := s.frames[:keep]
	for _, f := range s.frames[keep:] {
		if r.Float64() >= rate {
			kept = append(kept, f)
		}
	}
	s.frames = kept
}

// whole counts the messages that arrived whole, and fails for any that was not
// sent, in that order.
func whole(t *testing.T, src capture.Source, all [2][]sent) (n int) {
	t.Helper()
	var next [2]int
	for e, err := range NewTap(src, nil).Events(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		m, ok := e.(*Message)
		if !ok || m.Truncated {
			continue
		}
		i := next[m.From]
		for i < len(all[m.From]) && (all[m.From][i].op != m.Opcode || !bytes.Equal(all[m.From][i].payload, m.Payload)) {
			i++
		}
		if i == len(all[m.From]) {
			t.Errorf("was not sent, or not in this order: %s", describeMessage(m))
			continue
		}
		next[m.From] = i + 1
		n++
	}
	return n
}

func TestLoss(t *testing.T) {
	for _, l := range loads {
		for _, coalesce := range []bool{false, true} {
			for _, loss := range []struct{ rate, want float64 }{{0, 1}, {0.01, 0.97}, {0.1, 0.8}} {
				name := fmt.Sprintf("%s coalesce=%v %v", l.name, coalesce, loss.rate)
				t.Run(name, func(t *testing.T) {
					seeds, n := testkit.Rounds(4, 1, 100), 500
					if l.name == "large binary" {
						n = 30
					}
					total, got := 0, 0
					for seed := range seeds {
						r := rand.New(rand.NewPCG(uint64(seed), 3))
						c, all := converse(r, n, response, coalesce, l.make)
						s := source(c)
						lose(r, s, loss.rate, 7)
						got += whole(t, s, all)
						total += 2 * n
					}
					t.Logf("%.2f %% whole", 100*float64(got)/float64(total))
					if l.name != "large binary" && !coalesce && float64(got) < loss.want*float64(total) {
						t.Errorf("%d of %d whole, want %v", got, total, loss.want)
					}
				})
			}
		}
	}
}
