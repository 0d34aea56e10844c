package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ethPAll is ETH_P_ALL in network byte order, as bind wants it.
var ethPAll = binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})

// openShard makes a socket with its ring. The socket is deaf: it is bound to
// no protocol.
func openShard(l *live, c *Config, blocks int) (*shard, error) {
	d := l.device
	conn, err := packet.Listen(&net.Interface{Index: d.index}, d.typ, 0, nil)
	if err != nil {
		return nil, unprivileged(err)
	}
	s := &shard{live: l, conn: conn, link: d.link, snapLen: c.SnapLen, timeout: c.BlockTimeout}
	s.pending = s.isPending
	s.waiter.setDeadline = conn.SetReadDeadline
	if s.rc, err = conn.SyscallConn(); err == nil {
		err = s.control(func(fd int) error {
			var err error
			s.ring, err = setupRing(fd, c, blocks)
			return err
		})
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// control runs f with the shard's file descriptor.
func (s *shard) control(f func(fd int) error) error {
	var err error
	if cerr := s.rc.Control(func(fd uintptr) { err = f(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

// setupRing gives fd a ring of the given number of blocks, or as many as the
// kernel grants. Version and headroom cannot be set once there is a ring.
func setupRing(fd int, c *Config, blocks int) (*ring, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, os.NewSyscallError("setsockopt PACKET_VERSION", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_RESERVE, reserve); err != nil {
		return nil, os.NewSyscallError("setsockopt PACKET_RESERVE", err)
	}
	for {
		r, err := requestRing(fd, c, blocks)
		switch {
		case !errors.Is(err, unix.ENOMEM) && !errors.Is(err, unix.EAGAIN):
			return r, err
		case blocks == minBlocks:
			return nil, fmt.Errorf("no memory for a ring of %d blocks of %d KiB, and there is no smaller one: %w", blocks, c.BlockSize>>10, err)
		}
		blocks = max(blocks/2, minBlocks)
	}
}

const (
	minBlocks = 2
	frameSize = 2048 // must divide the block's size; means nothing else in version 3
)

func requestRing(fd int, c *Config, blocks int) (*ring, error) {
	req := unix.TpacketReq3{
		Block_size:     uint32(c.BlockSize),
		Block_nr:       uint32(blocks),
		Frame_size:     frameSize,
		Frame_nr:       uint32(blocks * (c.BlockSize / frameSize)),
		Retire_blk_tov: uint32((c.BlockTimeout + time.Millisecond - 1) / time.Millisecond),
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return nil, os.NewSyscallError("setsockopt PACKET_RX_RING", err)
	}
	r, err := mapRing(fd, c.BlockSize, blocks)
	if err != nil {
		// So that a smaller one can be asked for.
		unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{})
	}
	return r, err
}

// attach makes program the kernel's filter, in place of another at once.
func (s *shard) attach(program []bpf.RawInstruction) error {
	if len(program) > unix.BPF_MAXINSNS {
		return fmt.Errorf("the filter has %d instructions, more than the kernel's %d", len(program), unix.BPF_MAXINSNS)
	}
	err := s.conn.SetBPF(program)
	if errors.Is(err, unix.ENOMEM) {
		err = fmt.Errorf("the kernel has no room for a filter of %d instructions; raise net.core.optmem_max (sysctl): %w", len(program), err)
	}
	return err
}

// promiscuous asks an interface for what is not addressed to it, as long as the
// socket is open.
func (s *shard) promiscuous(index int) error {
	return s.control(func(fd int) error {
		mreq := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}
		err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &mreq)
		return os.NewSyscallError("setsockopt PACKET_ADD_MEMBERSHIP", err)
	})
}

// ignoreOutgoing spares the kernel the copy of frames that go out, which the
// prelude would drop. It is only faster, and kernels before 4.20 cannot.
func (s *shard) ignoreOutgoing() {
	s.control(func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	})
}

// bind opens the shard's ears. A filter must be attached before.
func (s *shard) bind(d *device) error {
	return s.control(func(fd int) error {
		err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: ethPAll, Ifindex: d.index})
		return os.NewSyscallError("bind", err)
	})
}

// unprivileged adds what to do to an error for lack of a capability.
func unprivileged(err error) error {
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	prog, perr := os.Executable()
	if perr != nil {
		prog = os.Args[0]
	}
	return fmt.Errorf("CAP_NET_RAW is missing: run as root, or grant it once with `setcap cap_net_raw+ep %s`: %w", prog, err)
}
