// Package callgrind counts the instructions that a Go program executes: what is left
// to compare where the time that it takes depends on the hour.
package callgrind

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Missing is the error of where valgrind is not installed; nil where it is.
func Missing() error {
	_, err := exec.LookPath("valgrind")
	return err
}

// A Counter counts.
type Counter struct {
	// Plain takes from programs what not every processor has, as AVX2 and SHA, so
	// that they execute the same instructions anywhere.
	Plain bool
}

// Count runs a program and returns its instructions. It must print what is wanted.
// Callgrind loses a thread now and then, and counts none twice: the most of several
// counts is the right one.
func (c Counter) Count(want, program string, args ...string) (int64, error) {
	dir, err := os.MkdirTemp("", "callgrind")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "out")
	cmd := exec.Command("valgrind", append([]string{"--tool=callgrind", "--callgrind-out-file=" + file, program}, args...)...)
	// What the scheduler and the collector do depends on the time.
	debug := "GODEBUG=asyncpreemptoff=1"
	if c.Plain {
		debug += ",cpu.all=off"
	}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", debug)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%v: %w\n%s", cmd, err, &stderr)
	}
	if string(out) != want {
		return 0, fmt.Errorf("%v printed %q, not %q", cmd, out, want)
	}
	return total(file)
}

// Most returns the most of n counts.
func (c Counter) Most(n int, want, program string, args ...string) (most int64, err error) {
	for range n {
		m, err := c.Count(want, program, args...)
		if err != nil {
			return 0, err
		}
		most = max(most, m)
	}
	return most, nil
}

// total returns the total of a file that callgrind wrote.
func total(file string) (int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if n, ok := strings.CutPrefix(sc.Text(), "totals:"); ok {
			return strconv.ParseInt(strings.TrimSpace(n), 10, 64)
		}
	}
	return 0, errors.Join(fmt.Errorf("%s has no totals", file), sc.Err())
}
