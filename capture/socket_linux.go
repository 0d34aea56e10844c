package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/decode"
)

// ethPAll is ETH_P_ALL in network byte order, as bind wants it.
var ethPAll = binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})

// A device is what one capture listens to.
type device struct {
	index    int   // as bind wants it; 0: all interfaces
	members  []int // indexes of the only interfaces wanted; nil: all of index
	loopback int   // index of the loopback interface if it is among them; 0: none
	typ      packet.Type
	link     decode.LinkType
}

// maxMembers is how many interfaces a program can jump over.
const maxMembers = 200

// findDevice resolves the name that Listen was given, in the current
// namespace.
func findDevice(name string) (*device, error) {
	ifs, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	find := func(name string) *net.Interface {
		for i := range ifs {
			if ifs[i].Name == name {
				return &ifs[i]
			}
		}
		return nil
	}
	if ifi := find(name); ifi != nil {
		return oneDevice(ifi)
	}
	d := &device{typ: packet.Datagram, link: decode.LinkSLL2}
	for i := range ifs {
		if ifs[i].Flags&net.FlagLoopback != 0 {
			d.loopback = ifs[i].Index
		}
	}
	if name == Any {
		return d, nil
	}
	names := strings.Split(name, ",")
	if len(names) > maxMembers {
		return nil, fmt.Errorf("%d interfaces are more than %d; use any and a filter", len(names), maxMembers)
	}
	for _, n := range names {
		if n == Any {
			return d, nil
		}
		ifi := find(n)
		if ifi == nil {
			return nil, noInterface(n, ifs)
		}
		d.members = append(d.members, ifi.Index)
	}
	return d, nil
}

// noInterface names those that there are.
func noInterface(name string, ifs []net.Interface) error {
	names := []string{Any}
	for _, ifi := range ifs {
		names = append(names, ifi.Name)
	}
	return fmt.Errorf("%w: %q (there are %s)", ErrNoInterface, name, strings.Join(names, ", "))
}

// oneDevice decides how to listen to an interface: raw if its frames begin
// with a header that can be decoded, else cooked.
func oneDevice(ifi *net.Interface) (*device, error) {
	d := &device{index: ifi.Index, typ: packet.Raw}
	if ifi.Flags&net.FlagLoopback != 0 {
		d.loopback = ifi.Index
	}
	hw, err := hardwareType(ifi.Name)
	if err != nil {
		return nil, err
	}
	switch hw {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		d.link = decode.LinkEthernet
	case unix.ARPHRD_NONE, unix.ARPHRD_RAWIP:
		d.link = decode.LinkRaw
	default:
		d.typ, d.link = packet.Datagram, decode.LinkSLL2
	}
	return d, nil
}

// hardwareType returns the ARPHRD_ constant of an interface.
func hardwareType(name string) (uint16, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, ifr); err != nil {
		return 0, os.NewSyscallError("ioctl SIOCGIFHWADDR", err)
	}
	return ifr.Uint16(), nil
}

// interfaceName returns the name of an interface of the namespace that fd
// belongs to.
func interfaceName(fd, index int) (string, error) {
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return "", err
	}
	ifr.SetUint32(uint32(index))
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, ifr); err != nil {
		return "", os.NewSyscallError("ioctl SIOCGIFNAME", err)
	}
	return ifr.Name(), nil
}

// interfaceFlags returns the IFF_ flags of an interface of the namespace that
// fd belongs to. ErrInterfaceGone if there is none of that index.
func interfaceFlags(fd, index int) (uint16, error) {
	for {
		name, err := interfaceName(fd, index)
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
			return 0, ErrInterfaceGone
		}
		if err != nil {
			return 0, err
		}
		ifr, err := unix.NewIfreq(name)
		if err != nil {
			return 0, err
		}
		err = unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr)
		if errors.Is(err, unix.ENODEV) {
			continue // renamed or gone since: its index tells
		}
		return ifr.Uint16(), os.NewSyscallError("ioctl SIOCGIFFLAGS", err)
	}
}

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
		if err == nil || blocks == minBlocks || !(errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EAGAIN)) {
			return r, err
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

// prelude is what runs before the user's filter: of frames that go out and
// come in again on lo only one copy is kept, and only the direction and the
// interfaces asked for.
func (d *device) prelude(dir Direction) []bpf.Instruction {
	var p []bpf.Instruction
	if d.members != nil {
		p = append(p, bpf.LoadExtension{Num: bpf.ExtInterfaceIndex})
		for i, m := range d.members {
			p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(m), SkipTrue: uint8(len(d.members) - i)})
		}
		p = append(p, bpf.RetConstant{})
	}
	switch dir {
	case Incoming:
		p = append(p, bpf.LoadExtension{Num: bpf.ExtType},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 1}, bpf.RetConstant{})
	case Outgoing:
		p = append(p, bpf.LoadExtension{Num: bpf.ExtType},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 1}, bpf.RetConstant{})
	default:
		if d.loopback != 0 {
			p = append(p, bpf.LoadExtension{Num: bpf.ExtType},
				bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 3},
				bpf.LoadExtension{Num: bpf.ExtInterfaceIndex},
				bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(d.loopback), SkipTrue: 1}, bpf.RetConstant{})
		}
	}
	return p
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

// inNamespace runs f on a thread that is in the network namespace that name
// stands for.
func inNamespace(name string, f func() error) error {
	if name == "" {
		return f()
	}
	path := name
	if pid, err := strconv.ParseUint(name, 10, 32); err == nil {
		path = fmt.Sprintf("/proc/%d/ns/net", pid)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("namespace %s: CAP_SYS_ADMIN is missing, or CAP_SYS_PTRACE for another user's process: %w", path, err)
	}
	if err != nil {
		return &os.PathError{Op: "open namespace", Path: path, Err: err}
	}
	defer unix.Close(fd)
	const self = "/proc/thread-self/ns/net"
	old, err := unix.Open(self, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: self, Err: err}
	}
	defer unix.Close(old)
	runtime.LockOSThread()
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		if errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("namespace %s: CAP_SYS_ADMIN is missing: %w", path, os.NewSyscallError("setns", err))
		}
		return fmt.Errorf("namespace %s: %w", path, os.NewSyscallError("setns", err))
	}
	defer func() {
		// A thread that cannot go back stays locked and ends with the
		// goroutine.
		if unix.Setns(old, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}
