package tpacket

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
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

// A Header is what the kernel says of a frame: struct tpacket3_hdr with the struct
// sockaddr_ll behind it.
type Header [hdrEnd]byte

// Extent returns where the frame begins and ends, and its network header begins, from
// the Header on.
func (h *Header) Extent() (start, end, network int) {
	start = int(binary.NativeEndian.Uint16(h[hdrMac:]))
	return start, start + int(binary.NativeEndian.Uint32(h[hdrSnapLen:])), int(binary.NativeEndian.Uint16(h[hdrNet:]))
}

// Length returns how many bytes the frame has on the wire.
func (h *Header) Length() int { return int(binary.NativeEndian.Uint32(h[hdrLen:])) }

// Time returns when the frame was captured.
func (h *Header) Time() time.Time {
	return time.Unix(int64(binary.NativeEndian.Uint32(h[hdrSec:])), int64(binary.NativeEndian.Uint32(h[hdrNsec:])))
}

// Status returns the TP_STATUS_ bits.
func (h *Header) Status() uint32 { return binary.NativeEndian.Uint32(h[hdrStatus:]) }

// Protocol returns the EtherType, or what else there is in its place.
func (h *Header) Protocol() uint16 { return binary.BigEndian.Uint16(h[addrProto:]) }

// Interface returns the index of the interface.
func (h *Header) Interface() int { return int(binary.NativeEndian.Uint32(h[addrIndex:])) }

// HardwareType returns the ARPHRD_ constant of the interface.
func (h *Header) HardwareType() uint16 { return binary.NativeEndian.Uint16(h[addrType:]) }

// PacketType returns which way the frame went: a PACKET_ constant.
func (h *Header) PacketType() uint8 { return h[addrPktType] }

// Address returns 8 bytes that begin with the sender's link-layer address.
func (h *Header) Address() *[8]byte { return (*[8]byte)(h[addrAddr:]) }

// AddressLen returns how many bytes that address has.
func (h *Header) AddressLen() uint8 { return h[addrHalen] }

// VLAN returns the tag that the kernel took off the frame, if there was one.
func (h *Header) VLAN() (tci, tpid uint16, ok bool) {
	status := h.Status()
	if status&unix.TP_STATUS_VLAN_VALID == 0 {
		return 0, 0, false
	}
	tpid = unix.ETH_P_8021Q
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = binary.NativeEndian.Uint16(h[hdrVLANTPID:])
	}
	return uint16(binary.NativeEndian.Uint32(h[hdrVLANTCI:])), tpid, true
}
