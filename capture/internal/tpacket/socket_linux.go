package tpacket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// MinBlocks is the least number of blocks of a ring.
const MinBlocks = 2

// frameSize must divide the block's size; it means nothing else in version 3.
const frameSize = 2048

// ethPAll is ETH_P_ALL in network byte order, as bind wants it.
var ethPAll = binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})

// Options are those of a Socket.
type Options struct {
	Cooked    bool          // without link-layer headers
	BlockSize int           // bytes: a power of two, at least a page
	Blocks    int           // the most; the kernel may grant less
	Timeout   time.Duration // longest stay of a frame in an open block
	Headroom  int           // bytes before each frame
}

// A Socket is an AF_PACKET socket with its Ring.
type Socket struct {
	Ring *Ring

	conn   *packet.Conn
	rc     syscall.RawConn
	waiter waiter
}

// Open makes a Socket, which is deaf: it is bound to no protocol.
func Open(o Options) (*Socket, error) {
	typ := packet.Raw
	if o.Cooked {
		typ = packet.Datagram
	}
	conn, err := packet.Listen(new(net.Interface), typ, 0, nil)
	if err != nil {
		return nil, err
	}
	s := &Socket{conn: conn, waiter: waiter{setDeadline: conn.SetReadDeadline}}
	if s.rc, err = conn.SyscallConn(); err == nil {
		err = s.Control(func(fd int) (err error) {
			s.Ring, err = newRing(fd, &o)
			return err
		})
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// Control runs f with the file descriptor.
func (s *Socket) Control(f func(fd int) error) error {
	var err error
	if cerr := s.rc.Control(func(fd uintptr) { err = f(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

// newRing gives fd a ring of as many blocks as the kernel grants. Version and headroom
// cannot be set once there is a ring.
func newRing(fd int, o *Options) (*Ring, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, os.NewSyscallError("setsockopt PACKET_VERSION", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_RESERVE, o.Headroom); err != nil {
		return nil, os.NewSyscallError("setsockopt PACKET_RESERVE", err)
	}
	for blocks := max(o.Blocks, MinBlocks); ; blocks = max(blocks/2, MinBlocks) {
		r, err := requestRing(fd, o, blocks)
		switch {
		case !errors.Is(err, unix.ENOMEM) && !errors.Is(err, unix.EAGAIN):
			return r, err
		case blocks == MinBlocks:
			return nil, fmt.Errorf("no memory for a ring of %d blocks of %d KiB, and there is no smaller one: %w", blocks, o.BlockSize>>10, err)
		}
	}
}

func requestRing(fd int, o *Options, blocks int) (*Ring, error) {
	req := unix.TpacketReq3{
		Block_size:     uint32(o.BlockSize),
		Block_nr:       uint32(blocks),
		Frame_size:     frameSize,
		Frame_nr:       uint32(blocks * (o.BlockSize / frameSize)),
		Retire_blk_tov: uint32((o.Timeout + time.Millisecond - 1) / time.Millisecond),
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return nil, os.NewSyscallError("setsockopt PACKET_RX_RING", err)
	}
	r, err := Map(fd, o.BlockSize, blocks)
	if err != nil {
		// So that a smaller one can be asked for.
		unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{})
	}
	return r, err
}

// RejectAll lets nothing in.
var RejectAll = []bpf.RawInstruction{{Op: unix.BPF_RET | unix.BPF_K}}

// Attach makes program the kernel's filter, in place of another at once.
func (s *Socket) Attach(program []bpf.RawInstruction) error {
	if len(program) > unix.BPF_MAXINSNS {
		return fmt.Errorf("the filter has %d instructions, more than the kernel's %d", len(program), unix.BPF_MAXINSNS)
	}
	err := s.conn.SetBPF(program)
	if errors.Is(err, unix.ENOMEM) {
		err = fmt.Errorf("the kernel has no room for a filter of %d instructions; raise net.core.optmem_max (sysctl): %w", len(program), err)
	}
	return err
}

// Promiscuous asks an interface for what is not addressed to it, as long as the
// socket is open.
func (s *Socket) Promiscuous(index int) error {
	return s.Control(func(fd int) error {
		mreq := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}
		err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &mreq)
		return os.NewSyscallError("setsockopt PACKET_ADD_MEMBERSHIP", err)
	})
}

// IgnoreOutgoing spares the kernel the copy of frames that go out. It is only faster
// than a filter that drops them, and kernels before 4.20 cannot.
func (s *Socket) IgnoreOutgoing() {
	s.Control(func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	})
}

// Bind opens the socket's ears: to the interface of an index, to all if that is 0. A
// filter must be attached before.
func (s *Socket) Bind(index int) error {
	return s.Control(func(fd int) error {
		err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: ethPAll, Ifindex: index})
		return os.NewSyscallError("bind", err)
	})
}

// Counters are the kernel's, since they were read before. They have 32 bits.
type Counters struct {
	Received, Dropped, Freezes uint32
}

// Counters reads the kernel's counters, which begin anew.
func (s *Socket) Counters() (Counters, error) {
	st, err := s.conn.Stats()
	if err != nil {
		return Counters{}, err
	}
	return Counters{st.Packets, st.Drops, st.FreezeQueueCount}, nil
}

// Wait waits until pending, which is called with the file descriptor whenever there may
// be something for the reader, returns true; until the deadline, unless it is zero; or
// until Poke.
func (s *Socket) Wait(deadline time.Time, pending func(fd uintptr) bool) error {
	return s.waiter.wait(s.rc, deadline, pending)
}

// Poke ends a Wait that is under way, or the next one.
func (s *Socket) Poke() { s.waiter.poke() }

// Close closes the socket and the ring, of which the block that is held stays readable
// until the next Take. It may be called twice.
func (s *Socket) Close() error {
	if s.Ring.closed.Swap(true) {
		return nil
	}
	err := s.conn.Close()
	return errors.Join(err, s.Ring.Close())
}
