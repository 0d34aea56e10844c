package packetgen

import (
	"encoding/binary"
	"net/netip"
)

// An Extension is one IPv6 extension header (RFC 8200, section 4). Data is what
// follows its next-header and length bytes; it is padded with PadN or zeroes to
// a multiple of 8 bytes.
type Extension struct {
	Proto uint8 // 0 hop-by-hop, 43 routing, 60 destination options, 51 authentication …
	Data  []byte
}

// An IP is an IPv4 or IPv6 header, told by its addresses. The zero value of a
// field means the plain case.
type IP struct {
	Src, Dst   netip.Addr
	Proto      uint8 // of the payload
	TTL        uint8 // 0 means 64
	TOS        uint8 // traffic class
	ID         uint32
	DF         bool
	Flow       uint32      // IPv6 flow label
	Options    []byte      // IPv4; padded with zeroes to a multiple of 4 bytes
	Extensions []Extension // IPv6; those before a fragment header
	NoLength   bool        // leave the total length (IPv4) or payload length (IPv6) 0, as TSO and BIG TCP do
	BadSum     bool        // IPv4: spoil the header checksum

	// Fragment makes this packet a fragment.
	Fragment bool
	Offset   int // bytes, a multiple of 8
	More     bool
}

// Append appends the header and payload.
func (ip *IP) Append(b, payload []byte) []byte {
	if ip.Src.Is4() {
		return ip.append4(b, payload)
	}
	return ip.append6(b, payload)
}

func (ip *IP) append4(b, payload []byte) []byte {
	start := len(b)
	options := pad(ip.Options, 4, 0)
	n := 20 + len(options)
	total := n + len(payload)
	if ip.NoLength {
		total = 0
	}
	var frag uint16
	if ip.DF {
		frag |= 0x4000
	}
	if ip.Fragment {
		frag |= uint16(ip.Offset / 8)
		if ip.More {
			frag |= 0x2000
		}
	}
	be := binary.BigEndian
	b = append(b, 0x40|byte(n/4), ip.TOS)
	b = be.AppendUint16(b, uint16(total))
	b = be.AppendUint16(b, uint16(ip.ID))
	b = be.AppendUint16(b, frag)
	b = append(b, ip.ttl(), ip.Proto, 0, 0)
	b = append(b, ip.Src.AsSlice()...)
	b = append(b, ip.Dst.AsSlice()...)
	b = append(b, options...)
	sum := ^Sum(b[start:], 0)
	if ip.BadSum {
		sum ^= 0x5555
	}
	be.PutUint16(b[start+10:], sum)
	return append(b, payload...)
}

func (ip *IP) append6(b, payload []byte) []byte {
	exts := ip.Extensions
	if ip.Fragment {
		off := uint16(ip.Offset)
		if ip.More {
			off |= 1
		}
		data := binary.BigEndian.AppendUint16(nil, off)
		data = binary.BigEndian.AppendUint32(data, ip.ID)
		exts = append(append([]Extension(nil), exts...), Extension{Proto: 44, Data: data})
	}
	var body []byte
	for i, e := range exts {
		next := ip.Proto
		if i+1 < len(exts) {
			next = exts[i+1].Proto
		}
		body = e.append(body, next)
	}
	first := ip.Proto
	if len(exts) > 0 {
		first = exts[0].Proto
	}
	length := len(body) + len(payload)
	if ip.NoLength {
		length = 0
	}
	be := binary.BigEndian
	b = be.AppendUint32(b, 6<<28|uint32(ip.TOS)<<20|ip.Flow&0xfffff)
	b = be.AppendUint16(b, uint16(length))
	b = append(b, first, ip.ttl())
	b = append(b, ip.Src.AsSlice()...)
	b = append(b, ip.Dst.AsSlice()...)
	b = append(b, body...)
	return append(b, payload...)
}

func (e *Extension) append(b []byte, next uint8) []byte {
	data := append([]byte{next, 0}, e.Data...)
	switch e.Proto {
	case 0, 60: // options: fill with Pad1 or PadN
		switch n := -len(data) & 7; n {
		case 0:
		case 1:
			data = append(data, 0)
		default:
			data = append(data, 1, byte(n-2))
		}
		data = pad(data, 8, 0)
		data[1] = byte(len(data)/8 - 1)
	case 51: // authentication: counts 4-byte units, minus 2
		data = pad(data, 8, 0)
		data[1] = byte(len(data)/4 - 2)
	case 44: // fragment: the second byte is reserved
		data = pad(data, 8, 0)
	default:
		data = pad(data, 8, 0)
		data[1] = byte(len(data)/8 - 1)
	}
	return append(b, data...)
}

func (ip *IP) ttl() uint8 {
	if ip.TTL == 0 {
		return 64
	}
	return ip.TTL
}

// Fragments cuts payload into IP fragments of at most size bytes, which is
// rounded down to a multiple of 8, and returns the packets without link layer.
func (ip IP) Fragments(payload []byte, size int) [][]byte {
	size &^= 7
	var out [][]byte
	ip.Fragment = true
	for off := 0; off < len(payload); off += size {
		end := min(off+size, len(payload))
		ip.Offset, ip.More = off, end < len(payload)
		out = append(out, ip.Append(nil, payload[off:end]))
	}
	return out
}

// Sum adds b to a ones' complement sum (RFC 1071) and folds it. The checksum is
// its complement.
func Sum(b []byte, sum uint32) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
		sum = sum>>16 + sum&0xffff
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	sum = sum>>16 + sum&0xffff
	return uint16(sum>>16 + sum&0xffff)
}

// pseudo is the sum of the pseudo-header (RFC 9293, section 3.1; RFC 8200,
// section 8.1).
func pseudo(src, dst netip.Addr, proto uint8, n int) uint32 {
	s := uint32(Sum(src.AsSlice(), 0)) + uint32(Sum(dst.AsSlice(), 0))
	return s + uint32(proto) + uint32(n>>16) + uint32(n&0xffff)
}

func pad(b []byte, unit int, with byte) []byte {
	b = append([]byte(nil), b...)
	for len(b)%unit != 0 {
		b = append(b, with)
	}
	return b
}
