package websocket

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/frame"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
)

// A lateTalk is a conversation that a capture joins in the middle. It knows in
// which packets each frame and message is.
type lateTalk struct {
	*packetgen.Conversation
	r        *rand.Rand
	comps    [2]*compressor
	queue    [2][]byte
	queued   [2][]lateFrame // offsets in queue instead of packets
	frames   []lateFrame
	messages []lateMessage
	begun    [2]lateMessage // in fragments
	coalesce bool           // frames are sent when flushed
	split    bool           // header and payload are segments of their own
}

type lateFrame struct {
	first, last int // packets
	ends        int // index of the message that ends with it; -1
}

type lateMessage struct {
	sent
	dir         Direction
	first, last int
}

func newLateTalk(seed uint64) *lateTalk {
	k := &lateTalk{Conversation: packetgen.NewConversation(), r: rand.New(rand.NewPCG(seed, 17))}
	k.NoAcks = true
	return k
}

// frame sends a frame of a message.
func (k *lateTalk) frame(dir Direction, b0 byte, wire, payload []byte) {
	m := &k.begun[dir]
	if control := b0&8 != 0; control || b0&15 != 0 {
		*m = lateMessage{sent: sent{op: Opcode(b0 & 15)}, dir: dir, first: -1}
	}
	m.payload = append(m.payload, payload...)
	f := lateFrame{first: len(k.queue[dir]), ends: -1}
	k.queue[dir] = append(k.queue[dir], randomFrame(k.r, dir, b0, wire)...)
	f.last = len(k.queue[dir]) - 1
	if b0&0x80 != 0 {
		f.ends = len(k.messages)
		k.messages = append(k.messages, *m)
	}
	k.queued[dir] = append(k.queued[dir], f)
	if !k.coalesce {
		k.flush(dir)
	}
}

// flush sends what is queued.
func (k *lateTalk) flush(dir Direction) {
	at := len(k.Packets)
	var cuts []int
	if k.split {
		cuts = []int{2 + 4*int(1-dir)}
	}
	k.Send(packetgen.Side(dir), k.queue[dir], cuts...)
	packet := func(offset int) int {
		if k.split && offset >= cuts[0] {
			return at + 1 + (offset-cuts[0])/1460
		}
		return at + offset/1460
	}
	for _, f := range k.queued[dir] {
		f.first, f.last = packet(f.first), packet(f.last)
		if m := &k.begun[dir]; m.first < 0 {
			m.first = f.first
		}
		if f.ends >= 0 {
			m := &k.messages[f.ends]
			if m.last = f.last; m.first < 0 {
				m.first = f.first
			}
		}
		k.frames = append(k.frames, f)
	}
	k.queue[dir], k.queued[dir] = nil, nil
}

func (k *lateTalk) send(dir Direction, op Opcode, payload []byte) {
	if c := k.comps[dir]; c != nil && !op.Control() {
		k.frame(dir, 0x80|frame.RSV1|byte(op), c.message(payload), payload)
		return
	}
	k.frame(dir, 0x80|byte(op), payload, payload)
}

func (k *lateTalk) text(dir Direction, format string, args ...any) {
	k.send(dir, Text, fmt.Appendf(nil, format, args...))
}

func (k *lateTalk) binary(dir Direction, n int) { k.send(dir, Binary, randomBytes(k.r, n)) }

// fragments sends a message in n frames.
func (k *lateTalk) fragments(dir Direction, op Opcode, payload []byte, n int, between func()) {
	for i := range n {
		b0 := byte(0)
		if i == 0 {
			b0 = byte(op)
		}
		if i == n-1 {
			b0 |= 0x80
		}
		part := payload[i*len(payload)/n : (i+1)*len(payload)/n]
		k.frame(dir, b0, part, part)
		if between != nil && i < n-1 {
			between()
		}
	}
}

func (k *lateTalk) json() string {
	return fmt.Sprintf(`{"type":"say","n":%d,"content":%q}`, k.r.IntN(1e6), randomText(k.r, k.r.IntN(150)))
}

// mqtt is a packet of MQTT 3.1.1.
func mqtt(first byte, payload []byte) []byte {
	return append(binary.AppendUvarint([]byte{first}, uint64(len(payload))), payload...)
}

func (k *lateTalk) publish() []byte {
	topic := fmt.Sprintf("sensors/%d/state", k.r.IntN(100))
	return mqtt(0x30, append(append([]byte{0, byte(len(topic))}, topic...), randomBytes(k.r, 1+k.r.IntN(60))...))
}

// protobuf is a message with a number, a string and a double.
func (k *lateTalk) protobuf() []byte {
	b := binary.AppendUvarint([]byte{0x08}, uint64(k.r.IntN(1e5)))
	s := randomText(k.r, k.r.IntN(30))
	b = append(append(b, 0x12, byte(len(s))), s...)
	return append(append(b, 0x19), randomBytes(k.r, 8)...)
}

func (k *lateTalk) cjk() string {
	var b strings.Builder
	for range 1 + k.r.IntN(30) {
		b.WriteRune(rune(0x4e00 + k.r.IntN(5000)))
	}
	return b.String()
}

// late are kinds of traffic that a capture joins in the middle: an exchange each,
// after how many frames the first line has to come, and how many messages that
// were captured whole may be lost.
var late = []struct {
	name   string
	frames int
	lost   int
	step   func(k *lateTalk, i int)
}{
	{"json, both", 1, 0, func(k *lateTalk, i int) { k.text(0, "%s", k.json()); k.text(1, "%s", k.json()) }},
	{"json, server", 1, 0, func(k *lateTalk, i int) { k.text(1, "%s", k.json()) }},
	{"json, client", 1, 0, func(k *lateTalk, i int) { k.text(0, "%s", k.json()) }},
	{"json of 20 kB, server", 1, 0, func(k *lateTalk, i int) {
		k.text(1, `{"list":%q}`, randomText(k.r, 20_000))
	}},
	{"json of 300 kB, both", 1, 0, func(k *lateTalk, i int) {
		k.text(0, `{"give":%d}`, i)
		k.text(1, `{"list":%q}`, randomText(k.r, 300_000))
	}},
	{"lines, both", 2, 0, func(k *lateTalk, i int) {
		k.text(0, "%s", randomText(k.r, 3+k.r.IntN(60)))
		k.text(1, "%s\n", randomText(k.r, 3+k.r.IntN(60)))
	}},
	{"cjk, both", 2, 0, func(k *lateTalk, i int) { k.text(0, "%s", k.cjk()); k.text(1, "%s", k.cjk()) }},
	{"cjk, server", 2, 0, func(k *lateTalk, i int) { k.text(1, "%s", k.cjk()) }},
	{"numbers, both", 2, 0, func(k *lateTalk, i int) { k.text(0, "%d", k.r.IntN(1e4)); k.text(1, "%d", k.r.IntN(1e4)) }},
	{"numbers, server", 2, 0, func(k *lateTalk, i int) { k.text(1, "%.2f", 1000*k.r.Float64()) }},
	{"engine.io heartbeats", 4, 0, func(k *lateTalk, i int) { k.text(1, "2"); k.text(0, "3") }},
	{"socket.io events, server", 2, 0, func(k *lateTalk, i int) { k.text(1, `42["news",{"id":%d}]`, i) }},
	{"stomp", 2, 0, func(k *lateTalk, i int) {
		k.text(0, "SEND\ndestination:/queue/a\n\n%s\x00", randomText(k.r, k.r.IntN(60)))
		k.text(1, "RECEIPT\nreceipt-id:%d\n\n\x00", i)
	}},
	{"signalr", 2, 0, func(k *lateTalk, i int) {
		k.text(0, `{"type":1,"target":"send","arguments":[%d]}`+"\x1e", i)
		k.text(1, `{"type":6}`+"\x1e")
	}},
	{"graphql", 2, 0, func(k *lateTalk, i int) {
		k.text(1, `{"id":"%d","type":"next","payload":{"data":%d}}`, i, k.r.IntN(1e6))
		if i%5 == 0 {
			k.text(0, `{"type":"ping"}`)
		}
	}},
	{"pings without payload", 4, 0, func(k *lateTalk, i int) { k.send(1, Ping, nil); k.send(0, Pong, nil) }},
	{"pings with payload", 4, 0, func(k *lateTalk, i int) {
		p := randomBytes(k.r, 4)
		k.send(1, Ping, p)
		k.send(0, Pong, p)
	}},
	{"pongs alone", 4, 0, func(k *lateTalk, i int) { k.send(0, Pong, nil) }},
	{"mqtt", 4, 0, func(k *lateTalk, i int) { k.send(0, Binary, k.publish()); k.send(1, Binary, k.publish()) }},
	{"mqtt, server", 4, 0, func(k *lateTalk, i int) { k.send(1, Binary, k.publish()) }},
	{"mqtt keep-alive", 4, 0, func(k *lateTalk, i int) {
		k.send(0, Binary, []byte{0xc0, 0})
		k.send(1, Binary, []byte{0xd0, 0})
	}},
	{"protobuf, both", 4, 0, func(k *lateTalk, i int) { k.send(0, Binary, k.protobuf()); k.send(1, Binary, k.protobuf()) }},
	{"protobuf, server", 4, 0, func(k *lateTalk, i int) { k.send(1, Binary, k.protobuf()) }},
	{"40 random bytes, server", 4, 0, func(k *lateTalk, i int) { k.binary(1, 40) }},
	{"40 random bytes, client", 4, 0, func(k *lateTalk, i int) { k.binary(0, 40) }},
	{"40 random bytes, both", 4, 0, func(k *lateTalk, i int) { k.binary(0, 40); k.binary(1, 40) }},
	{"1 to 300 random bytes, both", 4, 0, func(k *lateTalk, i int) { k.binary(0, 1+k.r.IntN(300)); k.binary(1, 1+k.r.IntN(300)) }},
	{"5 kB of random bytes, server", 4, 0, func(k *lateTalk, i int) { k.binary(1, 4000+k.r.IntN(2000)) }},
	{"60 kB of random bytes, both", 4, 0, func(k *lateTalk, i int) { k.binary(0, 60_000+k.r.IntN(5000)); k.binary(1, 60_000) }},
	{"200 kB of random bytes, client", 4, 0, func(k *lateTalk, i int) { k.binary(0, 200_000) }},
	{"1 MB of random bytes, server", 4, 0, func(k *lateTalk, i int) {
		if i < 10 {
			k.binary(1, 1_000_000)
		}
	}},
	{"deflate, both", 4, 0, func(k *lateTalk, i int) {
		k.deflate(false)
		k.text(0, "%s", k.json())
		k.text(1, "%s", k.json())
	}},
	{"deflate, server", 4, 0, func(k *lateTalk, i int) { k.deflate(false); k.text(1, "%s", k.json()) }},
	{"deflate with takeover, both", 4, 0, func(k *lateTalk, i int) {
		k.deflate(true)
		k.text(0, "%s", k.json())
		k.text(1, "%s", k.json())
	}},
	{"deflate with takeover, server", 4, 0, func(k *lateTalk, i int) { k.deflate(true); k.text(1, "%s", k.json()) }},
	{"deflate with takeover, protobuf", 4, 0, func(k *lateTalk, i int) {
		k.deflate(true)
		k.send(0, Binary, k.protobuf())
		k.send(1, Binary, k.protobuf())
	}},
	{"text in 3 fragments, server", 4, 0, func(k *lateTalk, i int) { k.fragments(1, Text, []byte(k.json()), 3, nil) }},
	{"text in 3 fragments, client", 4, 0, func(k *lateTalk, i int) { k.fragments(0, Text, []byte(k.json()), 3, nil) }},
	{"binary in 4 fragments, both", 5, 0, func(k *lateTalk, i int) {
		k.fragments(0, Binary, randomBytes(k.r, 900), 4, nil)
		k.fragments(1, Binary, randomBytes(k.r, 6000), 4, nil)
	}},
	{"300 kB in fragments of 16 kB, server", 20, 0, func(k *lateTalk, i int) {
		if i < 10 {
			k.fragments(1, Binary, randomBytes(k.r, 300_000), 18, nil)
		}
	}},
	{"json in a stream, both", 4, 0, func(k *lateTalk, i int) {
		k.coalesce = true
		k.text(0, "%s", k.json())
		k.text(1, "%s", k.json())
		if i%4 == 3 {
			k.flush(0)
			k.flush(1)
		}
	}},
	{"protobuf in a stream, server", 8, 0, func(k *lateTalk, i int) {
		k.coalesce = true
		k.send(1, Binary, k.protobuf())
		if i%4 == 3 {
			k.flush(1)
		}
	}},
	{"json over segments, server", 20, 1, func(k *lateTalk, i int) {
		k.coalesce = true
		k.text(1, "%s", k.json())
		if i == 39 {
			k.flush(1)
		}
	}},
	{"300 random bytes over segments, server", 20, 1, func(k *lateTalk, i int) {
		k.coalesce = true
		k.binary(1, 100+k.r.IntN(400))
		if i == 39 {
			k.flush(1)
		}
	}},
	{"headers apart, both", 2, 0, func(k *lateTalk, i int) {
		k.split = true
		k.text(0, `{"n":%d,"what":"question"}`, i)
		k.text(1, `{"n":%d,"what":"answer"}`, i)
	}},
	{"all sorts, both", 4, 0, func(k *lateTalk, i int) {
		dir := Direction(k.r.IntN(2))
		switch k.r.IntN(5) {
		case 0:
			k.send(dir, Ping, randomBytes(k.r, k.r.IntN(20)))
		case 1:
			k.binary(dir, 1+k.r.IntN(5000))
		case 2:
			k.text(dir, "%s", k.json())
		case 3:
			k.text(dir, "%s", randomText(k.r, 1+k.r.IntN(2000)))
		case 4:
			k.send(dir, Binary, k.protobuf())
		}
	}},
}

func (k *lateTalk) deflate(takeover bool) {
	if k.comps[0] == nil {
		k.comps = [2]*compressor{newCompressor(takeover), newCompressor(takeover)}
	}
}

// stepSource gives out one frame at a time, as it would be captured.
type stepSource struct{ *frameSource }

func (s stepSource) Read(fs []capture.Frame) (int, error) { return s.frameSource.Read(fs[:1]) }

// A joining is what came of joining late.
type joining struct {
	frames   int // captured whole until the first line
	lost     int // messages captured whole and not given
	disorder int // messages given after later ones
	delayed  int // messages given later than with their last packet, after the first line
	partial  int
}

// is says whether m is the message.
func (s *lateMessage) is(k *lateTalk, m *Message) bool {
	return s.dir == m.From && k.Packets[s.last].Time.Equal(m.Time) && agrees(m, s.op, s.payload)
}

// join plays a conversation from a packet on, and fails for messages that were not
// sent, or not in this order.
func (k *lateTalk) join(t *testing.T, cut int) (j joining) {
	t.Helper()
	s := source(k.Conversation)
	s.frames = s.frames[cut:]
	next, last := 0, [2]int{-1, -1}
	given := make([]bool, len(k.messages))
	before := -1
	for e, err := range NewTap(stepSource{s}, nil).Events(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		m, ok := e.(*Message)
		if !ok {
			continue
		}
		pos := cut + int(s.n) - 1
		first := j.frames == 0
		if first {
			for _, f := range k.frames {
				if f.first >= cut && f.last <= pos {
					j.frames++
				}
			}
		}
		if m.Truncated {
			continue
		}
		next = last[m.From] + 1
		for next < len(k.messages) && !k.messages[next].is(k, m) {
			next++
		}
		if next == len(k.messages) {
			t.Errorf("from packet %d: was not sent, or not in this order: %s", cut, describeMessage(m))
			continue
		}
		last[m.From], given[next] = next, true
		if m.Unknown > 0 {
			j.partial++
		}
		if !first && pos > k.messages[next].last {
			j.delayed++
		}
		if before > k.messages[next].last {
			j.disorder++
		}
		before = max(before, k.messages[next].last)
	}
	for i, m := range k.messages {
		if m.first >= cut && !given[i] {
			j.lost++
		}
	}
	return j
}

// TestLate joins conversations of many kinds at many places. -v shows the table.
func TestLate(t *testing.T) {
	t.Logf("%-40s %7s %9s %6s %8s %8s", "", "frames", "disorder", "lost", "delayed", "partial")
	for _, l := range late {
		t.Run(l.name, func(t *testing.T) {
			var worst joining
			for seed := range uint64(testkit.Rounds(5, 1, 40)) {
				k := newLateTalk(seed)
				for i := range 40 {
					l.step(k, i)
				}
				cut := 1 + k.r.IntN(len(k.Packets)/2)
				j := k.join(t, cut)
				worst.frames = max(worst.frames, j.frames)
				worst.lost = max(worst.lost, j.lost)
				worst.disorder = max(worst.disorder, j.disorder)
				worst.delayed = max(worst.delayed, j.delayed)
				worst.partial = max(worst.partial, j.partial)
				if j.frames == 0 {
					t.Errorf("seed %d, from packet %d of %d: nothing was found", seed, cut, len(k.Packets))
				}
			}
			t.Logf("%-40s %7d %9d %6d %8d %8d", l.name, worst.frames, worst.disorder, worst.lost, worst.delayed, worst.partial)
			if worst.frames > l.frames || worst.lost > l.lost || worst.disorder > 0 {
				t.Errorf("first line after %d frames, want %d; %d lost, want %d; %d out of order", worst.frames, l.frames, worst.lost, l.lost, worst.disorder)
			}
		})
	}
}
