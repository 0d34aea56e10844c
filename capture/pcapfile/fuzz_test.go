package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/wstap/wstap/capture"
)

// FuzzReader checks that any bytes end in io.EOF or an *Error, that frames stay
// inside the file, and that the size of reads makes no difference; and that what
// was read comes back the same from what a Writer makes of it.
func FuzzReader(f *testing.F) {
	le, be := binary.LittleEndian, binary.BigEndian
	recs := []record{{data: "hello", length: 5}, {data: "", length: 60}, {data: "x", length: 1}}
	f.Add([]byte{})                                                                                                                // empty
	f.Add(pcapBytes(le, magicMicro, 1, recs...))                                                                                   // microseconds
	f.Add(pcapBytes(be, magicNano, 276, recs...))                                                                                  // big-endian, nanoseconds
	f.Add(pcapBytes(le, magicModified, 113, recs...))                                                                              // longer record headers
	f.Add(pcapBytes(le, magicMicro, 1, recs...)[:60])                                                                              // cut inside a record
	f.Add(everything(le, be))                                                                                                      // every block of pcapng
	f.Add(everything(be, le)[:500])                                                                                                // cut inside a block
	f.Add(new(ngFile).section(le).secrets(secretsTLS, "line\n").ifi(1, 0).packet(0, 7, "x", 1).secrets(secretsTLS, "cut").b[:150]) // secrets
	f.Add(packed(f, pcapBytes(le, magicMicro, 1, recs...)))                                                                        // gzip
	old := pcapBytes(be, magicMicro, 1, recs...)
	old[7] = 2
	f.Add(old) // version 2.2: swapped lengths
	f.Fuzz(func(t *testing.T, file []byte) {
		first, err1 := fuzzRead(t, bytes.NewReader(file))
		second, err2 := fuzzRead(t, iotest.OneByteReader(bytes.NewReader(file)))
		if !slices.Equal(first, second) {
			t.Fatalf("%d frames, byte by byte %d", len(first), len(second))
		}
		if r, err := NewReader(bytes.NewReader(file), &Config{Workers: 2}); err == nil {
			var all []record
			var wg sync.WaitGroup
			var mu sync.Mutex
			for _, s := range r.Shards() {
				wg.Go(func() {
					recs, err := drainBatches(t, s, func() int { return 5 })
					mu.Lock()
					defer mu.Unlock()
					all = append(all, recs...)
					if !strings.HasPrefix(err1, err.Error()) {
						t.Errorf("error %q, of a shard %q", err1, err)
					}
				})
			}
			wg.Wait()
			r.Close()
			sortRecords(all)
			sorted := slices.Clone(first)
			sortRecords(sorted)
			if !slices.Equal(all, sorted) {
				t.Fatalf("%d frames, from shards %d, or others", len(first), len(all))
			}
		}
		if err1 != err2 {
			t.Fatalf("error %q, byte by byte %q", err1, err2)
		}
	})
}

func fuzzRead(t *testing.T, in io.Reader) (recs []record, message string) {
	var secrets bytes.Buffer
	defer func() { message += secrets.String() }() // pieces make no difference to them either
	r, err := NewReader(in, &Config{Secrets: &secrets})
	if err == nil {
		defer r.Close()
		var out bytes.Buffer
		w, werr := NewWriter(&out, r.Info().Link, &WriterConfig{Format: Pcapng})
		if werr != nil {
			t.Fatal(werr)
		}
		src := Tee(r, w)
		var f capture.Frame
		for {
			if err = read1(src, &f); err != nil {
				break
			}
			if len(f.Data) > maxFrame || f.Length < len(f.Data) || f.Time.Location() != nil && f.Time.Location().String() != "UTC" {
				t.Fatalf("frame of %d bytes, length %d, time %v", len(f.Data), f.Length, f.Time)
			}
			recs = append(recs, own(&f))
		}
		again(t, recs, out.Bytes())
	}
	var e *Error
	if err != io.EOF && !errors.As(err, &e) {
		t.Fatalf("error %v", err)
	}
	return recs, err.Error()
}

func again(t *testing.T, recs []record, file []byte) {
	r, err := NewReader(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := drain(r)
	if err != io.EOF || len(got) != len(recs) {
		t.Fatalf("written again: %d frames of %d, %v", len(got), len(recs), err)
	}
	for i := range got {
		if got[i].data != recs[i].data || got[i].length != recs[i].length || got[i].link != recs[i].link || got[i].dir != recs[i].dir {
			t.Fatalf("written again: frame %d is %.100v, was %.100v", i, got[i], recs[i])
		}
	}
}
