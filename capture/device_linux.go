package capture

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/decode"
)

// A device is what one capture listens to.
type device struct {
	name     string                 // as the user gave it
	index    int                    // as bind wants it; 0: all interfaces
	members  []int                  // indexes of the only interfaces wanted at first; nil: all of index
	names    []string               // of members
	now      *atomic.Pointer[[]int] // members, of which some may have been replaced
	down     bool                   // the only interface is not up
	loopback int                    // index of the loopback interface if it is among them; 0: none
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
	d := &device{link: decode.LinkSLL2}
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
		d.members, d.names = append(d.members, ifi.Index), append(d.names, n)
	}
	d.now = new(atomic.Pointer[[]int])
	d.now.Store(&d.members)
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
	d := &device{index: ifi.Index, down: ifi.Flags&net.FlagUp == 0}
	if ifi.Flags&net.FlagLoopback != 0 {
		d.loopback = ifi.Index
	}
	hw, err := hardwareType(ifi.Name)
	if err != nil {
		return nil, err
	}
	d.link = decode.DeviceLink(hw)
	return d, nil
}

// hardwareType returns the ARPHRD_ constant of an interface.
func hardwareType(name string) (uint16, error) {
	// Any socket will do. Some are refused by filters such as systemd's
	// RestrictAddressFamilies, and one of AF_PACKET will be needed anyway.
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPERM) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	}
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
