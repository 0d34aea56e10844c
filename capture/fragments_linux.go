package capture

import (
	"bytes"
	"encoding/binary"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/ipfrag"
)

// maxInbox bounds what another ring's reader has not taken yet, in fragments.
const maxInbox = 4096

// fragments hands the fragments of TCP segments, which all come to the ring of
// their addresses, over to the ring of their connection. One ring's reader
// owns it.
type fragments struct {
	self   *shard
	shards []*shard
	packet decode.Packet
	sorter ipfrag.Sorter[Frame]
	ended  bool // nobody takes anything over any more
}

func newFragments(self *shard, shards []*shard) *fragments {
	fr := &fragments{self: self, shards: shards}
	fr.sorter.Release = fr.release
	return fr
}

// take reports whether f, whose network header is at data[off:], is a fragment
// that belongs to another ring, or may. Then it is delivered there, or held.
func (fr *fragments) take(f *Frame, etherType uint16, off int) bool {
	if off < 0 || off > len(f.Data) || !fr.ofTCP(etherType, f.Data[off:], f.Length-off) {
		return false
	}
	hash, known := fr.sorter.Sort(&fr.packet, f.Time)
	to := fr.shard(hash)
	if known && to == fr.self {
		return false
	}
	c := *f
	c.Data = bytes.Clone(f.Data)
	if known {
		return to.deliver(c)
	}
	fr.sorter.Hold(c, len(c.Data))
	return true
}

// ofTCP decodes the IP packet that b begins with, of wire bytes, if it is a fragment of
// TCP. Other packets it only glances at.
func (fr *fragments) ofTCP(etherType uint16, b []byte, wire int) bool {
	p := &fr.packet
	var link decode.LinkType
	switch {
	case etherType == decode.EtherTypeIPv4 && len(b) >= 20 &&
		binary.BigEndian.Uint16(b[6:])&0x3fff != 0 && b[9] == decode.ProtoTCP:
		link = decode.LinkIPv4
	case etherType == decode.EtherTypeIPv6 && len(b) >= 48 && b[6] == decode.ProtoFragment:
		link = decode.LinkIPv6
	default:
		return false
	}
	return p.DecodeCut(link, b, wire) == nil && p.Fragment && p.Proto == decode.ProtoTCP
}

// shard returns the shard of a hash, as the kernel chooses.
func (fr *fragments) shard(hash uint32) *shard { return fr.shards[hash%uint32(len(fr.shards))] }

// release takes a fragment that was held.
func (fr *fragments) release(f Frame, hash uint32) {
	if to := fr.shard(hash); fr.ended || to == fr.self || !to.deliver(f) {
		fr.self.parked = append(fr.self.parked, f)
	}
}

// flush is for the end of the capture: what is held is given out here.
func (fr *fragments) flush() {
	fr.ended = true
	fr.sorter.Flush()
}

// deliver puts a frame into the inbox of a shard, which owns it then, and reports false
// if that is full.
func (s *shard) deliver(f Frame) bool {
	s.mu.Lock()
	full := len(s.inbox) == maxInbox
	if !full {
		s.inbox = append(s.inbox, f)
	}
	s.mu.Unlock()
	if !full {
		s.socket.Poke()
	}
	return !full
}
