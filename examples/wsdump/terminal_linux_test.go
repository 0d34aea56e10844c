package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal makes a pseudo-terminal: what a program writes to tty is read from
// screen.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { screen.Close() })
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skip(err)
	}
	return screen, tty
}

// shown runs wsdump with standard error, and with standard output unless out is
// given, on a terminal, and returns what that shows.
func shown(t *testing.T, out io.Writer, env string, args ...string) string {
	t.Helper()
	screen, tty := terminal(t)
	cmd := command(t, args...)
	cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=", env)
	cmd.Stdout, cmd.Stderr = out, tty
	if out == nil {
		cmd.Stdout = tty
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	all, _ := io.ReadAll(screen) // EIO when the last writer has gone
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, all)
	}
	return string(all)
}

func TestColourOnTerminal(t *testing.T) {
	args := []string{"-r", recordings[0]}
	if got := shown(t, nil, "", args...); !strings.Contains(got, "\x1b[36mtext\x1b[0m 51 ") || strings.Contains(got, " read") {
		t.Errorf("no colour, or progress of a small file: %.500q", got)
	}
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
		if got := shown(t, nil, env, args...); strings.Contains(got, "\x1b") || !strings.Contains(got, "hi, all !") {
			t.Errorf("%s: %.500q", env, got)
		}
	}
	if got := shown(t, nil, "", append(args, "--json")...); strings.Contains(got, "\x1b") {
		t.Errorf("colour in JSON: %.500q", got)
	}
}

// TestProgress: a large file shows how much of it was read, and nothing of that
// stays behind.
func TestProgress(t *testing.T) {
	recording := unpacked(t, recordings[0])
	large := bytes.Clone(recording)
	for len(large) < 40<<20 {
		large = append(large, recording[24:]...)
	}
	name := tempFile(t, large)
	got := shown(t, io.Discard, "", "-r", name, "--json")
	i := strings.LastIndex(got, "% of 4")
	if i < 0 || !strings.Contains(got[i:], " MB read\r\x1b[K") {
		t.Errorf("no progress, or not taken away: %.500q", got)
	}
	got = shown(t, nil, "NO_COLOR=1", "-r", name, "-q", "-t")
	for line := range strings.Lines(got) {
		if i := strings.LastIndex(line, " MB read"); i >= 0 && !strings.HasPrefix(line[i:], " MB read\r\x1b[K") {
			t.Errorf("progress stands before %q", line)
		}
	}
	if !strings.Contains(got, " MB read") || !strings.Contains(got, "\n#2 127.0.0.1:36540 <- 127.0.0.1:7272 close 2\r\n") {
		t.Errorf("no progress or no messages: %.500q", got)
	}
	var errs bytes.Buffer
	cmd := command(t, "-r", name, "--count")
	cmd.Stderr = &errs
	if out, err := cmd.Output(); err != nil || strings.Contains(errs.String(), "MB read") {
		t.Errorf("%v: %s: progress without a terminal: %s", err, out, errs.String())
	}
}
