package capture

import (
	"encoding/binary"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/decode"
)

func TestGathering(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name   string
		filled time.Duration
		blocks int
		want   time.Duration
	}{
		{"handed over by time", 0, 256, 0},
		{"slower than the pause", 12 * ms, 256, 0},
		{"two in a pause", 5 * ms, 256, 10 * ms},
		{"so fast that a pause would take too much of the ring", 100 * time.Microsecond, 256, 1600 * time.Microsecond},
		{"a small ring", 5 * ms, 16, 0},
		{"the smallest", 5 * ms, 2, 0},
		{"a clock that was set back", -ms, 256, 0},
	} {
		if got := gathering(tt.filled, 40*ms, tt.blocks); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestGatheringOnce: a reader that has read full blocks pauses, and then does not again,
// but waits.
func TestGatheringOnce(t *testing.T) {
	for _, tt := range []struct {
		status uint32
		pauses bool
	}{
		{unix.TP_STATUS_USER, true},
		{unix.TP_STATUS_USER | unix.TP_STATUS_BLK_TMO, false},
	} {
		s, kernel := fakeRing(t, decode.LinkEthernet, 64, 100, 0)
		s.timeout = 4 * time.Second
		for i := range kernel {
			binary.NativeEndian.PutUint32(kernel[i][blockStatus:], tt.status)
			binary.NativeEndian.PutUint32(kernel[i][blockFirst+16+4:], 1e6)   // nanoseconds of the first frame
			binary.NativeEndian.PutUint32(kernel[i][blockFirst+24+4:], 151e6) // and of the last one
		}
		for s.pause == 0 && !kernel.mine(len(kernel)-2) {
			if err := s.advance(false); err != nil {
				t.Fatal(err)
			}
		}
		if (s.pause > 0) != tt.pauses {
			t.Fatalf("status %#x: a pause of %v", tt.status, s.pause)
		}
		if !tt.pauses {
			continue
		}
		want := s.pause
		for i := range kernel { // nothing is left
			binary.NativeEndian.PutUint32(kernel[i][blockStatus:], 0)
			binary.NativeEndian.PutUint32(kernel[i][blockNumPkts:], 0)
		}
		start := time.Now()
		s.stopped = start.Add(want/2 - s.timeout) // it has ended when the pause is over
		if err := s.advance(true); err != io.EOF || time.Since(start) < want {
			t.Errorf("%v after %v, want a pause of %v", err, time.Since(start), want)
		}
		if s.pause != 0 {
			t.Errorf("another pause of %v", s.pause)
		}
	}
}
