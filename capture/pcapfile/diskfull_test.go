package pcapfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// TestDiskFull: the file keeps every record that found room, and no half one.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	for _, format := range []Format{Pcap, Pcapng} {
		for room := 200; room < 3000; room += 37 {
			name := filepath.Join(dir, "full")
			w, err := Create(name, decode.LinkEthernet, &WriterConfig{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			w.store.w = &fullFile{w.store.file, int64(room)}
			for i := range 50 {
				if err := w.WriteFrame(&capture.Frame{Data: make([]byte, 60+i), Link: decode.LinkEthernet}); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); !errors.Is(err, errFull) {
				t.Fatalf("Close: %v", err)
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			frames, err := readAll(t, bytes.NewReader(b))
			if err != nil || uint64(len(frames)) != w.Frames() || room-len(b) > 60+50+40 {
				t.Errorf("room for %d bytes: %d used, %d frames, %d counted, %v", room, len(b), len(frames), w.Frames(), err)
			}
		}
	}
}

// fullFile lets a file grow to size.
type fullFile struct {
	*os.File
	size int64
}

func (f *fullFile) Write(b []byte) (int, error) {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	n, err := f.File.Write(b[:min(int64(len(b)), f.size-at)])
	if err == nil && n < len(b) {
		err = errFull
	}
	return n, err
}
