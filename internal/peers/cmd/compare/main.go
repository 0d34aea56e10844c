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
//
// -rows chooses rows, and -bench FILE writes what each round measured for benchstat:
//
//	go run ./cmd/compare -rows '^TLS|^starting' -bench after.txt
//	benchstat before.txt after.txt
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
)

// options are what the command line asks for.
type options struct {
	n, rounds    int
	write        string // file, or nothing
	old          string // program, or nothing
	bench        string // file, or nothing
	rows         string // regular expression
	instructions bool
}

// sections make the rows of the tables, but for those of live capture.
var sections = []func(dir string, caps []capFile) ([]row, error){components, paths, ways, processes, secure, start}

func main() {
	var o options
	flag.IntVar(&o.n, "n", 500000, "small messages in a capture")
	flag.IntVar(&o.rounds, "rounds", 7, "how often each contestant runs")
	flag.StringVar(&o.write, "write", "", "write the table between the markers in this `file` too")
	flag.StringVar(&o.old, "old", "", "compare wsdump with this older `program`, and with nothing else")
	flag.StringVar(&o.bench, "bench", "", "write each round as lines of Go benchmarks in this `file` too, for benchstat")
	flag.StringVar(&o.rows, "rows", "", "measure only rows whose first column matches this regular `expression`")
	flag.BoolVar(&o.instructions, "instructions", false, "count wsdump's instructions with callgrind, -old's too, and measure no times without -old")
	flag.Parse()
	if flag.NArg() > 0 || o.n < 1 || o.rounds < 1 || o.write != "" && (o.old != "" || o.instructions || o.rows != "") {
		flag.Usage()
		os.Exit(2)
	}
	if err := compare(os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func compare(w io.Writer, o options) error {
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
	chosen, err := regexp.Compile(o.rows)
	if err != nil {
		return err
	}
	m := run{w: w, rounds: o.rounds, chosen: chosen}
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
	if err := build("../..", "./examples/wsdump", filepath.Join(dir, "wsdump")); err != nil {
		return err
	}
	if o.bench != "" {
		f, err := os.Create(o.bench)
		if err != nil {
			return err
		}
		defer f.Close()
		m.bench = newBenchLog(f)
	}
	if o.old != "" || o.instructions {
		return again(&m, o, dir, caps)
	}
	var lines []line
	for _, section := range append(sections, live) {
		rows, err := section(dir, caps)
		if err != nil {
			return err
		}
		measured, err := m.table("wstap", "the other", rows, brief)
		if err != nil {
			return err
		}
		lines = append(lines, measured...)
	}
	tapped, err := taps(&m, dir)
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
