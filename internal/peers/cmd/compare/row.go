package main

import (
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"time"
)

// A row is one line of a table: what takes part, and per how many of which
// things the times are told.
type row struct {
	name         string
	unit         string // "" for milliseconds
	per          int    // units in one run; 0 is as 1
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

// A line is what was measured of a row.
type line struct {
	label string // what, and who took part
	text  string // as the table has it
}

func (r row) label() string { return fmt.Sprintf("%s: %s, %s", r.name, r.ours.name, r.theirs.name) }

func header(ours, theirs string) string {
	return fmt.Sprintf("| what | %s | %s | ratio |\n|---|---:|---:|---:|\n", ours, theirs)
}

// A run is how rows are measured, and where to.
type run struct {
	w      io.Writer
	rounds int
	chosen *regexp.Regexp // of their labels
	bench  *benchLog      // may be nil
}

// table measures the chosen rows and prints them, each as soon as it is there.
func (m *run) table(ours, theirs string, rows []row, ratio func(float64) string) ([]line, error) {
	rows = slices.DeleteFunc(rows, func(r row) bool { return !m.chosen.MatchString(r.label()) })
	if len(rows) == 0 {
		return nil, nil
	}
	fmt.Fprint(m.w, header(ours, theirs))
	var lines []line
	for _, r := range rows {
		l, err := m.measure(r, ratio)
		if err != nil {
			return nil, err
		}
		fmt.Fprint(m.w, l.text)
		lines = append(lines, l)
	}
	fmt.Fprintln(m.w)
	return lines, nil
}

func (m *run) measure(r row, ratio func(float64) string) (line, error) {
	var ours, theirs, ratios []float64
	for i := range m.rounds + 1 {
		a, b, err := r.round(i%2 == 1)
		if err != nil {
			return line{}, err
		}
		if i == 0 {
			continue // it warmed up
		}
		ours, theirs = append(ours, a), append(theirs, b)
		ratios = append(ratios, b/a)
		m.bench.add(r, a, b)
	}
	return line{r.label(), fmt.Sprintf("| %s | %s | %s | %s |\n",
		r.label(), r.cost(median(ours)), r.cost(median(theirs)), ratio(median(ratios)))}, nil
}

// round runs both, the other first if swapped: who comes second may profit.
func (r row) round(swapped bool) (ours, theirs float64, err error) {
	order := []contestant{r.ours, r.theirs}
	if swapped {
		slices.Reverse(order)
	}
	var ns [2]float64
	for i, c := range order {
		runtime.GC()
		d, err := c.run()
		if err != nil {
			return 0, 0, fmt.Errorf("%s, %s: %w", r.name, c.name, err)
		}
		ns[i] = float64(d)
	}
	if swapped {
		return ns[1], ns[0], nil
	}
	return ns[0], ns[1], nil
}

// brief tells a ratio to two digits or three.
func brief(v float64) string {
	if v < 3 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// exact tells a ratio near 1 to a tenth of a percent.
func exact(v float64) string { return fmt.Sprintf("%.3f", v) }

// cost tells a time in the row's unit.
func (r row) cost(ns float64) string {
	if r.unit == "" {
		return fmt.Sprintf("%.1f ms", ns/1e6/float64(max(r.per, 1)))
	}
	return fmt.Sprintf("%.1f ns/%s", ns/float64(r.per), r.unit)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
