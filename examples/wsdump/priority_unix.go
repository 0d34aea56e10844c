//go:build unix

package main

import "golang.org/x/sys/unix"

// lowerPriority is nice(1), as far as it is allowed.
func lowerPriority(pid int) { _ = unix.Setpriority(unix.PRIO_PROCESS, pid, 19) }
