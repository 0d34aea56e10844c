package capture

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/capture/internal/tpacket"
	"github.com/wstap/wstap/decode"
)

// Offsets in struct tpacket_block_desc, tpacket3_hdr and sockaddr_ll (linux/if_packet.h).
const (
	blockStatus  = 8
	blockNumPkts = 12
	blockFirst   = 16
	hdrNext      = 0
	hdrSec       = 4
	hdrNsec      = 8
	hdrSnapLen   = 12
	hdrLen       = 16
	hdrStatus    = 20
	hdrMac       = 24
	hdrNet       = 26
	hdrVLANTCI   = 32
	addrProto    = 50
)

// A kernel is a test that plays the kernel's part in a ring: its own view of the same
// memory, block by block.
type kernel [][]byte

// fakeRing returns a shard over a ring that a test fills: every block is full of
// frames of the given length, and ready.
func fakeRing(t testing.TB, link decode.LinkType, blocks, frameLen int, status uint32) (*shard, kernel) {
	t.Helper()
	const size = DefaultBlockSize
	fd, err := unix.MemfdCreate("ring", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(size*blocks)); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(fd, 0, size*blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	ring, err := tpacket.Map(fd, size, blocks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
	k := make(kernel, blocks)
	for i := range k {
		k[i] = mem[i*size : (i+1)*size]
		k.fill(i, frameLen, status)
	}
	k.ready()
	return &shard{live: &live{device: new(device)}, link: link, snapLen: DefaultSnapLen, ring: ring}, k
}

// fill fills a block with frames.
func (k kernel) fill(i, frameLen int, status uint32) {
	const first, mac = 48, 96 + reserve
	b := k[i]
	step := (mac + frameLen + 15) &^ 15
	n := 0
	for off := first; off+step <= len(b); off += step {
		h := b[off:]
		binary.NativeEndian.PutUint32(h[hdrNext:], uint32(step))
		binary.NativeEndian.PutUint32(h[hdrSec:], 1e9)
		binary.NativeEndian.PutUint32(h[hdrSnapLen:], uint32(frameLen))
		binary.NativeEndian.PutUint32(h[hdrLen:], uint32(frameLen))
		binary.NativeEndian.PutUint32(h[hdrStatus:], status)
		binary.NativeEndian.PutUint16(h[hdrMac:], mac)
		binary.NativeEndian.PutUint16(h[hdrNet:], mac)
		n++
	}
	binary.NativeEndian.PutUint32(b[blockNumPkts:], uint32(n))
	binary.NativeEndian.PutUint32(b[blockFirst:], first)
}

// ready hands all blocks to the reader.
func (k kernel) ready() {
	for _, b := range k {
		binary.NativeEndian.PutUint32(b[blockStatus:], unix.TP_STATUS_USER)
	}
}

// mine reports whether the kernel may write to a block.
func (k kernel) mine(i int) bool {
	return binary.NativeEndian.Uint32(k[i][blockStatus:])&unix.TP_STATUS_USER == 0
}

// frames calls f with the header of each frame in a block.
func (k kernel) frames(i int, f func(h []byte)) {
	off := binary.NativeEndian.Uint32(k[i][blockFirst:])
	for range binary.NativeEndian.Uint32(k[i][blockNumPkts:]) {
		h := k[i][off:]
		f(h)
		off += binary.NativeEndian.Uint32(h[hdrNext:])
	}
}
