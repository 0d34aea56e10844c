package websocket

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// check compares messages with what was sent. Where the capture has it all,
// they are the same, with a conflict told where one was seen in time. Where not,
// a message without a flag was sent, in this order; one found by looking for
// frames may be what a payload contains, but nothing there is compressed. And up
// to the first frame header that the capture lacks, all that is whole is given.
func (s *scenario) check(t *testing.T, msgs []*Message) {
	t.Helper()
	got := map[pair][]*Message{}
	for _, m := range msgs {
		way := pair{m.Conn.Client, m.Conn.Server}
		if m.From == FromServer {
			way = way.reverse()
		}
		got[way] = append(got[way], m)
	}
	for _, k := range s.talks {
		for _, way := range []pair{{k.Client, k.Server}, {k.Server, k.Client}} {
			dir := 0
			if way.from == k.Server {
				dir = 1
			}
			switch {
			case s.has(snapped) && slices.Contains(k.seen[dir][:k.heads[dir]], false): // frames are supposed to follow
			case s.form[1]&^(harmless|forged) == 0 && !s.wild[way]:
				s.checkAll(t, way, got[way])
			case !s.wild[way]:
				s.checkSome(t, way, got[way], k.certain(way))
			}
		}
	}
}

func (s *scenario) checkAll(t *testing.T, way pair, msgs []*Message) {
	t.Helper()
	if len(msgs) != len(s.sent[way]) {
		t.Fatalf("%v: %d messages of %d", way, len(msgs), len(s.sent[way]))
	}
	for i, m := range msgs {
		if got := simple(m, false); got != s.sent[way][i] || m.Midstream || m.Undecoded || m.InvalidUTF8 {
			t.Fatalf("%v: %s, sent %s", way, describeMessage(m), s.sent[way][i])
		}
		// It may come late for a message, unless that had to wait to be told.
		must, may := false, false
		for _, f := range s.forged[way] {
			if f.from < s.spans[way][i].to && s.spans[way][i].from < f.to {
				must, may = must || f.time.Before(m.Time), true
			}
		}
		if m.Conflict && !may || !m.Conflict && must {
			t.Fatalf("%v: a conflict: %v, message %d is %s", way, may, i, describeMessage(m))
		}
	}
}

func (s *scenario) checkSome(t *testing.T, way pair, msgs []*Message, certain []string) {
	t.Helper()
	sent := s.sent[way]
	if s.form[1]&^(harmless|dropped) != 0 && s.form[1] != snapped { // what is captured late may be too late
		certain = nil
	}
	for _, m := range msgs {
		if m.Truncated || m.Undecoded || m.Unknown > 0 || m.Conflict || m.Midstream && !m.Compressed {
			continue
		}
		line := simple(m, false)
		i := slices.Index(sent, line)
		if i < 0 {
			t.Fatalf("%v: %s was not sent, or not in this order", way, describeMessage(m))
		}
		sent = sent[i+1:]
		if len(certain) > 0 && certain[0] == line {
			certain = certain[1:]
		}
	}
	if len(certain) > 0 {
		t.Fatalf("%v: %s was not given", way, certain[0])
	}
}

// certain returns the messages that were captured whole before the first frame
// header that was not. The opening has to be there, too.
func (k *talk) certain(way pair) (lines []string) {
	for dir := range k.seen {
		if slices.Contains(k.seen[dir][:k.heads[dir]], false) || !k.begun[dir] {
			return nil
		}
	}
	dir := FromClient
	if way.from == k.Server {
		dir = FromServer
	}
	seen, history := k.seen[dir], true
	for _, f := range k.frames[dir] {
		if slices.Contains(seen[f.from:f.body], false) {
			return lines
		}
		f.of.damaged = f.of.damaged || slices.Contains(seen[f.body:f.to], false)
		if f.last {
			if history = history && !(f.of.compressed && f.of.damaged); !f.of.damaged && (history || !f.of.compressed) {
				lines = append(lines, f.of.line)
			}
		}
	}
	return lines
}

// checkScenario plays a scenario through a file, a Tap and the reference.
func checkScenario(t *testing.T, script []byte) {
	s := newScenario(script)
	file := s.file()
	ref := readReference(file)
	out := tapFile(t, file, ref.records)
	s.check(t, out.msgs)
	conns := 0
	for _, e := range out.ends {
		if e.Cause == "fin" { // others are refused
			conns++
		}
	}
	if s.form[1]&^harmless == 0 && (len(out.gaps) > 0 || conns != len(s.talks)) {
		t.Fatalf("%d gaps, %d connections of %d", len(out.gaps), conns, len(s.talks))
	}
	ref.checkAgainst(t, out.msgs)
	if s.form[7]&3 == 0 {
		s.check(t, ref.checkShards(t, file))
	}
}

func TestScenarios(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 9))
	for i := range 100 {
		script := randomBytes(rnd, 8+2*rnd.IntN(20))
		if i%2 == 0 {
			script[1] &= harmless
		}
		t.Run(fmt.Sprintf("%x", script), func(t *testing.T) { checkScenario(t, script) })
	}
}

// FuzzScenario: the messages that were sent are those that the Tap gives of a
// capture of them, less what the capture lacks.
func FuzzScenario(f *testing.F) {
	for _, seed := range scenarios {
		f.Add(append(slices.Clone(seed.form[:]), seed.script...))
	}
	f.Fuzz(func(t *testing.T, script []byte) { checkScenario(t, script) })
}

// scenarios are the seeds, each with what it hits.
var scenarios = []struct {
	hits   string
	form   [8]byte
	script []byte
}{
	{"each kind of message, both ways", [8]byte{0, 0, 0xff}, []byte{0, 5, 1, 5, 0x08, 200, 0x10, 3, 0x11, 4, 0x18, 7, 0x20, 9, 0x28, 99, 0x30, 3, 0x38, 0, 0x39, 9}},
	{"segments of one byte", [8]byte{}, []byte{0, 5, 0x21, 10}},
	{"a message behind the 101 response, in its segment", [8]byte{0, 0, 0xff, 0, 0, 0x80}, []byte{1, 5, 0x21, 8}},
	{"requests of every kind before the opening", [8]byte{0, 0, 0xff, 0, 0, 0x50}, []byte{1, 5, 0x20, 8}},
	{"the same in disorder, in small segments", [8]byte{0, reordered | repeated, 9, 0x60, 0, 0x51}, []byte{1, 5, 0x20, 8, 2, 5, 3, 5}},
	{"history of earlier messages, in fragments with pings between", [8]byte{0x08, 0, 99}, []byte{0x69, 200, 0x69, 9, 0x61, 40, 0xe9, 200, 0x69, 41, 0x68, 60}},
	{"no history", [8]byte{0x10, 0, 99}, []byte{0x69, 200, 0x69, 9, 0x61, 40}},
	{"numbers that wrap, four connections of IPv6 in turn", [8]byte{0x04, 0, 0xff, 0, 0, 7, 0, 1}, []byte{0, 200, 2, 200, 4, 200, 6, 200, 1, 9, 3, 9, 5, 9, 7, 9}},
	{"packets in disorder, repeated, in IP fragments, tagged", [8]byte{0x01, harmless, 60, 0x60, 0, 1}, []byte{0x69, 200, 0x18, 90, 0x0b, 200, 3, 4, 0x82, 9, 2, 9}},
	{"the same in a cooked pcapng, packed, three workers", [8]byte{0x62, harmless, 0xff, 0x60, 0, 3, 1, 4}, []byte{0x18, 200, 0x1a, 200, 0x1c, 200, 0x1e, 200}},
	{"holes inside of payloads", [8]byte{0, dropped, 10, 0x10}, []byte{0, 200, 0, 90, 0x19, 200, 1, 9}},
	{"holes that take headers along, compressed", [8]byte{0x08, dropped, 0xff, 0x40}, []byte{0x40, 50, 0x40, 60, 0x68, 200, 0x41, 9, 0x40, 9, 0x40, 70, 0, 99}},
	{"compressed text behind holes, with history", [8]byte{0x08, dropped, 0xff, 0x18}, bytes.Repeat([]byte{0x69, 200, 0x41, 50, 0x40, 99, 0x68, 64}, 16)},
	{"the same without", [8]byte{0x10, dropped, 0xff, 0x18}, bytes.Repeat([]byte{0x69, 200, 0x41, 50, 0x40, 99, 0x68, 64}, 16)},
	{"compressed text in short segments, some missing", [8]byte{0x08, dropped, 40, 0x10}, bytes.Repeat([]byte{0x69, 200, 0x41, 50}, 32)},
	{"a capture of compressed text that begins in the middle", [8]byte{0x08, joined, 0xff, 0x60}, bytes.Repeat([]byte{0x69, 200, 0x41, 50, 0x40, 99, 0x68, 64}, 16)},
	{"a snapshot length that cuts heads and long messages", [8]byte{0, snapped, 0xff, 0, 80}, []byte{0, 5, 0, 200, 1, 9, 0x19, 20, 1, 20}},
	{"a snapshot length that cuts the SYNs, segments of one byte", [8]byte{0x30, snapped, 0, 0x30, 0x18, 0x30, 0x30, 0x30}, []byte{0x30, 0x30}},
	{"a response's head of which packets are missing, then frames in a payload", [8]byte{0x30, dropped | inPieces, 48, 0xad, 48, 0xad, 89, 65}, []byte{0x37, 49}},
	{"other bytes in a request's head", [8]byte{0x28, forged | inPieces | reordered, 0xff, 56, 48, 48, 0, 0}, []byte{0x31, 48, 0x3c, 48, 0x30, 200}},
	{"the same with packets missing, from the middle on", [8]byte{0x5b, 0xe6, 0x56, 0x24, 0x52, 0xf3, 0x7c, 0xae}, []byte{0xaa, 0x10, 0xd9, 5, 0xb5, 0x19}},
	{"requests behind a refused one, and no answer to the last", [8]byte{0x50, 0x77, 0xdd, 0x2c, 0x75, 0xf2, 0x63, 0xd3}, []byte("\xa9\xa0\xfd\x75\x17\x2d\x4e\x60\x92\x37\xcc\x67\x3a\xef\x4f\xfe\x53\xa8\x3c\xc9\xa8\x73\x21\xb2\x1a\xd3\xa1\xb9")},
	{"other bytes in what was delivered", [8]byte{0, forged, 60, 0x30}, []byte{0, 200, 1, 200, 0x20, 200, 0x21, 250, 1, 9}},
	{"other bytes in a fragment, then a ping, then the rest", [8]byte{0x41, forged, 35, 48, 48, 48, 0, 98}, []byte{0x39, 122, 0x31, 120, 0x61, 200, 0x31, 9}},
	{"other bytes in what waits behind a hole", [8]byte{0, forged | reordered, 20, 0x80}, []byte{0, 200, 1, 200, 0x20, 200, 1, 9}},
	{"a capture that begins between messages", [8]byte{0, joined, 0xff, 0x60}, []byte{0, 50, 0, 60, 1, 70, 1, 80, 0, 50, 0, 60, 1, 70, 1, 80}},
	{"payloads that look like frames, behind holes", [8]byte{0, dropped | joined, 60, 0x30}, []byte{0x30, 55, 0x31, 55, 0x30, 39, 0x31, 47, 0x30, 63}},
	{"no acknowledgments, no links", [8]byte{0x83, dropped | reordered, 99, 9}, []byte{0, 200, 0x19, 200, 0, 9, 1, 9}},
}
