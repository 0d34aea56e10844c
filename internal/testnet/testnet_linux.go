package testnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// available reports whether this process may make hosts and capture in them.
func available() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("testnet: capget: %w", err)
	}
	var missing []string
	for _, c := range []struct {
		bit  int
		name string
	}{{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {unix.CAP_NET_RAW, "CAP_NET_RAW"}, {unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}} {
		if data[0].Effective&(1<<c.bit) == 0 {
			missing = append(missing, c.name)
		}
	}
	if missing != nil {
		return fmt.Errorf("live test: %s missing: run as root, or in a user namespace of your own (unshare -Urn go test ./...)",
			strings.Join(missing, ", "))
	}
	fd, err := newNamespace()
	if err != nil {
		return fmt.Errorf("live test: cannot make a network namespace (is it a container without --privileged?): %w", err)
	}
	return unix.Close(fd)
}

// newNamespace makes a network namespace and returns a descriptor of it.
func newNamespace() (fd int, err error) {
	err = onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		fd, err = openNamespace()
		return err
	})
	return fd, err
}

func openNamespace() (int, error) {
	const self = "/proc/thread-self/ns/net"
	fd, err := unix.Open(self, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: self, Err: err}
	}
	return fd, nil
}

// onThread runs f with the goroutine locked to its thread and puts the thread
// back into its namespace. A thread that cannot go back is never given to
// another goroutine: it stays locked, and ends with this one.
func onThread(f func() error) error {
	runtime.LockOSThread()
	old, err := openNamespace()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		if unix.Setns(old, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		unix.Close(old)
	}()
	return f()
}

type host struct {
	ns int
}

func (h *Host) open() {
	h.t.Helper()
	ns, err := newNamespace()
	if err != nil {
		h.t.Fatal(err)
	}
	h.ns = ns
	h.t.Cleanup(func() { unix.Close(ns) })
	h.Lo().Up()
}

func (h *Host) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.ns) }

func (h *Host) do(f func()) {
	h.t.Helper()
	err := onThread(func() error {
		if err := unix.Setns(h.ns, unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("setns", err)
		}
		f()
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *Host) lookup(name string) *Interface {
	h.t.Helper()
	i := &Interface{Host: h, Name: name}
	h.Do(func() {
		ifi, err := net.InterfaceByName(name)
		if err != nil {
			h.t.Fatalf("testnet: %s: %v", name, err)
		}
		i.Interface = *ifi
	})
	return i
}

// request sends one rtnetlink request from inside the host.
func (h *Host) request(m *message) {
	h.t.Helper()
	var err error
	h.Do(func() { err = m.send() })
	if err != nil {
		h.t.Fatal(err)
	}
}

var cables atomic.Uint32

func veth(t testing.TB, a, b *Host) (*Interface, *Interface) {
	t.Helper()
	n := cables.Add(1)
	if n > 0xffff {
		t.Fatal("testnet: too many cables")
	}
	an, bn := fmt.Sprintf("veth%da", n), fmt.Sprintf("veth%db", n)
	m := newLink(unix.NLM_F_CREATE | unix.NLM_F_EXCL)
	m.ifinfo(0, 0, 0)
	m.str(unix.IFLA_IFNAME, an)
	m.nest(unix.IFLA_LINKINFO, func() {
		m.str(unix.IFLA_INFO_KIND, "veth")
		m.nest(unix.IFLA_INFO_DATA, func() {
			m.nest(vethInfoPeer, func() {
				m.ifinfo(0, 0, 0)
				m.str(unix.IFLA_IFNAME, bn)
				m.u32(unix.IFLA_NET_NS_FD, uint32(b.ns))
			})
		})
	})
	a.request(m)
	ai, bi := a.lookup(an), b.lookup(bn)
	for last, i := range []*Interface{ai, bi} {
		i.Up()
		i.IPv4 = netip.AddrFrom4([4]byte{10, 200 + byte(n>>8), byte(n), byte(last + 1)})
		i.IPv6 = netip.AddrFrom16([16]byte{0: 0xfd, 3: 0xc8, 4: byte(n >> 8), 5: byte(n), 15: byte(last + 1)})
		i.AddAddr(netip.PrefixFrom(i.IPv4, 24))
		i.AddAddr(netip.PrefixFrom(i.IPv6, 64))
	}
	return ai, bi
}

func (h *Host) bridge(name string, ports []*Interface) *Interface {
	h.t.Helper()
	m := newLink(unix.NLM_F_CREATE | unix.NLM_F_EXCL)
	m.ifinfo(0, 0, 0)
	m.str(unix.IFLA_IFNAME, name)
	m.nest(unix.IFLA_LINKINFO, func() { m.str(unix.IFLA_INFO_KIND, "bridge") })
	h.request(m)
	b := h.lookup(name)
	for _, port := range ports {
		m := newLink(0)
		m.ifinfo(port.Index, 0, 0)
		m.u32(unix.IFLA_MASTER, uint32(b.Index))
		h.request(m)
	}
	b.Up()
	return b
}

func (i *Interface) setFlags(up bool) {
	i.Host.t.Helper()
	flags := uint32(0)
	if up {
		flags = unix.IFF_UP
	}
	m := newLink(0)
	m.ifinfo(i.Index, flags, unix.IFF_UP)
	i.Host.request(m)
}

func (i *Interface) setMTU(n int) {
	i.Host.t.Helper()
	m := newLink(0)
	m.ifinfo(i.Index, 0, 0)
	m.u32(unix.IFLA_MTU, uint32(n))
	i.Host.request(m)
	i.MTU = n
}

func (i *Interface) rename(name string) {
	i.Host.t.Helper()
	m := newLink(0)
	m.ifinfo(i.Index, 0, 0)
	m.str(unix.IFLA_IFNAME, name)
	i.Host.request(m)
	i.Name, i.Interface.Name = name, name
}

func (i *Interface) remove() {
	i.Host.t.Helper()
	m := newMessage(unix.RTM_DELLINK, 0)
	m.ifinfo(i.Index, 0, 0)
	i.Host.request(m)
}

func (i *Interface) addAddr(p netip.Prefix) {
	i.Host.t.Helper()
	family := byte(unix.AF_INET)
	if p.Addr().Is6() {
		family = unix.AF_INET6
	}
	m := newMessage(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	m.ifaddr(family, p.Bits(), i.Index)
	m.bytes(unix.IFA_LOCAL, p.Addr().AsSlice())
	m.bytes(unix.IFA_ADDRESS, p.Addr().AsSlice())
	m.u32(unix.IFA_FLAGS, unix.IFA_F_NODAD)
	i.Host.request(m)
}

func (h *Host) tap(name string) (*Interface, *os.File) {
	h.t.Helper()
	const dev = "/dev/net/tun"
	var fd int
	var err error
	// The device belongs to the namespace in which the file was opened.
	h.Do(func() { fd, err = unix.Open(dev, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0) })
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENODEV) {
		// A container may have every capability and still no such device.
		unavailable(h.t, fmt.Errorf("live test: %s: %w (make the device available)", dev, err))
	}
	if err != nil {
		h.t.Fatalf("testnet: %s: %v", dev, err)
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		h.t.Fatalf("testnet: %s: %v", name, err)
	}
	ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		unix.Close(fd)
		h.t.Fatalf("testnet: %s: %v", name, err)
	}
	// Only now: the runtime's poller takes no descriptor without a device.
	f := os.NewFile(uintptr(fd), dev)
	h.t.Cleanup(func() { f.Close() })
	i := h.lookup(name)
	i.Up()
	return i, f
}
