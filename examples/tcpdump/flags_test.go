package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args string
		want func(*config) bool
	}{
		{"-Ans 4096 -iany port 7272", func(c *config) bool {
			return c.A == 1 && c.n == 1 && c.snapLen == 4096 && c.iface == "any" && c.expr == "port 7272"
		}},
		{"port 80 -nnvvv -c3 or port 81", func(c *config) bool {
			return c.n == 2 && c.v == 3 && c.count == 3 && c.expr == "port 80 or port 81"
		}},
		{"-- -n", func(c *config) bool { return c.n == 0 && c.expr == "-n" }},
		{"-r - -w -", func(c *config) bool { return c.read == "-" && c.write == "-" }},
		{"--number --count --snap 0x40 --interface=lo", func(c *config) bool {
			return c.number && c.countOnly && c.snapLen == 64 && c.iface == "lo"
		}},
		{"-#tttt --nano", func(c *config) bool { return c.number && c.t == 4 && c.nano }},
		{"--nano --time-stamp-precision micro", func(c *config) bool { return !c.nano }},
		{"-Q IN", func(c *config) bool { return c.direction == 1 }},
	} {
		got, err := parse(strings.Fields(c.args))
		if err != nil || !c.want(got) {
			t.Errorf("%s: %+v, %v", c.args, got, err)
		}
	}
}

// TestMistakes: one clear message, exit status 1.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pcap")
	text := filepath.Join(dir, "text.pcap")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(text, []byte("this is no capture file, only some text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"-c 0", "tcpdump: invalid packet count 0\n"},
		{"-s 300000", "tcpdump: invalid snaplen 300000 (must be >= 0 and <= 262144)\n"},
		{"-tttttt", "tcpdump: only -t, -tt, -ttt, -tttt and -ttttt are supported\n"},
		{"-Q up", "tcpdump: unknown capture direction `up'\n"},
		{"-g", "tcpdump: invalid option -- 'g'\n" + usage},
		{"-r", "tcpdump: option requires an argument -- 'r'\n" + usage},
		{"--nono", "tcpdump: unrecognized option '--nono'\n" + usage},
		{"--n", "tcpdump: option '--n' is ambiguous\n" + usage},
		{"--count=3", "tcpdump: option '--count' doesn't allow an argument\n" + usage},
		{"-r " + dir + "/nothing.pcap", "tcpdump: " + dir + "/nothing.pcap: No such file or directory\n"},
		{"-r " + empty, "empty"},
		{"-r " + text, "not a pcap"},
		{"-r " + recording + " tcp prot 4", "tcp prot 4"},
		{"-d tcp prot 4", "prot"},
	} {
		var stdout, stderr bytes.Buffer
		status := run(context.Background(), strings.Fields(c.args), nil, &stdout, &stderr)
		if status != 1 || stdout.Len() > 0 || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: status %d, standard output %q, standard error %q", c.args, status, stdout.String(), stderr.String())
		}
	}
}

// TestCutFile prints what is whole of a damaged file, and fails.
func TestCutFile(t *testing.T) {
	file := unpack(t, t.TempDir(), recording)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var whole, cut, stderr bytes.Buffer
	run(context.Background(), []string{"-n", "-r", "-"}, bytes.NewReader(b), &whole, &stderr)
	stderr.Reset()
	status := run(context.Background(), []string{"-n", "-r", "-"}, bytes.NewReader(b[:len(b)-7]), &cut, &stderr)
	lines := strings.SplitAfter(whole.String(), "\n")
	if want := strings.Join(lines[:len(lines)-2], ""); status != 1 || cut.String() != want || !strings.Contains(stderr.String(), "tcpdump: pcap_loop: ") {
		t.Errorf("status %d, %d lines of %d, standard error %q", status, strings.Count(cut.String(), "\n"), len(lines)-1, stderr.String())
	}
}

// TestDumpProgram compares compiled filters, which are package filter's.
func TestDumpProgram(t *testing.T) {
	tcpdump := oracle(t)
	for _, args := range []string{"-d ip", "-dd ip", "-ddd tcp port 80", "-d -y LINUX_SLL2 ip", "-d -y RAW tcp", "-d", "-s 100 -d udp"} {
		compare(t, tcpdump, strings.Fields(args))
	}
}

// TestPlainErrors: nothing in a name or a filter reaches the terminal as a
// control code.
func TestPlainErrors(t *testing.T) {
	const evil = "\x1b]0;title\x07\x9b2J\u009b2J\u202e\x7f\r"
	name := filepath.Join(t.TempDir(), evil)
	b, err := os.ReadFile(unpack(t, t.TempDir(), recording))
	if err == nil {
		err = os.WriteFile(name, b, 0o600)
	}
	if err != nil {
		t.Skip(err) // a file system may refuse the name
	}
	for _, args := range [][]string{
		{"-r", name + "none"}, {"-r", name, "-w", os.DevNull}, {"-r", name, "host " + evil}, {"-r", name, "-w", "/nonexistent/" + evil},
		{"--" + evil}, {"-c", evil}, {"-i", evil}, {"-r", name, "-F", evil},
	} {
		var stdout, stderr bytes.Buffer
		run(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
		for _, r := range strings.NewReplacer("\n", "", "\t", "").Replace(stderr.String()) {
			if unicode.IsControl(r) || r == '\u202e' || r == utf8.RuneError {
				t.Errorf("%q: %q", args, stderr.String())
				break
			}
		}
		if stderr.Len() == 0 {
			t.Errorf("%q: nothing is said", args)
		}
	}
}
