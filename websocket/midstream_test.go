package websocket

import (
	"context"
	"fmt"
	"github.com/wstap/wstap/internal/frame"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
)

// TestMidstream begins to capture in the middle of conversations.
func TestMidstream(t *testing.T) {
	for _, l := range loads {
		for _, compressed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s compressed=%v", l.name, compressed), func(t *testing.T) {
				seeds := uint64(5)
				if testing.Short() {
					seeds = 1
				}
				for seed := range seeds {
					r := rand.New(rand.NewPCG(seed, 4))
					n := 60
					cs := [2]*compressor{newCompressor(seed%2 == 0), newCompressor(false)}
					c := packetgen.NewConversation()
					if seed%3 == 0 { // ports tell nothing
						c.Client, c.Server = c.Server, c.Client
					}
					c.Open()
					c.Send(packetgen.Client, []byte(request))
					c.Send(packetgen.Server, []byte(response))
					var all [2][]sent
					for range n {
						for dir := range Direction(2) {
							m := l.make(r)
							all[dir] = append(all[dir], m)
							b0, payload := 0x80|byte(m.op), m.payload
							if compressed && !m.op.Control() {
								b0, payload = b0|frame.RSV1, cs[dir].message(m.payload)
							}
							c.Send(packetgen.Side(dir), randomFrame(r, dir, b0, payload))
						}
					}
					s := source(c)
					s.frames = s.frames[len(s.frames)/4:]
					var next [2]int
					var opens, got, undecoded int
					var conn *Conn
					for e, err := range NewTap(s, nil).Events(context.Background()) {
						if err != nil {
							t.Fatal(err)
						}
						switch m := e.(type) {
						case *Open:
							opens++
							conn = m.Conn
						case *Message:
							if m.Truncated {
								continue
							}
							if !m.Midstream {
								t.Errorf("not flagged: %s", describeMessage(m))
							}
							if m.Undecoded {
								undecoded++
								continue
							}
							if m.Compressed != (compressed && !m.Opcode.Control()) {
								t.Errorf("compressed: %s", describeMessage(m))
							}
							i := next[m.From]
							for i < n && !agrees(m, all[m.From][i].op, all[m.From][i].payload) {
								i++
							}
							if i == n {
								t.Errorf("seed %d: was not sent: %s", seed, describeMessage(m))
								continue
							}
							next[m.From] = i + 1
							got++
						}
					}
					if opens != 1 || !conn.Midstream || conn.Client != c.Client || conn.Server != c.Server {
						t.Fatalf("seed %d: %d opens, %+v", seed, opens, conn)
					}
					if want := 2 * n * 3 / 4; got+undecoded < want*8/10 || undecoded > 0 && !compressed {
						t.Errorf("seed %d: %d messages and %d undecoded of about %d", seed, got, undecoded, want)
					}
				}
			})
		}
	}
}

// TestNotWebSocket: connections that are something else are never taken for
// WebSockets. WSTAP_LONG=1 tries 10,000 of each kind.
func TestNotWebSocket(t *testing.T) {
	flows := testkit.Rounds(100, 10, 10_000)
	for _, s := range strangers {
		t.Run(s.name, func(t *testing.T) {
			for seed := range flows {
				r := rand.New(rand.NewPCG(uint64(seed), 5))
				c := packetgen.NewConversation()
				c.Client = netip.AddrPortFrom(c.Client.Addr(), uint16(1024+r.IntN(60000)))
				c.NoAcks = true
				for range 5 + r.IntN(20) {
					dir := r.IntN(2)
					if b := s.make(r, Direction(dir)); len(b) > 0 {
						c.Send(packetgen.Side(dir), b)
					}
				}
				tap := NewTap(source(c), nil)
				for e, err := range tap.Events(context.Background()) {
					if err != nil {
						t.Fatal(err)
					}
					if m, ok := e.(*Message); ok {
						t.Errorf("seed %d: %s", seed, describeMessage(m))
					}
				}
				if st := tap.Stats(); st.Conns != 0 || st.HeldBytes != 0 {
					t.Fatalf("seed %d: %d connections, %d bytes held", seed, st.Conns, st.HeldBytes)
				}
			}
		})
	}
}
