package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/testkit"
)

// Random mixes of connections through any number of shards, from files and from
// pipes, by batches and one by one, with and without a filter, are what the whole
// is.
func TestShardMixes(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	for range testkit.Rounds(12, 3, 200) {
		file := interleaved(t, 1+rng.IntN(60), 5+rng.IntN(60), rng.IntN(2) == 0)
		path := filepath.Join(t.TempDir(), "mix")
		if err := os.WriteFile(path, file, 0o666); err != nil {
			t.Fatal(err)
		}
		filter := []string{"", "ip", "tcp port 1001 or less 300"}[rng.IntN(3)]
		whole, err := NewReader(bytes.NewReader(file), &Config{Filter: filter})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := drain(whole)
		whole.Close()
		sortRecords(want)
		for workers := 1; workers <= 8; workers++ {
			for _, pipe := range []bool{false, true} {
				cfg := &Config{Workers: workers, Filter: filter}
				var r *Reader
				var err error
				if pipe {
					r, err = NewReader(io.MultiReader(bytes.NewReader(file)), cfg)
				} else {
					r, err = Open(path, cfg)
				}
				if err != nil {
					t.Fatal(err)
				}
				var got []record
				for range rng.IntN(3) { // the whole gave some out before
					var f capture.Frame
					if read1(r, &f) == nil {
						got = append(got, own(&f))
					}
				}
				shards := r.Shards()
				recs := make([][]record, len(shards))
				size := 1 + rng.IntN(100)
				var wg sync.WaitGroup
				for i, s := range shards {
					wg.Go(func() {
						var err error
						if size > 50 {
							recs[i], err = drain(s)
						} else {
							recs[i], err = drainBatches(t, s, func() int { return size })
						}
						if err != io.EOF {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if st, _ := r.Stats(); st.Captured != uint64(len(want)) {
					t.Errorf("%d captured of %d", st.Captured, len(want))
				}
				r.Close()
				for _, shard := range recs {
					got = append(got, shard...)
				}
				sortRecords(got)
				if !slices.Equal(got, want) {
					t.Fatalf("%d workers, pipe %v, filter %q: %d frames of %d, or others", workers, pipe, filter, len(got), len(want))
				}
			}
		}
	}
}

// Every shard tells the same interfaces, and what is counted is counted once.
func TestShardMeta(t *testing.T) {
	file := everything(binary.LittleEndian, binary.BigEndian)
	whole, err := NewReader(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	drain(whole)
	_, _, r := drainShards(t, file, Config{Workers: 3})
	defer r.Close()
	got, _ := r.Stats()
	want, _ := whole.Stats()
	if got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
	if len(r.Interfaces()) != len(whole.Interfaces()) || r.Section().OS != whole.Section().OS {
		t.Errorf("%d interfaces", len(r.Interfaces()))
	}
}

// SetFilter on the way takes effect in all shards.
func TestShardSetFilter(t *testing.T) {
	r, err := NewReader(newLoop(100), &Config{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	shards := r.Shards()
	var wg sync.WaitGroup
	for _, s := range shards {
		wg.Go(func() {
			fs := make([]capture.Frame, 10)
			for {
				if _, err := s.Read(fs); err != nil {
					return
				}
			}
		})
	}
	for range 20 {
		for _, expr := range []string{"ip", "", "less 200"} {
			if err := r.SetFilter(expr); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	if st, _ := r.Stats(); st.Captured == 0 {
		t.Error("nothing captured")
	}
	r.Close()
	wg.Wait()
}

// sparse makes a file of n bytes that is one frame after another, of zeros.
func sparse(t *testing.T, n int64) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const frame = 200_000
	at := int64(0)
	for b := pcapBytes(binary.LittleEndian, magicMicro, 1); at < n; at += int64(len(b)) + frame {
		if at > 0 {
			b = binary.LittleEndian.AppendUint32(make([]byte, 8), frame)
			b = binary.LittleEndian.AppendUint32(b, frame)
			if _, err := f.WriteAt(b, at-frame); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if _, err := f.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(at - frame); err != nil {
		t.Fatal(err)
	}
	return name
}

// A shard that nobody reads holds the others up, until Close; one that has ended
// does not.
func TestPace(t *testing.T) {
	name := sparse(t, 2*maxLead)
	r, err := Open(name, &Config{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	shards := r.Shards()
	type result struct {
		n   int
		err error
	}
	results := make(chan result)
	count := func(s capture.Source) {
		var f capture.Frame
		for n := 0; ; n++ {
			if err := read1(s, &f); err != nil {
				results <- result{n, err}
				return
			}
		}
	}
	go count(shards[0])
	select {
	case res := <-results:
		t.Fatalf("%d frames, %v: the other did not hold it up", res.n, res.err)
	case <-time.After(100 * time.Millisecond):
	}
	r.team.Load().leave(r.team.Load().walkers[1], io.EOF) // as if it had ended
	if res := <-results; res.err != io.EOF {
		t.Fatal(res.err)
	}
	r.Close()

	if r, err = Open(name, &Config{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	go count(r.Shards()[0])
	time.Sleep(20 * time.Millisecond)
	r.Close()
	if res := <-results; !errors.Is(res.err, net.ErrClosed) {
		t.Fatal(res.err)
	}
}

// growing is a file to which something is added between two reads.
type growing struct {
	b    []byte
	more []byte
}

func (g *growing) ReadAt(b []byte, at int64) (int, error) {
	n, err := bytes.NewReader(g.b).ReadAt(b, at)
	if err == io.EOF {
		g.b = append(g.b, g.more...)
		g.more = nil
	}
	return n, err
}

// All lanes of a file that grows end at the same place.
func TestLaneGrowing(t *testing.T) {
	for first := range 2 {
		var p pace
		p.init()
		p.split(2, 0)
		file := &growing{make([]byte, 1000), make([]byte, 500)}
		lanes := []*lane{{file, 0, &p, 0}, {file, 0, &p, 1}}
		lanes[0], lanes[1] = lanes[first], lanes[1-first]
		a, _ := io.ReadAll(lanes[0])
		b, _ := io.ReadAll(lanes[1])
		if len(a) != 1000 || len(b) != 1000 {
			t.Errorf("%d and %d bytes", len(a), len(b))
		}
	}
	// One that is further knows better.
	var p pace
	p.init()
	p.split(2, 0)
	file := &growing{b: make([]byte, 1500)}
	far := &lane{file, 0, &p, 1}
	if n, err := far.Read(make([]byte, 1200)); n != 1200 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := p.agree(0, 0, 1000, io.EOF); n != 1000 || err != nil {
		t.Error(n, err)
	}
}

// The offset of a file that is read in shards tells how far they are.
func TestShardOffset(t *testing.T) {
	f, err := os.Open(sparse(t, 4*chunkSize))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := NewReader(f, &Config{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	readShards(r)
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if at, _ := f.Seek(0, io.SeekCurrent); at != info.Size() {
		t.Errorf("at %d of %d", at, info.Size())
	}
}
