package websocket

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/reassembly"
)

// t0 is when the tests' captures begin.
var t0 = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

// frame returns a frame with the given first byte, masked where it is the
// client's.
func testFrame(from Direction, b0 byte, payload []byte) []byte {
	b := []byte{b0}
	var mask byte
	if from == FromClient {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	if mask == 0 {
		return append(b, payload...)
	}
	key := [4]byte{0x37, 0xfa, byte(len(payload)), 0x3d}
	b = append(b, key[:]...)
	for i, c := range payload {
		b = append(b, c^key[i&3])
	}
	return b
}

const (
	request = "GET /chat?room=1 HTTP/1.1\r\nHost: example.com:7272\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	response = accepted + "\r\n"
	deflated = accepted + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)

// A recorder drives one conn by hand and writes down its events, a line each.
type recorder struct {
	p     *pipeline
	c     reassembly.Consumer
	lines []string
	msgs  []*Message
	opens []*Conn
	now   time.Time
	fed   uint64 // bytes
}

func newRecorder(cfg *Config) *recorder {
	r := &recorder{now: t0}
	r.p = newPipeline(NewTap(&frameSource{}, cfg), nil, func(e Event, err error) bool {
		switch e := e.(type) {
		case *Open:
			r.opens = append(r.opens, e.Conn)
			r.lines = append(r.lines, fmt.Sprintf("open %d %s", e.Conn.Status, e.Conn.URL))
		case *Message:
			m := e.Clone()
			r.msgs = append(r.msgs, m)
			r.lines = append(r.lines, describeMessage(m))
		case *Gap:
			r.lines = append(r.lines, fmt.Sprintf("gap %v %d", e.From, e.Bytes))
		case *End:
			r.lines = append(r.lines, "end "+string(e.Cause))
		}
		return true
	}, nil)
	r.c = newSeat(r.p, false)
	return r
}

func describeMessage(m *Message) string {
	var flags strings.Builder
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Compressed, "compressed"}, {m.Truncated, "truncated"}, {m.Undecoded, "undecoded"}, {m.Conflict, "conflict"},
		{m.Midstream, "midstream"}, {m.InvalidUTF8, "invalid"}, {m.BadMask, "badmask"}, {m.RSV != 0, fmt.Sprintf("rsv%#x", m.RSV)}} {
		if f.set {
			flags.WriteString(" " + f.name)
		}
	}
	p := fmt.Sprintf("%q", m.Payload)
	if len(m.Payload) > 100 {
		p = fmt.Sprintf("%d bytes", len(m.Payload))
	}
	if m.Unknown > 0 {
		flags.WriteString(fmt.Sprintf(" unknown=%d", m.Unknown))
	}
	if m.Frames != 1 {
		flags.WriteString(fmt.Sprintf(" frames=%d", m.Frames))
	}
	return fmt.Sprintf("%v %v %s%s", m.From, m.Opcode, p, flags.String())
}

func (r *recorder) data(dir Direction, b []byte) {
	r.now = r.now.Add(time.Millisecond)
	r.fed += uint64(len(b))
	// What is borrowed must not be kept: spoil it after use.
	b = bytes.Clone(b)
	r.c.Data(dir, b, r.now)
	for i := range b {
		b[i] = 0xEE
	}
}

func (r *recorder) want(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(r.lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestConversation(t *testing.T) {
	r := newRecorder(nil)
	r.data(FromClient, []byte(request))
	r.data(FromServer, append([]byte(response), testFrame(FromServer, 0x81, []byte("welcome"))...))
	r.data(FromClient, testFrame(FromClient, 0x01, []byte("Hel")))
	r.data(FromClient, testFrame(FromClient, 0x89, []byte("are you there?")))
	r.data(FromClient, testFrame(FromClient, 0x80, []byte("lo")))
	r.data(FromServer, testFrame(FromServer, 0x8A, []byte("are you there?")))
	r.data(FromServer, testFrame(FromServer, 0x82, nil))
	r.data(FromServer, testFrame(FromServer, 0x81, []byte{0xff}))
	r.data(FromServer, testFrame(FromServer, 0x88, []byte("\x03\xe8bye")))
	r.c.Closed(reassembly.FIN, r.now)
	r.want(t, "open 101 ws://example.com:7272/chat?room=1",
		`server text "welcome"`,
		`client ping "are you there?"`,
		`client text "Hello" frames=2`,
		`server pong "are you there?"`,
		`server binary ""`,
		`server text "\xff" invalid`,
		`server close "\x03\xe8bye"`,
		"end fin")
	c := r.opens[0]
	if !c.AcceptValid || c.Method != "GET" || c.Request().Get("Sec-Websocket-Version") != "13" || c.Response().Get("Upgrade") != "websocket" {
		t.Errorf("handshake %+v", c)
	}
	if code, reason := r.msgs[6].CloseStatus(); code != 1000 || reason != "bye" {
		t.Errorf("close status %d %q", code, reason)
	}
	if m := r.msgs[2]; m.Start != t0.Add(3*time.Millisecond) || m.Time != t0.Add(5*time.Millisecond) || m.WireLength != 5 {
		t.Errorf("fragmented message %+v", m)
	}
}

// compressor compresses a direction's messages as RFC 7692 says.
type compressor struct {
	buf      bytes.Buffer
	w        *flate.Writer
	takeover bool
}

func newCompressor(takeover bool) *compressor {
	c := &compressor{takeover: takeover}
	c.w, _ = flate.NewWriter(&c.buf, 6)
	return c
}

func (c *compressor) message(b []byte) []byte {
	c.buf.Reset()
	if !c.takeover {
		c.w.Reset(&c.buf)
	}
	c.w.Write(b)
	c.w.Flush()
	return bytes.TrimSuffix(bytes.Clone(c.buf.Bytes()), []byte{0, 0, 0xff, 0xff})
}

func TestDeflate(t *testing.T) {
	for _, ext := range []string{
		"permessage-deflate",
		"permessage-deflate; client_no_context_takeover",
		"permessage-deflate; server_no_context_takeover; client_max_window_bits=15",
		"x-other; a=\"permessage-deflate, b\", Permessage-Deflate ; Server_No_Context_Takeover;client_no_context_takeover",
	} {
		t.Run(ext, func(t *testing.T) {
			r := newRecorder(nil)
			r.data(FromClient, []byte(request))
			r.data(FromServer, []byte(accepted+"Sec-WebSocket-Extensions: "+ext+"\r\n\r\n"))
			lower := strings.ToLower(ext)
			cs := [2]*compressor{newCompressor(!strings.Contains(lower, "client_no")), newCompressor(!strings.Contains(lower, "server_no"))}
			want := []string{"open 101 ws://example.com:7272/chat?room=1"}
			for i := range 20 {
				for dir := range cs {
					text := fmt.Sprintf(`{"type":"say","n":%d}`, i)
					r.data(Direction(dir), testFrame(Direction(dir), 0xC1, cs[dir].message([]byte(text))))
					want = append(want, fmt.Sprintf("%v text %q compressed", Direction(dir), text))
				}
			}
			r.want(t, want...)
		})
	}
}

// TestSegmentation feeds one conversation cut at random places.
func TestSegmentation(t *testing.T) {
	c := newCompressor(true)
	var streams [2][]byte
	streams[0] = []byte(request)
	streams[1] = []byte(deflated)
	big := bytes.Repeat([]byte("0123456789abcdef"), 5000)
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		streams[0] = append(streams[0], testFrame(FromClient, 0x82, big[:n])...)
		streams[1] = append(streams[1], testFrame(FromServer, 0xC2, c.message(big[:n]))...)
		streams[1] = append(streams[1], testFrame(FromServer, 0x02, big[:n])...)
		streams[1] = append(streams[1], testFrame(FromServer, 0x89, []byte("ping"))...)
		streams[1] = append(streams[1], testFrame(FromServer, 0x80, big[:n])...)
	}
	var want []string
	// Seed 559 gives more than maxHeld of the client before the answer.
	for seed := range testkit.Rounds(50, 10, 500) {
		r := newRecorder(nil)
		rnd := rand.New(rand.NewPCG(7, uint64(seed)))
		most := []int{1, 7, 100, 1460, 100000}[seed%5]
		pos := [2]int{}
		for pos[0] < len(streams[0]) || pos[1] < len(streams[1]) {
			dir := rnd.IntN(2)
			if rnd.IntN(20) == 0 {
				dir = seed & 1 // one side runs ahead of the other
			}
			n := min(1+rnd.IntN(most), len(streams[dir])-pos[dir])
			if n > 0 {
				r.data(Direction(dir), streams[dir][pos[dir]:pos[dir]+n])
				pos[dir] += n
			}
		}
		r.c.Closed(reassembly.EOF, r.now)
		var got []string
		for dir := range Direction(2) {
			for _, m := range r.msgs {
				if m.From == dir {
					got = append(got, describeMessage(m))
					if !m.Opcode.Control() && !bytes.Equal(m.Payload, append(bytes.Clone(big[:len(m.Payload)/m.Frames]), big[:len(m.Payload)-len(m.Payload)/m.Frames]...)) {
						t.Fatalf("seed %d: payload differs", seed)
					}
				}
			}
		}
		if want == nil {
			want = got
			if len(want) != 7*4 {
				t.Fatalf("%d messages:\n%s", len(want), strings.Join(want, "\n"))
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}
