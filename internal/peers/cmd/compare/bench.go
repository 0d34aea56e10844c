package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
)

// A benchLog gets what each round measured as lines of Go benchmarks, for benchstat; nil
// is none.
type benchLog struct{ w io.Writer }

func newBenchLog(w io.Writer) *benchLog {
	fmt.Fprintf(w, "goos: %s\ngoarch: %s\npkg: github.com/wstap/wstap/internal/peers/cmd/compare\n", runtime.GOOS, runtime.GOARCH)
	return &benchLog{w}
}

// add adds a round of a row.
func (l *benchLog) add(r row, ours, theirs float64) {
	if l == nil {
		return
	}
	for _, c := range []struct {
		name string
		ns   float64
	}{{r.ours.name, ours}, {r.theirs.name, theirs}} {
		fmt.Fprintf(l.w, "BenchmarkCompare/%s/%s 1 %.0f ns/op", benchName(r.name), benchName(c.name), c.ns)
		if r.unit != "" {
			fmt.Fprintf(l.w, " %.2f ns/%s", c.ns/float64(r.per), r.unit)
		}
		fmt.Fprintln(l.w)
	}
}

// benchName makes one word of a name, as testing does.
func benchName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' {
			return '_'
		}
		return r
	}, s)
}
