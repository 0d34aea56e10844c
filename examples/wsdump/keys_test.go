package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/websocket"
)

// The same conversation: wss.pcapng holds its secrets, wss.keys too, with CR and LF.
const (
	wssPcapng = "testdata/wss.pcapng"
	wssPcap   = "testdata/wss.pcap"
	wssKeys   = "testdata/wss.keys"
)

// opened checks that a wsdump has shown the conversation, and no secret.
func opened(t *testing.T, what string, r result) {
	t.Helper()
	if r.status != 0 || !strings.Contains(r.stdout, "再见") || !strings.Contains(r.stderr, "6 messages on 1 connection") {
		t.Errorf("%s: exit status %d\n%s%s", what, r.status, r.stdout, r.stderr)
	}
	b, err := os.ReadFile(wssKeys)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		for _, hex := range strings.Fields(l)[1:] {
			if strings.Contains(strings.ToLower(r.stdout+r.stderr), hex[:16]) {
				t.Errorf("%s: a secret is shown", what)
			}
		}
	}
}

// TestKeyLog: secrets of a file, of several, of standard input, of the capture file
// itself, and none.
func TestKeyLog(t *testing.T) {
	opened(t, "a block of the file", wsdump(t, "-r", wssPcapng))
	opened(t, "--json", wsdump(t, "-r", wssPcapng, "--json", "-v"))
	opened(t, "-v", wsdump(t, "-r", wssPcapng, "-v", "--show-secrets"))
	opened(t, "a file", wsdump(t, "-r", wssPcap, "--keylog", wssKeys))
	opened(t, "two files, of which one is not there", wsdump(t, "-r", wssPcap, "--keylog", filepath.Join(t.TempDir(), "none"), "--keylog", wssKeys))
	keys, err := os.Open(wssKeys)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	opened(t, "standard input", runWith(t, keys, "-r", wssPcap, "--keylog", "-"))

	r := mustWork(t, "-r", wssPcap)
	if r.stdout != "" || !strings.Contains(r.stderr, "1 TLS connection without keys") || !strings.Contains(r.stderr, "not opened: chat.example (1)\n") {
		t.Errorf("without keys: %s%s", r.stdout, r.stderr)
	}
	if r := mustWork(t, "-r", wssPcap, "--keylog", wssKeys, "--count"); r.stdout != "6 messages\n" {
		t.Errorf("--count: %s", r.stdout)
	}
	if r := wsdump(t, "-r", wssPcap, "--keylog", t.TempDir()); r.status != 1 {
		t.Errorf("a directory: %d %s", r.status, r.stderr)
	}
	if r := wsdump(t, "-r", "-", "--keylog", "-"); r.status != 2 {
		t.Errorf("both from standard input: %d %s", r.status, r.stderr)
	}
}

// TestKeyAdvice: what is the matter is said, and not what was done already.
func TestKeyAdvice(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	none, empty := filepath.Join(dir, "none"), file("empty", "")
	other := "CLIENT_RANDOM " + strings.Repeat("ab", 32) + " " + strings.Repeat("cd", 48) + "\n"
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"--keylog gives them", nil},
		{none + " is not there", []string{"--keylog", none}},
		{none + " is not there, " + empty + " is empty", []string{"--keylog", none, "--keylog", empty}},
		{file("comment", "# nothing\n") + " has no line", []string{"--keylog", filepath.Join(dir, "comment")}},
		{"the standard input has given none", []string{"--keylog", "-"}},
		{"the key log has 2 lines, and no secret", []string{"--keylog", file("odd", "what?\nEXPORTER_SECRET 00 00\n")}},
		{"1 secret known, not theirs", []string{"--keylog", file("others", other)}},
	} {
		r := mustWork(t, append(tt.args, "-r", wssPcap, "-v")...)
		if want := "1 TLS connection without keys: " + tt.want + "\nnot opened: chat.example (1)\n"; !strings.Contains(r.stderr, want) {
			t.Errorf("%q does not say %q:\n%s", tt.args, want, r.stderr)
		}
	}
}

// TestPrintTLS: each reason has its line.
func TestPrintTLS(t *testing.T) {
	var b strings.Builder
	o := &options{keylogs: []string{"-"}}
	o.printTLS(&b, &websocket.Stats{TLS: decrypt.Stats{
		LateConns: 1, Late12Conns: 2, HelloLostConns: 3, OldConns: 4, UnsupportedConns: 5, UnverifiedConns: 6,
		Unsupported: []decrypt.NameCount{{Name: "TLS 1.2 0xC010", Conns: 5}}, Unopened: []decrypt.NameCount{{Name: "a", Conns: 20}, {Conns: 1}},
	}})
	want := `1 TLS connection joined late, and not opened: the standard input has given none, where it is TLS 1.3
2 TLS connections of TLS 1.2 joined late: what its handshake said is needed beside the keys
3 TLS connections of TLS 1.2 whose ServerHello was not captured: it is needed beside the keys
4 TLS connections of TLS 1.1 or older, which is not opened
5 TLS connections of a version or cipher suite that is not opened: TLS 1.2 0xC010 (5)
6 TLS connections of which nothing verifies: damaged, or other keys than these
not opened: a (20), no name (1)
`
	if b.String() != want {
		t.Errorf("%s", &b)
	}
}

// TestKeyLogWritten: -w x.pcapng has the secrets, so that nothing else is needed to
// read it; a pcap file has not.
func TestKeyLogWritten(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"-r", wssPcap, "--keylog", wssKeys}, {"-r", wssPcapng}} {
		name := filepath.Join(dir, "out.pcapng")
		mustWork(t, append(args, "-w", name)...)
		opened(t, strings.Join(args, " "), wsdump(t, "-r", name))
	}
	name := filepath.Join(dir, "out.pcap")
	if r := mustWork(t, "-r", wssPcapng, "-w", name); !strings.Contains(r.stderr, "the keys that "+wssPcapng+" holds are not in "+name) {
		t.Errorf("keys are left out silently: %s", r.stderr)
	}
	if r := mustWork(t, "-r", wssPcap, "--keylog", wssKeys, "-w", name+".gz"); strings.Contains(r.stderr, "holds are not in") {
		t.Errorf("no keys are left out: %s", r.stderr)
	}
	if r := mustWork(t, "-r", name); r.stdout != "" {
		t.Errorf("a pcap file: %s", r.stdout)
	}
}

// TestKeyLogRotated: each file of a series opens what it holds by itself, wherever the
// keys come from.
func TestKeyLogRotated(t *testing.T) {
	dir := t.TempDir()
	slow := filepath.Join(dir, "slow.pcap")
	src, err := pcapfile.Open(wssPcap, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	w, err := pcapfile.Create(slow, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_800_000_000, 0)
	for f, err := range capture.Frames(src) {
		if err != nil {
			t.Fatal(err)
		}
		f.Time, at = at, at.Add(time.Second)
		if err := w.WriteFrame(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for i, args := range [][]string{{"-r", slow, "--keylog", wssKeys}, {"-r", slow, "--keylog", wssKeys, "-w", filepath.Join(dir, "one.pcapng")}, {"-r", filepath.Join(dir, "one.pcapng")}} {
		if i == 1 {
			mustWork(t, args...)
			continue
		}
		form := filepath.Join(dir, fmt.Sprint(i), "%s.pcapng")
		if err := os.Mkdir(filepath.Dir(form), 0o777); err != nil {
			t.Fatal(err)
		}
		mustWork(t, append(args, "-G", "4", "-w", form)...)
		files, err := filepath.Glob(filepath.Join(filepath.Dir(form), "*"))
		if err != nil || len(files) != 9 {
			t.Fatalf("%q, %v", files, err)
		}
		shown := ""
		for _, name := range files[3:] {
			shown += mustWork(t, "-r", name, "--websocket").stdout
		}
		for _, text := range []string{`-> 10.0.0.2:80 text 36 [midstream] {"type":"say"`, "-> 10.0.0.2:80 text 6 [midstream] 再见", "<- 10.0.0.2:80 text 11 [midstream] echo 再见"} {
			if !strings.Contains(shown, text) {
				t.Errorf("%q: the files do not show %q by themselves:\n%s", args, text, shown)
			}
		}
	}
}

// TestKeyLogLate: packets come through a pipe that stays open, and the key log
// later: what came before is shown then, although no packet follows.
func TestKeyLogLate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no pipes as files")
	}
	packets, err := os.ReadFile(wssPcap)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := os.ReadFile(wssKeys)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "keys.log")
	cmd := command(t, "-r", "-", "--keylog", name)
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
	if _, err := in.Write(packets); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if err := os.WriteFile(name, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	shown := make(chan string)
	go func() {
		var all strings.Builder
		buf := make([]byte, 4096)
		for !strings.Contains(all.String(), "end fin") {
			n, err := out.Read(buf)
			all.Write(buf[:n])
			if err != nil {
				break
			}
		}
		shown <- all.String()
		io.Copy(io.Discard, out)
	}()
	select {
	case got := <-shown:
		if !strings.Contains(got, "再见") || !strings.Contains(got, "end fin") {
			t.Errorf("shown: %s", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing is shown")
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
