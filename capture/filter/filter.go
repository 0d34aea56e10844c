// Package filter compiles the language of pcap-filter(7) to classic BPF, for
// the kernel and for an interpreter of its own that serves files.
//
// Programs for files are those of libpcap 1.10: they select the same frames,
// also of frames that are cut, and the same expressions are refused. That
// includes what surprises:
//
//   - a load out of bounds rejects the frame, whatever else was asked for;
//   - vlan, mpls, pppoes and geneve move what follows them in the text, even
//     behind "or";
//   - ports in IPv6 are looked for behind the fixed header only;
//   - in arithmetic only the left side of an operator makes sure of its
//     protocol;
//   - behind IEEE 802.11 headers with four addresses nothing is found.
//
// Three things differ: frame relay, where libpcap looks for IP at the beginning of
// the frame; PFLOG, where it knows the AF_INET6 of its own system alone; and
// geneve and pppoes behind headers of varying length. Words that are about
// IEEE 802.11, PFLOG, ATM and SS7 are refused. On link types that libpcap has no
// filter for, such as NFLOG and PKTAP, only lengths and bytes can be asked for.
//
// A live program (Target.Live) selects what the file program would select from
// the frame as the user gets it, wherever the kernel keeps its parts: VLAN
// tags in metadata or in the frame, cooked headers nowhere at all. This
// differs from libpcap, whose live programs take a frame whose tag the kernel
// took off for an untagged one. What the kernel cannot tell is refused or, if
// it shows only at run time, out of bounds: the link address of a cooked
// header. protochain follows 16 headers live, as the kernel runs no loops.
//
// Names of hosts are looked up as the machine does; those of services,
// protocols, networks and Ethernet hosts in its files in /etc, and if these
// are missing in a small table.
package filter

import (
	"encoding/binary"

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
	// Netmask is the IPv4 mask of the network that "ip broadcast" is about. 0
	// is tcpdump's for files and for every interface: it leaves 0.0.0.0 and
	// 255.255.255.255.
	Netmask uint32
	// Order is the byte order of the machine that wrote the frames, in which
	// LinkNull and LinkENC have their headers. Nil means little endian with LinkENC.
	// LinkNull is refused without it, and so is the zero Target, which is the same.
	Order binary.ByteOrder
}

// A Program is a compiled filter. It is immutable and safe for concurrent use.
type Program struct {
	ins  []bpf.RawInstruction
	code []insn // the same for Match
}

// Compile compiles expr. Errors are *Error. The empty expression selects all.
func Compile(expr string, t Target) (p *Program, err error) {
	defer catch(expr, &p, &err)
	return compile(expr, t, system{}), nil
}

// catch makes an error of what fail threw.
func catch(expr string, p **Program, err *error) {
	switch e := recover().(type) {
	case nil:
	case *Error:
		e.Expr = expr
		if e.Len < 0 {
			e.Offset, e.Len = 0, len(expr)
		}
		*p, *err = nil, e
	default:
		panic(e)
	}
}

func compile(expr string, t Target, r resolver) *Program {
	if t.Link == decode.LinkNull && t.Order == nil {
		fail(everywhere, "Target says no link type, or LinkNull without its byte order")
	}
	if t.SnapLen == 0 {
		t.SnapLen = defaultSnapLen
	}
	yes, no := &block{code: retK, k: t.SnapLen}, &block{code: retK}
	root := yes
	if n := parse(expr); n != nil {
		g := newGenerator(t, r)
		c := g.node(n)
		root = g.prologue(lower(c, yes, no), no)
		switch {
		case g.opaque && t.Live:
			root = optimize(root, true)
		case !g.opaque:
			root = optimize(root, false)
			if root.leaf() && root.k == 0 {
				fail(everywhere, "no packet can match")
			}
		}
		root = g.place(root)
	}
	most := maxInsns
	if t.Live {
		most -= prelude
	}
	ins := assemble(root)
	if len(ins) > most {
		fail(everywhere, "the filter needs %d instructions, and %d are the most", len(ins), most)
	}
	return newProgram(ins, t.Live)
}

// prelude is how many instructions a live program leaves to its user, who may
// want to drop something before it runs.
const prelude = 32

// defaultSnapLen is tcpdump's.
const defaultSnapLen = 262144

// Raw returns the instructions in the kernel's form. The caller must not
// change them.
func (p *Program) Raw() []bpf.RawInstruction { return p.ins }

// Len returns how many instructions the program has.
func (p *Program) Len() int { return len(p.ins) }

// Meta is what the kernel knows of a packet beside its bytes.
type Meta struct {
	Length       int    // bytes on the wire, counted from where the program's data begin
	Interface    int    // interface index
	PacketType   uint8  // PACKET_HOST … of packet(7)
	Protocol     uint16 // EtherType of the packet, or of what follows the tag where HasVLAN
	HardwareType uint16 // ARPHRD_ value of the interface
	VLANTag      uint16 // tag control information, valid iff HasVLAN
	VLANProto    uint16 // EtherType of the tag, valid iff HasVLAN
	HasVLAN      bool   // the kernel has taken a VLAN tag out of the packet
}
