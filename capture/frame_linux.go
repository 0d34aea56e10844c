package capture

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/decode"
)

// Offsets in struct tpacket3_hdr of linux/if_packet.h, which precedes each
// frame, and in the struct sockaddr_ll that follows it.
const (
	hdrNext     = 0
	hdrSec      = 4
	hdrNsec     = 8
	hdrSnapLen  = 12
	hdrLen      = 16
	hdrStatus   = 20
	hdrMac      = 24
	hdrNet      = 26
	hdrVLANTCI  = 32
	hdrVLANTPID = 36
	hdrAddr     = 48 // struct sockaddr_ll
	addrProto   = hdrAddr + 2
	addrIndex   = hdrAddr + 4
	addrType    = hdrAddr + 8
	addrPktType = hdrAddr + 10
	addrHalen   = hdrAddr + 11
	addrAddr    = hdrAddr + 12
	hdrEnd      = hdrAddr + 20
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
	b := s.block[s.off:]
	h := (*[hdrEnd]byte)(b)
	s.left--
	s.off += int(binary.NativeEndian.Uint32(h[hdrNext:]))
	status := binary.NativeEndian.Uint32(h[hdrStatus:])
	mac := int(binary.NativeEndian.Uint16(h[hdrMac:]))
	end := mac + int(binary.NativeEndian.Uint32(h[hdrSnapLen:]))
	net := int(binary.NativeEndian.Uint16(h[hdrNet:]))
	length := int(binary.NativeEndian.Uint32(h[hdrLen:]))
	if p := s.refilter.Load(); p != nil && !s.matches(p, h, b[mac:end]) {
		s.skipped.Add(1)
		return false
	}
	switch {
	case s.link == decode.LinkSLL2:
		n := cook(h, b[:mac], b[mac:end], status)
		mac -= n
		length += n
	case status&unix.TP_STATUS_VLAN_VALID != 0 && s.link == decode.LinkEthernet && end-mac >= macsLen:
		copy(b[mac-vlanTagLen:], b[mac:mac+macsLen])
		mac -= vlanTagLen
		binary.BigEndian.PutUint16(b[mac+macsLen:], tpid(h, status))
		binary.BigEndian.PutUint16(b[mac+macsLen+2:], tci(h))
		length += vlanTagLen
	}
	if end-mac > s.snapLen {
		end = mac + s.snapLen
	}
	f.Data = b[mac:end:end]
	f.Length = length
	f.Time = time.Unix(int64(binary.NativeEndian.Uint32(h[hdrSec:])), int64(binary.NativeEndian.Uint32(h[hdrNsec:])))
	f.Link = s.link
	f.Interface = int(binary.NativeEndian.Uint32(h[addrIndex:]))
	f.Direction = directions[h[addrPktType]&7]
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
	if s.frags != nil && s.frags.take(f, binary.BigEndian.Uint16(h[addrProto:]), net-mac) {
		return false
	}
	// After the last write to the block: see close.
	if s.closed.Load() {
		s.left = 0
		return false
	}
	return true
}

// matches runs a filter over a frame as the kernel would have.
func (s *shard) matches(p *filter.Program, h *[hdrEnd]byte, data []byte) bool {
	status := binary.NativeEndian.Uint32(h[hdrStatus:])
	m := filter.Meta{
		Length:       int(binary.NativeEndian.Uint32(h[hdrLen:])),
		Interface:    int(binary.NativeEndian.Uint32(h[addrIndex:])),
		PacketType:   h[addrPktType],
		HardwareType: binary.NativeEndian.Uint16(h[addrType:]),
		Protocol:     binary.BigEndian.Uint16(h[addrProto:]),
	}
	if status&unix.TP_STATUS_VLAN_VALID != 0 {
		m.HasVLAN, m.VLANTag, m.VLANProto = true, tci(h), tpid(h, status)
		if s.link == decode.LinkSLL2 {
			m.Protocol = protocol(h, data)
		}
	}
	return p.Match(data, &m) > 0
}

// stamp returns the time of the next frame of the held block, for comparison.
func (s *shard) stamp() uint64 {
	h := s.block[s.off:]
	return uint64(binary.NativeEndian.Uint32(h[hdrSec:]))<<32 | uint64(binary.NativeEndian.Uint32(h[hdrNsec:]))
}

// directions is by packet type: packet(7), sll_pkttype.
var directions = [8]Direction{
	unix.PACKET_HOST:      Incoming,
	unix.PACKET_BROADCAST: Incoming,
	unix.PACKET_MULTICAST: Incoming,
	unix.PACKET_OTHERHOST: Passing,
	unix.PACKET_OUTGOING:  Outgoing,
}

// tci returns the tag control information of a frame with a VLAN tag.
func tci(h *[hdrEnd]byte) uint16 { return uint16(binary.NativeEndian.Uint32(h[hdrVLANTCI:])) }

// tpid returns the tag protocol of a frame with a VLAN tag.
func tpid(h *[hdrEnd]byte, status uint32) uint16 {
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		return binary.NativeEndian.Uint16(h[hdrVLANTPID:])
	}
	return unix.ETH_P_8021Q
}

// cook writes a Linux cooked header, version 2, to the end of head, followed
// by the VLAN tag that the kernel took off data if there is one, and returns
// how long both are.
// https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
func cook(h *[hdrEnd]byte, head, data []byte, status uint32) int {
	n := sll2Len
	if status&unix.TP_STATUS_VLAN_VALID != 0 {
		n += vlanTagLen
	}
	b := head[len(head)-n:]
	_ = b[sll2Len-1]
	b[0], b[1] = h[addrProto], h[addrProto+1] // in network byte order already
	b[2], b[3] = 0, 0
	binary.BigEndian.PutUint32(b[4:], binary.NativeEndian.Uint32(h[addrIndex:]))
	binary.BigEndian.PutUint16(b[8:], binary.NativeEndian.Uint16(h[addrType:]))
	b[10] = h[addrPktType]
	b[11] = h[addrHalen]
	copy(b[12:sll2Len], h[addrAddr:])
	if n > sll2Len {
		tag := b[sll2Len:]
		binary.BigEndian.PutUint16(tag, tci(h))
		binary.BigEndian.PutUint16(tag[2:], protocol(h, data))
		binary.BigEndian.PutUint16(b, tpid(h, status))
	} else if b[0] == unix.ETH_P_8021Q>>8 || b[0] == unix.ETH_P_8021AD>>8 {
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
func protocol(h *[hdrEnd]byte, data []byte) uint16 {
	told := binary.BigEndian.Uint16(h[addrProto:])
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
