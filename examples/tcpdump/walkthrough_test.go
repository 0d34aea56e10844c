package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/cli"
)

const recording = "../../websocket/testdata/workerman-chat-any.pcap.gz"

// utc makes local time that of the golden files.
func utc(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
}

// invoke runs the program and fails the test where it fails.
func invoke(t *testing.T, stdin io.Reader, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if status := run(context.Background(), args, stdin, &out, &errs); status != 0 {
		t.Fatalf("%v: exit status %d: %s", args, status, errs.String())
	}
	return out.String(), errs.String()
}

// TestWalkthrough prints the walkthrough's recording with its command line. The
// golden file is what tcpdump printed.
func TestWalkthrough(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("interface 1 is lo on Linux only")
	}
	utc(t)
	f, err := os.Open("testdata/walkthrough.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	want, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	got, stderr := invoke(t, nil, "-Ans", "4096", "-r", recording, "port", "7272")
	if got != string(want) {
		t.Errorf("output differs from testdata/walkthrough.txt.gz: %d and %d bytes", len(got), len(want))
	}
	const wantErr = "reading from file " + recording + ", link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144\nWarning: interface names might be incorrect\n"
	if stderr != wantErr {
		t.Errorf("standard error %q, want %q", stderr, wantErr)
	}
}

// TestPipes writes a selection to a pipe and reads it from one.
func TestPipes(t *testing.T) {
	utc(t)
	want, _ := invoke(t, nil, "-nvv", "-r", recording, "tcp[tcpflags] & tcp-push != 0")
	if n := strings.Count(want, "Flags [P.]"); n == 0 || strings.Contains(want, "Flags [S]") {
		t.Fatalf("the filter selected something else:\n%s", want)
	}
	file, _ := invoke(t, nil, "-r", recording, "-w", "-", "tcp[tcpflags] & tcp-push != 0")
	got, stderr := invoke(t, strings.NewReader(file), "-nvv", "-r", "-")
	// The second reading has no first ACK to count from.
	if strings.Count(got, "\n") != strings.Count(want, "\n") || !strings.HasPrefix(stderr, "reading from file -, link-type LINUX_SLL2") {
		t.Errorf("through a pipe:\n%s\nwant\n%s\nstandard error %q", got, want, stderr)
	}
	count, _ := invoke(t, strings.NewReader(file), "-r", "-", "--count")
	if want := strings.Count(got, "Flags [P.]"); count != cli.Quantity(uint64(want), "packet")+"\n" {
		t.Errorf("--count: %q, want %d", count, want)
	}
}

// TestSameFile compares what both programs write.
func TestSameFile(t *testing.T) {
	tcpdump := oracle(t)
	file := unpack(t, t.TempDir(), recording)
	for _, args := range [][]string{{"-r", file, "-w", "-"}, {"-r", file, "-w", "-", "-c", "5", "tcp", "src", "port", "7272"}} {
		compare(t, tcpdump, args)
	}
}
