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
		s, kernel := fakeRing(t, decode.LinkEthernet, 1, 1000*(i+1), unix.TP_STATUS_USER)
		n := uint32(0)
		kernel.frames(0, func(h []byte) {
			binary.NativeEndian.PutUint32(h[hdrNsec:], n/2*uint32(i+1))
			n++
			frames++
		})
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

// The merger gives no block back while frames of it are borrowed: a kernel that writes
// to whatever was given back, as soon as Read returns, changes nothing in the batch.
func TestMergeBorrowed(t *testing.T) {
	for _, size := range []int{1, 2, 7, 64, 500} {
		var shards []*shard
		var kernels []kernel
		numbers := make([]uint32, 3) // of the frames in a ring, as the kernel counts
		for i := range numbers {
			s, k := fakeRing(t, decode.LinkEthernet, 3, 3000*(i+1), unix.TP_STATUS_USER)
			shards, kernels = append(shards, s), append(kernels, k)
			for block := range k {
				numbers[i] = k.number(block, i, numbers[i])
			}
		}
		m := &merger{shards: shards, look: true}
		fs := make([]Frame, size)
		last := make([]uint32, len(shards)) // numbers that were given out
		given, back := 0, 0
		for back < 50 {
			n, err := m.read(fs)
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			for i, k := range kernels {
				for block := range k {
					if k.mine(block) {
						numbers[i] = k.number(block, i, numbers[i])
						binary.NativeEndian.PutUint32(k[block][blockStatus:], unix.TP_STATUS_USER)
						back++
					}
				}
			}
			for _, f := range fs[:n] {
				ring := int(f.Data[0])
				if number := binary.NativeEndian.Uint32(f.Data[1:]); number != last[ring]+1 {
					t.Fatalf("batches of %d: frame %d of ring %d after %d", size, number, ring, last[ring])
				}
				last[ring]++
				given++
			}
		}
		if given < 1000 {
			t.Errorf("batches of %d: only %d frames", size, given)
		}
	}
}

// number makes new frames in a block: each says its ring and its number, which follow
// after, and comes a nanosecond later. It returns the last number.
func (k kernel) number(block, ring int, after uint32) uint32 {
	k.frames(block, func(h []byte) {
		after++
		binary.NativeEndian.PutUint32(h[hdrNsec:], after)
		data := h[binary.NativeEndian.Uint16(h[hdrMac:]):]
		data[0] = byte(ring)
		binary.NativeEndian.PutUint32(data[1:], after)
	})
	return after
}
