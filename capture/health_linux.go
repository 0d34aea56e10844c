package capture

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// downPoll is how often an interface that is down is looked at: the kernel
// does not wake a reader when a downed interface goes away.
const downPoll = 250 * time.Millisecond

// membersPoll is how often a reader that waits for several interfaces looks
// whether one of them is left: the kernel does not wake it when one goes away.
const membersPoll = time.Second

// deadline returns until when a wait may last.
func (s *shard) deadline() time.Time {
	limit := max(s.patience, leastPatience)
	switch {
	case !s.stopped.IsZero():
		limit = s.timeout + time.Millisecond
	case s.down:
		limit = min(limit, downPoll)
	case s.live.device.members != nil:
		limit = min(limit, membersPoll)
	}
	return time.Now().Add(limit)
}

// isPending is called by the runtime's poller whenever the socket may have
// something for its reader, and reports whether it has.
func (s *shard) isPending(fd uintptr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ring.Ready() {
		return true
	}
	wasDown := s.down
	s.err = s.check(int(fd))
	// On a change of down the wait begins again, with another deadline.
	return s.err != nil || s.down != wasDown
}

// check looks for an error of the socket. An interface that is down is none.
func (s *shard) check(fd int) error {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return s.named(os.NewSyscallError("getsockopt", err))
	}
	if errno != 0 && errno != int(unix.ENETDOWN) {
		return s.named(os.NewSyscallError("read", syscall.Errno(errno)))
	}
	d := s.live.device
	if d.members != nil {
		err = anyLeft(fd, *d.now.Load())
	} else if errno != 0 || s.down {
		var up bool
		up, err = interfaceUp(fd)
		s.down = !up
	}
	return s.named(err)
}

// named says which capture an error is of.
func (s *shard) named(err error) error {
	if err != nil {
		err = fmt.Errorf("capture: %s: %w", s.live.device.name, err)
	}
	return err
}

// anyLeft returns ErrInterfaceGone if none of the interfaces is left.
func anyLeft(fd int, members []int) error {
	for _, index := range members {
		_, err := interfaceName(fd, index)
		if !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.ENXIO) {
			return err
		}
	}
	return ErrInterfaceGone
}

// interfaceUp reports whether the interface that a packet socket is bound to
// is up. ErrInterfaceGone if it is no more.
func interfaceUp(fd int) (bool, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return false, os.NewSyscallError("getsockname", err)
	}
	ll, ok := sa.(*unix.SockaddrLinklayer)
	if !ok || ll.Ifindex < 0 {
		return false, ErrInterfaceGone
	}
	if ll.Ifindex == 0 {
		return true, nil
	}
	flags, err := interfaceFlags(fd, ll.Ifindex)
	return flags&unix.IFF_UP != 0, err
}
