package tpacket

// All unsafe code of the module is in this file. Its invariants:
//
//   - A ring's memory is the mapping of a TPACKET_V3 receive ring: n blocks of
//     size bytes each. It is shared with the kernel, which writes to a block
//     while the block's status has no TP_STATUS_USER bit, and never otherwise.
//   - The status word is read and written atomically and nowhere but here. A
//     block is read only after load saw TP_STATUS_USER in it (acquire) and
//     before release gave it back; but for its count of frames, see Filling.
//   - One block at most is held, by the reader: from the Take that returned it to
//     the next Take. Between them nobody gives it back, and frames in it may be
//     borrowed.
//   - The fields of a block are found at offsets that the kernel wrote; slices
//     made from them are bounds-checked against the block.
//   - Memory is unmapped only under the ring's lock, and a block that the
//     reader holds never: detach puts a private copy in its place.
//   - The mapping is not Go memory: the garbage collector neither moves nor
//     frees it, and nothing in it points to Go memory.

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Ring is a mapped receive ring. One goroutine, its reader, calls Take and walks
// through blocks; all else may be called from any.
type Ring struct {
	size   int // of a block, in bytes
	n      int // blocks
	closed atomic.Bool

	mu       sync.Mutex
	mem      unsafe.Pointer  // nil when unmapped
	cur      int             // block that is held or comes next
	held     bool            // by the reader
	detached []byte          // block that outlived the ring
	cleanup  runtime.Cleanup // unmaps detached if the reader never comes back
}

// Map maps the receive ring of fd, of n blocks of size bytes each. Any file that can be
// shared will do: a test plays the kernel.
func Map(fd, size, n int) (*Ring, error) {
	mem, err := unix.MmapPtr(fd, 0, nil, uintptr(size)*uintptr(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &Ring{mem: mem, size: size, n: n}, nil
}

// Size returns the size of the ring in bytes.
func (r *Ring) Size() int { return r.size * r.n }

// Take gives the block back that is held, whose frames must not be used any more,
// and takes the next one if the kernel has filled it, else it returns false. The error is
// net.ErrClosed.
func (r *Ring) Take() (b Block, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held && !r.closed.Load() {
		r.release(r.cur)
		r.cur = r.after(r.cur)
	}
	r.held = false
	if r.closed.Load() {
		if r.detached != nil {
			r.cleanup.Stop()
			unmapBlock(r.detached)
			r.detached = nil
		}
		return Block{}, false, net.ErrClosed
	}
	status := r.load(r.cur)
	if status&unix.TP_STATUS_USER == 0 {
		return Block{}, false, nil
	}
	r.held = true
	return newBlock(r.block(r.cur), status), true, nil
}

// Ready reports whether the reader, which holds no block, can take one, or an error.
func (r *Ring) Ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed.Load() || r.full(r.cur)
}

// Full returns how many blocks the kernel has filled that were not given back, the one
// that is held among them.
func (r *Ring) Full() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed.Load() {
		for i := r.cur; n < r.n && r.full(i); n++ {
			i = r.after(i)
		}
	}
	return n
}

// Newest returns the time of the last frame in those blocks, the zero time if there is
// none.
func (r *Ring) Newest() (t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed.Load() {
		for i, n := r.cur, r.n; n > 0 && r.full(i); n-- {
			t = stamp(r.block(i)[blockLastStamp:])
			i = r.after(i)
		}
	}
	return t
}

// Filling returns how many frames the kernel has put so far into the block that the
// reader takes next, which may be in the kernel's hands.
func (r *Ring) Filling() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return 0
	}
	return int(atomic.LoadUint32((*uint32)(unsafe.Add(r.mem, r.cur*r.size+blockNumPkts))))
}

// Closed reports whether the ring was closed. A reader that writes to a block looks after
// the last write: if it was not closed then, what is borrowed stays as it is.
func (r *Ring) Closed() bool { return r.closed.Load() }

// Close unmaps the ring. A block that is held stays readable until the next Take. It may
// be called twice.
func (r *Ring) Close() error {
	r.closed.Store(true)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mem == nil {
		return nil
	}
	if !r.held {
		unmap(r.mem, r.n*r.size)
		r.mem = nil
		return nil
	}
	detached, err := r.detach(r.cur)
	if err != nil {
		return err // the mapping stays: better than a crash of its reader
	}
	r.detached = detached
	r.cleanup = runtime.AddCleanup(r, unmapBlock, detached)
	return nil
}

// block returns the memory of block i.
func (r *Ring) block(i int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(r.mem, i*r.size)), r.size)
}

// after returns the block that follows block i.
func (r *Ring) after(i int) int {
	if i++; i < r.n {
		return i
	}
	return 0
}

func (r *Ring) status(i int) *uint32 {
	return (*uint32)(unsafe.Add(r.mem, i*r.size+blockStatus))
}

// load returns the status of block i.
func (r *Ring) load(i int) uint32 { return atomic.LoadUint32(r.status(i)) }

// full reports whether the kernel has filled block i.
func (r *Ring) full(i int) bool { return r.load(i)&unix.TP_STATUS_USER != 0 }

// release gives block i back to the kernel.
func (r *Ring) release(i int) { atomic.StoreUint32(r.status(i), unix.TP_STATUS_KERNEL) }

// detach ends the mapping but for block held, which it exchanges for a
// private copy at the same address, so that a reader sees no difference and
// the kernel frees the ring. The caller unmaps the block that it returns.
func (r *Ring) detach(held int) ([]byte, error) {
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
