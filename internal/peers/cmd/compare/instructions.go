package main

import (
	"fmt"
	"io"

	"github.com/wstap/wstap/internal/peers/callgrind"
)

// counted are the captures whose instructions are counted, by their place: one
// message a segment, compressed ones, and 10,000 connections.
var counted = []int{1, 2, 4}

// instructions prints what wsdump --count executes, and the old one if there is
// one.
func instructions(w io.Writer, wsdump, old string, caps []capFile) error {
	if err := callgrind.Missing(); err != nil {
		return fmt.Errorf("-instructions needs valgrind: %w", err)
	}
	count := func(program string, c capFile) (float64, error) {
		n, err := callgrind.Counter{}.Most(3, c.prints(), program, "-r", c.path, "--count")
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
