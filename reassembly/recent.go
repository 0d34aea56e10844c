package reassembly

import (
	"encoding/binary"
	"math/bits"
)

// A recent remembers the bytes that were delivered most recently, of all flows
// together, so that copies that come later can be compared with them. It is a
// ring of records; those of one half are linked from the newest back.
type recent struct {
	size int    // of ring, once there is a flow to remember; 0: nothing is remembered
	ring []byte // a power of two
	end  uint32 // position of the next record, counted on and on
}

// A record has a header: owner, sequence number, length, the record before. Its
// position is a multiple of 16; a reference to it has bit 0 set, so that 0
// means none.
const recordHeader = 16

func (h *recent) init(size int) {
	if size > 0 {
		h.size = 1 << bits.Len(uint(min(size, 1<<30)-1))
	}
}

func owner(index uint32, side int) uint32 { return index<<1 | uint32(side) }

// add remembers b, sent from seq on, and returns the reference to its record.
// last is the reference to the record before.
func (h *recent) add(owner, last, seq uint32, b []byte) uint32 {
	n := (recordHeader + len(b) + 15) &^ 15
	at := int(h.end) & (len(h.ring) - 1)
	if n > len(h.ring)/4 || n > len(h.ring)-at {
		if n > len(h.ring)/4 {
			if len(h.ring) == h.size {
				return last
			}
			h.ring = make([]byte, h.size)
			return h.add(owner, last, seq, b)
		}
		h.end += uint32(len(h.ring) - at)
		at = 0
	}
	r := h.ring[at : at+n : at+n]
	head := (*[recordHeader]byte)(r)
	binary.NativeEndian.PutUint32(head[:], owner)
	binary.NativeEndian.PutUint32(head[4:], seq)
	binary.NativeEndian.PutUint32(head[8:], uint32(len(b)))
	binary.NativeEndian.PutUint32(head[12:], last)
	copy(r[recordHeader:], b)
	position := h.end
	h.end += uint32(n)
	return position | 1
}

// get returns a record, if it is still there.
func (h *recent) get(owner, ref uint32) (seq uint32, b []byte, last uint32, ok bool) {
	position := ref &^ 1
	if ref == 0 || h.end-position > uint32(len(h.ring)) || h.end == position {
		return 0, nil, 0, false
	}
	r := h.ring[int(position)&(len(h.ring)-1):]
	head := (*[recordHeader]byte)(r)
	o := binary.NativeEndian
	n := uint64(o.Uint32(head[8:]))
	if o.Uint32(head[:]) != owner || recordHeader+n > uint64(len(r)) {
		return 0, nil, 0, false
	}
	return o.Uint32(head[4:]), r[recordHeader : recordHeader+n], o.Uint32(head[12:]), true
}

// maxLook is how many records are compared with one segment.
const maxLook = 64

// compareOld tells where b, sent from seq on, contradicts what was delivered.
func (a *Assembler) compareOld(f *Flow, index uint32, side int, seq uint32, b []byte) {
	h := &f.half[side]
	end := seq + uint32(len(b))
	o := &f.half[side^1]
	acked := o.flags&acks != 0 && o.ack == end
	if len(b) == 1 && (end == h.next && (b[0] == 0 || acked) || f.flags&multi != 0 && acked) {
		return // a keep-alive probe may hold anything (RFC 9293, section 3.8.4), and so may Linux's probe of a window of MPTCP
	}
	ref := h.record
	for range maxLook {
		from, old, last, ok := a.recent.get(owner(index, side), ref)
		if !ok || before(h.next, from+uint32(len(old))) {
			return
		}
		a.compare(f, side, seq, b, from, old)
		if !before(seq, from) {
			return
		}
		ref = last
	}
}
