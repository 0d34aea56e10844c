package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/filter"
)

// parts writes the frames to files, each frame to the one that choose says.
func parts(t *testing.T, recs []record, n int, choose func(i int) int) []string {
	t.Helper()
	dir := t.TempDir()
	of := make([][]record, n)
	for i, r := range recs {
		of[choose(i)] = append(of[choose(i)], r)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = filepath.Join(dir, fmt.Sprintf("%02d.pcap", i))
		if err := os.WriteFile(names[i], pcapBytes(binary.LittleEndian, magicNano, 1, of[i]...), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// TestSeries: files in any order, that overlap or follow each other, are read in
// the order of time, also in batches, and none is open longer than it takes.
func TestSeries(t *testing.T) {
	recs := someFrames(3000)
	for i := range recs {
		recs[i].time = int64(i+1) * 1e6
	}
	rng := rand.New(rand.NewPCG(1, 2))
	mixed := make([]int, len(recs))
	for i := range mixed {
		mixed[i] = rng.IntN(7)
	}
	for name, choose := range map[string]func(int) int{
		"one after the other": func(i int) int { return i / 500 },
		"at the same time":    func(i int) int { return mixed[i] },
		"overlapping":         func(i int) int { return min(i/500+mixed[i]%2, 6) },
		"one empty":           func(i int) int { return i / 500 % 2 * 3 },
	} {
		names := parts(t, recs, 7, choose)
		rng.Shuffle(len(names), func(a, b int) { names[a], names[b] = names[b], names[a] })
		for _, size := range []int{1, 32, 200} {
			s, err := OpenSeries(names, nil)
			if err != nil {
				t.Fatal(err)
			}
			most := 0
			got, err := drainBatches(t, s, func() int { most = max(most, len(s.opened)); return size })
			if err != io.EOF {
				t.Errorf("%s: %v", name, err)
			}
			compare(t, got, recs)
			if name == "one after the other" && most > 2 {
				t.Errorf("%d files are open at once", most)
			}
			if st, err := s.Stats(); err != nil || st.Captured != uint64(len(recs)) || st.Received != st.Captured {
				t.Errorf("%+v, %v", st, err)
			}
			s.Close()
			if _, err := s.Read(make([]capture.Frame, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read after Close: %v", err)
			}
		}
	}
}

// TestSeriesPipe: what can be read only once is part of a series too.
func TestSeriesPipe(t *testing.T) {
	recs := someFrames(600)
	for i := range recs {
		recs[i].time = int64(i+1) * 1e6
	}
	names := parts(t, recs, 3, func(i int) int { return i % 3 })
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := os.ReadFile(names[1])
	if err != nil {
		t.Fatal(err)
	}
	go func() { w.Write(b); w.Close() }()
	stdin := os.Stdin
	os.Stdin = r
	defer func() { os.Stdin = stdin }()
	names[1] = "-"
	s, err := OpenSeries(names, &Config{Filter: "len & 1 = 0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := drain(s)
	if err != io.EOF {
		t.Error(err)
	}
	compare(t, got, slices.DeleteFunc(recs, func(r record) bool { return r.length&1 != 0 }))
}

// TestSeriesInterfaces: interfaces of the same name are one.
func TestSeriesInterfaces(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for i, order := range [][]string{{"eth0", "lo"}, {"lo", "eth0", "wg0"}} {
		n := (&ngFile{order: binary.LittleEndian}).section(binary.LittleEndian)
		for _, name := range order {
			n.ifi(1, 0, option{optIfName, name})
		}
		for k := range order {
			n.packet(uint32(k), uint64(1000*i+k), order[k], 10)
		}
		names = append(names, filepath.Join(dir, fmt.Sprint(i)))
		if err := os.WriteFile(names[i], n.b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s, err := OpenSeries(names, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	number := map[string]int{}
	for f, err := range capture.Frames(s) {
		if err != nil {
			t.Fatal(err)
		}
		name := string(f.Data)
		if s.Info().InterfaceName(f.Interface) != name {
			t.Errorf("%q is interface %d, %q", name, f.Interface, s.Info().InterfaceName(f.Interface))
		}
		if n, ok := number[name]; ok && n != f.Interface {
			t.Errorf("%q is interface %d and %d", name, n, f.Interface)
		}
		number[name] = f.Interface
	}
	if len(number) != 3 || s.Info().InterfaceName(99) != "" {
		t.Errorf("%v", number)
	}
}

// TestSeriesFaults: one damaged file is told, and hides no other.
func TestSeriesFaults(t *testing.T) {
	recs := someFrames(300)
	for i := range recs {
		recs[i].time = int64(i+1) * 1e6
	}
	names := parts(t, recs, 3, func(i int) int { return i / 100 })
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(names[0], b[:len(b)-3], 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSeries(names, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := drain(s)
	if !errors.Is(err, ErrCut) {
		t.Errorf("%v", err)
	}
	compare(t, got, slices.Delete(slices.Clone(recs), 99, 100))
	s.Close()

	if _, err := OpenSeries(append(names, filepath.Join(t.TempDir(), "none")), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	var mistake *filter.Error
	if _, err := OpenSeries(names, &Config{Filter: "prot 1"}); !errors.As(err, &mistake) {
		t.Errorf("%v", err)
	}
	if _, err := OpenSeries(nil, nil); err == nil {
		t.Error("a series of nothing")
	}

	s, err = OpenSeries(names[1:], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var f capture.Frame
	if err := read1(s, &f); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if rest, err := drain(s); err != io.EOF || len(rest) > 99 {
		t.Errorf("%d frames after Stop, %v", len(rest), err)
	}
}

// TestSeriesAllocs: reading allocates for files, not for frames.
func TestSeriesAllocs(t *testing.T) {
	recs := someFrames(20000)
	for i := range recs {
		recs[i].time = int64(i+1) * 1e6
	}
	names := parts(t, recs, 2, func(i int) int { return i % 2 })
	s, err := OpenSeries(names, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fs := make([]capture.Frame, 32)
	s.Read(fs)
	if n := testing.AllocsPerRun(400, func() { s.Read(fs) }); n > 0.5 {
		t.Errorf("%v allocations a Read", n)
	}
}
