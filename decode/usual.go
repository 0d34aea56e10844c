package decode

import "encoding/binary"

// usualLen is the length of an IPv4 and a TCP header without options.
const usualLen = 40

// usual reads the IPv4 packet at off if it is what captures are made of: TCP, no
// IP options, no fragment, captured up to its data at least. Such headers lie at
// fixed places, so it takes half the time of anyIPv4, which makes the same of them.
// Of any other packet it reads nothing and returns false.
func (p *Packet) usual(off int) bool {
	return len(p.Data) >= off+usualLen && p.headers(p.Data, off, (*[usualLen]byte)(p.Data[off:]))
}

// headers is usual for h, which is data from off on.
func (p *Packet) headers(data []byte, off int, h *[usualLen]byte) bool {
	const tcp = 20
	be := binary.BigEndian
	length := int(be.Uint16(h[2:]))
	n := off + tcp + int(h[tcp+12]>>4)*4 // where the payload begins
	end := min(off+length, len(data))    // the rest is padding
	if h[0] != 0x45 || be.Uint32(h[6:])&0x3fff00ff != ProtoTCP || n < off+usualLen || end < n {
		return false
	}
	p.IPVersion, p.Proto, p.TCP = 4, ProtoTCP, true
	p.NetworkOffset, p.TransportOffset, p.IPLength = off, off+tcp, length
	p.SrcPort, p.DstPort = be.Uint16(h[tcp:]), be.Uint16(h[tcp+2:])
	p.Seq, p.Ack = be.Uint32(h[tcp+4:]), be.Uint32(h[tcp+8:])
	p.Flags = TCPFlags(be.Uint16(h[tcp+12:]) & 0xfff)
	p.Window, p.Urgent = be.Uint16(h[tcp+14:]), be.Uint16(h[tcp+18:])
	p.Options = Options(data[off+usualLen : n : n])
	p.Payload, p.PayloadLen = data[n:end], off+length-n
	return true
}
