package pcapfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

func TestWritePcap(t *testing.T) {
	at := time.Unix(1700000000, 123456789)
	big := bytes.Repeat([]byte("y"), 3*flushSize)
	for _, c := range []struct {
		cfg *WriterConfig
		ns  int64
	}{{nil, 123456789}, {&WriterConfig{Microseconds: true, SnapLen: 96}, 123456000}} {
		name := filepath.Join(t.TempDir(), "out.pcap")
		w, err := Create(name, decode.LinkSLL2, c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		want := []record{
			{"hello", 5, at.Unix()*1e9 + c.ns, decode.LinkSLL2, 0, 0},
			{string(big), len(big) + 9, at.Unix()*1e9 + c.ns, decode.LinkSLL2, 0, 0},
			{"", 0, at.Unix()*1e9 + c.ns, decode.LinkSLL2, 0, 0},
		}
		for _, r := range want {
			if err := w.WriteFrame(&capture.Frame{Data: []byte(r.data), Length: r.length, Time: at, Link: r.link}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WriteFrame(&capture.Frame{Link: decode.LinkEthernet}); err == nil {
			t.Error("a frame of another type is written")
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Error("second Close:", err)
		}
		if err := w.WriteFrame(&capture.Frame{Link: decode.LinkSLL2}); !errors.Is(err, os.ErrClosed) {
			t.Error("write after Close:", err)
		}
		r, err := Open(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got, err := drain(r)
		if err != io.EOF {
			t.Fatal(err)
		}
		compare(t, got, want)
	}
}

// Every Write of the underlying writer ends at a record's end.
func TestWriteWholeRecords(t *testing.T) {
	var out recorder
	w, err := NewWriter(&out, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if err := w.WriteFrame(&capture.Frame{Data: make([]byte, i), Link: decode.LinkEthernet}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(out.ends) < 5 {
		t.Fatalf("%d writes", len(out.ends))
	}
	for _, n := range out.ends {
		if _, err := readAll(t, bytes.NewReader(out.Bytes()[:n])); err != nil {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

type recorder struct {
	bytes.Buffer
	ends []int
}

func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.Buffer.Write(b)
	r.ends = append(r.ends, r.Len())
	return n, err
}

// full takes a number of bytes, as a full disk does.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	n := min(f.room, len(b))
	f.room -= n
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

var errFull = errors.New("no space left on device")

func TestWriteError(t *testing.T) {
	if _, err := NewWriter(&full{10}, decode.LinkEthernet, nil); !errors.Is(err, errFull) {
		t.Errorf("header: %v", err)
	}
	w, err := NewWriter(&full{30}, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteFrame(&capture.Frame{Data: []byte("hello"), Link: decode.LinkEthernet}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Flush(); !errors.Is(err, errFull) {
			t.Errorf("Flush: %v", err)
		}
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close: %v", err)
	}
}

func TestWriteAllocations(t *testing.T) {
	w, err := NewWriter(io.Discard, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := capture.Frame{Data: make([]byte, 100), Link: decode.LinkEthernet, Time: time.Unix(1, 0)}
	write := func() {
		if err := w.WriteFrame(&f); err != nil {
			t.Fatal(err)
		}
	}
	for range 10000 {
		write()
	}
	if n := testing.AllocsPerRun(10000, write); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
