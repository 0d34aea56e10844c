package reassembly

import "testing"

// TestEndpoints: two ends that share a place are both known, and of three the last two.
func TestEndpoints(t *testing.T) {
	var e endpoints
	n := uint32(len(e))
	a, b, c := 5+n, 5+7*n, 5+9*n
	for _, hash := range []uint32{a, b, b, a, a} {
		e.add(hash)
	}
	if !e.has(a) || !e.has(b) || e.has(c) {
		t.Error("two do not share a place")
	}
	if e.add(c); !e.has(c) || !e.has(a) || e.has(b) {
		t.Error("of three the last two are not known")
	}
}
