package capture

import (
	"encoding/binary"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/decode"
)

// fakeRing returns a shard over a ring that no kernel writes to: every block
// full of frames of the given length, and ready.
func fakeRing(t testing.TB, link decode.LinkType, blocks, frameLen int, status uint32) *shard {
	t.Helper()
	const size = DefaultBlockSize
	mem, err := unix.MmapPtr(-1, 0, nil, uintptr(size*blocks), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	r := &ring{mem: mem, size: size, n: blocks}
	t.Cleanup(r.unmap)
	const mac = 96 + reserve
	step := (mac + frameLen + 15) &^ 15
	for i := range blocks {
		b := r.block(i)
		n := 0
		const first = 48
		for off := first; off+step <= size; off += step {
			h := b[off:]
			binary.NativeEndian.PutUint32(h[hdrNext:], uint32(step))
			binary.NativeEndian.PutUint32(h[hdrSec:], 1e9)
			binary.NativeEndian.PutUint32(h[hdrSnapLen:], uint32(frameLen))
			binary.NativeEndian.PutUint32(h[hdrLen:], uint32(frameLen))
			binary.NativeEndian.PutUint32(h[hdrStatus:], status)
			binary.NativeEndian.PutUint16(h[hdrMac:], mac)
			n++
		}
		binary.NativeEndian.PutUint32(b[blockNumPkts:], uint32(n))
		binary.NativeEndian.PutUint32(b[blockFirst:], first)
	}
	s := &shard{live: &live{}, link: link, snapLen: DefaultSnapLen, ring: r}
	refill(s)
	return s
}

// refill makes every block ready again.
func refill(s *shard) {
	for i := range s.ring.n {
		atomic.StoreUint32(s.ring.status(i), unix.TP_STATUS_USER)
	}
}

func BenchmarkNext(b *testing.B) {
	for _, bm := range []struct {
		name   string
		link   decode.LinkType
		status uint32
	}{
		{"ethernet", decode.LinkEthernet, unix.TP_STATUS_USER},
		{"any", decode.LinkSLL2, unix.TP_STATUS_USER},
		{"vlan", decode.LinkEthernet, unix.TP_STATUS_USER | unix.TP_STATUS_VLAN_VALID},
	} {
		b.Run(bm.name, func(b *testing.B) {
			s := fakeRing(b, bm.link, 8, 100, bm.status)
			var f Frame
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if s.left == 0 && s.block != nil {
					refill(s)
				}
				if err := s.Next(&f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
