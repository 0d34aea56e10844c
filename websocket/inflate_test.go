package websocket

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/frame"
)

// TestReadable shows texts of which bytes are unknown, written here as ?.
func TestReadable(t *testing.T) {
	const u = replacement
	for _, c := range []struct {
		text, want string
		cut, bad   bool
	}{
		{text: "ab?d", want: "ab" + u + "d"},
		{text: "??", want: u + u},
		{text: "日?", want: "日" + u},
		{text: "日\xe6\x9c?", want: "日" + u + u + u},            // a character's end is unknown
		{text: "?\x9c\xac日", want: u + u + u + "日"},            // its beginning
		{text: "\x9c\xac?", bad: true},                         // no beginning at all
		{text: "?\x9c\xac\x80\x80\x80a", bad: true},            // more than a character
		{text: "ok \xff? ok", bad: true},                       // no text
		{text: "?a\xe6\x9c", bad: true},                        // ends inside a character,
		{text: "?a\xe6\x9c", cut: true, want: u + "a" + u + u}, // for it was cut
	} {
		b := []byte(c.text)
		miss := make([]bool, len(b))
		for i := range b {
			if miss[i] = b[i] == '?'; miss[i] {
				b[i] = 0
			}
		}
		got, ok := (&pipeline{maxMessage: 100}).readable(b, miss, c.cut)
		if ok == c.bad || string(got) != c.want {
			t.Errorf("%q: %q, %v", c.text, got, ok)
		}
	}
}

// TestTakeoverLate joins a chat that is compressed with context takeover: what was
// said before the capture stays unknown, what is new is read, and said again it is
// known.
func TestTakeoverLate(t *testing.T) {
	r := newRecorder(nil)
	s := newSeat(r.p, true)
	c := newCompressor(true)
	c.message([]byte(`{"from":"alice","says":"what came before"}`))
	say := func(text string) *Message {
		s.Data(FromServer, testFrame(FromServer, 0xc1, c.message([]byte(text))), t0)
		if len(r.msgs) == 0 {
			return nil
		}
		return r.msgs[len(r.msgs)-1]
	}
	for range 3 {
		say(`{"from":"alice","says":"a completely fresh remark about 314159"}`)
	}
	m := say(`{"from":"alice","says":"314159 is a completely fresh remark"}`)
	if m == nil || m.Unknown == 0 || m.Unknown > 30 || m.Undecoded || m.InvalidUTF8 || !agrees(m, Text, []byte(`{"from":"alice","says":"314159 is a completely fresh remark"}`)) {
		t.Fatalf("%+v", m)
	}
	s.Data(FromServer, testFrame(FromServer, 0xc1, []byte{7, 7, 7}), t0)
	if m := r.msgs[len(r.msgs)-1]; !m.Undecoded || m.Unknown != 0 {
		t.Errorf("what is no DEFLATE: %s", describeMessage(m))
	}
}

// TestInflateLimits: MaxMessage bounds what is given of a message that cannot be inflated, and of
// a text in which each unknown byte becomes three.
func TestInflateLimits(t *testing.T) {
	const limit = 100
	said := strings.Repeat("word ", 18)
	r := newRecorder(&Config{MaxMessage: limit})
	s := newSeat(r.p, true)
	c := newCompressor(true)
	c.message([]byte(said))
	for range 4 {
		s.Data(FromServer, testFrame(FromServer, 0xc1, c.message([]byte("found"))), t0)
	}
	s.Data(FromServer, testFrame(FromServer, 0xc1, c.message([]byte(said))), t0)
	if m := r.msgs[len(r.msgs)-1]; m.Unknown < limit/2 || len(m.Payload) > limit || !utf8.Valid(m.Payload) || !m.Truncated || m.Undecoded {
		t.Errorf("unknown: %d bytes, %s", len(m.Payload), describeMessage(m))
	}
	garbage := testFrame(FromServer, frame.WholeText|frame.RSV1, []byte(strings.Repeat("\a", 2*limit)))
	for _, first := range []int{len(garbage), limit} { // at hand whole, or not
		s.Data(FromServer, garbage[:first], t0)
		s.Data(FromServer, garbage[first:], t0)
		if m := r.msgs[len(r.msgs)-1]; !m.Undecoded || len(m.Payload) != limit || !m.Truncated || m.WireLength != 2*limit {
			t.Errorf("garbage: %d bytes, %s", len(m.Payload), describeMessage(m))
		}
	}
}
