package pcapfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

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
	magic := binary.LittleEndian.Uint32(r.in.window())
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
		return &Error{Name: p.name, Err: ErrFormat, Detail: "pcap of an unknown version"}
	}
	p.old = minor < 4
	p.link = fileLink(p.uint32(b[20:]))
	p.in.pos += pcapFileHeader
	p.format, p.bigEndian = p, p.swap
	p.meta.addInterface(Interface{Link: p.link, SnapLen: int(min(p.uint32(b[16:]), 1<<31-1))})
	return nil
}

func (p *pcap) next(es []entry) (int, error) {
	in := p.in
	for i := range es {
		b := in.window()
		if len(b) < p.header {
			return p.end(i, p.header)
		}
		e := &es[i]
		p.decode(e, in.buf, in.pos+p.header)
		captured := e.end - e.start
		if captured > maxFrame {
			if i > 0 {
				return i, nil
			}
			return 0, p.corrupt(in.offset(), "a frame of %d bytes", captured)
		}
		n := p.header + int(captured)
		if len(b) < n {
			return p.end(i, n)
		}
		in.pos += n
	}
	return len(es), nil
}

// decode implements decoder. It is called twice a frame where there are shards.
func (p *pcap) decode(e *entry, buf []byte, start int) {
	b := (*[pcapRecordHeader]byte)(buf[start-p.header:])
	o := binary.LittleEndian
	sec, fraction := o.Uint32(b[0:]), o.Uint32(b[4:])
	captured, original := o.Uint32(b[8:]), o.Uint32(b[12:])
	if p.swap {
		sec, fraction = bits.ReverseBytes32(sec), bits.ReverseBytes32(fraction)
		captured, original = bits.ReverseBytes32(captured), bits.ReverseBytes32(original)
	}
	if p.old && captured > original {
		captured, original = original, captured
	}
	// One by one: a composite literal would be made elsewhere and copied.
	e.start, e.end = uint32(start), uint32(start)+captured
	e.length = max(int(original), int(captured))
	e.sec, e.nsec = int64(sec), int64(fraction)*p.unit
	e.link, e.ifi, e.dir, e.alone, e.held = p.link, 0, capture.Unknown, false, false
	if p.header > pcapRecordHeader {
		e.ifi = int32(p.uint32(buf[start-8:]))
		e.dir = packetType(buf[start-2])
	}
}

// whole says that next need not wait.
func (p *pcap) whole() bool {
	var e entry
	b := p.in.window()
	if len(b) < p.header {
		return false
	}
	p.decode(&e, b, p.header)
	return len(b)-p.header >= int(e.end-e.start)
}

// decoder implements format.
func (p *pcap) decoder() decoder { return p }

// end is the result of next where a record of n bytes is not whole, after some
// that are.
func (p *pcap) end(frames, n int) (int, error) {
	if frames > 0 {
		return frames, nil
	}
	err := p.in.need(n)
	if err == io.ErrUnexpectedEOF {
		return 0, p.cut(fmt.Sprintf("inside the record that begins at byte %d", p.in.offset()))
	}
	return 0, p.failed(err)
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
