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
	p.r.meta.addInterface(0, Interface{Link: p.link, SnapLen: int(min(p.uint32(b[16:]), 1<<31-1))})
	return nil
}

func (p *pcap) next(fs []capture.Frame) (n int, err error) {
	rest := p.in.window()
	if p.header == pcapRecordHeader && !p.swap && !p.old {
		n, rest = p.usual(fs, rest)
	} else {
		n, rest = p.any(fs, rest)
	}
	p.in.pos = len(p.in.buf) - len(rest)
	if n == len(fs) || p.busy() {
		return n, nil
	}
	return n, p.end(rest)
}

// usual fills in frames for the records in b, and returns how many and what
// follows them. It is any for what nearly all files are.
func (p *pcap) usual(fs []capture.Frame, b []byte) (n int, rest []byte) {
	o := binary.LittleEndian
	link, unit, a := p.link, p.unit, p.assignment
	filtered := p.selection.program != nil
	for n < len(fs) && len(b) >= pcapRecordHeader {
		h := (*[pcapRecordHeader]byte)(b)
		captured := int(o.Uint32(h[8:]))
		if captured > len(b)-pcapRecordHeader || captured > maxFrame {
			break
		}
		end := pcapRecordHeader + captured
		data := b[pcapRecordHeader:end:end]
		b = b[end:]
		// Whose it is shows in a few bytes, mostly: what is another's costs no more
		// than to look at them.
		known := a == nil
		if !known && link == decode.LinkEthernet && len(data) >= plainLen {
			if t := (*[plainLen]byte)(data); plainTCP(t) {
				if !a.mine(plainBucket(t), captured) {
					continue
				}
				known = true
			}
		}
		length := max(int(o.Uint32(h[12:])), captured)
		if known && filtered && !p.selection.match(data, length, 0) {
			continue
		}
		f := &fs[n]
		f.Data = data
		f.Length = length
		f.Time = time.Unix(int64(o.Uint32(h[0:])), int64(o.Uint32(h[4:]))*unit).UTC()
		f.Link, f.Interface = link, 0
		f.Direction, f.Checksum, f.Clock = capture.Unknown, capture.ChecksumUnknown, capture.Software
		if known {
			n++
			continue
		}
		if p.wants(f) {
			n++
		}
		if p.busy() {
			break
		}
	}
	return n, b
}

// any is usual for files of either byte order, with record headers of any form.
func (p *pcap) any(fs []capture.Frame, b []byte) (n int, rest []byte) {
	for n < len(fs) && len(b) >= p.header {
		captured, original := p.lengths(b)
		if captured > len(b)-p.header || captured > maxFrame {
			break
		}
		end := p.header + captured
		f := &fs[n]
		f.Data = b[p.header:end:end]
		f.Length = max(original, captured)
		f.Time = time.Unix(int64(p.uint32(b)), int64(p.uint32(b[4:]))*p.unit).UTC()
		f.Link, f.Interface = p.link, 0
		f.Direction, f.Checksum, f.Clock = capture.Unknown, capture.ChecksumUnknown, capture.Software
		if p.header > pcapRecordHeader {
			f.Interface = int(int32(p.uint32(b[pcapRecordHeader:])))
			f.Direction = packetType(b[pcapRecordHeader+6])
		}
		b = b[end:]
		if p.wants(f) {
			n++
		}
		if p.busy() {
			break
		}
	}
	return n, b
}

// lengths returns how much of a frame was captured, and its length on the wire.
func (p *pcap) lengths(b []byte) (captured, original int) {
	captured, original = int(p.uint32(b[8:])), int(p.uint32(b[12:]))
	if p.old && captured > original {
		return original, captured
	}
	return captured, original
}

// end is the error of next at a record that is not whole in b, or no record.
func (p *pcap) end(b []byte) error {
	n := p.header
	if len(b) >= n {
		captured, _ := p.lengths(b)
		if captured > maxFrame {
			return p.corrupt(p.in.offset(), "a frame of %d bytes", captured)
		}
		n += captured
	}
	err := p.in.need(n)
	if err == io.ErrUnexpectedEOF {
		return p.cut(fmt.Sprintf("inside the record that begins at byte %d", p.in.offset()))
	}
	return p.failed(err)
}

// whole implements format.
func (p *pcap) whole() bool {
	b := p.in.window()
	if len(b) < p.header {
		return false
	}
	captured, _ := p.lengths(b)
	return captured <= len(b)-p.header
}

// alone implements format.
func (p *pcap) alone() bool { return false }

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
	return capture.Unknown
}
