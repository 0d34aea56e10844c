package resync

import "testing"

// TestRepeatsItself: a run of one byte behind a mask, wherever one looks into it, and
// frames that are none.
func TestRepeatsItself(t *testing.T) {
	run := make([]byte, 80)
	for i := range run {
		run[i] = "\x8a\x84ab"[i%4]
	}
	zeros := append([]byte("\x82\x88abcd"), "abcdabcd"...) // eight zeros, masked
	for _, tt := range []struct {
		b    []byte
		want bool
	}{{run[:10], true}, {run, true}, {[]byte("\x89\x82ab\x89\x82ab"), true}, {[]byte("\x89\x82ab\x89\x82ac"), false}, {[]byte("\x89\x80\x89\x80\x89\x80"), true}, {zeros, false}, {append(run[:63:63], 'x'), false}} {
		if got := repeatsItself(tt.b); got != tt.want {
			t.Errorf("%q: %v", tt.b, got)
		}
	}
}
