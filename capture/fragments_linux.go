package capture

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/internal/flowhash"
)

// Bounds of what a ring remembers of fragments, and of what another ring's
// reader has not taken yet.
const (
	maxFragmented = 256  // datagrams
	maxHeld       = 1024 // fragments
	maxInbox      = 4096 // fragments
)

// fragments hands the fragments of TCP segments, which all come to the ring of
// their addresses, over to the ring of their connection. One ring's reader
// owns it.
type fragments struct {
	self   *shard
	shards []*shard
	known  map[fragmentKey]*fragmented
	order  []fragmentKey // of known, oldest first
	held   int           // fragments
}

type fragmentKey struct {
	addrs [32]byte
	id    uint32
}

// fragmented is a datagram of which fragments came.
type fragmented struct {
	shard *shard  // nil as long as the first fragment, which has the ports, is missing
	held  []Frame // until then
}

func newFragments(self *shard, shards []*shard) *fragments {
	return &fragments{self: self, shards: shards, known: make(map[fragmentKey]*fragmented)}
}

// take reports whether f, whose network header is at data[off:], is a fragment
// that belongs to another ring, or may. Then it is delivered there, or held.
func (fr *fragments) take(f *Frame, etherType uint16, off int) bool {
	if off < 0 || off > len(f.Data) {
		return false
	}
	key, first, transport := tcpFragment(etherType, f.Data[off:])
	if transport == nil {
		return false
	}
	d := fr.known[key]
	if d == nil {
		d = fr.remember(key)
	}
	if first {
		var addrs uint32
		for i := 0; i < len(key.addrs); i += 4 {
			addrs ^= binary.BigEndian.Uint32(key.addrs[i:])
		}
		ports := binary.BigEndian.Uint16(transport) ^ binary.BigEndian.Uint16(transport[2:])
		d.shard = fr.shards[flowhash.Connection(addrs, ports)%uint32(len(fr.shards))]
		fr.flush(d, d.shard)
	}
	switch {
	case d.shard == fr.self:
		return false
	case d.shard != nil:
		return d.shard.deliver(*f)
	case fr.held == maxHeld:
		return false
	}
	fr.held++
	c := *f
	c.Data = bytes.Clone(f.Data)
	d.held = append(d.held, c)
	return true
}

// remember makes room for a datagram and adds it.
func (fr *fragments) remember(key fragmentKey) *fragmented {
	if len(fr.order) == maxFragmented {
		old := fr.order[0]
		fr.order = append(fr.order[:0], fr.order[1:]...)
		fr.flush(fr.known[old], fr.self)
		delete(fr.known, old)
	}
	d := new(fragmented)
	fr.known[key] = d
	fr.order = append(fr.order, key)
	return d
}

// flush gives what is held of a datagram to a ring, or else to this one.
func (fr *fragments) flush(d *fragmented, to *shard) {
	for _, f := range d.held {
		if to == fr.self || !to.deliver(f) {
			fr.self.parked = append(fr.self.parked, f)
		}
	}
	fr.held -= len(d.held)
	d.held = nil
}

// flushAll is for the end of the capture.
func (fr *fragments) flushAll() {
	for _, d := range fr.known {
		fr.flush(d, fr.self)
	}
}

// tcpFragment looks at an IP header. Of a fragment of a TCP segment it returns
// the fragment's key, whether it is the first with both ports, and the TCP
// header or what else the fragment holds, which is not nil.
func tcpFragment(etherType uint16, b []byte) (key fragmentKey, first bool, data []byte) {
	switch {
	case etherType == unix.ETH_P_IP && len(b) >= 20:
		frag := binary.BigEndian.Uint16(b[6:])
		n := int(b[0]&15) * 4
		if frag&0x3fff == 0 || b[9] != unix.IPPROTO_TCP || n < 20 || n > len(b) {
			return key, false, nil
		}
		copy(key.addrs[:], b[12:20])
		key.id = uint32(binary.BigEndian.Uint16(b[4:]))
		first, data = frag&0x1fff == 0, b[n:]
	case etherType == unix.ETH_P_IPV6 && len(b) >= 48:
		if b[6] != unix.IPPROTO_FRAGMENT || b[40] != unix.IPPROTO_TCP {
			return key, false, nil
		}
		copy(key.addrs[:], b[8:40])
		key.id = binary.BigEndian.Uint32(b[44:])
		first, data = binary.BigEndian.Uint16(b[42:])&^7 == 0, b[48:]
	}
	return key, first && len(data) >= 4, data
}

// deliver puts a copy of a frame into the inbox of a shard, and reports false
// if that is full.
func (s *shard) deliver(f Frame) bool {
	s.mu.Lock()
	full := len(s.inbox) == maxInbox
	if !full {
		f.Data = bytes.Clone(f.Data)
		s.inbox = append(s.inbox, f)
	}
	s.mu.Unlock()
	if !full {
		s.waiter.poke()
	}
	return !full
}
