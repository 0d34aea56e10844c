package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFullDiskLines: a file of lines on a disk that gets full ends with a whole one.
func TestFullDiskLines(t *testing.T) {
	for _, named := range []bool{false, true} {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4k"); err != nil {
			t.Skip("no file system of its own: ", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		name := filepath.Join(dir, "lines")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd := command(t, "-r", recordings[0], "--json")
		cmd.Stdout = f
		if named {
			cmd = command(t, "-r", recordings[0], "--json="+name)
		}
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Run(); err == nil || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("named %v: %v, %s", named, err, errs.String())
		}
		if b, err := os.ReadFile(name); err != nil || len(b) == 0 || !bytes.HasSuffix(b, []byte("}\n")) {
			t.Errorf("named %v: %d bytes, at the end %q, %v", named, len(b), b[max(0, len(b)-20):], err)
		}
	}
}
