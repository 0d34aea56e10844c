// Instructions counts what wsdump --count executes for a frame, a message and a
// connection, and fails where that differs by more than a few percent from table.txt: time
// depends on the machine and the hour, this does not. To be the same on every
// processor, what not each has is taken from the program, and the compiler is the one
// that the table names.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/wstap/wstap/internal/peers/callgrind"
	"github.com/wstap/wstap/internal/peers/capgen"
)

// tolerance is how much a figure may differ. The start depends a little on what is
// random, as hashes are.
const (
	tolerance      = 0.03
	startTolerance = 0.12
)

// A figure is what a workload's unit takes: the difference between a large and a
// small one, in which the start and the like do not count.
type figure struct {
	name         string
	small, large capgen.Workload
	units        int // that large has more
	tolerance    float64
}

var figures = []figure{
	{"start, and one message", capgen.Workload{}, capgen.Workload{Messages: 1, Size: 60, Batch: 1, Conns: 1}, 1, startTolerance},
	{"a frame, one message a segment", chat(2000, 1), chat(10000, 1), 2 * 8000, tolerance}, // each is acknowledged
	{"a message, many a segment", chat(10_000, 20), chat(100_000, 20), 90_000, tolerance},
	{"a message, compressed", packed(400), packed(2000), 1600, tolerance},
	{"a connection with two messages", opened(200), opened(1000), 800, tolerance},
}

func chat(messages, batch int) capgen.Workload {
	return capgen.Workload{Messages: messages, Size: 60, Batch: batch, Conns: 20}
}

func packed(messages int) capgen.Workload {
	return capgen.Workload{Messages: messages, Size: 300, Batch: 1, Conns: 20, Deflate: true}
}

func opened(conns int) capgen.Workload {
	return capgen.Workload{Messages: 2 * conns, Size: 60, Batch: 1, Conns: conns}
}

func main() {
	update := flag.Bool("update", false, "write the table anew, with this compiler")
	path := flag.String("table", "cmd/instructions/table.txt", "the `file` of figures")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, *path, *update); err != nil {
		fmt.Fprintln(os.Stderr, "instructions:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, path string, update bool) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		fmt.Fprintln(w, "nothing is counted: the table is of linux/amd64")
		return nil
	}
	if err := callgrind.Missing(); err != nil {
		fmt.Fprintln(w, "nothing is counted: valgrind is missing")
		return nil
	}
	old := table{toolchain: runtime.Version()}
	if !update {
		var err error
		if old, err = read(path); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "instructions")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := counter{dir: dir, wsdump: filepath.Join(dir, "wsdump"), known: map[capgen.Workload]int64{}}
	if err := build(c.wsdump, old.toolchain); err != nil {
		return err
	}
	now := table{toolchain: old.toolchain}
	var off []string
	for _, f := range figures {
		want, known := old.of(f.name)
		n, err := c.figure(f, want)
		if err != nil {
			return err
		}
		now.rows = append(now.rows, row{f.name, n})
		switch d := n/want - 1; {
		case update:
			fmt.Fprintf(w, "%-32s %9.0f\n", f.name, n)
		case !known:
			off = append(off, f.name+" is not in the table")
		default:
			fmt.Fprintf(w, "%-32s %9.0f, table %9.0f, %+.1f %%\n", f.name, n, want, 100*d)
			if math.Abs(d) > f.tolerance {
				off = append(off, fmt.Sprintf("%s: %+.1f %%", f.name, 100*d))
			}
		}
	}
	if update {
		return os.WriteFile(path, []byte(now.String()), 0o666)
	}
	if off != nil {
		return fmt.Errorf("%s; if that is meant: (cd internal/peers && go run ./cmd/instructions -update)", strings.Join(off, "; "))
	}
	return nil
}

// build builds wsdump with a toolchain, which the go command fetches where it is not
// there.
func build(out, toolchain string) error {
	cmd := exec.Command("go", "build", "-o", out, "github.com/wstap/wstap/examples/wsdump")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOAMD64=v1", "GOFLAGS=-buildvcs=false", "GOTOOLCHAIN="+toolchain)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// A counter counts the instructions of a wsdump for workloads.
type counter struct {
	dir, wsdump string
	known       map[capgen.Workload]int64
}

// attempts is how often is counted anew where a figure is not what is wanted: a count
// may be too low.
const attempts = 3

// figure returns a figure, near to what is wanted if possible.
func (c *counter) figure(f figure, want float64) (n float64, err error) {
	for try := range attempts {
		small, err := c.count(f.small, try > 0)
		if err != nil {
			return 0, err
		}
		large, err := c.count(f.large, try > 0)
		if err != nil {
			return 0, err
		}
		n = float64(large-small) / float64(f.units)
		if math.Abs(n/want-1) <= f.tolerance {
			break
		}
	}
	return n, nil
}

// count returns the most that was counted of a workload; nothing of none.
func (c *counter) count(w capgen.Workload, again bool) (int64, error) {
	if most, ok := c.known[w]; w == (capgen.Workload{}) || ok && !again {
		return most, nil
	}
	path := filepath.Join(c.dir, "capture.pcap")
	if _, err := w.Create(path); err != nil {
		return 0, err
	}
	n, err := callgrind.Counter{Plain: true}.Count(fmt.Sprintf("%d messages\n", w.Messages), c.wsdump, "-r", path, "--count")
	if err != nil {
		return 0, err
	}
	c.known[w] = max(c.known[w], n)
	return c.known[w], nil
}

// A table has the figures, and what compiler they are of.
type table struct {
	toolchain string
	rows      []row
}

type row struct {
	name string
	n    float64
}

// of returns a figure; NaN and false if it is not there.
func (t *table) of(name string) (float64, bool) {
	for _, r := range t.rows {
		if r.name == name {
			return r.n, true
		}
	}
	return math.NaN(), false
}

func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Instructions of wsdump --count, by %s for linux/amd64.\n", t.toolchain)
	for _, r := range t.rows {
		fmt.Fprintf(&b, "%.0f\t%s\n", r.n, r.name)
	}
	return b.String()
}

// read reads what String wrote.
func read(path string) (t table, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return t, err
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if _, rest, ok := strings.Cut(line, ", by go"); ok {
			v, _, _ := strings.Cut(rest, " ")
			t.toolchain = "go" + v
			continue
		}
		var r row
		n, name, ok := strings.Cut(line, "\t")
		if _, err := fmt.Sscan(n, &r.n); !ok || err != nil || r.n <= 0 {
			return t, fmt.Errorf("%s: no figure: %q", path, line)
		}
		r.name = name
		t.rows = append(t.rows, r)
	}
	if t.toolchain == "" {
		return t, fmt.Errorf("%s names no toolchain", path)
	}
	return t, nil
}
