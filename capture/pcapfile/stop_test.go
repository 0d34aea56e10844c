package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
)

// After Stop what was read before is given out, whole frames only, and then
// io.EOF comes, also where the file goes on in the midst of a frame.
func TestStop(t *testing.T) {
	recs := someFrames(4000) // of several chunks
	file := pcapBytes(binary.LittleEndian, magicNano, 1, recs...)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
	ng := interleaved(t, 20, 400, false)
	ngRecs, err := readAll(t, bytes.NewReader(ng))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		open func() (*Reader, error)
		want []record
	}{
		"file":   {func() (*Reader, error) { return Open(path, nil) }, recs},
		"reader": {func() (*Reader, error) { return NewReader(bytes.NewReader(file), nil) }, recs},
		"gzip":   {func() (*Reader, error) { return NewReader(bytes.NewReader(packed(t, file)), nil) }, recs},
		"pcapng": {func() (*Reader, error) { return NewReader(bytes.NewReader(ng), nil) }, ngRecs},
	} {
		for _, before := range []int{0, 1, 100} {
			r, err := c.open()
			if err != nil {
				t.Fatal(err)
			}
			for range before {
				var f capture.Frame
				if err := read1(r, &f); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if err := r.Stop(); err != nil {
					t.Error(err)
				}
			}
			rest, err := drain(r)
			if err != io.EOF {
				t.Errorf("%s: %v after Stop", name, err)
			}
			if n := before + len(rest); n < before || n > len(c.want) {
				t.Errorf("%s: %d frames of %d", name, n, len(c.want))
			}
			compare(t, rest, c.want[before:before+len(rest)])
			r.Close()
			if err := r.Stop(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: Stop after Close: %v", name, err)
			}
		}
	}
}

// Stop ends a Read that waits for a pipe, after the frames that came.
func TestStopPipe(t *testing.T) {
	file := pcapBytes(binary.LittleEndian, magicMicro, 1, record{data: "hello", length: 5}, record{data: "world", length: 5})
	for _, workers := range []int{1, 2} {
		pr, pw := io.Pipe()
		go pw.Write(file[:len(file)-2])
		r, err := NewReader(pr, &Config{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		shards := r.Shards()
		type end struct {
			n   int
			err error
		}
		ends := make(chan end)
		for _, s := range shards {
			go func() {
				recs, err := drain(s)
				ends <- end{len(recs), err}
			}()
		}
		time.Sleep(10 * time.Millisecond)
		if err := shards[0].Stop(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for range shards {
			e := <-ends
			if e.err != io.EOF {
				t.Errorf("%d workers: %v", workers, e.err)
			}
			n += e.n
		}
		if n != 1 {
			t.Errorf("%d workers: %d frames, want the one that is whole", workers, n)
		}
		r.Close()
		pw.Close()
	}
}

// All shards of a stopped file end at the same place, wherever they are and
// however they read.
func TestStopShards(t *testing.T) {
	var recs []record
	for i := range 6000 {
		data := strings.Repeat("x", 500+i%900)
		recs = append(recs, record{data: data, length: len(data), time: int64(i) * 1000, link: 1})
	}
	file := pcapBytes(binary.LittleEndian, magicNano, 1, recs...)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, append([]byte("before the file"), file...), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(*Config) (*Reader, error){
		"file": func(cfg *Config) (*Reader, error) {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			f.Seek(int64(len("before the file")), io.SeekStart)
			return NewReader(f, cfg)
		},
		"pipe": func(cfg *Config) (*Reader, error) { return NewReader(bytes.NewReader(file), cfg) },
	} {
		for _, early := range []bool{false, true} {
			r, err := open(&Config{Workers: 3})
			if err != nil {
				t.Fatal(err)
			}
			if early {
				r.Stop()
			}
			shards := r.Shards()
			got := make([][]record, len(shards))
			var wg sync.WaitGroup
			first := make(chan bool)
			for i, s := range shards {
				wg.Go(func() {
					if i != 0 {
						<-first // the others are behind when it is stopped
					}
					if i == 0 {
						var f capture.Frame
						for len(got[0]) < 300 && read1(s, &f) == nil { // what is not IP is all its own
							got[0] = append(got[0], own(&f))
						}
						r.Stop()
						close(first)
					}
					rest, err := drain(s)
					if err != io.EOF {
						t.Errorf("%s: shard %d: %v", name, i, err)
					}
					got[i] = append(got[i], rest...)
				})
			}
			wg.Wait()
			for _, w := range r.team.Load().walkers {
				if end := w.in.end(); end != r.team.Load().walkers[0].in.end() {
					t.Errorf("%s, early %v: shards end at %d and %d", name, early, r.team.Load().walkers[0].in.end(), end)
				}
			}
			if n := len(got[0]); !early && (n < 300 || n == len(recs)) || early && n == len(recs) {
				t.Errorf("%s, early %v: %d frames of %d", name, early, n, len(recs))
			}
			compare(t, got[0], recs[:len(got[0])])
			r.Close()
		}
	}
}
