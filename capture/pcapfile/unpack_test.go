package pcapfile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/wstap/wstap/capture"
)

func packed(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&b)
		if _, err := z.Write(p); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func someFrames(n int) []record {
	recs := make([]record, n)
	for i := range recs {
		data := strings.Repeat(string(rune('a'+i%26)), i*37%1500)
		recs[i] = record{data, len(data), int64(i) * 1000, 1, 0, 0}
	}
	return recs
}

func TestGzip(t *testing.T) {
	want := someFrames(1000)
	file := pcapBytes(binary.BigEndian, magicNano, 1, want...)
	whole := packed(t, file)
	for name, r := range map[string]io.Reader{
		"whole":   bytes.NewReader(whole),
		"byte":    iotest.OneByteReader(bytes.NewReader(whole)),
		"members": bytes.NewReader(packed(t, file[:1000], file[1000:1001], nil, file[1001:])),
	} {
		got, err := readAll(t, r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		compare(t, got, want)
	}

	// Cut, then damaged: what comes before is delivered.
	for _, n := range []int{3, 9, 15} {
		if _, err := readAll(t, bytes.NewReader(whole[:n])); !errors.Is(err, ErrCut) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	got, err := readAll(t, bytes.NewReader(whole[:len(whole)-1]))
	if !errors.Is(err, ErrCut) {
		t.Errorf("checksum cut: %v", err)
	}
	compare(t, got, want)
	whole[len(whole)-8]++
	got, err = readAll(t, bytes.NewReader(whole))
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("wrong checksum: %v", err)
	}
	compare(t, got, want)
}

// The first part of a compressed stream that was flushed comes out at once.
func TestGzipPipe(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	go func() {
		z := gzip.NewWriter(w)
		z.Write(pcapBytes(binary.LittleEndian, magicMicro, 1, record{data: "hello", length: 5}))
		z.Flush()
	}()
	src, err := NewReader(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var f capture.Frame
	if err := read1(src, &f); err != nil || string(f.Data) != "hello" {
		t.Errorf("%q, %v", f.Data, err)
	}
}

func TestFollow(t *testing.T) {
	want := someFrames(20)
	file := pcapBytes(binary.LittleEndian, magicNano, 1, want...)
	name := filepath.Join(t.TempDir(), "growing")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	wrote := make(chan struct{})
	go func() { // cuts everywhere, also inside the header
		defer close(wrote)
		for i := 0; i < len(file); i += 1777 {
			time.Sleep(time.Millisecond)
			out.Write(file[i:min(i+1777, len(file))])
		}
	}()
	r, err := Open(name, &Config{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	var f capture.Frame
	var got []record
	for range want {
		if err := read1(r, &f); err != nil {
			t.Fatal(err)
		}
		got = append(got, own(&f))
	}
	compare(t, got, want)
	<-wrote
	time.AfterFunc(10*time.Millisecond, func() { r.Close() })
	if err := read1(r, &f); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read: %v", err)
	}
}

func TestFollowShorter(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rotated")
	if err := os.WriteFile(name, pcapBytes(binary.LittleEndian, magicNano, 1, someFrames(2)...), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := Open(name, &Config{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var f capture.Frame
	for range 2 {
		if err := read1(r, &f); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(name, 24); err != nil {
		t.Fatal(err)
	}
	if err := read1(r, &f); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Read: %v", err)
	}
}

// A pipe ends where it ends, Follow or not.
func TestFollowPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w.Write(pcapBytes(binary.LittleEndian, magicNano, 1))
	w.Close()
	src, err := NewReader(r, &Config{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if err := read1(src, new(capture.Frame)); err != io.EOF {
		t.Errorf("Read: %v", err)
	}
}

// Closing the file ends the wait for its header.
func TestCloseWhileOpening(t *testing.T) {
	name := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(name, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, func() { f.Close() })
	if _, err := NewReader(f, &Config{Follow: true}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("NewReader: %v", err)
	}
}
