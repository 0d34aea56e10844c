package peers

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// needWS returns the directory whose node_modules holds ws. Neither node nor npm is
// needed to have wstap, so without them a test is skipped, loudly.
func needWS(t *testing.T) string {
	t.Helper()
	const remedy = "the ws package of npm was not tested: install node and npm and let npm reach its registry once, " +
		"or name a directory that has node_modules/ws in " + wsDirEnv
	if _, err := exec.LookPath("node"); err != nil {
		t.Skipf("%v: %s", err, remedy)
	}
	dir, err := wsDir(t.Context())
	if err != nil {
		t.Skipf("%v: %s", err, remedy)
	}
	return dir
}

// A process is one of node, that runs a program of testdata: it tells its port, and then
// lines of JSON.
type process struct {
	port  int
	in    io.WriteCloser
	lines *json.Decoder
	wait  func() error // for its end, which comes with that of in at the latest
}

// startNode runs a program of testdata, with some flags of node before it, until the
// test ends or ctx. start starts it, in a namespace perhaps.
func startNode(ctx context.Context, t *testing.T, start func(*exec.Cmd) error, flags []string, program string, args ...string) *process {
	t.Helper()
	cmd := exec.CommandContext(ctx, "node", append(append(flags, filepath.Join("testdata", program)), args...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := start(cmd); err != nil {
		t.Fatal(err)
	}
	p := &process{in: in, lines: json.NewDecoder(bufio.NewReader(out)), wait: sync.OnceValue(func() error {
		in.Close()
		return cmd.Wait()
	})}
	t.Cleanup(func() { p.wait() })
	var hello struct{ Port int }
	if err := p.lines.Decode(&hello); err != nil {
		t.Fatalf("node told no port: %v", err)
	}
	p.port = hello.Port
	return p
}

// received returns what both ends of a conversation say that they received, in base64.
func (p *process) received(t *testing.T) map[string][]string {
	t.Helper()
	by := map[string][]string{}
	for range 2 {
		var r struct {
			Side     string
			Messages []string
		}
		if err := p.lines.Decode(&r); err != nil {
			t.Fatalf("node told nothing: %v", err)
		}
		by[r.Side] = r.Messages
	}
	return by
}
