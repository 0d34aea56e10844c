package pcapfile

import (
	"encoding/binary"
	"math/bits"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/flowhash"
)

// buckets is how many parts all connections are divided into by their hash.
const (
	buckets    = 1 << bucketBits
	bucketBits = 12
)

// bucket returns the bucket of a hash.
func bucket(hash uint32) uint32 { return hash >> (flowhash.Bits - bucketBits) }

// plainLen is how much plainTCP looks at.
const plainLen = 14 + 20 + 20

// plainTCP says that a frame is what nearly all are: Ethernet, IPv4 without
// options, whole, TCP.
func plainTCP(b *[plainLen]byte) bool {
	o := binary.LittleEndian
	return o.Uint32(b[12:])&0x00ffffff == 0x00450008 && // EtherType, version and length of the header
		o.Uint32(b[20:])&0xff00ff3f == 0x06000000 // flags and offset of fragments, protocol
}

// plainHash is the hash of such a frame. To fold before the bytes are put in order
// costs less.
func plainHash(b *[plainLen]byte) uint32 {
	o := binary.LittleEndian
	return flowhash.Connection(bits.ReverseBytes32(o.Uint32(b[26:])^o.Uint32(b[30:])),
		bits.ReverseBytes16(o.Uint16(b[34:])^o.Uint16(b[36:])))
}

// A hasher finds the hash of any frame, however it is wrapped. What may carry
// several packets in a frame has 0: they would have several.
type hasher struct {
	packet decode.Packet
}

// of takes a frame of which b was captured. It returns false for a fragment of TCP,
// which may lack the ports; h.packet then holds it.
func (h *hasher) of(link decode.LinkType, b []byte, length int) (uint32, bool) {
	if link == decode.LinkEthernet && len(b) >= plainLen {
		if b := (*[plainLen]byte)(b); plainTCP(b) {
			return plainHash(b), true
		}
	}
	p := &h.packet
	_ = p.DecodeCut(link, b, length) // what was read before an error counts
	switch {
	case p.Aggregates():
		return 0, true
	case p.Fragment && p.Proto == decode.ProtoTCP:
		return 0, false
	}
	return flowhash.Packet(p), true
}
