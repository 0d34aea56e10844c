package pcapfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"time"

	"github.com/wstap/wstap/capture"
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
	*Reader
	header int   // length of a record header
	unit   int64 // nanoseconds of a timestamp's fraction
	swap   bool  // big-endian
	old    bool  // before 2.4: the two lengths may be swapped
}

// newPcap returns false if the magic number is another format's.
func newPcap(r *Reader) (*pcap, bool) {
	p := &pcap{Reader: r, header: pcapRecordHeader, unit: 1000}
	magic := binary.LittleEndian.Uint32(r.in.data)
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
	switch err := p.in.need(pcapFileHeader); {
	case err == io.ErrUnexpectedEOF:
		return p.cut("inside the file header")
	case err != nil:
		return p.failed(err)
	}
	b := p.in.data
	version := p.uint32(b[4:])
	major, minor := version&0xffff, version>>16
	if p.swap {
		major, minor = minor, major
	}
	if major != 2 {
		return &Error{Name: p.name, Err: ErrFormat, Detail: "pcap of an unknown version"}
	}
	p.old = minor < 4
	p.link = fileLink(p.uint32(b[20:]))
	p.in.data = b[pcapFileHeader:]
	p.parse, p.bigEndian = p.next, p.swap
	p.meta.addInterface(Interface{Link: p.link, SnapLen: int(min(p.uint32(b[16:]), 1<<31-1))})
	return nil
}

// next is called once a frame: it reads a record in place.
func (p *pcap) next(f *capture.Frame) error {
	in := p.in
	if len(in.data) < p.header {
		if err := in.need(p.header); err != nil {
			return p.end(err)
		}
	}
	b := in.data
	captured, original := int(p.uint32(b[8:])), int(p.uint32(b[12:]))
	if p.old && captured > original {
		captured, original = original, captured
	}
	if uint(captured) > maxFrame {
		return p.corrupt(in.offset(), "a frame of %d bytes", uint32(captured))
	}
	n := p.header + captured
	if len(b) < n {
		if err := in.need(n); err != nil {
			return p.end(err)
		}
		b = in.data
	}
	f.Data = b[p.header:n:n]
	f.Length = max(original, captured)
	f.Time = time.Unix(int64(p.uint32(b)), int64(p.uint32(b[4:]))*p.unit).UTC()
	f.Link = p.link
	f.Interface, f.Direction, f.Checksum = 0, capture.Unknown, capture.ChecksumUnknown
	if p.header > pcapRecordHeader {
		f.Interface = int(p.uint32(b[16:]))
		f.Direction = packetType(b[22])
	}
	p.lead = len(b) - p.header
	in.data = b[n:]
	return nil
}

// end makes the error of a file that ends inside a record tell where.
func (p *pcap) end(err error) error {
	if err == io.ErrUnexpectedEOF {
		return p.cut(fmt.Sprintf("inside the record that begins at byte %d", p.in.offset()))
	}
	return p.failed(err)
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
	return capture.Unknown
}
