package decode

import "encoding/binary"

// TCPFlags are the control bits of a TCP header (RFC 9293, section 3.1).
type TCPFlags uint16

// The control bits, AE among them (RFC 9768).
const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE
)

// DecodeTransport reads the transport header of a datagram put together again
// from fragments: data is what follows the IP header of an IPv4 datagram, or
// the first fragment's fragment header in IPv6, and proto its protocol. p holds
// one of the fragments; its link and IP fields stay, and with them Data. A
// fragment in a fragment sets Fragment and is not looked into.
func (p *Packet) DecodeTransport(proto uint8, data []byte) error {
	p.Fragment, p.TCP, p.UDP = false, false, false
	n := 0
	var err error
	if p.IPVersion == 6 || proto == ProtoAH {
		proto, n, err = p.extensions(data, proto, 0, len(data))
	}
	p.Proto = proto
	data = data[n:]
	var src, dst uint16
	if (proto == ProtoTCP || proto == ProtoUDP) && len(data) >= 4 && err == nil && !p.Fragment {
		src = binary.BigEndian.Uint16(data)
		dst = binary.BigEndian.Uint16(data[2:])
	}
	p.SrcPort, p.DstPort = src, dst
	if p.Fragment || err != nil {
		p.Payload, p.PayloadLen = data, len(data)
		return err
	}
	return p.transport(data, len(data))
}

// transport reads a TCP (RFC 9293, section 3.1) or UDP header from h, the
// captured part of length bytes. Ports are read already.
func (p *Packet) transport(h []byte, length int) error {
	if p.Proto != ProtoTCP {
		return p.udp(h, length)
	}
	if len(h) < 20 {
		p.Payload, p.PayloadLen = h, length
		if length < 20 {
			return ErrMalformed
		}
		return ErrTruncated
	}
	off := binary.BigEndian.Uint16(h[12:])
	n := int(off>>12) * 4
	if n < 20 || n > length {
		p.Payload, p.PayloadLen = h, length
		return ErrMalformed
	}
	p.TCP = true
	p.Seq = binary.BigEndian.Uint32(h[4:])
	p.Ack = binary.BigEndian.Uint32(h[8:])
	p.Flags = TCPFlags(off & 0xfff)
	p.Window = binary.BigEndian.Uint16(h[14:])
	p.Urgent = binary.BigEndian.Uint16(h[18:])
	p.PayloadLen = length - n
	if n > len(h) {
		p.Options = Options(h[20:])
		p.Payload = h[len(h):]
		return ErrTruncated
	}
	p.Options = Options(h[20:n])
	p.Payload = h[n:]
	return nil
}

// udp reads a UDP header (RFC 768); of other protocols h is the payload.
func (p *Packet) udp(h []byte, length int) error {
	p.Payload, p.PayloadLen = h, length
	if p.Proto != ProtoUDP {
		return nil
	}
	if len(h) < 8 {
		if length < 8 {
			return ErrMalformed
		}
		return ErrTruncated
	}
	n := int(binary.BigEndian.Uint16(h[4:]))
	if n == 0 && length > 0xffff { // a jumbogram (RFC 2675, section 4)
		n = length
	}
	if n < 8 || n > length {
		return ErrMalformed
	}
	p.UDP = true
	p.Payload, p.PayloadLen = h[8:min(n, len(h))], n-8
	return nil
}
