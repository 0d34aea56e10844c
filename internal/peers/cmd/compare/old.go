package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
)

// again compares the wsdump of this tree with an older one: times, and what
// callgrind counts, as the command line asks.
func again(m *run, o options, dir string, caps []capFile) error {
	wsdump := filepath.Join(dir, "wsdump")
	if o.old != "" {
		if err := sameJSON(m.w, wsdump, o.old, caps); err != nil {
			return err
		}
		if _, err := m.table("new", "old", pairs(wsdump, o.old, caps), exact); err != nil {
			return err
		}
	}
	if o.instructions {
		return instructions(m.w, wsdump, o.old, caps)
	}
	return nil
}

// pairs are the rows of two wsdumps.
func pairs(wsdump, old string, caps []capFile) (rows []row) {
	for _, c := range caps {
		rows = append(rows,
			row{c.Name, "", 0,
				process("wsdump --count", c, wsdump, "-r", c.path, "--count"),
				process("the old one", c, old, "-r", c.path, "--count")},
			row{c.Name, "", 0,
				process("wsdump --json", capFile{}, wsdump, "-r", c.path, "--json"),
				process("the old one", capFile{}, old, "-r", c.path, "--json")})
	}
	return rows
}

// sameJSON says where the two do not print the same: then their times may differ
// with reason.
func sameJSON(w io.Writer, wsdump, old string, caps []capFile) error {
	for _, c := range caps {
		ours, err := printed(wsdump, "-r", c.path, "--json")
		if err != nil {
			return err
		}
		theirs, err := printed(old, "-r", c.path, "--json")
		if err != nil {
			return err
		}
		if !bytes.Equal(ours, theirs) {
			fmt.Fprintf(w, "%s: the JSON of the two is not the same.\n\n", c.Name)
		}
	}
	return nil
}

// printed returns the hash of what a program prints.
func printed(path string, args ...string) ([]byte, error) {
	h := sha256.New()
	cmd := exec.Command(path, args...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = h, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", cmd, err, &stderr)
	}
	return h.Sum(nil), nil
}
