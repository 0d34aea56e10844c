package capture

import (
	"io"
	"testing"
)

// single is a Source without batches, of n empty frames.
type single struct {
	Source
	n int
}

func (s *single) Next(f *Frame) error {
	if s.n == 0 {
		return io.EOF
	}
	s.n--
	*f = Frame{Length: s.n}
	return nil
}

// NextBatch of a Source that has none keeps the promises of Batched.
func TestNextBatchSingle(t *testing.T) {
	s := &single{n: 2}
	fs := make([]Frame, 3)
	if n, err := NextBatch(s, nil); n != 0 || err != nil {
		t.Errorf("no room: %d, %v", n, err)
	}
	for want := 1; want >= 0; want-- {
		if n, err := NextBatch(s, fs); n != 1 || err != nil || fs[0].Length != want {
			t.Errorf("%d, %v, frame %d, want %d", n, err, fs[0].Length, want)
		}
	}
	if n, err := NextBatch(s, fs); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}
