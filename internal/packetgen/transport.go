package packetgen

import (
	"encoding/binary"
	"net/netip"

	"github.com/wstap/wstap/decode"
)

// A TCP is one segment and the headers around it. Flags 0 means ACK. The zero
// value of every field but Src and Dst means the plain case.
type TCP struct {
	Link     *Link // nil means Ethernet()
	IP       IP    // its addresses and protocol are filled in from Src and Dst
	Src, Dst netip.AddrPort
	Seq, Ack uint32
	Flags    decode.TCPFlags
	NoFlags  bool   // Flags is 0 in truth
	Window   uint16 // 0 means 64240, unless ZeroWindow
	Urgent   uint16
	Options  []byte // padded with zeroes to a multiple of 4 bytes
	Payload  []byte

	ZeroWindow bool
	BadSum     bool // spoil the checksum
}

// Segment returns the TCP header and payload alone.
func (t *TCP) Segment() []byte {
	options := pad(t.Options, 4, 0)
	flags := t.Flags
	if flags == 0 && !t.NoFlags {
		flags = decode.ACK
	}
	window := t.Window
	if window == 0 && !t.ZeroWindow {
		window = 64240
	}
	be := binary.BigEndian
	b := be.AppendUint16(nil, t.Src.Port())
	b = be.AppendUint16(b, t.Dst.Port())
	b = be.AppendUint32(b, t.Seq)
	b = be.AppendUint32(b, t.Ack)
	b = be.AppendUint16(b, uint16(5+len(options)/4)<<12|uint16(flags)&0xfff)
	b = be.AppendUint16(b, window)
	b = append(b, 0, 0)
	b = be.AppendUint16(b, t.Urgent)
	b = append(b, options...)
	b = append(b, t.Payload...)
	sum := ^Sum(b, pseudo(t.Src.Addr(), t.Dst.Addr(), 6, len(b)))
	if t.BadSum {
		sum ^= 0x5555
	}
	be.PutUint16(b[16:], sum)
	return b
}

// Append appends the frame.
func (t *TCP) Append(b []byte) []byte {
	ip := t.IP
	ip.Src, ip.Dst, ip.Proto = t.Src.Addr(), t.Dst.Addr(), 6
	return frame(b, t.Link, &ip, t.Segment())
}

// Frame returns the frame.
func (t *TCP) Frame() []byte { return t.Append(nil) }

// Fragments returns the segment as IP fragments of at most size bytes each.
func (t *TCP) Fragments(size int) [][]byte {
	ip := t.IP
	ip.Src, ip.Dst, ip.Proto = t.Src.Addr(), t.Dst.Addr(), 6
	return wrap(t.Link, ip.Src, ip.Fragments(t.Segment(), size))
}

// A UDP is one datagram and the headers around it.
type UDP struct {
	Link     *Link // nil means Ethernet()
	IP       IP
	Src, Dst netip.AddrPort
	Payload  []byte
	NoSum    bool // leave the checksum 0
	BadSum   bool
}

// Datagram returns the UDP header and payload alone.
func (u *UDP) Datagram() []byte {
	be := binary.BigEndian
	b := be.AppendUint16(nil, u.Src.Port())
	b = be.AppendUint16(b, u.Dst.Port())
	b = be.AppendUint16(b, uint16(8+len(u.Payload)))
	b = append(b, 0, 0)
	b = append(b, u.Payload...)
	if !u.NoSum {
		sum := ^Sum(b, pseudo(u.Src.Addr(), u.Dst.Addr(), 17, len(b)))
		if sum == 0 {
			sum = 0xffff
		}
		if u.BadSum {
			sum ^= 0x5555
		}
		be.PutUint16(b[6:], sum)
	}
	return b
}

// Append appends the frame.
func (u *UDP) Append(b []byte) []byte {
	ip := u.IP
	ip.Src, ip.Dst, ip.Proto = u.Src.Addr(), u.Dst.Addr(), 17
	return frame(b, u.Link, &ip, u.Datagram())
}

// Frame returns the frame.
func (u *UDP) Frame() []byte { return u.Append(nil) }

// Fragments returns the datagram as IP fragments of at most size bytes each.
func (u *UDP) Fragments(size int) [][]byte {
	ip := u.IP
	ip.Src, ip.Dst, ip.Proto = u.Src.Addr(), u.Dst.Addr(), 17
	return wrap(u.Link, ip.Src, ip.Fragments(u.Datagram(), size))
}

func frame(b []byte, l *Link, ip *IP, payload []byte) []byte {
	return wrap(l, ip.Src, [][]byte{ip.Append(nil, payload)}, b)[0]
}

// wrap puts packets into frames; the first is appended to onto.
func wrap(l *Link, src netip.Addr, packets [][]byte, onto ...[]byte) [][]byte {
	if l == nil {
		e := Ethernet()
		l = &e
	}
	out := make([][]byte, len(packets))
	for i, p := range packets {
		var b []byte
		if i < len(onto) {
			b = onto[i]
		}
		out[i] = l.Append(b, EtherTypeOf(src), p)
	}
	return out
}
