package websocket

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
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

// strangers make the payloads of segments, by direction, of connections that are
// no WebSockets.
var strangers = []struct {
	name string
	make func(r *rand.Rand, dir Direction) []byte
}{
	{"random", func(r *rand.Rand, dir Direction) []byte { return randomBytes(r, 1+r.IntN(1460)) }},
	{"random small", func(r *rand.Rand, dir Direction) []byte { return randomBytes(r, 1+r.IntN(40)) }},
	{"tls", func(r *rand.Rand, dir Direction) []byte {
		n := 17 + r.IntN(1200)
		b := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(n))
		return append(b, randomBytes(r, n)...)[r.IntN(2)*r.IntN(n):]
	}},
	{"ssh", func(r *rand.Rand, dir Direction) []byte {
		n := 16 * (1 + r.IntN(60))
		b := binary.BigEndian.AppendUint32(nil, uint32(n))
		return append(b, randomBytes(r, n+16)...)
	}},
	{"redis", func(r *rand.Rand, dir Direction) []byte {
		if dir == FromClient {
			return fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$6\r\nkey%03d\r\n$%d\r\n%s\r\n", r.IntN(1000), 10, randomBytes(r, 10))
		}
		n := r.IntN(200)
		return fmt.Appendf(nil, "+OK\r\n:%d\r\n$%d\r\n%s\r\n", r.IntN(1000), n, randomBytes(r, n))
	}},
	{"http", func(r *rand.Rand, dir Direction) []byte {
		if dir == FromClient {
			return fmt.Appendf(nil, "GET /%d HTTP/1.1\r\nHost: a\r\nCookie: %x\r\n\r\n", r.IntN(1000), randomBytes(r, 30))
		}
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write([]byte(randomText(r, r.IntN(1500))))
		w.Close()
		body := z.Bytes()
		if r.IntN(2) == 0 {
			return body // the middle of a body
		}
		return append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)), body...)
	}},
	// Not in the list of the protocols that matter most, but in that of the data
	// that looks most like frames.
	{"zeroes and small numbers", func(r *rand.Rand, dir Direction) []byte {
		b := make([]byte, 1+r.IntN(1000))
		for i := range b {
			if r.IntN(3) == 0 {
				b[i] = byte(r.IntN(3))
			}
		}
		return b
	}},
	{"bytes of headers", func(r *rand.Rand, dir Direction) []byte {
		b := make([]byte, 1+r.IntN(100))
		for i := range b {
			b[i] = []byte{0x81, 0x82, 0x00, 0x01, 0x02, 0x10, 0x80, 0x88, 0xff, 0xfe, 0x89}[r.IntN(11)]
		}
		return b
	}},
	{"pixels", func(r *rand.Rand, dir Direction) []byte {
		return bytes.Repeat([]byte{0x82, 1, byte(r.IntN(4))}, 1+r.IntN(400))
	}},
	{"16-bit samples", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		v := int16(r.IntN(600)) - 300
		for range 1 + r.IntN(700) {
			v += int16(r.IntN(21)) - 10
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
		return b
	}},
	{"der", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		for range 1 + r.IntN(20) {
			n := r.IntN(300)
			b = append(binary.BigEndian.AppendUint16(append(b, 0x30, 0x82), uint16(n+4)), 0x02, 0x82)
			b = append(binary.BigEndian.AppendUint16(b, uint16(n)), randomBytes(r, n)...)
		}
		return b
	}},
	{"messagepack", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		for range 1 + r.IntN(20) {
			b = append(b, 0x82, 0xa1, 'a', byte(r.IntN(128)), 0xa1, 'b', 0x81, 0x01, 0x02)
		}
		return b
	}},
	{"length and json", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		for range 1 + r.IntN(5) {
			m := fmt.Appendf(nil, `{"n":%d,"s":"%s"}`, r.IntN(100), randomText(r, r.IntN(100)))
			b = append(append(b, 0, byte(len(m))), m...)
		}
		return b
	}},
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
					c.Send(packetgen.Side(dir), s.make(r, Direction(dir)))
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
