//go:build linux || darwin || freebsd || netbsd || openbsd

package spool

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lockDir keeps others out of a directory for as long as the process lives.
func lockDir(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("spool %s: another tap has it: %w", dir, err)
	}
	return f, nil
}
