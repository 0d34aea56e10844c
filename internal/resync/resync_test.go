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
	f.Fuzz(func(t *testing.T, b []byte, flags, cut byte) {
		target, tester := &Target{Unknown: flags&1 != 0, Masked: flags&2 != 0, Deflate: flags&4 != 0}, newTester()
		var s Search
		added, skipped := 0, uint64(0)
		for len(b) > 0 {
			n := min(len(b), 1+int(cut))
			s.Add(b[:n], t0, target, tester)
			added += n
			b = b[n:]
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
