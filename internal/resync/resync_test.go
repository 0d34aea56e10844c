package resync

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/inflate"
)

var t0 = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

func newTester() *Tester { return &Tester{Inflater: new(inflate.Decoder)} }

func text(i int) []byte {
	p := fmt.Appendf(nil, `{"n":%d,"text":"abcdefgh"}`, i)
	return append([]byte{0x81, byte(len(p))}, p...)
}

// TestMatch: behind noise the first whole frame is found, and what is held begins
// with it.
func TestMatch(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		noise := make([]byte, 1+r.IntN(300))
		for i := range noise {
			noise[i] = byte('a' + r.IntN(26))
		}
		var s Search
		target, tester := &Target{}, newTester()
		s.Add(noise, t0, target, tester)
		var m Match
		ok := false
		var sent []byte
		n := 0
		for ; n < 10 && !ok; n++ {
			b := text(n)
			sent = append(sent, b...)
			s.Add(b, t0.Add(time.Duration(1+n)), target, tester)
			m, ok = s.Match(target, tester)
		}
		if !ok || m.Masked || n > 3 || !m.Time.Equal(t0.Add(1)) {
			t.Fatalf("seed %d: %v, %+v after %d frames", seed, ok, m, n)
		}
		var rest []byte
		for b := range s.Rest() {
			rest = append(rest, b...)
		}
		if !bytes.Equal(rest, sent) || s.Skipped() != uint64(len(noise)) {
			t.Fatalf("seed %d: held %q", seed, rest)
		}
	}
}

// TestNoMatch: random bytes are no frames, and what is held stays bounded.
func TestNoMatch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		var s Search
		tester := newTester()
		target := &Target{Unknown: true}
		added, skipped := 0, uint64(0)
		for range 400 {
			b := make([]byte, 1400)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			s.Add(b, t0, target, tester)
			added += len(b)
			if m, ok := s.Match(target, tester); ok {
				t.Fatalf("found %+v", m)
			}
			skipped += s.Skipped()
			if s.Held() > window || s.Size() > 3*window {
				t.Fatalf("%d bytes held, %d of memory", s.Held(), s.Size())
			}
		}
		s.Drop()
		if skipped += s.Skipped(); skipped != uint64(added) || s.Size() != 0 {
			t.Errorf("%d bytes added, %d skipped, %d of memory left", added, skipped, s.Size())
		}
	}
}

// FuzzSearch: whatever comes, held and skipped bytes are those that were added, and
// work is bounded by their number.
func FuzzSearch(f *testing.F) {
	f.Add(append(text(1), text(2)...), byte(0), byte(20))                                        // frames
	f.Add([]byte("\x81\x00\x81\x00\x81\x00"), byte(1), byte(1))                                  // empty frames
	f.Add([]byte("\xc1\x0b\xec\xc1\x31\x01\x00\x00\x00\xc2\xa0\xfe\xa9\xff"), byte(4), byte(30)) // compressed
	f.Add([]byte("\x82\x7f\x7f\x00\x00\x00\x00\x00\x00\x00abc"), byte(8), byte(12))              // a length that ends nowhere, and a gap
	f.Add(append([]byte("\x89\x01a\x8a\x01a"), text(3)...), byte(17), byte(2))                   // judged
	f.Fuzz(func(t *testing.T, b []byte, flags, cut byte) {
		target, tester := &Target{Unknown: flags&1 != 0, Masked: flags&2 != 0, Deflate: flags&4 != 0}, newTester()
		var s Search
		added, skipped := 0, uint64(0)
		for len(b) > 0 {
			n := min(len(b), 1+int(cut))
			s.Add(b[:n], t0, target, tester)
			added += n
			b = b[n:]
			if flags&8 != 0 && n&1 != 0 {
				s.Gap(int64(cut) << (flags >> 4))
			}
			if flags&16 != 0 {
				s.Turn()
				Judge([2]*Search{&s, nil}, Trust(flags>>5)%3, tester)
			}
			if _, ok := s.Match(target, tester); ok {
				break
			}
		}
		skipped += s.Skipped()
		held := 0
		for b := range s.Rest() {
			held += len(b)
		}
		if uint64(added) != skipped+uint64(s.Held()) || held != s.Held() {
			t.Errorf("%d bytes added, %d skipped, %d held, %d given back", added, skipped, s.Held(), held)
		}
		if s.work > 128*s.seen+4<<20 {
			t.Errorf("%d bytes of work for %d", s.work, s.seen)
		}
	})
}

// TestLongFrame: of a frame that is longer than what is held, only the place of the
// next header is kept, over a gap too.
func TestLongFrame(t *testing.T) {
	for _, lost := range []int64{0, 1, 100_000} {
		header := func(n int) []byte { // masked, with a key that makes no text
			return []byte{0x42, 0xff, 0, 0, 1, 0, 0, 0, byte(n >> 8), byte(n), 1, 2, 3, 4}
		}
		var s Search
		target, tester := &Target{Unknown: true}, newTester()
		const length = 1<<40 + 7
		s.Add(header(7), t0, target, tester)
		left := int64(length)
		for range 300 {
			b := make([]byte, 1400)
			for i := range b {
				b[i] = 0xee // begins no frame
			}
			s.Add(b, t0, target, tester)
			left -= int64(len(b))
		}
		if lost > 0 {
			s.Gap(lost)
			left -= lost
		}
		s.Gap(left)
		if len(s.chains) != 1 || s.chains[0].from != s.end() || s.Held() != 0 {
			t.Fatalf("%d lost: %d chains, %d bytes held", lost, len(s.chains), s.Held())
		}
		before := s.chains[0].bits
		s.Add([]byte{0x80, 0x81, 1, 2, 3, 4, 'x'}, t0, target, tester)
		if len(s.chains) == 0 || s.chains[0].bits <= before {
			t.Errorf("%d lost: the next header is no evidence: %+v", lost, s.chains)
		}
		s.Drop()
		s.Skipped()
	}
}

// TestJudge shows what is enough, and what speaks against it.
func TestJudge(t *testing.T) {
	masked := func(b0 byte, payload string) []byte {
		key := [4]byte{0x91, 0x3a, 0xc7, 0x5e}
		b := append([]byte{b0, 0x80 | byte(len(payload))}, key[:]...)
		for i := range len(payload) {
			b = append(b, payload[i]^key[i&3])
		}
		return b
	}
	plain := func(b0 byte, payload string) []byte {
		return append([]byte{b0, byte(len(payload))}, payload...)
	}
	type segment struct {
		side int
		b    []byte
	}
	for _, c := range []struct {
		name  string
		trust Trust
		segs  []segment
		found bool
		swap  bool
	}{
		{name: "a text of the client", segs: []segment{{0, masked(0x81, "hello, all of you")}}, found: true},
		{name: "the sides are the other way round", segs: []segment{{1, masked(0x81, "hello, all of you")}}, found: true, swap: true},
		{name: "a text of the server", segs: []segment{{1, plain(0x81, "hello, all of you")}}, found: true},
		{name: "two of three letters", segs: []segment{{0, masked(0x81, "abc")}, {1, plain(0x81, "abc")}}, found: true},
		{name: "one of three letters", segs: []segment{{0, masked(0x81, "abc")}}},
		{name: "at a known server", trust: Server, segs: []segment{{0, masked(0x81, "abc")}}, found: true},
		{name: "binary", segs: []segment{{1, plain(0x82, "\x01\x02\x03")}}},
		{name: "binary, promised", trust: Promised, segs: []segment{{1, plain(0x82, "\x01\x02\x03")}}, found: true},
		{name: "a ping and its pong", segs: []segment{{1, plain(0x89, "\x01\x02\x03\xfe")}, {0, masked(0x8a, "\x01\x02\x03\xfe")}}, found: true},
		{name: "a ping and another pong", segs: []segment{{1, plain(0x89, "\x01\x02\x03\xfe")}, {0, masked(0x8a, "\x01\x02\x03\xff")}}},
		{name: "the other side has no frames", segs: []segment{
			{0, []byte{0x90, 1}}, {1, plain(0x82, "\x01\x02\x03")}, {0, []byte{0x90, 2}}, {1, plain(0x82, "\x01\x02")},
			{0, []byte{0x90, 3}}, {1, plain(0x82, "\x01\x02\x03\x04")}, {0, []byte{0x90, 4}}, {1, plain(0x82, "\x01\x02\x05")}}},
	} {
		var s [2]Search
		target, tester := &Target{Unknown: true}, newTester()
		last := -1
		for _, g := range c.segs {
			if g.side != last {
				s[g.side].Turn()
			}
			last = g.side
			s[g.side].Add(g.b, t0, target, tester)
		}
		swap, at, ok := Judge([2]*Search{&s[0], &s[1]}, c.trust, tester)
		if ok != c.found || swap != c.swap || ok && !at.Equal(t0) {
			t.Errorf("%s: %v, swapped %v, at %v", c.name, ok, swap, at)
		}
	}
}
