package tpacket

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Group waits for several sockets.
type Group struct {
	epoll  *os.File // waits for all sockets; is itself waited for by the runtime
	rc     syscall.RawConn
	waiter waiter
}

// NewGroup makes a Group.
func NewGroup(sockets []*Socket) (*Group, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or os.NewFile would not give it to the poller
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	g := &Group{epoll: os.NewFile(uintptr(fd), "epoll")}
	g.waiter.setDeadline = g.epoll.SetReadDeadline
	if g.rc, err = g.epoll.SyscallConn(); err != nil {
		g.epoll.Close()
		return nil, err
	}
	for _, s := range sockets {
		err := s.Control(func(socket int) error {
			// Errors (EPOLLERR) are always told.
			return os.NewSyscallError("epoll_ctl", unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, socket, &unix.EpollEvent{Events: unix.EPOLLIN}))
		})
		if err != nil {
			g.epoll.Close()
			return nil, err
		}
	}
	return g, nil
}

// Wait is [Socket.Wait] for all sockets.
func (g *Group) Wait(deadline time.Time, pending func(uintptr) bool) error {
	return g.waiter.wait(g.rc, deadline, pending)
}

// Poke ends a Wait that is under way, or the next one.
func (g *Group) Poke() { g.waiter.poke() }

// Close frees the Group, not its sockets, and ends a Wait.
func (g *Group) Close() error { return g.epoll.Close() }
