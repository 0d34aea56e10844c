package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// Block types of draft-ietf-opsawg-pcapng. All others are skipped.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockOldPacket  = 2
	blockSimple     = 3
	blockStatistics = 5
	blockPacket     = 6
)

const byteOrderMagic = 0x1a2b3c4d

const (
	maxPacketBlock = maxFrame + 1<<18 // with its options
	maxBlock       = 16 << 20         // as Wireshark
	maxInterfaces  = 1 << 16
)

// ngInterface is what reading needs to know of an interface of the section.
type ngInterface struct {
	link    decode.LinkType
	number  int // in the file
	snaplen uint32
	clock   clock
}

// pcapng reads the format of draft-ietf-opsawg-pcapng. Every block is
//
//	type(4) length(4) body(length-12) length(4)
type pcapng struct {
	*Reader
	order binary.ByteOrder
	swap  bool          // big-endian section
	local []ngInterface // of this section
	last  time.Time     // time of the packet before
}

func newPcapng(r *Reader) (*pcapng, bool) {
	ng := &pcapng{Reader: r, last: time.Unix(0, 0).UTC()}
	return ng, binary.LittleEndian.Uint32(r.in.data) == blockSection
}

func (ng *pcapng) uint32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if ng.swap {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// open reads up to the first interface, so that the link type is known.
func (ng *pcapng) open() error {
	ng.parse = ng.next
	ng.link = decode.LinkEthernet
	for len(ng.local) == 0 {
		typ, n, err := ng.header()
		if err == nil && (typ == blockPacket || typ == blockSimple || typ == blockOldPacket) {
			return nil // next refuses it
		}
		if err == nil {
			err = ng.other(typ, n)
		}
		if err == io.EOF {
			return nil // an empty capture; next says so again
		}
		if err != nil {
			return err
		}
	}
	ng.link, ng.bigEndian = ng.local[0].link, ng.swap
	return nil
}

// next reads blocks up to one that holds a packet.
func (ng *pcapng) next(f *capture.Frame) error {
	for {
		typ, n, err := ng.header()
		if err != nil {
			return err
		}
		switch typ {
		case blockPacket, blockOldPacket, blockSimple:
			return ng.packet(f, typ, n)
		}
		if err := ng.other(typ, n); err != nil {
			return err
		}
	}
}

// header reads the head of the next block and sees to it that a block that
// matters is whole in the window.
func (ng *pcapng) header() (typ uint32, n int, err error) {
	in := ng.in
	if len(in.data) < 12 {
		if err := in.need(12); err != nil {
			return 0, 0, ng.end(err)
		}
	}
	typ = ng.uint32(in.data)
	if typ == blockSection {
		switch uint32(byteOrderMagic) {
		case binary.LittleEndian.Uint32(in.data[8:]):
			ng.order, ng.swap = binary.LittleEndian, false
		case binary.BigEndian.Uint32(in.data[8:]):
			ng.order, ng.swap = binary.BigEndian, true
		default:
			return 0, 0, ng.corrupt(in.offset(), "a section without a byte-order magic")
		}
	}
	length := ng.uint32(in.data[4:])
	limit := uint32(maxBlock)
	known := false
	switch typ {
	case blockSection, blockInterface, blockPacket, blockOldPacket, blockSimple, blockStatistics:
		known, limit = true, maxPacketBlock
	}
	if length < 12 || length%4 != 0 || length > limit {
		return 0, 0, ng.corrupt(in.offset(), "a block of %d bytes", length)
	}
	n = int(length)
	if !known || len(in.data) >= n {
		return typ, n, nil
	}
	if err := in.need(n); err != nil {
		return 0, 0, ng.end(err)
	}
	return typ, n, nil
}

// body returns the body of the block in the window, of at least least bytes,
// and leaves the block.
func (ng *pcapng) body(n, least int) ([]byte, error) {
	b := ng.in.data
	if n < least+12 {
		return nil, ng.corrupt(ng.in.offset(), "a block of type %d with %d bytes", ng.uint32(b), n)
	}
	if trailer := ng.uint32(b[n-4:]); trailer != uint32(n) {
		return nil, ng.corrupt(ng.in.offset(), "a block of %d bytes whose end says %d", n, trailer)
	}
	ng.in.data = b[n:]
	return b[8 : n-4], nil
}

// packet reads a block that holds a packet:
//
//	enhanced interface(4) time(8) captured(4) original(4) data options
//	old      interface(2) drops(2) time(8) captured(4) original(4) data options
//	simple   original(4) data
func (ng *pcapng) packet(f *capture.Frame, typ uint32, n int) error {
	start := 20
	if typ == blockSimple {
		start = 4
	}
	b, err := ng.body(n, start)
	if err != nil {
		return err
	}
	var id, captured, original uint32
	switch typ {
	case blockPacket:
		id = ng.uint32(b)
	case blockOldPacket:
		id = uint32(ng.order.Uint16(b))
	}
	if uint64(id) >= uint64(len(ng.local)) {
		return ng.corrupt(ng.in.offset()-int64(n), "a packet of interface %d of %d", id, len(ng.local))
	}
	ifi, before := &ng.local[id], ng.last
	if typ == blockSimple {
		original = ng.uint32(b)
		captured = min(original, uint32(len(b)-start))
		if ifi.snaplen > 0 {
			captured = min(captured, ifi.snaplen)
		}
	} else {
		ng.last = ifi.clock.time(uint64(ng.uint32(b[4:]))<<32 | uint64(ng.uint32(b[8:])))
		captured, original = ng.uint32(b[12:]), ng.uint32(b[16:])
	}
	if captured > maxFrame || int(captured) > len(b)-start {
		return ng.corrupt(ng.in.offset()-int64(n), "a frame of %d bytes in a block of %d", captured, n)
	}
	end := start + int(captured)
	f.Data = b[start:end:end]
	ng.lead = len(ng.in.data) + n - 8 - start
	f.Length = max(int(original), int(captured))
	f.Time = ng.last
	f.Link = ifi.link
	f.Interface = ifi.number
	f.Direction, f.Checksum = capture.Unknown, capture.ChecksumUnknown
	ng.options, ng.drops = nil, 0
	if typ == blockOldPacket {
		if d := ng.order.Uint16(b[2:]); d != 0xffff { // unknown
			ng.drops = uint64(d)
		}
	}
	if end = (end + 3) &^ 3; end < len(b) && typ != blockSimple {
		ng.options = b[end:]
		ng.optionOrder = ng.order
		ng.frameOptions(f)
	}
	if ng.drops > 0 {
		if before.Unix() == 0 {
			before = ng.last // the first frame of all
		}
		ng.meta.drop(ifi.number, ng.drops, before)
	}
	return nil
}

// frameOptions takes what a Frame and the counters want to know from the
// packet's options. A list that is broken ends there: the packet is whole.
func (ng *pcapng) frameOptions(f *capture.Frame) {
	for code, v := range options(ng.order, ng.options) {
		switch {
		case code == optFlags && len(v) == 4:
			f.Direction = flagsDirection(ng.uint32(v))
		case code == optDropCount && len(v) == 8:
			ng.drops = ng.order.Uint64(v)
		}
	}
}

// other reads a block that holds no packet.
func (ng *pcapng) other(typ uint32, n int) error {
	at := ng.in.offset()
	switch typ {
	case blockSection:
		b, err := ng.body(n, 16)
		if err != nil {
			return err
		}
		major, minor := ng.order.Uint16(b[4:]), ng.order.Uint16(b[6:])
		if major != 1 || minor != 0 && minor != 2 { // 1.2 is 1.0 by the draft
			return &Error{Name: ng.name, Offset: at, Err: ErrFormat,
				Detail: fmt.Sprintf("pcapng of the unknown version %d.%d", major, minor)}
		}
		ng.local = ng.local[:0]
		ng.meta.addSection(ng.order, b[16:])
	case blockInterface:
		b, err := ng.body(n, 8)
		if err != nil {
			return err
		}
		return ng.addInterface(at, b)
	case blockStatistics:
		b, err := ng.body(n, 12)
		if err != nil {
			return err
		}
		if id := ng.uint32(b); uint64(id) < uint64(len(ng.local)) {
			ng.meta.statistics(ng.local[id].number, ng.order, b[12:])
		}
	default:
		if err := ng.in.skip(int64(n) - 4); err != nil {
			return ng.cutIn(err, at)
		}
		if err := ng.in.need(4); err != nil {
			return ng.cutIn(err, at)
		}
		if trailer := ng.uint32(ng.in.data); trailer != uint32(n) {
			return ng.corrupt(at, "a block of %d bytes whose end says %d", n, trailer)
		}
		ng.in.data = ng.in.data[4:]
	}
	return nil
}

// addInterface reads link(2) reserved(2) snaplen(4) options.
func (ng *pcapng) addInterface(at int64, b []byte) error {
	ifi := ngInterface{
		link:    fileLink(uint32(ng.order.Uint16(b))),
		snaplen: ng.uint32(b[4:]),
		clock:   newClock(6, 0),
	}
	desc := Interface{Link: ifi.link, SnapLen: int(min(ifi.snaplen, 1<<31-1))}
	resolution, offset := uint8(6), int64(0)
	for code, v := range options(ng.order, b[8:]) {
		switch code {
		case optComment:
			desc.Comments = append(desc.Comments, string(v))
		case optIfName:
			desc.Name = string(v)
		case optIfDescription:
			desc.Description = string(v)
		case optIfHardware:
			desc.Hardware = string(v)
		case optIfOS:
			desc.OS = string(v)
		case optIfFilter:
			if len(v) > 0 && v[0] == 0 { // a string; others are programs
				desc.Filter = string(v[1:])
			}
		case optIfTsResol:
			if len(v) != 1 {
				return ng.corrupt(at, "a time resolution of %d bytes", len(v))
			}
			resolution = v[0]
		case optIfTsOffset:
			if len(v) != 8 {
				return ng.corrupt(at, "a time offset of %d bytes", len(v))
			}
			offset = int64(ng.order.Uint64(v))
		}
	}
	ifi.clock = newClock(resolution, offset)
	var ok bool
	if ifi.number, ok = ng.meta.addInterface(desc); !ok {
		return ng.corrupt(at, "more than %d interfaces", maxInterfaces)
	}
	ng.local = append(ng.local, ifi)
	return nil
}

// end makes the error of a file that ends inside a block tell where.
func (ng *pcapng) end(err error) error {
	if err == io.ErrUnexpectedEOF {
		return ng.cutIn(err, ng.in.offset())
	}
	return ng.failed(err)
}

func (ng *pcapng) cutIn(err error, at int64) error {
	if errors.Is(err, io.EOF) || err == io.ErrUnexpectedEOF {
		return ng.cut(fmt.Sprintf("inside the block that begins at byte %d", at))
	}
	return ng.failed(err)
}
