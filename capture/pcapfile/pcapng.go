package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
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
	blockSecrets    = 10
)

const byteOrderMagic = 0x1a2b3c4d

const (
	maxPacketBlock = maxFrame + 1<<18 // with its options
	maxBlock       = 16 << 20         // as Wireshark
	maxInterfaces  = 1 << 16
)

// pcapng reads the format of draft-ietf-opsawg-pcapng. Every block is
//
//	type(4) length(4) body(length-12) length(4)
type pcapng struct {
	*walker
	section
	interfaces int       // of all sections
	last       time.Time // of the packet before
	skipped    skipped
}

// skipped is a block that is being passed over: an unknown one, or one of secrets.
type skipped struct {
	at      int64 // where it begins in the file
	n       int   // its length; 0: there is none
	left    int   // of it
	secrets int   // bytes of it that go to Config.Secrets
}

func newPcapng(w *walker) (*pcapng, bool) {
	ng := &pcapng{walker: w, section: section{order: binary.LittleEndian}, last: time.Unix(0, 0).UTC()}
	return ng, binary.LittleEndian.Uint32(w.in.window()) == blockSection
}

// open reads up to the first interface, so that the link type is known.
func (ng *pcapng) open() error {
	ng.format = ng
	ng.r.link = decode.LinkEthernet
	for len(ng.local) == 0 {
		typ, n, err := ng.header()
		if err == nil && (typ == blockPacket || typ == blockSimple || typ == blockOldPacket) {
			return nil // next refuses it
		}
		if err == nil {
			err = ng.other(typ, n)
		}
		switch err {
		case nil:
		case errMore:
			ng.in.more()
		case io.EOF:
			return nil // an empty capture; next says so again
		default:
			return err
		}
	}
	first := &ng.local[0]
	ng.r.link, ng.r.snapLen, ng.r.bigEndian = first.link, int(min(first.snaplen, 1<<31-1)), ng.swap
	return nil
}

func (ng *pcapng) next(fs []capture.Frame) (int, error) {
	if cap(ng.notes) < len(fs) {
		ng.notes = make([]note, len(fs))
	}
	n, err := ng.frames(fs, ng.notes[:len(fs)])
	ng.notes = ng.notes[:n]
	return n, err
}

// frames is next, with a note for each frame.
func (ng *pcapng) frames(fs []capture.Frame, notes []note) (int, error) {
	n := 0
	for n < len(fs) {
		typ, size, err := ng.header()
		switch {
		case err != nil:
		case typ == blockPacket || typ == blockOldPacket || typ == blockSimple:
			if err = ng.packet(&fs[n], &notes[n], typ, size); err == nil && ng.wants(&fs[n]) {
				n++
			}
		default:
			err = ng.other(typ, size)
		}
		if err != nil {
			return n, err
		}
		if ng.busy() {
			break
		}
	}
	return n, nil
}

// clone implements format.
func (ng *pcapng) clone(w *walker) format {
	c := *ng
	c.walker = w
	c.local = slices.Clip(c.local)
	return &c
}

// header reads the head of the next block and sees to it that a block that
// matters is whole in the window.
func (ng *pcapng) header() (typ uint32, n int, err error) {
	in := &ng.in
	if ng.skipped.n > 0 {
		if err := ng.skip(); err != nil {
			return 0, 0, err
		}
	}
	b := in.window()
	if len(b) < 12 {
		return 0, 0, ng.end(in.need(12))
	}
	typ = ng.uint32(b)
	if typ == blockSection {
		switch uint32(byteOrderMagic) {
		case binary.LittleEndian.Uint32(b[8:]):
			ng.section = section{order: binary.LittleEndian}
		case binary.BigEndian.Uint32(b[8:]):
			ng.section = section{order: binary.BigEndian, swap: true}
		default:
			return 0, 0, ng.corrupt(in.offset(), "a section without a byte-order magic")
		}
	}
	length := ng.uint32(b[4:])
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
	if known && len(b) < n {
		return 0, 0, ng.end(in.need(n))
	}
	return typ, n, nil
}

// body returns the body of the block in the window, of at least least bytes,
// and leaves the block.
func (ng *pcapng) body(n, least int) ([]byte, error) {
	b := ng.in.window()
	if n < least+12 {
		return nil, ng.corrupt(ng.in.offset(), "a block of type %d with %d bytes", ng.uint32(b), n)
	}
	if trailer := ng.uint32(b[n-4:]); trailer != uint32(n) {
		return nil, ng.corrupt(ng.in.offset(), "a block of %d bytes whose end says %d", n, trailer)
	}
	ng.in.pos += n
	return b[8 : n-4], nil
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
			return &Error{Name: ng.r.name, Offset: at, Err: ErrFormat,
				Detail: fmt.Sprintf("pcapng of the unknown version %d.%d", major, minor)}
		}
		if ng.reports() {
			ng.r.meta.addSection(ng.order, b[16:])
		}
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
		if id := ng.uint32(b); uint64(id) < uint64(len(ng.local)) && ng.reports() {
			ng.r.meta.statistics(ng.local[id].number, ng.order, b[12:])
		}
	case blockSecrets:
		return ng.secrets(at, n)
	default:
		ng.skipped = skipped{at: at, n: n, left: n - 4}
	}
	return nil
}

// skip goes on to the end of an unknown block, which may be long.
func (ng *pcapng) skip() error {
	in, s := &ng.in, &ng.skipped
	for s.left > 0 {
		if err := in.need(1); err != nil {
			return ng.cutIn(err, s.at)
		}
		n := min(s.left, len(in.window()))
		ng.pass(in.window()[:n])
		in.pos += n
		s.left -= n
	}
	if err := in.need(4); err != nil {
		return ng.cutIn(err, s.at)
	}
	if trailer := ng.uint32(in.window()); trailer != uint32(s.n) {
		return ng.corrupt(s.at, "a block of %d bytes whose end says %d", s.n, trailer)
	}
	in.pos += 4
	s.n = 0
	return nil
}

// addInterface reads link(2) reserved(2) snaplen(4) options.
func (ng *pcapng) addInterface(at int64, b []byte) error {
	if ng.interfaces == maxInterfaces {
		return ng.corrupt(at, "more than %d interfaces", maxInterfaces)
	}
	ifi := ngInterface{
		link:    fileLink(uint32(ng.order.Uint16(b))),
		number:  ng.interfaces,
		snaplen: ng.uint32(b[4:]),
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
	ng.r.meta.addInterface(ifi.number, desc)
	ng.local = append(ng.local, ifi)
	ng.interfaces++
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
