package pcapfile

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
)

// A dam is a writer that waits until it is opened.
type dam struct {
	open chan struct{}
	mu   sync.Mutex
	bytes.Buffer
}

func (d *dam) Write(b []byte) (int, error) {
	<-d.open
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Buffer.Write(b)
}

// TestQueue: a writer that stands still stops nobody. What finds no room is
// counted, and the file is whole without it.
func TestQueue(t *testing.T) {
	for _, format := range []Format{Pcap, Pcapng} {
		d := &dam{open: make(chan struct{})}
		w, err := NewWriter(d, decode.LinkEthernet, &WriterConfig{Format: format, Queue: 200 << 10})
		if err != nil {
			t.Fatal(err)
		}
		frames := spread(1000, 1000)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range frames {
				if err := w.WriteFrame(&frames[i]); err != nil {
					t.Error(err)
				}
			}
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("WriteFrame waits")
		}
		if w.Frames() != 0 || w.Lost() < 700 || w.Lost() > 900 {
			t.Errorf("%d frames are written, %d lost", w.Frames(), w.Lost())
		}
		close(d.open)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		recs, err := readAll(t, bytes.NewReader(d.Bytes()))
		if err != nil || uint64(len(recs)) != w.Frames() || w.Frames()+w.Lost() != 1000 {
			t.Errorf("%v: %d frames in the file, %d counted, %d lost", err, len(recs), w.Frames(), w.Lost())
		}
	}
}

// TestQueueError: an error of the writer reaches WriteFrame and Close.
func TestQueueError(t *testing.T) {
	broken := errors.New("broken")
	w, err := NewWriter(writerFunc(func([]byte) (int, error) { return 0, broken }), decode.LinkEthernet, &WriterConfig{Queue: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	f := spread(1, 100)[0]
	for deadline := time.Now().Add(20 * time.Second); w.WriteFrame(&f) == nil; w.Flush() {
		if time.Now().After(deadline) {
			t.Fatal("no error")
		}
	}
	if err := w.Close(); !errors.Is(err, broken) {
		t.Errorf("Close: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestQueueAllocs: what is queued is written from buffers that come back.
func TestQueueAllocs(t *testing.T) {
	w, err := NewWriter(writerFunc(func(b []byte) (int, error) { return len(b), nil }), decode.LinkEthernet, &WriterConfig{Queue: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	f := spread(1, 1000)[0]
	if n := testing.AllocsPerRun(20000, func() { w.WriteFrame(&f) }); n > 0.1 {
		t.Errorf("%v allocations a frame", n)
	}
}
