package pcapfile

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// An ngSection is what reading needs to know of a section. It does not change:
// each interface makes another one.
type ngSection struct {
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

// with returns the section with one interface more.
func (s *ngSection) with(ifi ngInterface) *ngSection {
	return &ngSection{s.order, s.swap, append(s.local, ifi)}
}

func (s *ngSection) uint32(b []byte) uint32 {
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

// packet reads a block that holds a packet.
func (ng *pcapng) packet(e *entry, typ uint32, n int) error {
	header := packetHeader
	if typ == blockSimple {
		header = simpleHeader
	}
	at, start := ng.in.offset(), ng.in.pos+8+header
	b, err := ng.body(n, header)
	if err != nil {
		return err
	}
	id := uint32(0)
	if typ != blockSimple {
		id = ng.id(typ, b)
	}
	if uint64(id) >= uint64(len(ng.local)) {
		return ng.corrupt(at, "a packet of interface %d of %d", id, len(ng.local))
	}
	ng.options, ng.drops = nil, 0
	if typ == blockSimple {
		ng.simple(e, b, start)
		return nil
	}
	if captured := ng.uint32(b[12:]); captured > maxFrame || int(captured) > len(b)-header {
		return ng.corrupt(at, "a frame of %d bytes in a block of %d", captured, n)
	}
	ng.decode(e, ng.in.buf, start)
	if typ == blockOldPacket {
		if d := ng.order.Uint16(b[2:]); d != 0xffff { // unknown
			ng.drops = uint64(d)
		}
	}
	if ng.options = ng.optionsOf(b); len(ng.options) > 0 {
		ng.optionOrder = ng.order
		for code, v := range options(ng.order, ng.options) {
			if code == optDropCount && len(v) == 8 {
				ng.drops = ng.order.Uint64(v)
			}
		}
	}
	if ng.drops > 0 {
		sec, nsec := ng.sec, ng.nsec
		if sec == 0 {
			sec, nsec = e.sec, e.nsec // the first frame of all
		}
		ng.meta.drop(int(e.ifi), ng.drops, time.Unix(sec, nsec).UTC())
	}
	ng.sec, ng.nsec = e.sec, e.nsec
	return nil
}

// simple fills in the entry for the body b of a simple packet, which has the
// first interface and the time of the packet before.
func (ng *pcapng) simple(e *entry, b []byte, start int) {
	ifi, original := &ng.local[0], ng.uint32(b)
	captured := min(original, uint32(len(b)-simpleHeader), maxFrame)
	if ifi.snaplen > 0 {
		captured = min(captured, ifi.snaplen)
	}
	*e = entry{
		start: uint32(start), end: uint32(start) + captured,
		length: max(int(original), int(captured)),
		sec:    ng.sec, nsec: ng.nsec,
		link: ifi.link, ifi: int32(ifi.number),
		alone: true,
	}
}

// id returns the interface of an enhanced or old packet with the body b.
func (s *ngSection) id(typ uint32, b []byte) uint32 {
	if typ == blockOldPacket {
		return uint32(s.order.Uint16(b))
	}
	return s.uint32(b)
}

// optionsOf returns the options of an enhanced or old packet with the body b.
func (s *ngSection) optionsOf(b []byte) []byte {
	captured := int(s.uint32(b[12:]))
	return b[min(packetHeader+(captured+3)&^3, len(b)):]
}

// decode implements decoder for enhanced and old packets. A list of options that
// is broken ends there: the packet is whole.
func (s *ngSection) decode(e *entry, buf []byte, start int) {
	block := buf[start-packetHeader-8:]
	b := block[8 : s.uint32(block[4:])-4]
	ifi := &s.local[s.id(s.uint32(block), b)]
	captured, original := int(s.uint32(b[12:])), int(s.uint32(b[16:]))
	e.start, e.end = uint32(start), uint32(start+captured)
	e.length = max(original, captured)
	e.sec, e.nsec = ifi.clock.time(uint64(s.uint32(b[4:]))<<32 | uint64(s.uint32(b[8:])))
	e.link, e.ifi, e.dir, e.alone, e.held = ifi.link, int32(ifi.number), capture.Unknown, false, false
	if o := s.optionsOf(b); len(o) > 0 {
		for code, v := range options(s.order, o) {
			if code == optFlags && len(v) == 4 {
				e.dir = flagsDirection(s.uint32(v))
			}
		}
	}
}

// decoder implements format.
func (ng *pcapng) decoder() decoder { return ng.ngSection }
