package pcapfile

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
)

// grow appends to a file.
func grow(t *testing.T, name string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o666)
	if err == nil {
		_, err = f.Write(b)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPursue: a name is followed as tail -F follows it: before there is a file,
// while it grows, after another one took its place, and when it is written anew.
func TestPursue(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	recs := someFrames(40)
	for i := range recs {
		recs[i].time = int64(i + 1)
	}
	file := func(from, to int) []byte { return pcapBytes(binary.LittleEndian, magicNano, 1, recs[from:to]...) }
	body := func(from, to int) []byte { return file(from, to)[pcapFileHeader:] }
	type opened struct {
		p   *Pursuer
		err error
	}
	c := make(chan opened)
	go func() {
		p, err := OpenName(name, nil)
		c <- opened{p, err}
	}()
	time.Sleep(2 * followInterval)
	grow(t, name, file(0, 0)[:10])
	time.Sleep(2 * followInterval)
	grow(t, name, file(0, 0)[10:])
	o := <-c
	if o.err != nil {
		t.Fatal(o.err)
	}
	p := o.p
	defer p.Close()
	expect := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			var f capture.Frame
			if err := read1(p, &f); err != nil {
				t.Fatal(err)
			}
			compare(t, []record{own(&f)}, recs[i:i+1])
		}
	}
	grow(t, name, body(0, 5))
	expect(0, 5)
	half := body(5, 10)
	grow(t, name, half[:len(half)-7])
	expect(5, 9)
	grow(t, name, half[len(half)-7:])
	expect(9, 10)

	// Renamed, and written to a while longer.
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	grow(t, name+".1", body(10, 12))
	expect(10, 12)
	grow(t, name+".1", body(12, 14))
	grow(t, name, file(14, 16))
	expect(12, 16)

	// Written anew in place.
	if err := os.WriteFile(name, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * followInterval)
	grow(t, name, file(16, 18))
	expect(16, 18)

	// Cut in a frame, and replaced by another one of other byte order.
	grow(t, name, body(18, 20)[:20])
	big := pcapBytes(binary.BigEndian, magicNano, 1, recs[20:22]...)
	if err := os.WriteFile(name+".new", big, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
	expect(20, 22)
	if st, err := p.Stats(); err != nil || st.Captured != 20 || st.Received != 20 {
		t.Errorf("%+v, %v", st, err)
	}

	go func() {
		time.Sleep(2 * followInterval)
		p.Stop()
	}()
	for range 2 {
		if rest, err := drain(p); !errors.Is(err, ErrCut) || len(rest) > 0 {
			t.Errorf("%d frames, %v", len(rest), err)
		}
	}
	p.Close()
	if _, err := p.Read(make([]capture.Frame, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
}

// TestPursueEnds: Stop and Close end a Read that waits, for a frame and for a file.
func TestPursueEnds(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		for _, stop := range []bool{false, true} {
			name := filepath.Join(t.TempDir(), "file")
			grow(t, name, pcapBytes(binary.LittleEndian, magicNano, 1))
			p, err := OpenName(name, nil)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				if replaced {
					os.Rename(name, name+".1")
					os.WriteFile(name, []byte{1}, 0o666) // the beginning of a header
				}
				time.Sleep(5 * followInterval)
				if stop {
					p.Stop()
				} else {
					p.Close()
				}
			}()
			want := net.ErrClosed
			if stop {
				want = io.EOF
			}
			if _, err := drain(p); !errors.Is(err, want) {
				t.Errorf("replaced %v, stop %v: %v", replaced, stop, err)
			}
			p.Close()
		}
	}
	if _, err := OpenName(t.TempDir(), nil); err == nil {
		t.Error("a directory is followed")
	}
	garbage := filepath.Join(t.TempDir(), "garbage")
	grow(t, garbage, []byte("no capture"))
	if _, err := OpenName(garbage, nil); !errors.Is(err, ErrFormat) {
		t.Errorf("%v", err)
	}
}
