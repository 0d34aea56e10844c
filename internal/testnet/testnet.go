// Package testnet makes hosts for tests: network namespaces with a loopback of
// their own, joined by veth pairs, without iproute2 and without touching the
// machine's own network. Linux only; elsewhere Require skips the test.
package testnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
)

// RequireEnv is the environment variable that turns the skips of Require into
// failures when it is 1.
const RequireEnv = "WSTAP_REQUIRE_LIVE"

// Require skips the test where hosts cannot be made or live traffic cannot be
// captured, and says what to grant. With WSTAP_REQUIRE_LIVE=1 it fails instead.
func Require(t testing.TB) {
	t.Helper()
	if err := available(); err != nil {
		unavailable(t, err)
	}
}

func unavailable(t testing.TB, err error) {
	t.Helper()
	if os.Getenv(RequireEnv) == "1" {
		t.Fatalf("%s=1, but: %v", RequireEnv, err)
	}
	t.Skip(err)
}

// A Host is a network namespace. Its methods are safe for concurrent use.
type Host struct {
	t testing.TB
	host
}

// New returns a host of its own with lo up (127.0.0.1 and ::1). It calls
// Require. The host goes when the test ends and its last socket is closed.
func New(t testing.TB) *Host {
	t.Helper()
	Require(t)
	h := &Host{t: t}
	h.open()
	return h
}

// Do runs f in the calling goroutine, locked to an OS thread that is inside
// the host for so long. Goroutines that f starts are not in the host. Sockets
// opened by f itself belong to the host for good, and may be used anywhere.
// f may end the test with t.Fatal.
func (h *Host) Do(f func()) {
	h.t.Helper()
	h.do(f)
}

// Path returns a path that names the host's namespace for this process, as
// setns(2) wants it opened.
func (h *Host) Path() string { return h.path() }

// Listen is net.Listen in the host. addr must be a literal IP and port.
func (h *Host) Listen(network, addr string) (l net.Listener, err error) {
	h.t.Helper()
	h.Do(func() { l, err = net.Listen(network, addr) })
	return l, err
}

// DialContext dials from the host. addr must be a literal IP and port: looking
// up a name or racing two addresses would leave the host. It fits
// http.Transport.
func (h *Host) DialContext(ctx context.Context, network, addr string) (c net.Conn, err error) {
	h.t.Helper()
	if _, err := netip.ParseAddrPort(addr); err != nil {
		return nil, err
	}
	h.Do(func() { c, err = new(net.Dialer).DialContext(ctx, network, addr) })
	return c, err
}

// An Interface is a network interface of a host.
type Interface struct {
	Host *Host
	Name string
	net.Interface
	IPv4 netip.Addr // valid iff made by Veth
	IPv6 netip.Addr // valid iff made by Veth
}

// Lo returns the host's loopback interface.
func (h *Host) Lo() *Interface {
	h.t.Helper()
	return h.lookup("lo")
}

// Veth joins two hosts, or one with itself, by a virtual cable and returns its
// ends, a's first: up, with an IPv4 and an IPv6 address of one network each,
// ready for use (no duplicate address detection). The first cable of the
// process is 10.200.1.1 and .2, fd00:c8:1::1 and ::2. The names are veth<n>a
// and veth<n>b.
func Veth(t testing.TB, a, b *Host) (*Interface, *Interface) {
	t.Helper()
	return veth(t, a, b)
}

// Tap makes a TAP device in the host, up and without addresses. What the test
// writes to the file, one Ethernet frame per Write, the host receives; what
// the host sends, Read returns. The device goes when the file is closed, at
// the latest when the test ends.
func (h *Host) Tap(name string) (*Interface, *os.File) {
	h.t.Helper()
	return h.tap(name)
}

// Bridge joins interfaces of the host by a bridge, up and without addresses.
func (h *Host) Bridge(name string, ports ...*Interface) *Interface {
	h.t.Helper()
	return h.bridge(name, ports)
}

// Run runs a program in the host and returns what it says. Where the machine does
// not have the program the test is skipped as by Require; if the program fails the
// test does.
func (h *Host) Run(name string, args ...string) string {
	h.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		unavailable(h.t, fmt.Errorf("live test: %w (install it)", err))
	}
	var out []byte
	h.Do(func() { out, err = exec.Command(path, args...).CombinedOutput() })
	if err != nil {
		h.t.Fatalf("testnet: %s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

// Forward makes the host a router.
func (h *Host) Forward() {
	h.t.Helper()
	h.Do(func() {
		for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
			if err := os.WriteFile("/proc/sys/net/"+name, []byte("1"), 0); err != nil {
				unavailable(h.t, fmt.Errorf("live test: %w (it has to be writable)", err))
			}
		}
	})
}

// Up sets the interface up.
func (i *Interface) Up() {
	i.Host.t.Helper()
	i.setFlags(true)
}

// Down sets the interface down.
func (i *Interface) Down() {
	i.Host.t.Helper()
	i.setFlags(false)
}

// Delete removes the interface, and the other end of its cable with it.
func (i *Interface) Delete() {
	i.Host.t.Helper()
	i.remove()
}

// SetMTU sets the interface's MTU in bytes.
func (i *Interface) SetMTU(n int) {
	i.Host.t.Helper()
	i.setMTU(n)
}

// Rename renames the interface; it must be down on kernels before 6.2.
func (i *Interface) Rename(name string) {
	i.Host.t.Helper()
	i.rename(name)
}

// AddAddr adds an address with its network, usable at once.
func (i *Interface) AddAddr(p netip.Prefix) {
	i.Host.t.Helper()
	i.addAddr(p)
}
