package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/wstap/wstap/capture"
)

// drainBatches is drain by batches of some size. Only when a batch is complete are
// its frames looked at.
func drainBatches(t testing.TB, s capture.Source, size func() int) ([]record, error) {
	t.Helper()
	var recs []record
	fs := make([]capture.Frame, 200)
	for {
		n := size()
		for i := range fs[:n] { // what was there before does not shine through
			fs[i] = capture.Frame{Length: -1, Interface: 99, Direction: 9, Checksum: 9, Clock: 9}
		}
		got, err := s.Read(fs[:n])
		if err != nil {
			if got != 0 {
				t.Errorf("%d frames with %v", got, err)
			}
			return recs, err
		}
		if got < 1 || got > n {
			t.Fatalf("%d frames of %d", got, n)
		}
		for i := range fs[:got] {
			if f := &fs[i]; f.Checksum != 0 || f.Clock != 0 {
				t.Fatalf("frame %+v", *f)
			}
			recs = append(recs, own(&fs[i]))
		}
	}
}

// formatFiles are files of every format, some of several chunks.
func formatFiles(t testing.TB) map[string][]byte {
	le, be := binary.LittleEndian, binary.BigEndian
	recs := someFrames(3000)
	odd := someFrames(50)
	odd[49].time = 5e9 + 999_999_000
	files := map[string][]byte{
		"little":   pcapBytes(le, magicMicro, 1, recs...),
		"big":      pcapBytes(be, magicNano, 1, recs...),
		"modified": pcapBytes(le, magicModified, 113, recs...),
		"gzip":     packed(t, pcapBytes(le, magicNano, 1, recs...)),
		"empty":    pcapBytes(le, magicMicro, 1),
		"nano":     pcapBytes(le, magicNano, 1, odd...),
		"huge":     pcapBytes(le, magicMicro, 1, record{data: strings.Repeat("x", maxFrame), length: maxFrame}, recs[5]),
		"pcapng":   slices.Concat(everything(le, be), everything(be, le)),
		"blocks":   slices.Concat(everything(le, be), new(ngFile).section(be).block(0x99, make([]byte, 3*chunkSize)).ifi(1, 0).packet(0, 7, "end", 3).b),
		"simple":   new(ngFile).section(le).ifi(1, 0).packet(0, 7, "first", 5).simple("second", 6).old(0, 0, 8, "third", 9).b,
		"tagged":   interleaved(t, 20, 200, false),
		"cut":      pcapBytes(le, magicMicro, 1, recs...)[:100_000],
	}
	old := bytes.Clone(files["little"])
	old[6] = 2 // version 2.2
	files["old"] = old
	over := bytes.Clone(files["nano"]) // more nanoseconds than a second has
	le.PutUint32(over[pcapFileHeader+4:], 4_294_967_295)
	files["over"] = over
	return files
}

// Batches of any size hold the same frames, with and without a filter.
func TestReadSizes(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	for name, file := range formatFiles(t) {
		for _, filter := range []string{"", "less 400"} {
			cfg := &Config{Filter: filter}
			r, err := NewReader(bytes.NewReader(file), cfg)
			if err != nil {
				t.Fatal(err)
			}
			want, end := drain(r)
			r.Close()
			for _, size := range []func() int{
				func() int { return 1 },
				func() int { return 7 },
				func() int { return 64 },
				func() int { return 1 + rng.IntN(200) },
			} {
				for _, in := range []io.Reader{bytes.NewReader(file), iotest.HalfReader(bytes.NewReader(file))} {
					r, err := NewReader(in, cfg)
					if err != nil {
						t.Fatal(err)
					}
					got, err := drainBatches(t, r, size)
					if err.Error() != end.Error() || !slices.Equal(got, want) {
						t.Errorf("%s, filter %q: %d frames of %d, or others, then %v, want %v", name, filter, len(got), len(want), err, end)
					}
					if st, _ := r.Stats(); st.Captured != uint64(len(want)) {
						t.Errorf("%s: %d captured of %d", name, st.Captured, len(want))
					}
					r.Close()
					if n, err := r.Read(make([]capture.Frame, 1)); n != 0 || !errors.Is(err, net.ErrClosed) {
						t.Errorf("after Close: %d, %v", n, err)
					}
				}
			}
		}
	}
}

// Batches of any size and changes of the filter come in any order.
func TestReadMixed(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 5))
	for name, file := range formatFiles(t) {
		if name == "cut" || name == "empty" {
			continue
		}
		want, err := readAll(t, bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(iotest.HalfReader(bytes.NewReader(file)), nil)
		if err != nil {
			t.Fatal(err)
		}
		fs := make([]capture.Frame, 64)
		at, limit, last := 0, 1<<20, 1<<20
		for end := false; !end; {
			n, err := 0, error(nil)
			switch rng.IntN(3) {
			case 0:
				n, err = r.Read(fs[:1+rng.IntN(63)])
			case 1:
				n, err = r.Read(fs)
			case 2:
				expr := ""
				if limit = 1 << 20; rng.IntN(2) == 0 {
					expr, limit = "less 400", 400
				}
				if err := r.SetFilter(expr); err != nil {
					t.Fatal(err)
				}
			}
			end = err == io.EOF
			if err != nil && !end {
				t.Fatalf("%s: %v", name, err)
			}
			for i := range fs[:n] {
				got := own(&fs[i])
				for at < len(want) && want[at].length > limit {
					at++
				}
				// What the last Read passed over is gone.
				for at < len(want) && want[at] != got && want[at].length > last {
					at++
				}
				if at == len(want) || want[at] != got || got.length > limit {
					t.Fatalf("%s: a frame of %d bytes at the wrong place", name, got.length)
				}
				at++
			}
			if n > 0 {
				last = limit
			}
		}
		r.Close()
	}
}

// A change of the filter takes effect with the next call, and loses nothing that
// was not looked at by then.
func TestSetFilterBetween(t *testing.T) {
	recs := someFrames(500)
	r, err := NewReader(bytes.NewReader(pcapBytes(binary.LittleEndian, magicNano, 1, recs...)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rng := rand.New(rand.NewPCG(6, 7))
	limit := 1 << 20
	var f capture.Frame
	for at := 0; ; {
		for at < len(recs) && recs[at].length > limit {
			at++
		}
		if at == len(recs) {
			break
		}
		if err := read1(r, &f); err != nil {
			t.Fatal(err)
		}
		if got := own(&f); got != recs[at] {
			t.Fatalf("frame %d: %.50v, want %.50v", at, got, recs[at])
		}
		at++
		expr := ""
		if limit = 1 << 20; rng.IntN(2) == 0 {
			expr, limit = "less 700", 700
		}
		if err := r.SetFilter(expr); err != nil {
			t.Fatal(err)
		}
	}
	if err := read1(r, &f); err != io.EOF {
		t.Error(err)
	}
}

func TestReadAllocations(t *testing.T) {
	for _, filter := range []string{"", "ip or less 1000"} {
		r, err := NewReader(newLoop(100), &Config{Filter: filter})
		if err != nil {
			t.Fatal(err)
		}
		fs := make([]capture.Frame, 64)
		next := func() {
			if _, err := r.Read(fs); err != nil {
				t.Fatal(err)
			}
		}
		for range 10000 {
			next()
		}
		if n := testing.AllocsPerRun(10000, next); n != 0 {
			t.Errorf("filter %q: %v allocations a Read", filter, n)
		}
		r.Close()
	}
}
