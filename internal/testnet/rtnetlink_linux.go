package testnet

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const vethInfoPeer = 1 // VETH_INFO_PEER of linux/veth.h

// A message is one rtnetlink(7) request under construction.
type message struct {
	b []byte
}

func newMessage(typ, flags uint16) *message {
	m := &message{b: make([]byte, unix.SizeofNlMsghdr, 256)}
	binary.NativeEndian.PutUint16(m.b[4:], typ)
	binary.NativeEndian.PutUint16(m.b[6:], flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	return m
}

func newLink(flags uint16) *message { return newMessage(unix.RTM_NEWLINK, flags) }

func (m *message) put16(v uint16) { m.b = binary.NativeEndian.AppendUint16(m.b, v) }
func (m *message) put32(v uint32) { m.b = binary.NativeEndian.AppendUint32(m.b, v) }

// ifinfo appends a struct ifinfomsg.
func (m *message) ifinfo(index int, flags, change uint32) {
	m.put32(0) // family, pad, type
	m.put32(uint32(index))
	m.put32(flags)
	m.put32(change)
}

// ifaddr appends a struct ifaddrmsg.
func (m *message) ifaddr(family byte, bits, index int) {
	m.b = append(m.b, family, byte(bits), 0, unix.RT_SCOPE_UNIVERSE)
	m.put32(uint32(index))
}

// bytes appends an attribute.
func (m *message) bytes(typ uint16, v []byte) { m.nest(typ, func() { m.b = append(m.b, v...) }) }

func (m *message) str(typ uint16, s string) { m.bytes(typ, append([]byte(s), 0)) }

func (m *message) u32(typ uint16, v uint32) { m.nest(typ, func() { m.put32(v) }) }

// nest appends an attribute whose value f appends.
func (m *message) nest(typ uint16, f func()) {
	start := len(m.b)
	m.put16(0)
	m.put16(typ)
	f()
	binary.NativeEndian.PutUint16(m.b[start:], uint16(len(m.b)-start))
	for len(m.b)%unix.NLA_ALIGNTO != 0 {
		m.b = append(m.b, 0)
	}
}

// send sends the message to the kernel of the current thread's namespace and
// waits for its answer.
func (m *message) send() error {
	binary.NativeEndian.PutUint32(m.b, uint32(len(m.b)))
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, m.b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	b := make([]byte, 8192)
	n, _, err := unix.Recvfrom(fd, b, 0)
	if err != nil {
		return os.NewSyscallError("recvfrom", err)
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(b[4:]) != unix.NLMSG_ERROR {
		return fmt.Errorf("testnet: unexpected answer from rtnetlink: % x", b[:n])
	}
	if errno := -int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])); errno != 0 {
		return fmt.Errorf("testnet: rtnetlink request %d: %w", binary.NativeEndian.Uint16(m.b[4:]), unix.Errno(errno))
	}
	return nil
}
