package capture

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/decode"
)

// Frames of blocks that are at hand come in the order of time.
func TestMergeOrder(t *testing.T) {
	var shards []*shard
	frames := 0
	for i := range 3 {
		s := fakeRing(t, decode.LinkEthernet, 1, 1000*(i+1), unix.TP_STATUS_USER)
		b := s.ring.block(0)
		off := binary.NativeEndian.Uint32(b[blockFirst:])
		for n := range binary.NativeEndian.Uint32(b[blockNumPkts:]) {
			h := b[off:]
			binary.NativeEndian.PutUint32(h[hdrNsec:], n/2*uint32(i+1))
			off += binary.NativeEndian.Uint32(h[hdrNext:])
			frames++
		}
		shards = append(shards, s)
	}
	m := &merger{shards: shards, look: true}
	fs := make([]Frame, 7)
	last := int64(0)
	for i := 0; i < frames; {
		n, err := m.read(fs)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		for _, f := range fs[:n] {
			now := f.Time.UnixNano()
			if now < last {
				t.Fatalf("frame %d: %d after %d", i, now, last)
			}
			last = now
			i++
		}
	}
	if n, err := m.read(nil); n != 0 || err != nil {
		t.Errorf("no room: %d, %v", n, err)
	}
}
