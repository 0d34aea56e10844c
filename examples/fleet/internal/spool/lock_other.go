//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd

package spool

import (
	"io"
	"os"
	"path/filepath"
)

// lockDir only opens the file: what keeps others out is who starts taps.
func lockDir(dir string) (io.Closer, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
}
