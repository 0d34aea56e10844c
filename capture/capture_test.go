package capture

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// numbered is a Source of n frames, whose Length is their number, in batches of
// at most most. Its shards take turns.
type numbered struct {
	n, step, most int
	next          int
	count         *Stats // of all shards
	mu            *sync.Mutex
	stopped       bool
	closed        bool
}

func newNumbered(n, most int) *numbered {
	return &numbered{n: n, step: 1, most: most, count: new(Stats), mu: new(sync.Mutex)}
}

func (s *numbered) Read(fs []Frame) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case len(fs) == 0:
		return 0, nil
	case s.next >= s.n || s.stopped:
		return 0, io.EOF
	}
	n := 0
	for n < min(len(fs), s.most) && s.next < s.n {
		fs[n] = Frame{Length: s.next}
		s.next += s.step
		n++
	}
	s.count.Captured += uint64(n)
	s.count.Received += uint64(n)
	return n, nil
}

func (s *numbered) Info() Info {
	return Info{Name: "numbered", Live: true, InterfaceName: func(i int) string { return fmt.Sprint("eth", i) }}
}

func (s *numbered) Stats() (Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.count, nil
}

func (s *numbered) Stop() error  { s.stopped = true; return nil }
func (s *numbered) Close() error { s.closed = true; return nil }

// sharded makes numbered Sharded.
type sharded struct{ *numbered }

func (s sharded) Shards() []Source {
	shards := make([]Source, 3)
	for i := range shards {
		one := *s.numbered
		one.step, one.next = len(shards), i
		shards[i] = &one
	}
	return shards
}

// lengths reads a Source to its end by batches of size.
func lengths(t *testing.T, s Source, size int) (got []int) {
	t.Helper()
	fs := make([]Frame, size)
	for {
		n, err := s.Read(fs)
		if err == io.EOF && n == 0 {
			return got
		}
		if err != nil || n == 0 && !s.Info().Live {
			t.Fatalf("%d frames and %v", n, err)
		}
		for _, f := range fs[:n] {
			got = append(got, f.Length)
		}
	}
}

func every(n, of int) (want []int) {
	for i := 0; i < n; i += of {
		want = append(want, i)
	}
	return want
}

func third(f *Frame) bool { return f.Length%3 == 0 }

// Select gives out what is wanted, whatever the sizes of batches, and counts the
// rest; all else is the inner Source's.
func TestSelect(t *testing.T) {
	for _, size := range []int{1, 2, 5, 64} {
		for _, most := range []int{1, 4, 100} {
			s := Select(newNumbered(100, most), third)
			if got := lengths(t, s, size); !slices.Equal(got, every(100, 3)) {
				t.Errorf("batches of %d of %d: got %v", size, most, got)
			}
			if st, err := s.Stats(); err != nil || st.Captured != 34 || st.Skipped != 66 || st.Received != 100 {
				t.Errorf("%+v, %v", st, err)
			}
		}
	}
	inner := newNumbered(100, 10)
	s := Select(inner, third)
	if n, err := s.Read(nil); n != 0 || err != nil {
		t.Errorf("no room: %d, %v", n, err)
	}
	if i := s.Info(); i.Name != "numbered" || !i.Live || i.InterfaceName(7) != "eth7" {
		t.Errorf("%+v", i)
	}
	if err := s.Stop(); err != nil || !inner.stopped {
		t.Errorf("not stopped: %v", err)
	}
	if err := s.Close(); err != nil || !inner.closed {
		t.Errorf("not closed: %v", err)
	}
	if _, err := s.Read(make([]Frame, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
}

// Shards are wrapped one by one and counted together.
func TestSelectShards(t *testing.T) {
	var mu sync.Mutex
	seen := 0
	s := Observe(Select(sharded{newNumbered(90, 4)}, func(f *Frame) bool { return f.Length%2 == 0 }), func(*Frame) error {
		mu.Lock()
		defer mu.Unlock()
		seen++
		return nil
	})
	shards := s.(Sharded).Shards()
	if len(shards) != 3 {
		t.Fatalf("%d shards", len(shards))
	}
	got := make([][]int, len(shards))
	var wg sync.WaitGroup
	for i, shard := range shards {
		wg.Go(func() { got[i] = lengths(t, shard, 8) })
	}
	wg.Wait()
	for i := range got {
		for _, n := range got[i] {
			if n%3 != i {
				t.Errorf("frame %d in shard %d", n, i)
			}
		}
	}
	if all := slices.Sorted(slices.Values(slices.Concat(got...))); !slices.Equal(all, every(90, 2)) || seen != 45 {
		t.Errorf("seen %d, got %v", seen, all)
	}
	for _, one := range append(shards, s) {
		if st, err := one.Stats(); err != nil || st.Captured != 45 || st.Skipped != 45 || st.Received != 90 {
			t.Errorf("%+v, %v", st, err)
		}
	}
	// A source without shards is its only one.
	single := Select(newNumbered(9, 4), third)
	if shards := single.(Sharded).Shards(); len(shards) != 1 || !slices.Equal(lengths(t, shards[0], 8), []int{0, 3, 6}) {
		t.Errorf("%d shards of one", len(shards))
	}
}

// An error of Observe's function comes after the frames before, and stays.
func TestObserveError(t *testing.T) {
	broken := errors.New("broken")
	for _, most := range []int{1, 7, 100} {
		s := Observe(newNumbered(100, most), func(f *Frame) error {
			if f.Length == 20 {
				return broken
			}
			return nil
		})
		fs := make([]Frame, 100)
		var got []int
		for {
			n, err := s.Read(fs)
			for _, f := range fs[:n] {
				got = append(got, f.Length)
			}
			if err != nil {
				if n != 0 || err != broken {
					t.Errorf("%d frames and %v", n, err)
				}
				break
			}
		}
		if !slices.Equal(got, every(20, 1)) {
			t.Errorf("got %v", got)
		}
		if n, err := s.Read(fs); n != 0 || err != broken {
			t.Errorf("again: %d, %v", n, err)
		}
		if st, _ := s.Stats(); st.Captured != 20 || st.Captured+st.Skipped != st.Received {
			t.Errorf("%+v", st)
		}
	}
}

// Frames ends silently at io.EOF, yields other errors, and goes on where it was
// broken off.
func TestFrames(t *testing.T) {
	s := newNumbered(5, 100)
	var got []int
	for range 2 {
		for f, err := range Frames(s) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, f.Length); len(got) == 2 {
				break
			}
		}
	}
	if !slices.Equal(got, every(5, 1)) {
		t.Errorf("got %v", got)
	}
	s.Close()
	errs := 0
	for f, err := range Frames(s) {
		if f != nil || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, %v", f, err)
		}
		errs++
	}
	if errs != 1 {
		t.Errorf("%d errors after Close", errs)
	}
}

// Each number has one meaning: a negative one is an error.
func TestConfigNegative(t *testing.T) {
	for _, c := range []Config{{SnapLen: -1}, {BufferSize: -1}, {BlockSize: -1}, {BlockTimeout: -1}, {Workers: -1}} {
		if err := c.setDefaults(); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}
