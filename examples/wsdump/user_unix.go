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

// relinquish returns what gives up root for good: from then on the process is
// name, in name's groups. Go applies these calls to every thread. Without a name
// nothing is given up.
func relinquish(name string) (drop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("-Z: no such user: %s", quoteArg(name))
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("-Z gives up root, and this is not root: leave it out")
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("-Z %s: %w", name, err)
	}
	groups := []int{gid}
	if ids, err := u.GroupIds(); err == nil {
		for _, id := range ids {
			if n, err := strconv.Atoi(id); err == nil && n != gid {
				groups = append(groups, n)
			}
		}
	}
	return func() error { return become(name, uid, gid, groups) }, nil
}

func become(name string, uid, gid int, groups []int) error {
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
