package tpacket

import (
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/internal/flowhash"
)

// The kernel's own hash (PACKET_FANOUT_HASH) will not do for spreading
// connections: it sends the two directions of a VXLAN or Geneve tunnel to two
// rings, and fragments of a TCP segment to another ring than the rest of their
// connection, without saying which. This one is known on both sides: TCP goes
// by addresses and ports, everything else by addresses alone, and what readers
// find to be fragments of TCP they hand over by the same rule.
// PACKET_FANOUT_FLAG_DEFRAG is no way either: it gives out other packets than
// were on the wire, and loses those that it sees twice, on any or by two
// captures.

// spreadProgram computes [flowhash.Connection] and [flowhash.Hosts] in the kernel. It is given frames that begin
// anywhere, so it looks from the network header on. What is not IP, also under
// VLAN tags and PPPoE, has ring 0.
func spreadProgram() ([]bpf.RawInstruction, error) {
	const net = -0x100000 // SKF_NET_OFF
	at := func(off, size int) bpf.Instruction { return bpf.LoadIndirect{Off: uint32(net + off), Size: size} }
	jump := func(v uint32, skip uint8) bpf.Instruction {
		return bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: skip}
	}
	setX := func(v uint32) bpf.Instruction { return bpf.LoadConstant{Dst: bpf.RegX, Val: v} }
	const addrs, base, ports = 0, 1, 2 // scratch slots

	// Where the IP header is, from the network header: to X.
	find := []bpf.Instruction{
		setX(0),
		bpf.LoadExtension{Num: bpf.ExtProto},
		jump(unix.ETH_P_IP, 17),
		jump(unix.ETH_P_IPV6, 16),
		jump(unix.ETH_P_PPP_SES, 14),
		jump(unix.ETH_P_8021Q, 2),
		jump(unix.ETH_P_8021AD, 1),
		bpf.RetConstant{},
		// A tag inside the packet. Behind it is the network header of what
		// goes out, and before it that of what comes in.
		bpf.LoadExtension{Num: bpf.ExtType},
		jump(unix.PACKET_OUTGOING, 10),
		setX(4),
		at(2-4, 2),
		jump(unix.ETH_P_IP, 7),
		jump(unix.ETH_P_IPV6, 6),
		setX(8),
		at(6-8, 2),
		jump(unix.ETH_P_IP, 3),
		jump(unix.ETH_P_IPV6, 2),
		bpf.RetConstant{},
		setX(8), // PPPoE and PPP headers
		// X is set.
		bpf.TXA{},
		bpf.StoreScratch{Src: bpf.RegA, N: base},
		at(0, 1),
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4},
	}
	// Each leaves the addresses in their slot and the transport header's
	// offset in X, or goes to the end.
	const portsLen = 10
	xor := func(off int) []bpf.Instruction {
		return []bpf.Instruction{
			bpf.LoadScratch{Dst: bpf.RegX, N: base},
			at(off, 4),
			bpf.LoadScratch{Dst: bpf.RegX, N: addrs},
			bpf.ALUOpX{Op: bpf.ALUOpXor},
			bpf.StoreScratch{Src: bpf.RegA, N: addrs},
		}
	}
	v6 := []bpf.Instruction{at(8, 4), bpf.StoreScratch{Src: bpf.RegA, N: addrs}}
	for off := 12; off < 40; off += 4 {
		v6 = append(v6, xor(off)...)
	}
	v6 = append(v6,
		bpf.LoadScratch{Dst: bpf.RegX, N: base},
		at(6, 1),
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_TCP, SkipTrue: 3 + portsLen},
		bpf.TXA{},
		bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 40},
		bpf.TAX{},
	)
	v4 := []bpf.Instruction{at(12, 4), bpf.StoreScratch{Src: bpf.RegA, N: addrs}}
	v4 = append(v4, xor(16)...)
	v4 = append(v4,
		bpf.LoadScratch{Dst: bpf.RegX, N: base},
		at(9, 1),
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_TCP, SkipTrue: uint8(8 + len(v6) + portsLen)},
		at(6, 2),
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x3fff, SkipTrue: uint8(6 + len(v6) + portsLen)}, // a fragment
		at(0, 1),
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 15},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2},
		bpf.ALUOpX{Op: bpf.ALUOpAdd},
		bpf.TAX{},
		bpf.Jump{Skip: uint32(len(v6))},
	)
	p := append(find,
		jump(4, 2),
		jump(6, uint8(1+len(v4))),
		bpf.RetConstant{})
	p = append(append(p, v4...), v6...)
	p = append(p,
		at(0, 2),
		bpf.StoreScratch{Src: bpf.RegA, N: ports},
		at(2, 2),
		bpf.LoadScratch{Dst: bpf.RegX, N: ports},
		bpf.ALUOpX{Op: bpf.ALUOpXor},
		bpf.TAX{},
		bpf.LoadScratch{Dst: bpf.RegA, N: addrs},
		bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: flowhash.Factor},
		bpf.ALUOpX{Op: bpf.ALUOpXor},
		bpf.Jump{Skip: 1}, // the last of portsLen instructions
		bpf.LoadScratch{Dst: bpf.RegA, N: addrs},
		bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: flowhash.Factor},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 32 - flowhash.Bits},
		bpf.RetA{})
	return bpf.Assemble(p)
}

// FanOut joins the fan-out group of the given id, or makes one if it is
// negative, and returns the group's id. The socket must be bound. The group gives each
// frame to the socket of its [flowhash.Connection] or [flowhash.Hosts], in the order of
// joining.
func (s *Socket) FanOut(id int, ignoreOutgoing bool) (int, error) {
	err := s.Control(func(fd int) error {
		arg := unix.PACKET_FANOUT_CBPF << 16
		if ignoreOutgoing {
			arg |= unix.PACKET_FANOUT_FLAG_IGNORE_OUTGOING << 16
		}
		if id >= 0 {
			arg |= id
			return os.NewSyscallError("setsockopt PACKET_FANOUT", unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, arg))
		}
		arg |= unix.PACKET_FANOUT_FLAG_UNIQUEID << 16
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, arg); err != nil {
			return os.NewSyscallError("setsockopt PACKET_FANOUT", err)
		}
		v, err := unix.GetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
		if err != nil {
			return os.NewSyscallError("getsockopt PACKET_FANOUT", err)
		}
		id = v & 0xffff
		program, err := spreadProgram()
		if err != nil {
			return err
		}
		filter := make([]unix.SockFilter, len(program))
		for i, ins := range program {
			filter[i] = unix.SockFilter{Code: ins.Op, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}
		}
		err = unix.SetsockoptSockFprog(fd, unix.SOL_PACKET, unix.PACKET_FANOUT_DATA,
			&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
		return os.NewSyscallError("setsockopt PACKET_FANOUT_DATA", err)
	})
	return id, err
}
