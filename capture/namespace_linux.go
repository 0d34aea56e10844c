package capture

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

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
