package main

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestMeasure: the first round does not count, the contestants take turns in
// being first, and figures are medians.
func TestMeasure(t *testing.T) {
	var order, bench strings.Builder
	contestantOf := func(name string, times ...time.Duration) contestant {
		return contestant{name, func() (time.Duration, error) {
			order.WriteString(name)
			d := times[0]
			times = times[1:]
			return d, nil
		}}
	}
	r := row{"what", "thing", 10, contestantOf("a", 900, 10, 20, 30), contestantOf("b", 1, 20, 30, 90)}
	l, err := (&run{rounds: 3, bench: newBenchLog(&bench)}).measure(r, exact)
	if err != nil {
		t.Fatal(err)
	}
	if expected := (line{"what: a, b", "| what: a, b | 2.0 ns/thing | 3.0 ns/thing | 2.000 |\n"}); l != expected {
		t.Errorf("measured %q, should be %q", l, expected)
	}
	_, rounds, _ := strings.Cut(bench.String(), "compare\n")
	if expected := "BenchmarkCompare/what/a 1 10 ns/op 1.00 ns/thing\nBenchmarkCompare/what/b 1 20 ns/op 2.00 ns/thing\n" +
		"BenchmarkCompare/what/a 1 20 ns/op 2.00 ns/thing\nBenchmarkCompare/what/b 1 30 ns/op 3.00 ns/thing\n" +
		"BenchmarkCompare/what/a 1 30 ns/op 3.00 ns/thing\nBenchmarkCompare/what/b 1 90 ns/op 9.00 ns/thing\n"; rounds != expected {
		t.Errorf("for benchstat %q, should be %q", rounds, expected)
	}
	if order.String() != "abbaabba" {
		t.Errorf("order %s", &order)
	}
	wrong := errors.New("wrong")
	r.theirs.run = func() (time.Duration, error) { return 0, wrong }
	r.ours.run = func() (time.Duration, error) { return 1, nil }
	if _, err := (&run{rounds: 1}).measure(r, exact); !errors.Is(err, wrong) {
		t.Errorf("error %v of a contestant that failed", err)
	}
}

// TestChosen: only rows of which the label matches are measured.
func TestChosen(t *testing.T) {
	measured := ""
	named := func(name string) row {
		c := timed(name, func() error { measured += name; return nil })
		return row{name, "", 0, c, c}
	}
	var w strings.Builder
	m := run{w: &w, rounds: 1, chosen: regexp.MustCompile("b")}
	lines, err := m.table("ours", "theirs", []row{named("a"), named("b")}, brief)
	if err != nil || len(lines) != 1 || lines[0].label != "b: b, b" || measured != "bbbb" {
		t.Errorf("%+v, %v, measured %q", lines, err, measured)
	}
	if lines, err := m.table("ours", "theirs", []row{named("a")}, brief); lines != nil || err != nil || strings.Count(w.String(), "ours") != 1 {
		t.Errorf("%+v, %v of no row, printed %q", lines, err, &w)
	}
}
