package websocket

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/internal/frame"
	"github.com/wstap/wstap/internal/packetgen"
)

// talkWith opens a connection with agreed extensions; none where empty.
func talkWith(extensions string) *packetgen.Conversation {
	k := packetgen.NewConversation()
	k.NoAcks = true
	k.Open()
	k.Send(packetgen.Client, []byte(request))
	if extensions != "" {
		extensions = "Sec-WebSocket-Extensions: " + extensions + "\r\n"
	}
	k.Send(packetgen.Server, []byte(accepted+extensions+"\r\n"))
	return k
}

// describeAll describes the messages of a conversation, those of Tap.Messages and
// of Events alike.
func describeAll(t *testing.T, k *packetgen.Conversation) (lines []string) {
	t.Helper()
	tap := NewTap(source(k), nil)
	for e, err := range tap.Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := e.(*Message); ok {
			lines = append(lines, describeMessage(m))
		}
	}
	checkAccounts(t, "the conversation", tap.Stats(), true)
	var again []string
	for m := range NewTap(source(k), nil).Messages(t.Context()) {
		again = append(again, describeMessage(m))
	}
	if !slices.Equal(lines, again) {
		t.Fatalf("events\n%s\nmessages\n%s", strings.Join(lines, "\n"), strings.Join(again, "\n"))
	}
	return lines
}

// TestUnknownExtension: frames with reserved bits of an extension that is not known
// are told undecoded; where none was agreed, they break the rules, and are told as
// they are.
func TestUnknownExtension(t *testing.T) {
	const deflate = "permessage-deflate"
	for _, c := range []struct {
		extensions, frames, flags string
	}{
		{"permessage-bzip2", "\xc1", " undecoded rsv0x40"},
		{"permessage-bzip2; a=\"permessage-deflate\"", "\xc1", " undecoded rsv0x40"},
		{"bbf-usp-protocol", "\xa2", " undecoded rsv0x20"},
		{"mux", "\x21\x00\x80", " undecoded rsv0x20 frames=3"},
		{"mux", "\x01\x30\x80", " undecoded rsv0x30 frames=3"},
		{"mux", "\x99", " undecoded rsv0x10"}, // a pong
		{"mux", "\x81", " invalid"},
		{deflate + ", mux", "\x91", " undecoded rsv0x10"},
		{deflate + ", mux", "\xd1", " undecoded rsv0x50"},
		{"mux, " + deflate, "\x51\x80", " undecoded rsv0x50 frames=2"},
		{deflate, "\x91", " invalid rsv0x10"},
		{"", "\xc1", " invalid rsv0x40"},
		{"", "\xf2", " rsv0x70"},
		{"", "\x02\xb0", " rsv0x30 frames=2"},
	} {
		for dir := range Direction(2) {
			k := talkWith(c.extensions)
			payload := "\xff\xfeas it was sent"
			for i := range len(c.frames) {
				part := payload[len(payload)*i/len(c.frames) : len(payload)*(i+1)/len(c.frames)]
				k.Send(packetgen.Side(dir), testFrame(dir, c.frames[i], []byte(part)))
			}
			k.Send(packetgen.Side(dir), testFrame(dir, 0x81, []byte("behind")))
			want := []string{fmt.Sprintf("%v %v %q%s", dir, Opcode(c.frames[0]&15), payload, c.flags), fmt.Sprintf("%v text %q", dir, "behind")}
			if got := describeAll(t, k); !slices.Equal(got, want) {
				t.Errorf("%s, %q: got\n%s\nwant\n%s", c.extensions, c.frames, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// TestUnknownBesideDeflate: what an extension that is not known has made is not in
// the history of what follows, which says so rather than guess.
func TestUnknownBesideDeflate(t *testing.T) {
	k := talkWith("permessage-deflate, mux")
	c := newCompressor(true)
	text := strings.Repeat("the same again ", 9)
	for i, b0 := range []byte{0xc1, 0xe1, 0xc1} {
		k.Send(packetgen.Server, testFrame(FromServer, b0, c.message(fmt.Appendf(nil, "%d %s", i, text))))
	}
	k.Send(packetgen.Server, testFrame(FromServer, 0xc1, newCompressor(false).message([]byte("anew"))))
	got := describeAll(t, k)
	if len(got) != 4 || !strings.HasSuffix(got[0], "compressed") || !strings.HasSuffix(got[1], " undecoded rsv0x60") || !strings.Contains(got[2], "compressed unknown=") || got[3] != `server text "anew" compressed` {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

// TestWebkitDeflateFrame: with x-webkit-deflate-frame each frame is compressed by
// itself, or not, also those of a fragmented message.
func TestWebkitDeflateFrame(t *testing.T) {
	for _, extensions := range []string{
		"x-webkit-deflate-frame", "X-Webkit-Deflate-Frame; no_context_takeover", "deflate-frame; max_window_bits=15",
		"x-webkit-deflate-frame; max_window_bits=\"15\"; no_context_takeover",
	} {
		for seed := range uint64(30) {
			r := rand.New(rand.NewPCG(seed, 14))
			k := talkWith(extensions)
			// Which side begins anew each time is no matter.
			cs := [2]*compressor{newCompressor(seed&1 == 0), newCompressor(seed&2 == 0)}
			var want [2][]string
			for i := range 30 {
				dir := Direction(r.IntN(2))
				m := loads[i%5].make(r)
				frames, packed := 1, false
				if !m.op.Control() {
					frames = 1 + r.IntN(4)
				}
				for i := range frames {
					part := m.payload[len(m.payload)*i/frames : len(m.payload)*(i+1)/frames]
					b0 := byte(0)
					if i == 0 {
						b0 = byte(m.op)
					}
					if i == frames-1 {
						b0 |= 0x80
					}
					if !m.op.Control() && r.IntN(3) > 0 {
						part, packed, b0 = cs[dir].message(part), true, b0|frame.RSV1
					}
					k.Send(packetgen.Side(dir), randomFrame(r, dir, b0, part))
					if i < frames-1 && r.IntN(3) == 0 {
						k.Send(packetgen.Side(dir), randomFrame(r, dir, 0x89, []byte("between")))
						want[dir] = append(want[dir], fmt.Sprintf("%v ping %q", dir, "between"))
					}
				}
				want[dir] = append(want[dir], describeMessage(&Message{From: dir, Opcode: m.op, Payload: m.payload, Frames: frames, Compressed: packed}))
			}
			var got [2][]string
			for _, line := range describeAll(t, k) {
				dir := 0
				if strings.HasPrefix(line, "server") {
					dir = 1
				}
				got[dir] = append(got[dir], line)
			}
			for dir := range got {
				if !slices.Equal(got[dir], want[dir]) {
					t.Fatalf("%s, seed %d: got\n%s\nwant\n%s", extensions, seed, strings.Join(got[dir], "\n"), strings.Join(want[dir], "\n"))
				}
			}
		}
	}
}

// TestWebkitDamaged: a frame that cannot be inflated, or not whole, is told so.
func TestWebkitDamaged(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"garbage", " compressed undecoded frames=2"},
		{"lost", " compressed truncated frames=2"},
	} {
		k := talkWith("x-webkit-deflate-frame")
		whole := newCompressor(false).message([]byte(strings.Repeat("in the beginning ", 20)))
		k.Send(packetgen.Server, testFrame(FromServer, 0x42, whole))
		if c.name == "garbage" {
			k.Send(packetgen.Server, testFrame(FromServer, 0xc0, []byte{0xff, 0xff, 0xff}))
		} else {
			b := testFrame(FromServer, 0xc0, newCompressor(false).message(randomBytes(rand.New(rand.NewPCG(1, 1)), 9000)))
			k.Send(packetgen.Server, b)
			k.Packets = slices.Delete(k.Packets, len(k.Packets)-3, len(k.Packets)-2)
		}
		got := describeAll(t, k)
		if len(got) != 1 || !strings.HasPrefix(got[0], "server binary ") || !strings.HasSuffix(got[0], c.want) {
			t.Errorf("%s: %q, want %s", c.name, got, c.want)
		}
	}
}

// TestWebkitLimit: MaxMessage bounds a message also where a frame of it cannot be inflated
// and others are not compressed.
func TestWebkitLimit(t *testing.T) {
	const limit = 1000
	garbage := bytes.Repeat([]byte{0xff}, 2*limit)
	for _, frames := range [][]byte{{0x42, 0x80}, {0x02, 0x40, 0x80}, {0x42, 0x40, 0x00, 0xc0}, {0xc2}} {
		k := talkWith("x-webkit-deflate-frame")
		for _, b0 := range frames {
			k.Send(packetgen.Server, testFrame(FromServer, b0, garbage))
		}
		n := 0
		for m := range NewTap(source(k), &Config{MaxMessage: limit}).Messages(t.Context()) {
			if n++; len(m.Payload) > limit || !m.Truncated {
				t.Errorf("%x: %d bytes, truncated %v", frames, len(m.Payload), m.Truncated)
			}
		}
		if n != 1 {
			t.Errorf("%x: %d messages", frames, n)
		}
	}
}

// TestViolations: what breaks the rules is told, and given.
func TestViolations(t *testing.T) {
	long := strings.Repeat("x", 126)
	type sentFrame struct {
		b0      byte
		payload string
	}
	for _, c := range []struct {
		frames []sentFrame
		want   Violations // of the first message
	}{
		{[]sentFrame{{0x81, "fine"}}, 0},
		{[]sentFrame{{0x83, "x"}}, ReservedOpcode},
		{[]sentFrame{{0x03, "x"}, {0x80, "y"}}, ReservedOpcode},
		{[]sentFrame{{0x8b, "x"}}, ReservedOpcode},
		{[]sentFrame{{0x8f, long}}, ReservedOpcode | LongControl},
		{[]sentFrame{{0x89, long}}, LongControl},
		{[]sentFrame{{0x0a, "x"}}, FragmentedControl},
		{[]sentFrame{{0x88, ""}}, 0},
		{[]sentFrame{{0x88, "\x03"}}, CloseCode},
		{[]sentFrame{{0x88, "\x03\xe8"}}, 0},
		{[]sentFrame{{0x88, "\x03\xedx"}}, CloseCode}, // 1005
		{[]sentFrame{{0x88, "\x03\xee"}}, CloseCode},  // 1006
		{[]sentFrame{{0x88, "\x03\xf7"}}, CloseCode},  // 1015
		{[]sentFrame{{0x88, "\x03\xe7"}}, CloseCode},  // 999
		{[]sentFrame{{0x88, "\x13\x87"}}, 0},          // 4999
		{[]sentFrame{{0x88, "\x13\x88"}}, CloseCode},  // 5000
		{[]sentFrame{{0x01, "x"}, {0x81, "y"}}, Unfinished},
		{[]sentFrame{{0x01, "x"}, {0x02, "y"}, {0x80, "z"}}, Unfinished},
		{[]sentFrame{{0x80, "x"}}, NoBeginning},
		{[]sentFrame{{0x00, "x"}, {0x80, "y"}}, NoBeginning},
	} {
		for _, cut := range []int{1460, 1} {
			for dir := range Direction(2) {
				for bad := range 2 { // masked as it should be, and not
					k := talkWith("")
					k.MSS = cut
					for _, f := range c.frames {
						b := testFrame(Direction(int(dir)^bad), f.b0, []byte(f.payload))
						k.Send(packetgen.Side(dir), b)
					}
					for m := range NewTap(source(k), nil).Messages(t.Context()) {
						if m.Violations != c.want || m.BadMask != (bad == 1) || len(m.Payload) == 0 && c.frames[0].payload != "" {
							t.Errorf("%q: %q, want %q, bad mask %v: %s", c.frames, slices.Collect(m.Violations.All()), slices.Collect(c.want.All()), bad, describeMessage(m))
						}
						break
					}
				}
			}
		}
	}
}
