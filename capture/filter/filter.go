// Package filter compiles the pcap-filter(7) language to classic BPF, for the
// kernel and for an interpreter of its own that serves files.
package filter

import (
	"errors"

	"golang.org/x/net/bpf"

	"github.com/wstap/wstap/decode"
)

// A Target says what a program will look at.
type Target struct {
	// Link is the link type of the frames as the user sees them.
	Link decode.LinkType
	// Live compiles for the kernel's socket filter on Linux: VLAN tags, packet
	// type and interface index are read from the kernel's metadata, and with
	// LinkSLL or LinkSLL2 the program sees the packet from its network header.
	Live bool
	// SnapLen is what the program returns for a frame that it selects.
	// 0 means 262144, as tcpdump.
	SnapLen uint32
}

// A Program is a compiled filter. It is immutable and safe for concurrent use.
type Program struct{ ins []bpf.RawInstruction }

// Compile compiles expr. Errors are *Error. The empty expression selects all.
func Compile(expr string, t Target) (*Program, error) { return nil, errors.New("filter: not built") }

// Raw returns the instructions in the kernel's form. The caller must not
// change them.
func (p *Program) Raw() []bpf.RawInstruction { return p.ins }

// Meta is what the kernel knows of a packet beside its bytes.
type Meta struct {
	Length     int    // bytes on the wire
	Interface  int    // interface index
	PacketType uint8  // PACKET_HOST … of packet(7)
	Protocol   uint16 // EtherType of the packet
	VLANTag    uint16 // tag control information, valid iff HasVLAN
	VLANProto  uint16
	HasVLAN    bool
}

// Match runs the program over one frame and returns how many of its bytes it
// selects: 0 for none. It allocates nothing.
func (p *Program) Match(data []byte, m *Meta) int { return 0 }
