package websocket

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"github.com/wstap/wstap/decode"
)

// The reference reads a capture file in the plainest way, with no code of the
// library: the file at hand whole, each layer by itself. It is slow, and it may
// say that it does not know.

// A refRecord is a frame of a capture file.
type refRecord struct {
	link uint32
	data []byte
	wire int
	time time.Time
}

// refRecords returns the records of a file up to the first that is not whole,
// and whether it knows their times.
func refRecords(file []byte) (recs []refRecord, timed bool) {
	if bytes.HasPrefix(file, []byte{0x1f, 0x8b, 8}) {
		z, err := gzip.NewReader(bytes.NewReader(file))
		if err != nil {
			return nil, true
		}
		file, _ = io.ReadAll(io.LimitReader(z, 1<<24)) // what comes before an error counts
	}
	if len(file) < 4 {
		return nil, true
	}
	if binary.LittleEndian.Uint32(file) == 0x0a0d0d0a {
		return refPcapng(file)
	}
	return refPcap(file), true
}

func refPcap(b []byte) (recs []refRecord) {
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 0xa1 {
		order = binary.BigEndian
	}
	header, unit := 16, int64(1000)
	switch order.Uint32(b) {
	case 0xa1b2c3d4:
	case 0xa1b23c4d:
		unit = 1
	case 0xa1b2cd34:
		header = 24
	default:
		return nil
	}
	if len(b) < 24 || order.Uint16(b[4:]) != 2 {
		return nil
	}
	old, link := order.Uint16(b[6:]) < 4, order.Uint32(b[20:])&0xffff
	for b = b[24:]; len(b) >= header; {
		captured, wire := order.Uint32(b[8:]), order.Uint32(b[12:])
		if old && captured > wire {
			captured, wire = wire, captured
		}
		if captured > 1<<20 || len(b) < header+int(captured) {
			break
		}
		recs = append(recs, refRecord{link: link, data: b[header : header+int(captured)], wire: int(max(wire, captured)),
			time: time.Unix(int64(order.Uint32(b)), int64(order.Uint32(b[4:]))*unit)})
		b = b[header+int(captured):]
	}
	return recs
}

func refPcapng(b []byte) (recs []refRecord, timed bool) {
	type iface struct {
		link, snap uint32
		unit       int64 // nanoseconds; 0: the reference does not know
	}
	var ifaces []iface
	var order binary.ByteOrder = binary.LittleEndian
	var last time.Time
	timed = true
	for len(b) >= 12 {
		section := binary.LittleEndian.Uint32(b) == 0x0a0d0d0a
		if section {
			if order = binary.LittleEndian; order.Uint32(b[8:]) != 0x1a2b3c4d {
				order = binary.BigEndian
			}
			if order.Uint32(b[8:]) != 0x1a2b3c4d {
				return recs, timed
			}
		}
		typ, n := order.Uint32(b), order.Uint32(b[4:])
		if n < 12 || n%4 != 0 || uint64(n) > uint64(len(b)) || order.Uint32(b[n-4:]) != n {
			return recs, timed
		}
		body := b[8 : n-4]
		b = b[n:]
		switch {
		case section:
			if len(body) < 16 || order.Uint16(body[4:]) != 1 || order.Uint16(body[6:]) != 0 && order.Uint16(body[6:]) != 2 {
				return recs, timed
			}
			ifaces = nil
		case typ == 1:
			if len(body) < 8 {
				return recs, timed
			}
			i := iface{link: uint32(order.Uint16(body)), snap: order.Uint32(body[4:]), unit: 1000}
			for o := body[8:]; len(o) >= 4; {
				code, size := order.Uint16(o), int(order.Uint16(o[2:]))
				if code == 0 || size > len(o)-4 {
					break
				}
				switch {
				case code == 9 && size != 1, code == 14 && size != 8:
					return recs, timed
				case code == 9 && o[4] == 9:
					i.unit = 1
				case code == 9 && o[4] != 6, code == 14:
					i.unit = 0
				}
				o = o[min(len(o), 4+(size+3)&^3):]
			}
			ifaces = append(ifaces, i)
		case typ == 2 || typ == 3 || typ == 6:
			start := 20
			if typ == 3 {
				start = 4
			}
			if len(body) < start {
				return recs, timed
			}
			id := uint32(0)
			switch typ {
			case 2:
				id = uint32(order.Uint16(body))
			case 6:
				id = order.Uint32(body)
			}
			if id >= uint32(len(ifaces)) {
				return recs, timed
			}
			i := ifaces[id]
			captured, wire := uint32(len(body)-start), order.Uint32(body)
			if typ == 3 {
				if captured = min(captured, wire); i.snap > 0 {
					captured = min(captured, i.snap)
				}
			} else {
				captured, wire = order.Uint32(body[12:]), order.Uint32(body[16:])
				stamp := uint64(order.Uint32(body[4:]))<<32 | uint64(order.Uint32(body[8:]))
				timed = timed && i.unit > 0 && stamp < 1<<62/1000
				last = time.Unix(0, int64(stamp)*i.unit)
			}
			if captured > 1<<20 || int(captured) > len(body)-start {
				return recs, timed
			}
			recs = append(recs, refRecord{link: i.link, data: body[start : start+int(captured)], wire: int(max(wire, captured)), time: last})
		}
	}
	return recs, timed
}

// A refPacket is a TCP segment.
type refPacket struct {
	src, dst netip.AddrPort
	seq, ack uint32
	flags    decode.TCPFlags
	data     []byte
	wire     int // length of data before it was cut
	time     time.Time
}

// refTCP reads a frame. whole is false where there is more to it than the plain
// case: then p may be missing, or more may be in the frame.
func refTCP(r *refRecord) (p refPacket, tcp, whole bool) {
	b, wire := r.data, r.wire
	be := binary.BigEndian
	skip := func(n int) bool {
		if len(b) < n {
			return false
		}
		b, wire = b[n:], wire-n
		return true
	}
	etherType := -1 // by the version of IP
	switch r.link {
	case 1, 113:
		n := map[uint32]int{1: 14, 113: 16}[r.link]
		if len(b) < n {
			return p, false, false
		}
		etherType = int(be.Uint16(b[n-2:]))
		skip(n)
	case 276:
		if len(b) < 20 {
			return p, false, false
		}
		etherType = int(be.Uint16(b))
		skip(20)
	case 0, 108:
		skip(4)
	case 12, 14, 101, 228, 229:
	default:
		return p, false, false
	}
	for etherType == 0x8100 || etherType == 0x88a8 || etherType == 0x9100 || etherType == 0x9200 {
		if len(b) < 4 {
			return p, false, false
		}
		etherType = int(be.Uint16(b[2:]))
		skip(4)
	}
	switch {
	case etherType == 0x0806:
		return p, false, true
	case etherType != -1 && etherType != 0x0800 && etherType != 0x86dd, len(b) < 20:
		return p, false, false
	}
	var proto byte
	var src, dst netip.Addr
	length, n := 0, 0
	switch b[0] >> 4 {
	case 4:
		if n = int(b[0]&15) * 4; n < 20 || len(b) < n || be.Uint16(b[6:])&0x3fff != 0 {
			return p, false, false
		}
		proto, length = b[9], int(be.Uint16(b[2:]))
		src, _ = netip.AddrFromSlice(b[12:16])
		dst, _ = netip.AddrFromSlice(b[16:20])
	case 6:
		if n = 40; len(b) < n {
			return p, false, false
		}
		proto, length = b[6], int(be.Uint16(b[4:]))
		if length > 0 {
			length += 40
		}
		src, _ = netip.AddrFromSlice(b[8:24])
		dst, _ = netip.AddrFromSlice(b[24:40])
	default:
		return p, false, false
	}
	if proto == 17 || proto == 1 || proto == 58 {
		return p, false, true
	}
	if proto != 6 { // extension headers, or nothing of ours
		return p, false, false
	}
	if length == 0 {
		length = max(wire, len(b))
	}
	if length < n+20 || len(b) < n+20 {
		return p, false, false
	}
	t := b[n:min(len(b), length)]
	options := int(t[12]>>4) * 4
	if options < 20 || n+options > length || len(t) < options {
		return p, false, false
	}
	p = refPacket{
		src: netip.AddrPortFrom(src, be.Uint16(t)), dst: netip.AddrPortFrom(dst, be.Uint16(t[2:])),
		seq: be.Uint32(t[4:]), ack: be.Uint32(t[8:]), flags: decode.TCPFlags(be.Uint16(t[12:]) & 0xfff),
		data: t[options:], wire: length - n - options, time: r.time,
	}
	return p, true, true
}
