// Compare measures wstap beside other people's code, and prints a table of what
// it measured in this run and nothing else:
//
//	cd internal/peers && go run ./cmd/compare
//
// Each row is measured in rounds, in which the contestants take turns, so that
// noise of the machine hits all of them. Times are medians over the rounds, the
// ratio is the median of the rounds' ratios.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
)

func main() {
	n := flag.Int("n", 500000, "small messages in a capture")
	rounds := flag.Int("rounds", 7, "how often each contestant runs")
	flag.Parse()
	if err := run(*n, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(n, rounds int) error {
	dir, err := os.MkdirTemp("", "wstap-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	caps, err := generate(dir, n)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %s/%s, %d processors, %d rounds, captures of %d small messages\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds, n)
	for _, section := range []func(string, []capFile) ([]row, error){components, paths, processes, live} {
		rows, err := section(dir, caps)
		if err != nil {
			return err
		}
		if err := table(rows, rounds); err != nil {
			return err
		}
	}
	return nil
}

// A row is one line of a table: what takes part, and per how many of which
// things the times are told.
type row struct {
	name         string
	unit         string
	per          int // units in one run
	ours, theirs contestant
}

// A contestant is run once a round. It returns the time that counts.
type contestant struct {
	name string
	run  func() (time.Duration, error)
}

// timed makes a contestant of a function.
func timed(name string, f func() error) contestant {
	return contestant{name, func() (time.Duration, error) {
		start := time.Now()
		err := f()
		return time.Since(start), err
	}}
}

func table(rows []row, rounds int) error {
	if len(rows) == 0 {
		return nil
	}
	fmt.Println("| what | wstap | the other | ratio |")
	fmt.Println("|---|---:|---:|---:|")
	for _, r := range rows {
		var ours, theirs, ratios []float64
		for range rounds + 1 {
			runtime.GC()
			a, err := r.ours.run()
			if err != nil {
				return fmt.Errorf("%s, %s: %w", r.name, r.ours.name, err)
			}
			runtime.GC()
			b, err := r.theirs.run()
			if err != nil {
				return fmt.Errorf("%s, %s: %w", r.name, r.theirs.name, err)
			}
			ours, theirs = append(ours, float64(a)), append(theirs, float64(b))
			ratios = append(ratios, float64(b)/float64(a))
		}
		// The first round warms up.
		ratio, digits := median(ratios[1:]), 1
		if ratio < 3 {
			digits = 2
		}
		fmt.Printf("| %s: %s, %s | %s | %s | %.*f |\n", r.name, r.ours.name, r.theirs.name,
			r.cost(median(ours[1:])), r.cost(median(theirs[1:])), digits, ratio)
	}
	fmt.Println()
	return nil
}

// cost tells a time in the row's unit.
func (r row) cost(ns float64) string {
	if r.per == 0 {
		return fmt.Sprintf("%.1f ms", ns/1e6)
	}
	return fmt.Sprintf("%.1f ns/%s", ns/float64(r.per), r.unit)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
