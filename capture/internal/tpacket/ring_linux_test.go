package tpacket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const testBlock = 64 << 10

// A kernel fills a ring: a test's own view of the same memory.
type kernel struct {
	mem  []byte
	next int    // block
	made uint32 // frames
}

func fakeRing(t testing.TB, blocks int) (*Ring, *kernel) {
	t.Helper()
	fd, err := unix.MemfdCreate("ring", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(blocks*testBlock)); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(fd, 0, blocks*testBlock, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	r, err := Map(fd, testBlock, blocks)
	if err != nil {
		t.Fatal(err)
	}
	return r, &kernel{mem: mem}
}

func (k *kernel) status(block int) *uint32 {
	return (*uint32)(unsafe.Pointer(&k.mem[block*testBlock+blockStatus]))
}

// fill fills the next block with frames that are numbered, at a second a frame, and hands
// it to the reader. It returns false if the block is the reader's.
func (k *kernel) fill(frames int, status uint32) bool {
	if atomic.LoadUint32(k.status(k.next))&unix.TP_STATUS_USER != 0 {
		return false
	}
	b := k.mem[k.next*testBlock:][:testBlock]
	const first, step, mac = 48, 128, 96
	put := binary.NativeEndian.PutUint32
	put(b[blockNumPkts:], uint32(frames))
	put(b[blockFirst:], first)
	put(b[blockFirstStamp:], k.made+1)
	for i := range frames {
		k.made++
		h := b[first+i*step:]
		put(h[hdrNext:], step)
		put(h[hdrSec:], k.made)
		put(h[hdrSnapLen:], 4)
		put(h[hdrLen:], 400)
		binary.NativeEndian.PutUint16(h[hdrMac:], mac)
		put(h[mac:], k.made)
	}
	put(b[blockLastStamp:], k.made)
	atomic.StoreUint32(k.status(k.next), unix.TP_STATUS_USER|status)
	k.next = (k.next + 1) % (len(k.mem) / testBlock)
	return true
}

// A block goes to and fro: the reader has it from one Take to the next, and the kernel
// otherwise.
func TestRing(t *testing.T) {
	const blocks = 3
	r, k := fakeRing(t, blocks)
	defer r.Close()
	if r.Size() != blocks*testBlock {
		t.Errorf("size %d", r.Size())
	}
	if _, ok, err := r.Take(); ok || err != nil || r.Ready() || r.Full() != 0 || !r.Newest().IsZero() || r.Filling() != 0 {
		t.Fatalf("an empty ring gives %v, %v, and has %d", ok, err, r.Full())
	}
	read := uint32(0)
	for round := range 20 {
		n := round%blocks + 1
		for range n {
			if !k.fill(100, uint32(round%2)*unix.TP_STATUS_LOSING) {
				t.Fatal("a block that was read is not given back")
			}
		}
		if !r.Ready() || r.Full() != n || r.Newest().Unix() != int64(k.made) {
			t.Fatalf("%d blocks are full, newest %v; want %d, %d", r.Full(), r.Newest().Unix(), n, k.made)
		}
		if n == blocks && k.fill(1, 0) {
			t.Fatal("the kernel got a block of a full ring")
		}
		for i := range n {
			b, ok, err := r.Take()
			if !ok || err != nil {
				t.Fatal(ok, err)
			}
			if r.Full() != n-i {
				t.Fatalf("%d blocks with the one that is held, want %d", r.Full(), n-i)
			}
			if b.Left() != 100 || b.First().Unix() != int64(read+1) || b.Last().Unix() != int64(read+100) || b.Losing() != (round%2 == 1) {
				t.Fatalf("block of %d frames, %v to %v, losing %v", b.Left(), b.First(), b.Last(), b.Losing())
			}
			for b.Left() > 0 {
				read++
				stamp := b.Stamp()
				h, rest := b.Next()
				start, end, _ := h.Extent()
				if binary.NativeEndian.Uint32(rest[start:end]) != read || h.Time().Unix() != int64(read) || stamp != uint64(read)<<32 || h.Length() != 400 {
					t.Fatalf("frame %d: % x at %v", read, rest[start:end], h.Time())
				}
			}
		}
		if _, ok, err := r.Take(); ok || err != nil {
			t.Fatal("more than was filled", err)
		}
	}
	if read != k.made {
		t.Errorf("%d frames of %d", read, k.made)
	}
	binary.NativeEndian.PutUint32(k.mem[k.next*testBlock+blockNumPkts:], 7)
	if r.Filling() != 7 {
		t.Errorf("%d frames in the block that the kernel fills", r.Filling())
	}
}

// After Close the block that is held stays as it was, whatever the kernel writes, until
// the next Take; the rest is unmapped at once.
func TestRingClose(t *testing.T) {
	for held := range 3 {
		r, k := fakeRing(t, 3)
		for range 3 {
			k.fill(50, 0)
		}
		var b Block
		for range held + 1 {
			b, _, _ = r.Take()
		}
		want := bytes.Clone(b.mem)
		addr := uintptr(unsafe.Pointer(&b.mem[0]))
		for range 2 {
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range k.mem {
			k.mem[i] = 0xaa
		}
		if !bytes.Equal(b.mem, want) {
			t.Fatalf("block %d changed", held)
		}
		for i := range 3 {
			if i != held && holds(addr+uintptr((i-held)*testBlock), k.mem[i*testBlock:][:testBlock]) {
				t.Errorf("with block %d held, block %d is still mapped", held, i)
			}
		}
		if !r.Closed() || !r.Ready() || r.Full() != 0 || r.Filling() != 0 {
			t.Error("closed, but does not say so")
		}
		for range 2 {
			if _, ok, err := r.Take(); ok || !errors.Is(err, net.ErrClosed) {
				t.Fatalf("Take after Close: %v, %v", ok, err)
			}
		}
		if holds(addr, want) {
			t.Error("the block that was held is still mapped")
		}
	}
}

// holds reports whether the memory at an address is want: unmapped memory may be mapped
// for something else at once.
func holds(addr uintptr, want []byte) bool {
	got := make([]byte, len(want))
	local := unix.Iovec{Base: &got[0]}
	local.SetLen(len(got))
	n, err := unix.ProcessVMReadv(os.Getpid(), []unix.Iovec{local}, []unix.RemoteIovec{{Base: addr, Len: len(got)}}, 0)
	return err == nil && n == len(got) && bytes.Equal(got, want)
}

// A reader that never comes back does not keep its block for good.
func TestRingForgotten(t *testing.T) {
	r, k := fakeRing(t, 2)
	k.fill(1, 0)
	b, _, _ := r.Take()
	want := bytes.Clone(b.mem)
	addr := uintptr(unsafe.Pointer(&b.mem[0]))
	if r.Close(); !holds(addr, want) {
		t.Fatal("the block is not there after Close")
	}
	for range 100 {
		runtime.GC()
		if !holds(addr, want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the block is still there")
}

// Whoever asks or closes meanwhile, the reader sees whole frames in order.
func TestRingConcurrently(t *testing.T) {
	for range 20 {
		r, k := fakeRing(t, 4)
		var wg sync.WaitGroup
		stop := make(chan struct{})
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if !k.fill(100, 0) {
						runtime.Gosched()
					}
				}
			}
		})
		wg.Go(func() {
			for !r.Closed() {
				r.Full()
				r.Newest()
				r.Filling()
				r.Ready()
			}
		})
		wg.Go(func() {
			time.Sleep(time.Millisecond)
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
		for read := uint32(0); ; {
			b, ok, err := r.Take()
			if err != nil {
				break
			}
			if !ok {
				runtime.Gosched()
			}
			for b.Left() > 0 {
				h, rest := b.Next()
				start, end, _ := h.Extent()
				if read++; binary.NativeEndian.Uint32(rest[start:end]) != read {
					t.Errorf("frame %d: % x", read, rest[start:end])
					b.Skip()
				}
			}
		}
		close(stop)
		wg.Wait()
	}
}
