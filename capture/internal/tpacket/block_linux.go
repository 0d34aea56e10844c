package tpacket

import (
	"encoding/binary"
	"time"

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

// A Block is a block of frames, and how far its reader has come in it. The zero Block
// has none.
type Block struct {
	mem    []byte
	left   int // frames not yet passed
	off    int // of the next frame's header
	losing bool
}

func newBlock(mem []byte, status uint32) Block {
	return Block{
		mem:    mem,
		left:   int(binary.NativeEndian.Uint32(mem[blockNumPkts:])),
		off:    int(binary.NativeEndian.Uint32(mem[blockFirst:])),
		losing: status&unix.TP_STATUS_LOSING != 0,
	}
}

// Left returns how many frames are left.
func (b *Block) Left() int { return b.left }

// Skip passes over all frames that are left.
func (b *Block) Skip() { b.left = 0 }

// Next passes over a frame. It returns its Header, and the rest of the block from the
// Header on, in which [Header.Extent] says where the frame is. Headroom before it may be
// written to.
func (b *Block) Next() (*Header, []byte) {
	rest := b.mem[b.off:]
	h := (*Header)(rest)
	b.left--
	b.off += int(binary.NativeEndian.Uint32(h[hdrNext:]))
	return h, rest
}

// Stamp returns the time of the next frame, for comparison.
func (b *Block) Stamp() uint64 {
	h := b.mem[b.off:]
	return uint64(binary.NativeEndian.Uint32(h[hdrSec:]))<<32 | uint64(binary.NativeEndian.Uint32(h[hdrNsec:]))
}

// Losing reports whether the kernel dropped frames before it filled the block.
func (b *Block) Losing() bool { return b.losing }

// First returns the time of the first frame.
func (b *Block) First() time.Time { return stamp(b.mem[blockFirstStamp:]) }

// Last returns the time of the last frame.
func (b *Block) Last() time.Time { return stamp(b.mem[blockLastStamp:]) }

func stamp(b []byte) time.Time {
	return time.Unix(int64(binary.NativeEndian.Uint32(b)), int64(binary.NativeEndian.Uint32(b[4:])))
}
