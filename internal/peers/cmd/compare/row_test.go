package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestMeasure: the first round does not count, the contestants take turns in
// being first, and figures are medians.
func TestMeasure(t *testing.T) {
	var order, log strings.Builder
	contestantOf := func(name string, times ...time.Duration) contestant {
		return contestant{name, func() (time.Duration, error) {
			order.WriteString(name)
			d := times[0]
			times = times[1:]
			return d, nil
		}}
	}
	r := row{"what", "thing", 10, contestantOf("a", 900, 10, 20, 30), contestantOf("b", 1, 20, 30, 90)}
	l, err := r.measure(3, exact, newBenchLog(&log))
	if err != nil {
		t.Fatal(err)
	}
	if expected := (line{"what: a, b", "| what: a, b | 2.0 ns/thing | 3.0 ns/thing | 2.000 |\n"}); l != expected {
		t.Errorf("measured %q, should be %q", l, expected)
	}
	_, rounds, _ := strings.Cut(log.String(), "compare\n")
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
	if _, err := r.measure(1, exact, nil); !errors.Is(err, wrong) {
		t.Errorf("error %v of a contestant that failed", err)
	}
}
