package pcapfile

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// A section is what reading needs to know of a section.
type section struct {
	order binary.ByteOrder
	swap  bool // big-endian
	local []ngInterface
}

// An ngInterface is what reading needs to know of an interface.
type ngInterface struct {
	link    decode.LinkType
	number  int // in the file
	snaplen uint32
	clock   clock
}

func (s *section) uint32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if s.swap {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// The bodies of the blocks that hold a packet:
//
//	enhanced interface(4) time(8) captured(4) original(4) data options
//	old      interface(2) drops(2) time(8) captured(4) original(4) data options
//	simple   original(4) data
const (
	packetHeader = 20
	simpleHeader = 4
)

// packet fills in f, and what else is said of it, for a block that holds a
// packet.
func (ng *pcapng) packet(f *capture.Frame, extra *note, typ uint32, n int) error {
	header := packetHeader
	if typ == blockSimple {
		header = simpleHeader
	}
	at := ng.in.offset()
	b, err := ng.body(n, header)
	if err != nil {
		return err
	}
	id := uint32(0)
	switch typ {
	case blockOldPacket:
		id = uint32(ng.order.Uint16(b))
	case blockPacket:
		id = ng.uint32(b)
	}
	if uint64(id) >= uint64(len(ng.local)) {
		return ng.corrupt(at, "a packet of interface %d of %d", id, len(ng.local))
	}
	ifi := &ng.local[id]
	*extra = note{interfaces: int32(ng.interfaces), swap: ng.swap}
	f.Link, f.Interface = ifi.link, ifi.number
	f.Direction, f.Checksum, f.Clock = capture.DirectionUnknown, capture.ChecksumUnknown, capture.ClockSoftware
	if typ == blockSimple {
		ng.simple(f, ifi, b)
		return nil
	}
	captured, original := int(ng.uint32(b[12:])), int(ng.uint32(b[16:]))
	if uint(captured) > maxFrame || captured > len(b)-header {
		return ng.corrupt(at, "a frame of %d bytes in a block of %d", uint32(captured), n)
	}
	end := header + captured
	f.Data, f.Length = b[header:end:end], max(original, captured)
	f.Time = time.Unix(ifi.clock.time(uint64(ng.uint32(b[4:]))<<32 | uint64(ng.uint32(b[8:])))).UTC()
	if typ == blockOldPacket {
		if d := ng.order.Uint16(b[2:]); d != 0xffff { // unknown
			extra.drops = uint64(d)
		}
	}
	if o := b[min(header+(captured+3)&^3, len(b)):]; len(o) > 0 {
		ng.packetOptions(f, extra, o)
	}
	if extra.drops > 0 && ng.reports() {
		before := ng.last
		if before.Unix() == 0 {
			before = f.Time // the first frame of all
		}
		ng.r.meta.drop(f.Interface, extra.drops, before)
	}
	ng.last = f.Time
	return nil
}

// packetOptions takes the options of a packet. A list that is broken ends there:
// the packet is whole.
func (ng *pcapng) packetOptions(f *capture.Frame, extra *note, o []byte) {
	extra.options = o
	for code, v := range options(ng.order, o) {
		switch {
		case code == optFlags && len(v) == 4:
			f.Direction = flagsDirection(ng.uint32(v))
		case code == optDropCount && len(v) == 8:
			extra.drops = ng.order.Uint64(v)
		}
	}
}

// simple fills in f for the body b of a simple packet, which has the first
// interface and the time of the packet before.
func (ng *pcapng) simple(f *capture.Frame, ifi *ngInterface, b []byte) {
	original := ng.uint32(b)
	captured := min(original, uint32(len(b)-simpleHeader), maxFrame)
	if ifi.snaplen > 0 {
		captured = min(captured, ifi.snaplen)
	}
	end := simpleHeader + int(captured)
	f.Data, f.Length, f.Time = b[simpleHeader:end:end], max(int(original), int(captured)), ng.last
}
