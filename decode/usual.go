package decode

import "encoding/binary"

// usual reads the IPv4 packet at off if it is what captures are made of: TCP, no
// IP options, no fragment, captured up to its data at least. Such headers lie at
// fixed places, so it takes half the time of anyIPv4, which makes the same of them.
// Of any other packet it reads nothing and returns false.
func (p *Packet) usual(off int) bool {
	const tcp = 20
	if len(p.Data) < off+tcp+20 {
		return false
	}
	b := p.Data[off:]
	h := (*[tcp + 20]byte)(b)
	be := binary.BigEndian
	length := int(be.Uint16(h[2:]))
	n := tcp + int(h[tcp+12]>>4)*4 // of both headers
	if h[0] != 0x45 || be.Uint16(h[6:])&0x3fff != 0 || h[9] != ProtoTCP || n < tcp+20 || length < n || len(b) < n {
		return false
	}
	p.IPVersion, p.Proto, p.TCP = 4, ProtoTCP, true
	p.NetworkOffset, p.TransportOffset, p.IPLength = off, off+tcp, length
	p.SrcPort, p.DstPort = be.Uint16(h[tcp:]), be.Uint16(h[tcp+2:])
	p.Seq, p.Ack = be.Uint32(h[tcp+4:]), be.Uint32(h[tcp+8:])
	p.Flags = TCPFlags(be.Uint16(h[tcp+12:]) & 0xfff)
	p.Window, p.Urgent = be.Uint16(h[tcp+14:]), be.Uint16(h[tcp+18:])
	p.Options = Options(b[tcp+20 : n])
	p.Payload, p.PayloadLen = b[n:min(length, len(b))], length-n // the rest is padding
	return true
}
