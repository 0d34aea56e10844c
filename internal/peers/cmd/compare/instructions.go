package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// counted are the captures whose instructions are counted, by their place: one
// message a segment, compressed ones, and 10,000 connections.
var counted = []int{1, 2, 4}

// instructions prints what wsdump --count executes, and the old one if there is
// one.
func instructions(w io.Writer, dir, wsdump, old string, caps []capFile) error {
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		return fmt.Errorf("-instructions needs valgrind: %w", err)
	}
	count := func(program string, c capFile) (float64, error) {
		n, err := fullest(valgrind, filepath.Join(dir, "callgrind.out"), program, c)
		return float64(n) / float64(c.holds.Messages), err
	}
	if old == "" {
		fmt.Fprint(w, "| instructions a message, by callgrind | wsdump --count |\n|---|---:|\n")
	} else {
		fmt.Fprint(w, "| instructions a message, by callgrind | new | old | ratio |\n|---|---:|---:|---:|\n")
	}
	for _, i := range counted {
		c := caps[i]
		ours, err := count(wsdump, c)
		if err != nil {
			return err
		}
		if old == "" {
			fmt.Fprintf(w, "| %s | %.1f |\n", c.Name, ours)
			continue
		}
		theirs, err := count(old, c)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "| %s | %.1f | %.1f | %s |\n", c.Name, ours, theirs, exact(theirs/ours))
	}
	fmt.Fprintln(w)
	return nil
}

// fullest counts a program's instructions three times and returns the most:
// callgrind loses a thread now and then, and counts none twice.
func fullest(valgrind, file, program string, c capFile) (most int64, err error) {
	for range 3 {
		cmd := exec.Command(valgrind, "--tool=callgrind", "--callgrind-out-file="+file, program, "-r", c.path, "--count")
		// What the scheduler and the collector do depends on the time.
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1", "GOGC=off")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return 0, fmt.Errorf("%v: %w\n%s", cmd, err, &stderr)
		}
		if expected := c.prints(); string(out) != expected {
			return 0, fmt.Errorf("%v printed %q, not %q", cmd, out, expected)
		}
		n, err := total(file)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
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
