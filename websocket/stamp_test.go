package websocket

import (
	"testing"
	"time"
)

func TestStamps(t *testing.T) {
	var s stamps
	if !s.first().IsZero() || !s.last().IsZero() {
		t.Errorf("none: %v, %v", s.first(), s.last())
	}
	for _, first := range []time.Time{time.Unix(0, 0), time.Unix(-1, 999_999_999), time.Unix(1<<32, 1), time.Date(9999, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))} {
		s := stamps{}
		s.add(first)
		s.add(first.Add(time.Nanosecond))
		if !s.first().Equal(first) || !s.last().Equal(first.Add(1)) {
			t.Errorf("%v: %v, %v", first, s.first(), s.last())
		}
	}
}
