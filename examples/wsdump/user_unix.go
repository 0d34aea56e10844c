//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// relinquish gives up root for good: from here on the process is name, in
// name's groups. Go applies these calls to every thread.
func relinquish(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("-Z: no such user: %s", quoteArg(name))
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("-Z gives up root, and this is not root: leave it out")
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("-Z %s: %w", name, err)
	}
	groups := []int{gid}
	if ids, err := u.GroupIds(); err == nil {
		for _, id := range ids {
			if n, err := strconv.Atoi(id); err == nil && n != gid {
				groups = append(groups, n)
			}
		}
	}
	for _, step := range []struct {
		name string
		call func() error
	}{
		{"setgroups", func() error { return syscall.Setgroups(groups) }},
		{"setgid", func() error { return syscall.Setgid(gid) }},
		{"setuid", func() error { return syscall.Setuid(uid) }},
	} {
		if err := step.call(); err != nil {
			return fmt.Errorf("-Z %s: %s: %w", name, step.name, err)
		}
	}
	if uid != 0 && syscall.Setuid(0) == nil {
		return fmt.Errorf("-Z %s: the system let root come back", name)
	}
	return nil
}
