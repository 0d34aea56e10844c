// Compare measures wstap beside other people's code, and prints a table of what
// it measured in this run and nothing else:
//
//	cd internal/peers && go run ./cmd/compare
//
// Each row is measured in rounds, in which the contestants take turns, so that
// noise of the machine hits all of them. Times are medians over the rounds, the
// ratio is the median of the rounds' ratios. With -write the rows that README
// shows go there as well.
//
// With -old it compares the wsdump of this tree with an older one instead, and
// with -instructions it counts what each executes, which does not depend on the
// hour:
//
//	go run ./cmd/compare -old /path/to/wsdump -instructions
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// options are what the command line asks for.
type options struct {
	n, rounds    int
	write        string // file, or nothing
	old          string // program, or nothing
	instructions bool
}

func main() {
	var o options
	flag.IntVar(&o.n, "n", 500000, "small messages in a capture")
	flag.IntVar(&o.rounds, "rounds", 7, "how often each contestant runs")
	flag.StringVar(&o.write, "write", "", "write the table between the markers in this `file` too")
	flag.StringVar(&o.old, "old", "", "compare wsdump with this older `program`, and with nothing else")
	flag.BoolVar(&o.instructions, "instructions", false, "count wsdump's instructions with callgrind, -old's too, and measure no times without -old")
	flag.Parse()
	if flag.NArg() > 0 || o.n < 1 || o.rounds < 1 || o.write != "" && (o.old != "" || o.instructions) {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, o options) error {
	if o.write != "" { // not after minutes of measuring
		if err := writeBlock(o.write, nil); err != nil {
			return err
		}
	}
	if o.old != "" { // a file, and not what the shell would find by that name
		var err error
		if o.old, err = filepath.Abs(o.old); err != nil {
			return err
		}
		if _, err := exec.LookPath(o.old); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "wstap-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	caps, err := generate(dir, o.n)
	if err != nil {
		return err
	}
	headline := fmt.Sprintf("%s, %s/%s, %d processors, %d rounds, captures of %d small messages",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.rounds, o.n)
	fmt.Fprint(w, headline, "\n\n")
	if o.old != "" || o.instructions {
		return again(w, o, dir, caps)
	}
	var lines []line
	for _, section := range []func(string, []capFile) ([]row, error){components, paths, processes, live} {
		rows, err := section(dir, caps)
		if err != nil {
			return err
		}
		measured, err := table(w, "wstap", "the other", rows, o.rounds, brief)
		if err != nil {
			return err
		}
		lines = append(lines, measured...)
	}
	tapped, err := taps(w, dir, o.rounds)
	if err != nil {
		return err
	}
	lines = append(lines, tapped...)
	if o.write == "" {
		return nil
	}
	block, missing := quote(headline, lines)
	for _, m := range missing {
		fmt.Fprintf(os.Stderr, "compare: %s: not measured in this run, so not in %s\n", m, o.write)
	}
	return writeBlock(o.write, block)
}
