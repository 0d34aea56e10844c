package pcapfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// Magic numbers of pcap files, as a little-endian reader sees a little-endian
// file.
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34 // record headers have 8 bytes more; microseconds
)

const (
	pcapFileHeader   = 24
	pcapRecordHeader = 16
)

// pcap reads the format of draft-ietf-opsawg-pcap:
//
//	file   magic(4) major(2) minor(2) reserved(8) snaplen(4) linktype(4)
//	record seconds(4) fraction(4) captured(4) original(4) data
type pcap struct {
	*walker
	link   decode.LinkType
	header int   // length of a record header
	unit   int64 // nanoseconds of a timestamp's fraction
	swap   bool  // big-endian
	old    bool  // before 2.4: the two lengths may be swapped
}

// newPcap returns false if the magic number is another format's.
func newPcap(w *walker) (*pcap, bool) {
	p := &pcap{walker: w, header: pcapRecordHeader, unit: 1000}
	magic := binary.LittleEndian.Uint32(w.in.window())
	switch bits.ReverseBytes32(magic) {
	case magicMicro, magicNano, magicModified:
		magic, p.swap = bits.ReverseBytes32(magic), true
	}
	switch magic {
	case magicMicro:
	case magicNano:
		p.unit = 1
	case magicModified:
		p.header += 8
	default:
		return nil, false
	}
	return p, true
}

func (p *pcap) uint32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if p.swap {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (p *pcap) open() error {
	switch err := p.in.await(pcapFileHeader); {
	case err == io.ErrUnexpectedEOF:
		return p.cut("inside the file header")
	case err != nil:
		return p.failed(err)
	}
	b := p.in.window()
	version := p.uint32(b[4:])
	major, minor := version&0xffff, version>>16
	if p.swap {
		major, minor = minor, major
	}
	if major != 2 {
		return &Error{Name: p.r.name, Err: ErrFormat, Detail: "pcap of an unknown version"}
	}
	p.old = minor < 4
	p.link = fileLink(p.uint32(b[20:]))
	p.in.pos += pcapFileHeader
	p.format, p.r.link, p.r.bigEndian = p, p.link, p.swap
	p.r.snapLen = int(min(p.uint32(b[16:]), 1<<31-1))
	p.r.meta.addInterface(0, Interface{Link: p.link, SnapLen: p.r.snapLen})
	return nil
}

func (p *pcap) next(fs []capture.Frame) (n int, err error) {
	usual := p.header == pcapRecordHeader && !p.swap && !p.old
	for n < len(fs) {
		switch {
		case !usual || len(fs) == 1: // nothing to gain
		case p.assignment == nil && p.selection.program == nil:
			n += p.all(fs[n:])
		default:
			n += p.some(fs[n:])
		}
		if n == len(fs) {
			break
		}
		if wanted, err := p.one(&fs[n]); err != nil {
			return n, err
		} else if wanted {
			n++
		}
		if p.busy() {
			break
		}
	}
	return n, nil
}

// one reads any record, and says whether its frame is wanted.
func (p *pcap) one(f *capture.Frame) (bool, error) {
	b := p.in.window()
	if len(b) < p.header {
		return false, p.end(p.header)
	}
	captured, original := p.lengths(b)
	if captured > maxFrame {
		return false, p.corrupt(p.in.offset(), "a frame of %d bytes", captured)
	}
	end := p.header + int(captured)
	if end > len(b) {
		return false, p.end(end)
	}
	f.Data = b[p.header:end:end]
	f.Length = max(int(original), int(captured))
	f.Time = time.Unix(int64(p.uint32(b)), int64(p.uint32(b[4:]))*p.unit).UTC()
	f.Link, f.Interface = p.link, 0
	f.Direction, f.Checksum, f.Clock = capture.DirectionUnknown, capture.ChecksumUnknown, capture.ClockSoftware
	if p.header > pcapRecordHeader {
		f.Interface = int(int32(p.uint32(b[pcapRecordHeader:])))
		f.Direction = packetType(b[pcapRecordHeader+6])
	}
	p.in.pos += end
	return p.wants(f), nil
}

// lengths returns how much of a frame was captured, and its length on the wire.
func (p *pcap) lengths(b []byte) (captured, original uint32) {
	captured, original = p.uint32(b[8:]), p.uint32(b[12:])
	if p.old && captured > original {
		return original, captured
	}
	return captured, original
}

// all does what one does for many records at once, where they have the usual form
// and every frame is wanted. It leaves the last one of the window to one: that
// something follows each saves it a question.
func (p *pcap) all(fs []capture.Frame) int {
	o := binary.LittleEndian
	link, unit := p.link, p.unit
	b, n := p.in.window(), 0
	for i := range fs {
		if len(b) < pcapRecordHeader {
			break
		}
		h := (*[pcapRecordHeader]byte)(b)
		captured := int(o.Uint32(h[8:]))
		if captured >= len(b)-pcapRecordHeader || uint(captured) > maxFrame {
			break
		}
		f := &fs[i]
		f.Data = b[pcapRecordHeader : pcapRecordHeader+captured : pcapRecordHeader+captured]
		f.Length = max(int(o.Uint32(h[12:])), captured)
		f.Time = time.Unix(int64(o.Uint32(h[0:])), int64(o.Uint32(h[4:]))*unit).UTC()
		f.Link, f.Interface = link, 0
		f.Direction, f.Checksum, f.Clock = capture.DirectionUnknown, capture.ChecksumUnknown, capture.ClockSoftware
		b = b[pcapRecordHeader+captured:]
		n = i + 1
	}
	p.in.pos = len(p.in.buf) - len(b)
	return n
}

// some is all where there is a filter, or other walkers. It leaves to one what is
// not simple, too.
func (p *pcap) some(fs []capture.Frame) int {
	var starts [64]uint32
	b := p.in.window()
	n, used := p.own(b, starts[:min(len(fs), len(starts))])
	if p.selection.program != nil {
		n = p.matching(b, starts[:n])
	}
	fill(fs, b, starts[:n], p.link, p.unit)
	p.in.pos += used
	return n
}

// fill fills in the frames of the records in b, which are whole and in the usual
// form.
func fill(fs []capture.Frame, b []byte, starts []uint32, link decode.LinkType, unit int64) {
	o := binary.LittleEndian
	fs = fs[:len(starts)]
	for i, at := range starts {
		r := b[at:]
		h := (*[pcapRecordHeader]byte)(r)
		captured := int(o.Uint32(h[8:]))
		f := &fs[i]
		f.Data = r[pcapRecordHeader : pcapRecordHeader+captured : pcapRecordHeader+captured]
		f.Length = max(int(o.Uint32(h[12:])), captured)
		f.Time = time.Unix(int64(o.Uint32(h[0:])), int64(o.Uint32(h[4:]))*unit).UTC()
		f.Link, f.Interface = link, 0
		f.Direction, f.Checksum, f.Clock = capture.DirectionUnknown, capture.ChecksumUnknown, capture.ClockSoftware
	}
}

// matching keeps the records in b that the filter wants, and returns how many.
func (p *pcap) matching(b []byte, starts []uint32) (n int) {
	for _, at := range starts {
		captured, original := p.lengths(b[at:])
		if p.selection.match(b[at+pcapRecordHeader:][:captured], max(int(original), int(captured)), 0) {
			starts[n] = at
			n++
		}
	}
	return n
}

// own finds the walker's own records in b. It returns how many, and how much of b
// it went over. Whose a record is shows in a few bytes of it, mostly: what is
// another's costs no more than to look at them.
func (p *pcap) own(b []byte, starts []uint32) (n, used int) {
	o := binary.LittleEndian
	a, whole := p.assignment, len(b)
	if a == nil {
		return records(b, starts)
	}
	if p.link != decode.LinkEthernet {
		return 0, 0
	}
	load, owner, own := a.load, &a.owner, a.own
	for n < len(starts) && len(b) >= pcapRecordHeader+plainLen {
		captured := int(o.Uint32(b[8:]))
		if uint(captured-plainLen) > maxFrame-plainLen || captured >= len(b)-pcapRecordHeader {
			break // too short, or too long
		}
		data := (*[plainLen]byte)(b[pcapRecordHeader:])
		if !plainTCP(data) {
			break
		}
		whose := owner[bucket(plainHash(data))]
		if int(whose) >= len(load) {
			break // a new one
		}
		load[whose] += frameLoad + captured
		starts[n] = uint32(whole - len(b))
		if whose == own {
			n++
		}
		b = b[pcapRecordHeader+captured:]
	}
	return n, whole - len(b)
}

// records is own where there is one walker.
func records(b []byte, starts []uint32) (n, used int) {
	whole := len(b)
	for n < len(starts) && len(b) >= pcapRecordHeader {
		captured := int(binary.LittleEndian.Uint32(b[8:]))
		if captured >= len(b)-pcapRecordHeader || uint(captured) > maxFrame {
			break
		}
		starts[n] = uint32(whole - len(b))
		n++
		b = b[pcapRecordHeader+captured:]
	}
	return n, whole - len(b)
}

// end is the error where a header or record of n bytes is not whole.
func (p *pcap) end(n int) error {
	err := p.in.need(n)
	if err == io.ErrUnexpectedEOF {
		return p.cut(fmt.Sprintf("inside the record that begins at byte %d", p.in.offset()))
	}
	return p.failed(err)
}

// clone implements format.
func (p *pcap) clone(w *walker) format {
	c := *p
	c.walker = w
	return &c
}

// packetType translates the kernel's packet types (packet(7)).
func packetType(t byte) capture.Direction {
	switch t {
	case 0, 1, 2: // PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST
		return capture.Incoming
	case 3: // PACKET_OTHERHOST
		return capture.Passing
	case 4: // PACKET_OUTGOING
		return capture.Outgoing
	}
	return capture.DirectionUnknown
}
