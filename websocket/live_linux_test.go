package websocket

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/testnet"
)

// The same as TestLiveHole and TestLiveShards with the kernel's rings, recorded
// and through a program's own wrapper.
func TestLiveKernel(t *testing.T) {
	h := testnet.New(t)
	_, tap0 := h.Tap("tap0")
	for _, w := range wrappers[:2] {
		t.Run(w.name, func(t *testing.T) {
			src, err := capture.Listen("tap0", &capture.Config{Namespace: h.Path(), Filter: "tcp", Direction: capture.Incoming, Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			var file bytes.Buffer
			tap := NewTap(w.wrap(t, src, &file), nil)
			ch := tap.Messages(t.Context())
			if n := len(tap.pipelines()); w.shards && n != 2 || !w.shards && n != 1 {
				t.Errorf("%d pipelines", n)
			}
			talk := holey(9, 5).frames
			for i, f := range talk {
				if i == len(talk)-6 {
					time.Sleep(1500 * time.Millisecond) // the time of packets is the kernel's
				}
				if _, err := tap0.Write(f.Data); err != nil {
					t.Fatal(err)
				}
			}
			got := receive(t, ch, 8)
			for i, m := range got {
				want := i
				if i >= 5 {
					want++
				}
				if m.Text() != fmt.Sprint("message ", want) {
					t.Errorf("%d: %q", i, m.Text())
				}
			}
			if err := tap.Stop(); err != nil {
				t.Error(err)
			}
			for range ch {
				t.Error("one more message")
			}
			st := tap.Stats()
			if tap.Err() != nil || st.Capture.Dropped != 0 || st.Capture.Captured != uint64(len(talk)) {
				t.Errorf("%v, %+v", tap.Err(), st.Capture)
			}
			checkFile(t, file.Bytes(), len(talk))
		})
	}
}

// silenceWrappers are no wrapper, and those of this package's tests.
var silenceWrappers = append([]wrapper{
	{"none", true, func(_ testing.TB, src capture.Source, _ io.Writer) capture.Source { return src }},
}, wrappers...)

// On a line that is silent what the peer has acknowledged behind a hole comes
// within a tenth of a second: the clock of a live tap goes on without packets. The
// hole is a frame that Select drops.
func TestLiveSilence(t *testing.T) {
	h := testnet.New(t)
	_, tap0 := h.Tap("tap0")
	for _, w := range silenceWrappers {
		t.Run(w.name, func(t *testing.T) {
			best := time.Hour
			for range 20 { // a machine that has other work wakes nobody in time
				if best = min(best, silence(t, h, tap0, w)); best < 100*time.Millisecond {
					return
				}
			}
			t.Errorf("it takes %v at the least", best)
		})
	}
}

// silence returns how long after the last packet the last message comes.
func silence(t *testing.T, h *testnet.Host, tap0 io.Writer, w wrapper) time.Duration {
	l, err := capture.Listen("tap0", &capture.Config{Namespace: h.Path(), Filter: "tcp", Direction: capture.Incoming, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	src := capture.Select(l, func(f *capture.Frame) bool { return !bytes.Contains(f.Data, []byte("message 5")) })
	tap := NewTap(w.wrap(t, src, io.Discard), nil)
	ch := tap.Messages(t.Context())
	for _, f := range holey(9, 100).frames {
		if _, err := tap0.Write(f.Data); err != nil {
			t.Fatal(err)
		}
	}
	sent := time.Now()
	got := receive(t, ch, 8)
	took := time.Since(sent)
	if last := got[7].Text(); last != "message 8" {
		t.Errorf("last %q", last)
	}
	if err := tap.Close(); err != nil {
		t.Error(err)
	}
	for range ch {
		t.Error("one more message")
	}
	return took
}
