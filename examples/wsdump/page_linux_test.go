package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A viewer asks the page of a wsdump.
type viewer struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdout *tail
	stderr *tail
	base   *url.URL // with the token
	client *http.Client
}

var pageAddress = regexp.MustCompile(`the page is at (http://\S+)\n`)

// browse starts wsdump, by start if that is not nil, and waits for its page.
func browse(t testing.TB, start func(*exec.Cmd) error, args ...string) *viewer {
	t.Helper()
	b := &viewer{t: t, cmd: command(t, args...), stdout: new(tail), stderr: new(tail), client: &http.Client{Transport: &http.Transport{}}}
	b.cmd.Stdout, b.cmd.Stderr = b.stdout, b.stderr
	if start == nil {
		start = (*exec.Cmd).Start
	}
	if err := start(b.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.client.CloseIdleConnections()
		b.cmd.Process.Kill()
		b.cmd.Wait()
	})
	b.waitFor(func() bool { return pageAddress.MatchString(b.stderr.String()) }, "the page's address")
	var err error
	if b.base, err = url.Parse(pageAddress.FindStringSubmatch(b.stderr.String())[1]); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *viewer) waitFor(f func() bool, what string) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("waited in vain for %s; standard error: %s", what, b.stderr)
		}
	}
}

func (b *viewer) get(path string) []byte {
	b.t.Helper()
	u, err := b.base.Parse(path)
	if err != nil {
		b.t.Fatal(err)
	}
	u.RawQuery += "&" + b.base.RawQuery
	resp, err := b.client.Get(u.String())
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		b.t.Fatalf("%s: %v %d %s", path, err, resp.StatusCode, body)
	}
	return body
}

// A pageState is what these tests look at.
type pageState struct {
	Source      string
	Live, Ended bool
	Why, Failed *string
	Totals      struct{ Messages, Connections, Packets, Received uint64 }
	Lines       []string
	Packets     bool
}

func (b *viewer) stats() (s pageState) {
	b.t.Helper()
	if err := json.Unmarshal(b.get("/api/stats"), &s); err != nil {
		b.t.Fatal(err)
	}
	return s
}

// shown is how many messages the page shows.
func (b *viewer) shown() uint64 {
	b.t.Helper()
	var page struct{ End uint64 }
	if err := json.Unmarshal(b.get("/api/messages?limit=0"), &page); err != nil {
		b.t.Fatal(err)
	}
	return page.End
}

// ended waits for the end of the capture.
func (b *viewer) ended() {
	b.t.Helper()
	b.waitFor(func() bool { return b.stats().Ended }, "the end of the capture")
}

// end sends the signal that ends the page, and returns what wsdump left.
func (b *viewer) end() result {
	b.t.Helper()
	if err := b.cmd.Process.Signal(os.Interrupt); err != nil {
		b.t.Fatal(err)
	}
	begin := time.Now()
	b.cmd.Wait()
	if d := time.Since(begin); d > 20*time.Second {
		b.t.Errorf("it took %v to end", d)
	}
	return result{b.stdout.String(), b.stderr.String(), b.cmd.ProcessState.ExitCode()}
}

// TestPage: the page shows a file, goes on after its end, and ends with one signal.
func TestPage(t *testing.T) {
	b := browse(t, nil, "--web", "-r", recordings[0])
	b.ended()
	s := b.stats()
	if n := b.shown(); n != 18 || s.Totals.Messages != 18 || s.Totals.Connections != 2 || s.Live || s.Why != nil || s.Failed != nil || s.Source != recordings[0] || !s.Packets {
		t.Errorf("%d messages; %+v", n, s)
	}
	if got := strings.Join(s.Lines, "\n"); !strings.HasPrefix(got, "18 messages on 2 connections\n") || !strings.Contains(b.stderr.String(), got+"\n") {
		t.Errorf("lines:\n%s\nstandard error:\n%s", got, b.stderr)
	}
	if page := b.get("/"); !bytes.Contains(page, []byte("<!doctype html>")) {
		t.Errorf("%s", page)
	}
	resp, err := b.client.Get(b.base.Scheme + "://" + b.base.Host + "/api/stats")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("without the token: %d", resp.StatusCode)
	}
	events, err := b.client.Get(b.base.Scheme + "://" + b.base.Host + "/api/events?" + b.base.RawQuery) // that stay open
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	if r := b.end(); r.status != 0 || r.stdout != "" || !strings.Contains(r.stderr, "the page goes on until Ctrl-C") {
		t.Errorf("%+v", r)
	}
	if _, err := b.client.Get(b.base.String()); err == nil {
		t.Error("the page goes on")
	}
}

// TestPageWith: other options mean beside the page what they mean without.
func TestPageWith(t *testing.T) {
	lines := tempFile(t, []byte(mustWork(t, "-r", recordings[0], "--json").stdout))
	empty := tempFile(t, unpacked(t, recordings[0])[:24])
	for _, tt := range []struct {
		args     string
		messages uint64
		stdout   string // a part of it; empty: there is none
	}{
		{"-r " + recordings[0] + " -c 3", 3, ""},
		{"-r " + recordings[0] + " --print -q", 18, " text "},
		{"-r " + recordings[0] + " --print --json", 18, `"event":"message"`},
		{"-r " + recordings[0] + " --count", 18, "18 messages\n"},
		{"-r " + recordings[0] + " --match hi", 2, ""},
		{"-r " + recordings[0] + " --from client --conn 2", 3, ""},
		{"-r " + recordings[0] + " port 1", 0, ""},
		{"-r " + recordings[0] + " --duration 5h", 18, ""},
		{"-r " + lines, 18, ""},
		{"-r " + lines + " --only close", 4, ""},
		{"-r " + lines + " --match nothing", 0, ""},
		{"-r " + empty, 0, ""},
	} {
		b := browse(t, nil, append([]string{"--web"}, strings.Split(tt.args, " ")...)...)
		b.ended()
		s := b.stats()
		if n := b.shown(); n != tt.messages || (s.Why != nil) != (n == 0) {
			t.Errorf("%s: %d messages; %+v", tt.args, n, s)
		}
		if strings.Contains(tt.args, "--match nothing") && *s.Why != "no messages: none of 18 messages was selected" {
			t.Errorf("%s: %s", tt.args, *s.Why)
		}
		if r := b.end(); r.status != 0 || (r.stdout == "") != (tt.stdout == "") || !strings.Contains(r.stdout, tt.stdout) {
			t.Errorf("%s: %+v", tt.args, r)
		}
	}
}

// TestPageFails: a capture that cannot begin has no page; one that fails midway has,
// and the exit status tells.
func TestPageFails(t *testing.T) {
	for args, want := range map[string]struct {
		status int
		stderr string
	}{
		"--web -r /nonexistent/file":                {1, "no such file"},
		"--web -r " + recordings[0] + " prot 80":    {2, "did you mean"},
		"--web --json -r " + recordings[0]:          {2, "add --print"},
		"--web-memory 1M -r " + recordings[0]:       {2, "belongs to --web"},
		"--web --web-memory 1K":                     {2, "1M or more"},
		"--web --web-memory 1G -r " + recordings[0]: {2, "raise --memory"},
		"--web=a:b:c":                         {2, "127.0.0.1:8080"},
		"--web=127.0.0.1:99999":               {2, "127.0.0.1:8080"},
		"--web=192.0.2.1 -r " + recordings[0]: {1, "--web: listen tcp"},
	} {
		if r := wsdump(t, strings.Split(args, " ")...); r.status != want.status || !strings.Contains(r.stderr, want.stderr) || strings.Contains(r.stderr, "the page is at") {
			t.Errorf("%s: %+v", args, r)
		}
	}
	capture := unpacked(t, recordings[0])
	lines := mustWork(t, "-r", recordings[0], "--json").stdout
	for name, tt := range map[string]struct {
		content  []byte
		messages uint64
		why      string
	}{
		"a capture":     {capture[:len(capture)-5], 18, "cut short"},
		"messages":      {[]byte(lines[:len(lines)-5]), 18, "unexpected EOF"},
		"other objects": {[]byte("{}\n"), 0, `no "event" in it`},
	} {
		b := browse(t, nil, "--web", "-r", tempFile(t, tt.content))
		b.ended()
		s := b.stats()
		if n := b.shown(); n != tt.messages || s.Failed == nil || !strings.Contains(*s.Failed, tt.why) || (s.Why != nil) != (n == 0) {
			t.Errorf("%s: %d messages; %+v", name, n, s)
		}
		if r := b.end(); r.status != 1 || strings.Count(r.stderr, tt.why) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestPageAddress(t *testing.T) {
	for v, want := range map[string]string{
		"": "127.0.0.1 0", "8080": "127.0.0.1 8080", ":8080": "127.0.0.1 8080", "0.0.0.0:8080": "0.0.0.0 8080", "::1": "::1 0", "[::1]": "::1 0",
		"[::1]:80": "::1 80", "localhost": "localhost 0", "box.example:80": "box.example 80", "127.0.0.1:": "127.0.0.1 0",
		"1:2:zz": "", "a:b": "", "65536": "", "box:-1": "", "[::1]:x": "",
	} {
		host, port, err := splitAddr(v)
		if got := host + " " + port; got != want && (err == nil || want != "") {
			t.Errorf("%q: %q, %v; want %q", v, got, err, want)
		}
	}
}

// TestPagePackets: what is downloaded as pcapng holds the chosen connections' packets.
func TestPagePackets(t *testing.T) {
	whole := mustWork(t, "-r", recordings[0], "--json").stdout
	second := ""
	for line := range strings.Lines(whole) {
		if strings.Contains(line, `"conn":2,`) {
			second += strings.Replace(line, `"conn":2,`, `"conn":1,`, 1)
		}
	}
	file := filepath.Join(t.TempDir(), "copy.pcap")
	for _, args := range [][]string{{"-r", recordings[0]}, {"-r", recordings[0], "-w", file}} {
		b := browse(t, nil, append([]string{"--web"}, args...)...)
		b.ended()
		for query, want := range map[string]string{"": whole, "&conn=2": second} {
			name := tempFile(t, b.get("/api/export?format=pcapng"+query))
			if got := mustWork(t, "-r", name, "--json").stdout; got != want {
				t.Errorf("%q%s: %d bytes, want %d", args, query, len(got), len(want))
			}
		}
		b.end()
	}
	// In tunnels, in several TCP connections, and in TLS with secrets in the file.
	for _, name := range []string{"testdata/vxlan.pcap", "testdata/mptcp.pcap", "testdata/wss.pcapng"} {
		b := browse(t, nil, "--web", "-r", name)
		b.ended()
		again := tempFile(t, b.get("/api/export?format=pcapng"))
		b.end()
		want := mustWork(t, "-r", name, "--json").stdout
		if got := mustWork(t, "-r", again, "--json").stdout; got != want || want == "" {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(want))
		}
	}
	f, err := os.Open(recordings[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := browse(t, func(cmd *exec.Cmd) error { cmd.Stdin = io.MultiReader(f); return cmd.Start() }, "--web", "-r", "-")
	b.ended()
	if s := b.stats(); s.Packets || s.Source != "standard input" {
		t.Errorf("%+v", s)
	}
	resp, err := b.client.Get(fmt.Sprintf("http://%s/api/export?format=pcapng&%s", b.base.Host, b.base.RawQuery))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusConflict {
		t.Errorf("packets of a pipe: %d", resp.StatusCode)
	}
}

// TestPageNoPackets: where packets cannot be read again, the page does not offer them.
func TestPageNoPackets(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	go io.Copy(io.Discard, reader)
	tests := [][]string{{"-r", "-", "-w", pipe}}
	if os.Geteuid() == 0 && canSetUser() {
		tests = append(tests, []string{"-r", tempFile(t, unpacked(t, recordings[0])), "-Z", "nobody"})
	}
	for _, args := range tests {
		f, err := os.Open(recordings[0])
		if err != nil {
			t.Fatal(err)
		}
		b := browse(t, func(cmd *exec.Cmd) error { cmd.Stdin = f; return cmd.Start() }, append([]string{"--web"}, args...)...)
		f.Close()
		b.ended()
		if s := b.stats(); s.Packets || s.Totals.Messages != 18 {
			t.Errorf("%q: %+v", args, s)
		}
		b.end()
	}
}
