package capture

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/capture/internal/tpacket"
	"github.com/wstap/wstap/decode"
)

const (
	sll2Len    = 20
	vlanTagLen = 4
	macsLen    = 12

	// reserve is the headroom asked for before each frame. The larger of what
	// goes there is an SLL2 header with a VLAN tag.
	reserve = 32
)

// give makes f of the next frame of the held block. It reports false if that
// frame is not to be given out. Whoever gives it out adds it to captured.
func (s *shard) give(f *Frame) bool {
	h, b := s.block.Next()
	start, end, network := h.Extent()
	if p := s.refilter.Load(); p != nil && !s.matches(p, h, b[start:end]) {
		s.skipped.Add(1)
		return false
	}
	length, status := h.Length(), h.Status()
	switch {
	case s.link == decode.LinkSLL2:
		n := cook(h, b[:start], b[start:end])
		start -= n
		length += n
	case status&unix.TP_STATUS_VLAN_VALID != 0 && s.link == decode.LinkEthernet && end-start >= macsLen:
		tci, tpid, _ := h.VLAN()
		copy(b[start-vlanTagLen:], b[start:start+macsLen])
		start -= vlanTagLen
		binary.BigEndian.PutUint16(b[start+macsLen:], tpid)
		binary.BigEndian.PutUint16(b[start+macsLen+2:], tci)
		length += vlanTagLen
	}
	if end-start > s.snapLen {
		end = start + s.snapLen
	}
	f.Data = b[start:end:end]
	f.Length = length
	f.Time = h.Time()
	f.Link = s.link
	f.Interface = h.Interface()
	f.Direction = directions[h.PacketType()&7]
	f.Checksum = ChecksumUnknown
	if status&unix.TP_STATUS_CSUMNOTREADY != 0 {
		f.Checksum = ChecksumNotReady
	} else if status&unix.TP_STATUS_CSUM_VALID != 0 {
		f.Checksum = ChecksumValid
	}
	f.Clock = ClockSoftware
	if status&unix.TP_STATUS_TS_RAW_HARDWARE != 0 {
		f.Clock = ClockHardware
	}
	if s.frags != nil && s.frags.take(f, h.Protocol(), network-start) {
		return false
	}
	// After the last write to the block.
	if s.ring.Closed() {
		s.block.Skip()
		return false
	}
	return true
}

// matches runs a filter over a frame as the kernel would have.
func (s *shard) matches(p *filter.Program, h *tpacket.Header, data []byte) bool {
	m := filter.Meta{
		Length:       h.Length(),
		Interface:    h.Interface(),
		PacketType:   h.PacketType(),
		HardwareType: h.HardwareType(),
		Protocol:     h.Protocol(),
	}
	if tci, tpid, ok := h.VLAN(); ok {
		m.HasVLAN, m.VLANTag, m.VLANProto = true, tci, tpid
		if s.link == decode.LinkSLL2 {
			m.Protocol = protocol(h, data)
		}
	}
	return p.Match(data, &m) > 0
}

// directions is by packet type: packet(7), sll_pkttype.
var directions = [8]Direction{
	unix.PACKET_HOST:      Incoming,
	unix.PACKET_BROADCAST: Incoming,
	unix.PACKET_MULTICAST: Incoming,
	unix.PACKET_OTHERHOST: Passing,
	unix.PACKET_OUTGOING:  Outgoing,
}

// cook writes a Linux cooked header, version 2, to the end of head, followed
// by the VLAN tag that the kernel took off data if there is one, and returns
// how long both are.
// https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
func cook(h *tpacket.Header, head, data []byte) int {
	n := sll2Len
	tci, tpid, tagged := h.VLAN()
	if tagged {
		n += vlanTagLen
	}
	b := head[len(head)-n:]
	_ = b[sll2Len-1]
	etherType := h.Protocol()
	binary.BigEndian.PutUint16(b, etherType)
	b[2], b[3] = 0, 0
	binary.BigEndian.PutUint32(b[4:], uint32(h.Interface()))
	binary.BigEndian.PutUint16(b[8:], h.HardwareType())
	b[10] = h.PacketType()
	b[11] = h.AddressLen()
	*(*[8]byte)(b[12:]) = *h.Address()
	if tagged {
		tag := b[sll2Len:]
		binary.BigEndian.PutUint16(tag, tci)
		binary.BigEndian.PutUint16(tag[2:], protocol(h, data))
		binary.BigEndian.PutUint16(b, tpid)
	} else if etherType == unix.ETH_P_8021Q || etherType == unix.ETH_P_8021AD {
		// Before Linux 6.11, what goes out with tags inside has lost them
		// here, and is said to have them.
		for _, ip := range []uint16{unix.ETH_P_IP, unix.ETH_P_IPV6} {
			if isIP(ip, data) {
				binary.BigEndian.PutUint16(b, ip)
			}
		}
	}
	return n
}

// protocol returns the EtherType of what data begins with, for a frame whose
// VLAN tag the kernel took off. With stacked tags it took off the outer one
// only, and data begins in the middle of the next; but since Linux 6.11 a
// cooked socket is told the EtherType behind all tags. Then they have to be
// recognized by what they lead to.
func protocol(h *tpacket.Header, data []byte) uint16 {
	told := h.Protocol()
	for i := 2; i+2 <= len(data) && i < 4*vlanTagLen; i += vlanTagLen {
		switch binary.BigEndian.Uint16(data[i:]) {
		case told:
			if isIP(told, data) {
				return told
			}
			return unix.ETH_P_8021Q
		case unix.ETH_P_8021Q, unix.ETH_P_8021AD:
		default:
			return told
		}
	}
	return told
}

// isIP reports whether data begins with an IP header of the given EtherType.
func isIP(etherType uint16, data []byte) bool {
	switch {
	case etherType == unix.ETH_P_IP && len(data) >= 20 && data[0]>>4 == 4:
		n := int(data[0]&15) * 4
		if n < 20 || n > len(data) {
			return false
		}
		sum := uint32(0)
		for i := 0; i < n; i += 2 {
			sum += uint32(binary.BigEndian.Uint16(data[i:]))
		}
		for sum>>16 != 0 {
			sum = sum>>16 + sum&0xffff
		}
		return sum == 0xffff
	case etherType == unix.ETH_P_IPV6 && len(data) >= 40:
		return data[0]>>4 == 6 && int(binary.BigEndian.Uint16(data[4:])) <= len(data)-40
	}
	return false
}
