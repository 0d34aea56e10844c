package spool

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/wstap/wstap/internal/testkit"
)

func open(t testing.TB, dir string, max int64) *Spool {
	t.Helper()
	s, err := Open(dir, max)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// drain reads all records, and releases them.
func drain(t testing.TB, s *Spool) (got []string) {
	t.Helper()
	for {
		rec, ok, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return got
		}
		got = append(got, string(rec))
		s.Release(1)
	}
}

func record(i int) []byte { return bytes.Repeat([]byte(fmt.Sprintf("record %d\n", i)), 1+i%50) }

func files(t testing.TB, dir string) []string {
	list, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestModel does to a spool what may be done, and to a slice the same. Now and then the
// spool is opened anew, as after kill -9: what was not released comes again.
func TestModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	const max = 1 << 20
	s := open(t, dir, max)
	var all [][]byte // in the spool, lent ones first
	lent, n := 0, 0
	for step := range testkit.Rounds(6000, 1000, 100000) {
		switch op := rng.IntN(100); {
		case op < 45:
			n++
			err := s.Append(record(n))
			if errors.Is(err, ErrFull) {
				if s.Size() < max/2 {
					t.Fatalf("full at %d", s.Size())
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, record(n))
		case op < 80:
			rec, ok, err := s.Next()
			if err != nil || ok != (lent < len(all)) || ok && !bytes.Equal(rec, all[lent]) {
				t.Fatalf("step %d: %.20q %v %v, lent %d of %d", step, rec, ok, err, lent, len(all))
			}
			if ok {
				lent++
			}
		case op < 95 && lent > 0:
			k := 1 + rng.IntN(lent)
			s.Release(k)
			all, lent = all[k:], lent-k
		case op < 97:
			s.Rewind()
			lent = 0
		case op < 98 && lent == 0 && (len(s.segs) == 0 || s.segs[0].read == 0): // otherwise what was released would come between
			n += 2
			if err := s.Prepend([][]byte{record(n - 1), record(n)}); err != nil {
				t.Fatal(err)
			}
			all, lent = slices.Insert(all, 0, record(n-1), record(n)), 2
		case op < 99:
			s.lock.Close() // all that the end of a process does
			s = open(t, dir, max)
			got := drain(t, s)
			// A segment is sent again whole where a part of it was released.
			if len(got) < len(all) {
				t.Fatalf("step %d: %d records came back, want %d", step, len(got), len(all))
			}
			for i, want := range slices.Backward(all) {
				if g := got[len(got)-len(all)+i]; g != string(want) {
					t.Fatalf("step %d: %.20q, want %.20q", step, g, want)
				}
			}
			all, lent = nil, 0
			if len(files(t, dir)) != 0 || s.Size() != 0 {
				t.Fatalf("%v is left, size %d", files(t, dir), s.Size())
			}
		}
	}
	if s.Damaged() != 0 {
		t.Error("damaged", s.Damaged())
	}
}

func TestLocked(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no flock")
	}
	dir := t.TempDir()
	open(t, dir, 1<<20)
	if s, err := Open(dir, 1<<20); err == nil {
		s.Close()
		t.Error("two taps have one spool")
	}
}

// TestDamage: of a segment with damage every record that is whole comes out, and the rest
// is counted.
func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range testkit.Rounds(60, 20, 2000) {
		dir := t.TempDir()
		s := open(t, dir, 1<<20)
		for i := range 30 {
			if err := s.Append(record(i)); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		name := files(t, dir)[0]
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		from := rng.IntN(len(b))
		switch rng.IntN(3) {
		case 0: // the end is missing
			b = b[:from]
		case 1: // a byte is another one
			b[from] ^= 1 << rng.IntN(8)
		default: // a block is lost
			clear(b[from:min(from+100, len(b))])
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, 1<<20)
		got := drain(t, s)
		var size int
		i := 0
		for _, g := range got {
			for i < 30 && string(record(i)) != g {
				i++
			}
			if i == 30 {
				t.Fatalf("%.20q is none of the records, or out of order", g)
			}
			size += len(g) + headSize
		}
		if int(s.Damaged())+size != len(b) {
			t.Errorf("%d bytes read, %d damaged, of %d", size, s.Damaged(), len(b))
		}
		if len(got) < 30-13 && from > 0 && len(b) > from+1 { // a hole of 100 bytes takes 13 of the smallest
			t.Errorf("%d of 30 records left", len(got))
		}
		s.Close()
	}
}

// TestDiskTrouble: what cannot be written is refused, and nothing of it stays; what can be
// written later is behind what was.
func TestDiskTrouble(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 1<<20)
	if err := s.Append([]byte("one")); err != nil {
		t.Fatal(err)
	}
	good := s.out
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0) // ENOSPC, as a disk without room says
	if err != nil {
		t.Skip(err)
	}
	s.out = full
	if err := s.Append([]byte("lost")); err == nil {
		t.Fatal("a full disk took a record")
	}
	s.out = good
	full.Close()
	if err := s.Append([]byte("two")); err != nil {
		t.Fatal(err)
	}
	if got := drain(t, s); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("%q", got)
	}
}

// FuzzSegment: whatever a file holds is read to its end, with no more memory than the
// file is long, and what is appended comes behind it.
func FuzzSegment(f *testing.F) {
	whole := appendRecord(appendRecord(nil, []byte("one")), []byte("two"))
	f.Add(whole)                                                 // two records
	f.Add(whole[:len(whole)-1])                                  // the second is cut
	f.Add(append([]byte("rubbish"), whole...))                   // begins with damage
	f.Add([]byte(magic + "\xff\xff\xff\xff\x00\x00\x00\x00abc")) // longer than the file
	f.Add([]byte(magic + magic + magic))                         // headers in headers
	f.Add([]byte{})                                              // empty
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "00000000000000000007"+suffix), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, 1<<20)
		if err := s.Append([]byte("last")); err != nil {
			t.Fatal(err)
		}
		got := drain(t, s)
		if len(got) == 0 || got[len(got)-1] != "last" {
			t.Fatalf("%q", got)
		}
		var size int
		for _, g := range got[:len(got)-1] {
			size += headSize + len(g)
		}
		if size+int(s.Damaged()) != len(b) {
			t.Errorf("%d read and %d damaged of %d", size, s.Damaged(), len(b))
		}
		if len(files(t, dir)) != 0 {
			t.Errorf("%v left", files(t, dir))
		}
		s.Close()
	})
}
