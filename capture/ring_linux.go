package capture

// All unsafe code of the package is in this file. Its invariants:
//
//   - A ring's memory is the mapping of a TPACKET_V3 receive ring: n blocks of
//     size bytes each. It is shared with the kernel, which writes to a block
//     while the block's status has no TP_STATUS_USER bit, and never otherwise.
//   - The status word is read and written atomically and nowhere but here. A
//     block is read only after load saw TP_STATUS_USER in it (acquire) and
//     before release gave it back; but for its count of frames, see pending.
//   - The fields of a block are found at offsets that the kernel wrote; slices
//     made from them are bounds-checked against the block.
//   - Memory is unmapped only under the shard's lock, and a block that the
//     reader holds never: detach puts a private copy in its place.
//   - The mapping is not Go memory: the garbage collector neither moves nor
//     frees it, and nothing in it points to Go memory.

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in struct tpacket_block_desc of linux/if_packet.h, version 3.
const (
	blockStatus     = 8
	blockNumPkts    = 12
	blockFirst      = 16
	blockFirstStamp = 32 // struct tpacket_bd_ts: seconds, nanoseconds
	blockLastStamp  = 40
)

// A ring is a mapped receive ring.
type ring struct {
	mem  unsafe.Pointer // nil when unmapped
	size int            // of a block, in bytes
	n    int            // blocks
}

// mapRing maps a receive ring of n blocks that fd was given.
func mapRing(fd, size, n int) (*ring, error) {
	mem, err := unix.MmapPtr(fd, 0, nil, uintptr(size)*uintptr(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &ring{mem: mem, size: size, n: n}, nil
}

// block returns the memory of block i.
func (r *ring) block(i int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(r.mem, i*r.size)), r.size)
}

// after returns the block that follows block i.
func (r *ring) after(i int) int {
	if i++; i < r.n {
		return i
	}
	return 0
}

// stamp returns one of the two times of block i, which the caller holds.
func (r *ring) stamp(i, off int) time.Time {
	b := r.block(i)[off:]
	return time.Unix(int64(binary.NativeEndian.Uint32(b)), int64(binary.NativeEndian.Uint32(b[4:])))
}

func (r *ring) status(i int) *uint32 {
	return (*uint32)(unsafe.Add(r.mem, i*r.size+blockStatus))
}

// load returns the status of block i.
func (r *ring) load(i int) uint32 { return atomic.LoadUint32(r.status(i)) }

// pending returns how many frames the kernel has put into block i so far,
// which may be in its hands.
func (r *ring) pending(i int) uint32 {
	return atomic.LoadUint32((*uint32)(unsafe.Add(r.mem, i*r.size+blockNumPkts)))
}

// release gives block i back to the kernel.
func (r *ring) release(i int) { atomic.StoreUint32(r.status(i), unix.TP_STATUS_KERNEL) }

// unmap ends the mapping. It may be called twice.
func (r *ring) unmap() {
	if r.mem != nil {
		unmap(r.mem, r.n*r.size)
		r.mem = nil
	}
}

// detach ends the mapping but for block held, which it exchanges for a
// private copy at the same address, so that a reader sees no difference and
// the kernel frees the ring. The caller unmaps the block that it returns.
func (r *ring) detach(held int) ([]byte, error) {
	size := uintptr(r.size)
	p, err := unix.MmapPtr(-1, 0, nil, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	block := r.block(held)
	copy(unsafe.Slice((*byte)(p), r.size), block)
	if _, err := unix.MremapPtr(p, size, unsafe.Pointer(&block[0]), size, unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED); err != nil {
		unmap(p, r.size)
		return nil, os.NewSyscallError("mremap", err)
	}
	unmap(r.mem, held*r.size)
	unmap(unsafe.Add(r.mem, (held+1)*r.size), (r.n-held-1)*r.size)
	r.mem = nil
	return block, nil
}

func unmapBlock(b []byte) { unmap(unsafe.Pointer(&b[0]), len(b)) }

func unmap(p unsafe.Pointer, n int) {
	if n == 0 {
		return
	}
	if err := unix.MunmapPtr(p, uintptr(n)); err != nil {
		// Only wrong arguments can fail here: going on would hide a bug that
		// ends in a crash elsewhere.
		panic(fmt.Sprintf("capture: munmap: %v", err))
	}
}
