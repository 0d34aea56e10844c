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
	var f Frame
	last := int64(0)
	for i := range frames {
		if err := m.next(&f); err != nil {
			t.Fatal(err)
		}
		now := f.Time.UnixNano()
		if now < last {
			t.Fatalf("frame %d: %d after %d", i, now, last)
		}
		last = now
	}
}
