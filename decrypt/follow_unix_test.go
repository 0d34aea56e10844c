//go:build unix

package decrypt

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestFollowPipe: a named pipe has one writer after the other, and Close does not
// wait for a writer.
func TestFollowPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := OpenKeyLog(name)
	if err != nil {
		t.Fatal(err)
	}
	if k.pending.Load() != 1 {
		t.Error("nobody is waited for")
	}
	for i := range 3 {
		w, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteString(logLine("CLIENT_RANDOM", i, 48) + "\n"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, k, uint64(i+1))
		w.Close()
		time.Sleep(2 * pollInterval)
		if k.pending.Load() != 0 {
			t.Error("the pipe's end was not seen")
		}
	}
	w, err := os.OpenFile(name, os.O_RDWR, 0) // a writer that stays, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	time.Sleep(2 * pollInterval)
	closed := make(chan struct{})
	go func() { k.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("Close waits for a writer")
	}
}

// TestReadInput: the standard input is waited for until its end.
func TestReadInput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	k := NewKeyLog()
	k.pending.Add(1)
	go k.readInput(r)
	w.WriteString(logLine("CLIENT_RANDOM", 1, 48) + "\n" + logLine("CLIENT_RANDOM", 2, 48))
	waitFor(t, k, 1)
	if k.pending.Load() != 1 {
		t.Error("not waited for")
	}
	w.Close()
	waitFor(t, k, 2)
	for end := time.Now().Add(10 * time.Second); k.pending.Load() != 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if k.pending.Load() != 0 {
		t.Error("the end was not seen")
	}
}
