package pcapfile

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// secrets appends a block of secrets.
func (n *ngFile) secrets(kind uint32, text string, opts ...option) *ngFile {
	body := n.u32(kind) + n.u32(uint32(len(text))) + text
	return n.block(blockSecrets, append([]byte(body), make([]byte, -len(text)&3)...), opts...)
}

// A sharedBuffer is written to from several goroutines.
type sharedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *sharedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// TestReadSecrets: those of TLS, wherever they stand, in either byte order.
func TestReadSecrets(t *testing.T) {
	long := strings.Repeat("a line of a key log\n", 100_000) // longer than any packet
	for _, o := range orders {
		n := new(ngFile)
		n.section(o.order).secrets(secretsTLS, "before the interface\n").ifi(1, 0).packet(0, 1, "one", 3)
		n.secrets(secretsTLS, "no end of line").secrets(0x57474b4c, "of WireGuard\n").packet(0, 2, "two", 3)
		n.secrets(secretsTLS, long, option{optComment, "hello"}).packet(0, 3, "three", 5)
		n.section(o.order).ifi(1, 0).packet(0, 4, "four", 4).secrets(secretsTLS, "at the end\r\n")
		want := "before the interface\n\nno end of line\n" + long + "\nat the end\r\n\n"
		for name, in := range map[string]io.Reader{"whole": bytes.NewReader(n.b), "half": iotest.HalfReader(bytes.NewReader(n.b))} {
			var got sharedBuffer
			r, err := NewReader(in, &Config{Secrets: &got})
			if err != nil {
				t.Fatal(err)
			}
			recs, err := drainBatches(t, r, func() int { return 3 })
			if err != io.EOF || len(recs) != 4 || r.Format() != Pcapng {
				t.Fatalf("%d frames, %v, format %d", len(recs), err, r.Format())
			}
			if got.String() != want {
				t.Errorf("%s, %s: %d bytes, want %d", o.name, name, got.Len(), len(want))
			}
			r.Close()
		}
		var got sharedBuffer
		r, err := NewReader(bytes.NewReader(n.b), &Config{Secrets: &got, Workers: 3})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for _, s := range r.Shards() {
			wg.Go(func() { drainBatches(t, s, func() int { return 3 }) })
		}
		wg.Wait()
		r.Close()
		if n := strings.Count(got.String(), "at the end"); n != 3 {
			t.Errorf("%d of 3 workers have written", n)
		}
	}
}

// TestBrokenSecrets: lengths that contradict each other take nothing from other
// blocks.
func TestBrokenSecrets(t *testing.T) {
	n := new(ngFile)
	n.section(orders[0].order).ifi(1, 0)
	n.block(blockSecrets, []byte(n.u32(secretsTLS)+n.u32(1<<31)+"text"))
	n.block(blockSecrets, []byte(n.u32(secretsTLS)))
	n.block(blockSecrets, nil)
	n.packet(0, 1, "one", 3)
	var got sharedBuffer
	r, err := NewReader(bytes.NewReader(n.b), &Config{Secrets: &got})
	if err != nil {
		t.Fatal(err)
	}
	recs, err := drainBatches(t, r, func() int { return 3 })
	if err != io.EOF || len(recs) != 1 || got.String() != "text\n" {
		t.Errorf("%d frames, %v, %q", len(recs), err, got.String())
	}
}

// TestWriteSecrets: what is written is read, before the next frame or at the end.
func TestWriteSecrets(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, decode.LinkEthernet, &WriterConfig{Format: Pcapng})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a line of a key log\n", 100_000)
	want := ""
	for _, lines := range []string{"one\n", "two\n", long, "three\n"} {
		if err := w.WriteSecrets([]byte(lines)); err != nil {
			t.Fatal(err)
		}
		want += lines
		if lines != "one\n" {
			if err := w.WriteFrame(&capture.Frame{Data: []byte("frame"), Link: decode.LinkEthernet}); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.WriteSecrets([]byte("last\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got sharedBuffer
	r, err := NewReader(&file, &Config{Secrets: &got})
	if err != nil {
		t.Fatal(err)
	}
	recs, err := drainBatches(t, r, func() int { return 3 })
	if err != io.EOF || len(recs) != 3 || w.Frames() != 3 {
		t.Errorf("%d frames, %v", len(recs), err)
	}
	if s := strings.ReplaceAll(got.String(), "\n\n", "\n"); s != want+"last\n" {
		t.Errorf("%d bytes, want %d", len(s), len(want)+5)
	}
	pcap, err := NewWriter(io.Discard, decode.LinkEthernet, nil)
	if err != nil || pcap.WriteSecrets([]byte("x")) != nil {
		t.Error("a pcap file has no place for secrets, which is no error")
	}
	pcap.Close()
}
