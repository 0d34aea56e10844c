package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mainEnv turns the test binary into wsdump, so that the tests run the real
// program as a process of its own: its exit status, streams and signals.
const mainEnv = "WSDUMP_TEST_MAIN"

// wsdump is where the binary is, in a place that every user may enter.
var wsdumpPath string

func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) != "" {
		main()
	}
	hangups()
	dir, err := os.MkdirTemp("", "wsdump-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err == nil {
		wsdumpPath = filepath.Join(dir, "wsdump")
		if runtime.GOOS == "windows" {
			wsdumpPath += ".exe"
		}
		err = copyFile(wsdumpPath, os.Args[0])
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// hangups makes wsdump heed SIGHUP where the tests themselves run under nohup(1):
// a signal that is ignored stays so in the programs that one starts, one that is
// handled does not.
func hangups() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

func command(t testing.TB, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), wsdumpPath, args...)
	cmd.Env = append(os.Environ(), mainEnv+"=1", "TZ=UTC", "GORACE=atexit_sleep_ms=0") // -race sleeps a second at the end
	return cmd
}

// A result is what a finished wsdump left.
type result struct {
	stdout, stderr string
	status         int
}

func finish(t testing.TB, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

func runWith(t testing.TB, stdin io.Reader, args ...string) result {
	t.Helper()
	cmd := command(t, args...)
	cmd.Stdin = stdin
	return finish(t, cmd)
}

func wsdump(t testing.TB, args ...string) result {
	t.Helper()
	return runWith(t, nil, args...)
}

// mustWork is wsdump that must end with 0.
func mustWork(t testing.TB, args ...string) result {
	t.Helper()
	r := wsdump(t, args...)
	if r.status != 0 {
		t.Fatalf("%q: exit status %d\n%s", args, r.status, r.stderr)
	}
	return r
}

const testdata = "../../websocket/testdata/"

var recordings = []string{testdata + "workerman-chat-lo.pcap.gz", testdata + "workerman-chat-any.pcap.gz"}

func unpacked(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(gz)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tempFile(t testing.TB, contents []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "capture.pcap")
	if err := os.WriteFile(name, contents, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// An event is a line of --json.
type event struct {
	Event  string
	Conn   int
	Client string
	From   string
	Opcode string
	Length int
	Text   *string
	Base64 *string
	Code   *int
	Reason *string
	Cause  string
	Bytes  int64
	CopyOf int `json:"copy_of"`
}

func events(t testing.TB, output string) []event {
	t.Helper()
	var all []event
	for line := range strings.Lines(output) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

// describe gives messages the form of workerman-chat.messages.txt.
func describe(t testing.TB, all []event) []string {
	var lines []string
	for _, e := range all {
		if e.Event != "message" {
			continue
		}
		payload := ""
		switch {
		case e.Text != nil:
			payload = *e.Text
		case e.Code != nil:
			payload = fmt.Sprintf("%d %s", *e.Code, *e.Reason)
		case e.Base64 != nil:
			b, err := base64.StdEncoding.DecodeString(*e.Base64)
			if err != nil {
				t.Error(err)
			}
			payload = string(b)
		}
		if len(payload) != e.Length && e.Code == nil {
			t.Errorf("%d bytes of payload, length %d", len(payload), e.Length)
		}
		_, port, _ := strings.Cut(e.Client, ":")
		lines = append(lines, fmt.Sprintf("%s %s %s %d %s", port, e.From, e.Opcode, e.Length, payload))
	}
	return lines
}

// wantMessages compares with workerman-chat.messages.txt, which cuts payloads.
func wantMessages(t testing.TB, output string) {
	t.Helper()
	b, err := os.ReadFile(testdata + "workerman-chat.messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	got := describe(t, events(t, output))
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d", len(got), len(want))
	}
	space := regexp.MustCompile(` +`)
	for i := range want {
		w := space.ReplaceAllString(want[i], " ")
		if g := space.ReplaceAllString(got[i], " "); g != w && !(len(w) > 100 && strings.HasPrefix(g, w)) {
			t.Errorf("message %d:\n got %.200s\nwant %.200s", i, g, w)
		}
	}
}

func TestRecordings(t *testing.T) {
	for _, name := range recordings {
		r := mustWork(t, "-r", name, "--json")
		wantMessages(t, r.stdout)
		for _, line := range []string{"18 messages on 2 connections\n", "77 packets captured\n", "77 packets received by filter\n",
			"0 packets dropped by kernel\n", "0 bytes lost in gaps\n"} {
			if !strings.Contains(r.stderr, line) {
				t.Errorf("%s: standard error lacks %q:\n%s", name, line, r.stderr)
			}
		}
		again := mustWork(t, "-r", name, "--json")
		if again.stdout != r.stdout {
			t.Errorf("%s: a second reading differs", name)
		}
	}
}

// TestPayloadsWhole: the long messages come byte for byte.
func TestPayloadsWhole(t *testing.T) {
	all := events(t, mustWork(t, "-r", recordings[0], "--json").stdout)
	var sent, heard []string
	for _, e := range all {
		if e.Opcode == "text" && e.Length > 200000 {
			var m struct{ Content string }
			if err := json.Unmarshal([]byte(*e.Text), &m); err != nil {
				t.Error(err)
			}
			if e.From == "client" {
				sent = append(sent, m.Content)
			} else {
				heard = append(heard, m.Content)
			}
		}
	}
	if len(sent) != 1 || len(heard) != 2 || heard[0] != sent[0] || heard[1] != sent[0] || sent[0] != strings.Repeat("L", 200000) {
		t.Errorf("sent %d, heard %d", len(sent), len(heard))
	}
}

// TestHabit is the walkthrough's command line on a recording.
func TestHabit(t *testing.T) {
	r := mustWork(t, "-r", recordings[1], "-Ans", "4096", "port", "7272")
	for _, want := range []string{
		` text 51 {"type":"login","client_name":"mynick","room_id":1}` + "\n",
		`"content":"hi, all !"}` + "\n",
		strings.Repeat("L", 200000),
		" close 5 1000 bye\n",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("output lacks %.100q", want)
		}
	}
	if strings.Contains(r.stdout, "\x1b") {
		t.Error("colour without a terminal")
	}
}

func TestFileOptions(t *testing.T) {
	for _, tt := range []struct {
		args   string
		stdout string // regular expression
	}{
		{"--count", `^18 messages\n$`},
		{"--count port 7272", `^18 messages\n$`},
		{"--count port 7273", `^0 messages\n$`},
		{"--count -c 3", `^3 messages\n$`},
		{"--count -F " + tempFile(t, []byte("port 7273")), `^0 messages\n$`},
		{"--count tcp and src or dst port 36540", `^7 messages\n$`},
		{"-c 1 -q -t", `^#1 127\.0\.0\.1:36534 -> 127\.0\.0\.1:7272 open 101 GET ws://127\.0\.0\.1:7272/\n#1 \S+ -> \S+ text 51\n$`},
		{"-c 1 -q -v", `(?s)\n\t> Host: 127\.0\.0\.1:7272\n.*\n\t< Sec-Websocket-Accept: YbYfafd5/IMQYvq10oOr5Y6v9o4=\n`},
		{"-tttt -c 1", `^2026-11-22 18:16:32\.755341 #1 `},
		{"-# -q", `\n18  18:16:49\.998431 #1 `},
		{"", `L{400}\.\.\. \(199557 more bytes, -A shows them\)\n`},
	} {
		r := mustWork(t, append([]string{"-r", recordings[0]}, strings.Fields(tt.args)...)...)
		if !regexp.MustCompile(tt.stdout).MatchString(r.stdout) {
			t.Errorf("%s: %.300q does not match %s", tt.args, r.stdout, tt.stdout)
		}
	}
}

// TestCountEnds: -c counts what it prints, also where one packet holds more.
func TestCountEnds(t *testing.T) {
	for n := 1; n <= 18; n++ {
		r := mustWork(t, "-r", recordings[0], "-q", "-c", fmt.Sprint(n))
		if got := len(regexp.MustCompile(`(?m) (text|close) \d+`).FindAllString(r.stdout, -1)); got != n ||
			!strings.HasPrefix(r.stderr[strings.Index(r.stderr, "\n")+1:], fmt.Sprintf("%d message", n)) {
			t.Errorf("-c %d prints %d: %s", n, got, r.stderr)
		}
	}
}

func TestPipe(t *testing.T) {
	for _, name := range recordings {
		// os/exec copies from a reader that is no file through a pipe.
		r := runWith(t, struct{ io.Reader }{bytes.NewReader(unpacked(t, name))}, "-r", "-", "--json")
		if r.status != 0 {
			t.Fatalf("exit status %d: %s", r.status, r.stderr)
		}
		wantMessages(t, r.stdout)
	}
}

// TestPipeLive: what a pipe has brought is shown before more comes.
func TestPipeLive(t *testing.T) {
	cmd := command(t, "-r", "-", "--json")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	recording := unpacked(t, recordings[0])
	if _, err := in.Write(recording[:4000]); err != nil { // up to the middle of some packet
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, `{"event":"open"`) {
		t.Errorf("got %q, %v", line, err)
	}
	in.Close()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("a cut pipe: %v", err)
	}
}

// TestSignalWaiting: a signal ends the wait for a pipe's first byte.
func TestSignalWaiting(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals on Windows")
	}
	cmd := command(t, "-r", "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	time.Sleep(300 * time.Millisecond) // until it waits; earlier, the signal kills it
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil && cmd.ProcessState.ExitCode() != -1 {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits on")
	}
}

func TestWriteRead(t *testing.T) {
	want := mustWork(t, "-r", recordings[1], "--json").stdout
	for _, name := range []string{"copy.pcap", "copy.pcapng"} {
		name = filepath.Join(t.TempDir(), name)
		r := mustWork(t, "-r", recordings[1], "-w", name)
		if r.stdout != "" {
			t.Errorf("-w alone prints %.100q", r.stdout)
		}
		if !strings.Contains(r.stderr, "18 messages on 2 connections\n") {
			t.Errorf("standard error: %s", r.stderr)
		}
		if got := mustWork(t, "-r", name, "--json").stdout; got != want {
			t.Errorf("%s reads differently", name)
		}
	}
	name := filepath.Join(t.TempDir(), "printed.pcap")
	if r := mustWork(t, "-r", recordings[1], "-w", name, "--print", "--json"); r.stdout != want {
		t.Error("--print prints otherwise than without -w")
	}
	if r := mustWork(t, "-r", recordings[1], "-w", name, "--count"); r.stdout != "18 messages\n" {
		t.Errorf("--count with -w prints %q", r.stdout)
	}
	// Only what the filter selects is written.
	mustWork(t, "-r", recordings[1], "-w", name, "port", "36540")
	if r := mustWork(t, "-r", name, "--count"); r.stdout != "7 messages\n" {
		t.Errorf("filtered: %q", r.stdout)
	}
	// -w - is a pipe, with nothing but packets in it.
	r := mustWork(t, "-r", recordings[1], "-w", "-")
	if r := runWith(t, struct{ io.Reader }{strings.NewReader(r.stdout)}, "-r", "-", "--json"); r.stdout != want {
		t.Error("-w - | -r - differs")
	}
}

// TestHead: who stops reading ends wsdump quietly, and the file of -w is whole.
func TestHead(t *testing.T) {
	for _, args := range [][]string{{"--json"}, {"-A"}, {"-A", "-l"}} {
		saved := filepath.Join(t.TempDir(), "saved.pcap")
		cmd := command(t, append(args, "-r", recordings[0], "-w", saved, "--print")...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReaderSize(out, 16).ReadString('\n'); err != nil {
			t.Error(err)
		}
		out.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		if lines := strings.Split(strings.TrimSpace(errs.String()), "\n"); len(lines) != 1 || !strings.HasPrefix(lines[0], "reading from file") {
			t.Errorf("%q: not quiet: %s", args, errs.String())
		}
		if r := mustWork(t, "-r", saved, "--count"); r.stdout == "0 messages\n" {
			t.Errorf("%q: nothing saved", args)
		}
	}
}

func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	recording := unpacked(t, recordings[0])
	cut := tempFile(t, recording[:70000])
	garbled := bytes.Clone(recording)
	binary.LittleEndian.PutUint32(garbled[24+8:], 0xfffffff0) // length of the first packet
	for _, tt := range []struct {
		args   string
		status int
		stderr string
	}{
		{"-r " + dir + "/none", 1, "none: no such file"},
		{"-r " + dir, 1, "is a directory"},
		{"-r " + tempFile(t, nil), 1, "empty file"},
		{"-r " + tempFile(t, recording[:20]), 1, "cut short"},
		{"-r main_test.go", 1, "not a pcap"},
		{"-r " + cut, 1, "cut short at byte 70000"},
		{"-r " + tempFile(t, garbled), 1, "corrupt"},
		{"-r " + recordings[0] + " prot 80", 2, `"prot"`},
		{"-r " + recordings[0] + " port", 2, "filter"},
		{"-r " + recordings[0] + " host \x1b[2J", 2, `\x1b`},
		{"-r " + recordings[0] + " -w " + recordings[0], 2, "would overwrite"},
		{"-r " + recordings[0] + " -w " + dir + "/none/out", 1, "no such file"},
		{"-r " + recordings[0] + " -w " + dir, 1, "is a directory"},
		{"-Y", 2, "unknown option -Y"},
		{"-e", 2, "link-layer headers"},
		{"-d prot", 2, `"prot"`},
		{"-i nosuch0", 1, "nosuch0"},
		{"-d -i nosuch0", 1, "nosuch0"},
	} {
		if runtime.GOOS == "windows" && tt.status == 1 && !strings.Contains(tt.stderr, " ") {
			continue // the system's own words
		}
		r := wsdump(t, strings.Fields(tt.args)...)
		lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
		lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "wsdump: ") })
		if r.status != tt.status || len(lines) != 1 || !strings.Contains(lines[0], tt.stderr) {
			t.Errorf("%q: exit status %d, want %d; want one line with %q:\n%s", tt.args, r.status, tt.status, tt.stderr, r.stderr)
		}
	}
	if b, err := os.ReadFile(recordings[0]); err != nil || len(b) == 0 {
		t.Fatal("the recording is gone")
	}
	// What was decoded before the cut is printed: ten messages, and the part of
	// another.
	r := wsdump(t, "-r", cut, "--json")
	if n := len(describe(t, events(t, r.stdout))); n != 11 || strings.Count(r.stdout, `"truncated":true`) != 1 {
		t.Errorf("%d messages before the cut", n)
	}
	if !strings.Contains(r.stderr, "11 messages on 2 connections\n") {
		t.Errorf("no closing lines: %s", r.stderr)
	}
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	if r := wsdump(t, "-r", recordings[0], "-w", "/dev/full"); r.status != 1 || !strings.Contains(r.stderr, "no space left") {
		t.Errorf("-w: exit status %d, %s", r.status, r.stderr)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"--json"}, {"--count"}, {"-D"}, {"--help"}, {"--version"}, {"-d"}} {
		cmd := command(t, append(args, "-r", recordings[0])...)
		var errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &errs
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%q: %v, %s", args, err, errs.String())
		}
	}
}

// TestFollow: a growing file is printed as it grows.
func TestFollow(t *testing.T) {
	recording := unpacked(t, recordings[0])
	name := tempFile(t, recording[:24])
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := command(t, "-r", name, "--follow", "--json", "-c", "18")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(stdout)
	f.Write(recording[24:3000])
	first, err := out.ReadString('\n')
	if err != nil || !strings.HasPrefix(first, `{"event":"open"`) {
		t.Errorf("got %q, %v", first, err)
	}
	time.Sleep(50 * time.Millisecond)
	f.Write(recording[3000:])
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, errs.String())
	}
	wantMessages(t, first+string(rest))
}

func TestHelpNamesEveryOption(t *testing.T) {
	help := mustWork(t, "--help").stdout
	for _, letter := range "irFsBpQZwUcAxXqvt#DdnNKl" {
		if !strings.Contains(help, fmt.Sprintf("-%c", letter)) {
			t.Errorf("--help does not tell of -%c", letter)
		}
	}
	for _, opt := range table {
		switch l := opt.Long; l {
		case "json", "count", "demo", "print", "follow", "version", "show-secrets":
			if !strings.Contains(help, "--"+l) {
				t.Errorf("--help does not tell of --%s", l)
			}
		}
	}
	for line := range strings.Lines(help) {
		if len(line) > 91 {
			t.Errorf("longer than a terminal is wide: %s", line)
		}
	}
	if v := mustWork(t, "--version").stdout; !strings.HasPrefix(v, "wsdump ") {
		t.Errorf("--version: %s", v)
	}
}

func TestDumpFilter(t *testing.T) {
	r := mustWork(t, "-d", "-r", recordings[0], "tcp port 7272")
	if !strings.HasPrefix(r.stdout, "(000) ldh      [12]\n") || !strings.HasSuffix(r.stdout, " ret      #0\n") {
		t.Errorf("-d: %s", r.stdout)
	}
	n := strings.Count(r.stdout, "\n")
	if r := mustWork(t, "-dd", "-r", recordings[0], "tcp port 7272"); strings.Count(r.stdout, "{ 0x") != n {
		t.Errorf("-dd: %s", r.stdout)
	}
	if r := mustWork(t, "-ddd", "-r", recordings[0], "tcp port 7272"); !strings.HasPrefix(r.stdout, fmt.Sprintf("%d\n40 0 0 12\n", n)) {
		t.Errorf("-ddd: %s", r.stdout)
	}
}
