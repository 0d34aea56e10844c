package websocket

import "testing"

// TestRollAfterPeak: a roll that was long does not keep its memory, nor lose who is left.
func TestRollAfterPeak(t *testing.T) {
	var r roll
	all := make([]socket, 100_000)
	for i := range all {
		r.add(&all[i])
	}
	for i := range all {
		if i%1000 > 0 {
			r.remove(&all[i])
		}
	}
	if r.Len() != 100 || cap(r.sockets) > 1024 {
		t.Errorf("%d are left, with room for %d", r.Len(), cap(r.sockets))
	}
	for i := range all {
		if is := all[i].place > 0; is != (i%1000 == 0) || is && r.sockets[all[i].place-1] != &all[i] {
			t.Fatalf("%d is at %d", i, all[i].place)
		}
	}
}
