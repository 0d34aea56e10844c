package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// slowest is how many tests are named at the end.
const slowest = 5

// An event is a line of go test -json, see go doc test2json.
type event struct {
	Action     string
	Package    string
	ImportPath string // of what is built
	Test       string
	Elapsed    float64 // seconds
	Output     string
}

// An id names a test, or a package where test is empty.
type id struct{ pkg, test string }

// A result is how a test ended.
type result struct {
	id
	seconds float64
	reason  string // of a skip
}

// A reporter collects events.
type reporter struct {
	w       io.Writer
	output  map[string][]event // of the packages under way
	skipped []result
	passed  []result
	ok      int
	failed  int
}

// report reads events and writes the report. ok is whether at least one package
// was tested and none failed.
func report(r io.Reader, w io.Writer) (ok bool, err error) {
	rep := &reporter{w: w, output: map[string][]event{}}
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			rep.line(line)
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return false, err
		}
	}
	for pkg := range rep.output { // it was cut off
		rep.fail(pkg)
	}
	rep.end()
	return rep.failed == 0 && rep.ok > 0, nil
}

// line takes a line. What is no event, go itself has to say.
func (r *reporter) line(line string) {
	var e event
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
		fmt.Fprint(r.w, line)
		return
	}
	switch at := (id{e.Package, e.Test}); e.Action {
	case "build-output":
		fmt.Fprint(r.w, e.Output)
	case "output", "start":
		r.output[e.Package] = append(r.output[e.Package], e)
	case "pass", "skip", "fail":
		switch {
		case e.Test == "":
			r.pkg(e)
		case e.Action == "pass":
			r.passed = append(r.passed, result{at, e.Elapsed, ""})
			r.forget(at)
		case e.Action == "skip":
			r.skipped = append(r.skipped, result{at, e.Elapsed, r.reason(at)})
			r.forget(at)
		}
	}
}

// pkg ends a package.
func (r *reporter) pkg(e event) {
	switch e.Action {
	case "fail":
		r.fail(e.Package)
		return
	case "pass":
		r.ok++
		fmt.Fprintf(r.w, "ok   %s %.1fs\n", e.Package, e.Elapsed)
	}
	delete(r.output, e.Package)
}

// fail shows what a package printed, but for tests that passed.
func (r *reporter) fail(pkg string) {
	r.failed++
	for _, e := range r.output[pkg] {
		fmt.Fprint(r.w, e.Output)
	}
	fmt.Fprintf(r.w, "FAIL %s\n", pkg)
	delete(r.output, pkg)
}

// forget drops what a test printed.
func (r *reporter) forget(at id) {
	r.output[at.pkg] = slices.DeleteFunc(r.output[at.pkg], func(e event) bool { return e.Test == at.test })
}

// reason returns the last thing that a skipped test said.
func (r *reporter) reason(at id) (why string) {
	for _, e := range r.output[at.pkg] {
		if s := strings.TrimSpace(e.Output); e.Test == at.test && s != "" && !strings.HasPrefix(s, "=== ") && !strings.HasPrefix(s, "--- ") {
			why = s
		}
	}
	return why
}

// end tells what was skipped and what was slow.
func (r *reporter) end() {
	for _, s := range r.skipped {
		fmt.Fprintf(r.w, "skipped %s %s: %s\n", s.pkg, s.test, s.reason)
	}
	slices.SortStableFunc(r.passed, func(a, b result) int { return cmp.Compare(b.seconds, a.seconds) })
	n := 0
	for _, s := range r.passed {
		if strings.Contains(s.test, "/") || s.seconds < 1 || n == slowest {
			continue
		}
		fmt.Fprintf(r.w, "slow %s %s %.1fs\n", s.pkg, s.test, s.seconds)
		n++
	}
	fmt.Fprintf(r.w, "%d packages passed, %d failed; %d tests skipped\n", r.ok, r.failed, len(r.skipped))
}
