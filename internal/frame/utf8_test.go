package frame

import (
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

func TestUTF8(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	parts := []string{"a", "ab", "é", "€", "𐍈", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82", "\xf0\x90\x8d", "\x80", "\xf4\x90\x80\x80", "hello, world"}
	valid := 0
	for range 50000 {
		var s []byte
		good := r.IntN(2) == 0
		for range r.IntN(6) {
			n := len(parts)
			if good {
				n = 5
			}
			s = append(s, parts[r.IntN(n)]...)
		}
		var u UTF8
		for b := s; len(b) > 0; {
			n := 1 + r.IntN(len(b))
			u.Write(b[:n])
			b = b[n:]
		}
		if u.Invalid(false) == utf8.Valid(s) {
			t.Fatalf("%q: invalid %v", s, u.Invalid(false))
		}
		if utf8.Valid(s) {
			valid++
			// A valid text stays valid with any bytes lost.
			var u UTF8
			from := r.IntN(len(s) + 1)
			to := from + r.IntN(len(s)-from+1)
			u.Write(s[:from])
			u.Gap()
			u.Write(s[to:])
			if u.Invalid(false) {
				t.Fatalf("%q without [%d:%d] is called invalid", s, from, to)
			}
			u = UTF8{}
			u.Write(s[:from])
			if u.Invalid(true) {
				t.Fatalf("%q is called invalid", s[:from])
			}
		}
	}
	if valid < 10000 {
		t.Errorf("%d valid texts", valid)
	}
}
