package websocket

import (
	"bytes"
	"fmt"
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
