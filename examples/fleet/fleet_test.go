package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/engine"
)

// TestDuplicates: what a publisher sends again is stored once while the engine remembers
// its id, and shown once for ever.
func TestDuplicates(t *testing.T) {
	access := inside(t)
	n, err := engine.DialNATS(&access, "a", true)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	line := []byte(`{"event":"message","text":"{}","tap":"a","boot":"x","seq":1,"connection":"a.x.1"}` + "\n")
	send := func(b *batch.Batch) {
		done := make(chan error, 1)
		n.Publish(b, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // known by its id
		send(&batch.Batch{Tap: "a", Boot: "x", Port: 80, Kind: batch.Message, First: 1, N: 1, Lines: line})
	}
	if got := stored(t, access); got != 1 {
		t.Errorf("%d stored", got)
	}
	for range 3 { // with another id, as one that came too late to be known
		send(&batch.Batch{Tap: "a", Boot: "x", Port: 80, Kind: batch.Message, First: 2, N: 1, Lines: line})
		send(&batch.Batch{Tap: "a", Boot: "x", Port: 80, Kind: batch.Message, First: 3, N: 1, Lines: line, Before: [batch.Kinds]uint64{batch.Message: 1}})
	}
	out, counts := readAll(t, access)
	if got := len(events(t, out)); got != 2 || counts.Duplicates != 1 {
		t.Errorf("%d shown, %+v", got, counts)
	}
}

// stored is how many batches a stream holds.
func stored(t testing.TB, access engine.Access) uint64 {
	t.Helper()
	n, err := engine.DialNATS(&access, "", true)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	count, err := n.Stored(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// TestTail asks for what a tail can show.
func TestTail(t *testing.T) {
	access := inside(t)
	const conns, messages = 2, 20
	a, b := tapOf(t, access, "a", recording(t, conns, messages)), tapOf(t, access, "b", recording(t, conns, messages))
	a.Plain = true
	runTaps(t, a, b)()
	tail := func(args ...string) string {
		t.Helper()
		p := fleet(t, append([]string{"tail", "--nats", access.NATS}, args...)...)
		if err := p.Wait(); err != nil {
			t.Errorf("%q: %v: %s", args, err, p.errs.String())
		}
		return p.out.String()
	}
	count := func(s, what string) int { return strings.Count(s, what) }

	text := tail("--from-beginning", "--once")
	if count(text, " text 26 ") != 40 || count(text, "open 101 GET ws://chat.example/chat?token=***") != 4 || count(text, " a #") != 24 || count(text, "tap stops, 20 messages") != 2 {
		t.Errorf("%s", text)
	}
	if got := tail("--from-beginning", "--once", "--tap", "b", "--port", "81", "--json"); count(got, `"event":"message"`) != 10 || count(got, `"tap":"a"`) != 0 {
		t.Errorf("%s", got)
	}
	if got := tail("--since", "1h", "--once", "--match", `"n":[12],`, "--only", "text"); count(got, " text ") != 8 {
		t.Errorf("%s", got)
	}
	if got := tail("--from-beginning", "--once", "--kinds", "open", "--json"); count(got, `"event":"open"`) != 4 || count(got, `"event":"message"`) != 0 {
		t.Errorf("%s", got)
	}
	if got := tail("--since", time.Now().Add(time.Hour).Format(time.RFC3339), "--once"); got != "" {
		t.Errorf("%s", got)
	}
	if got := tail("--from-beginning", "-c", "3"); count(got, " text ") != 3 {
		t.Errorf("%s", got)
	}
	har := filepath.Join(t.TempDir(), "x.har")
	tail("--from-beginning", "--once", "--har", har, "-q")
	content, err := os.ReadFile(har)
	if err != nil {
		t.Fatal(err)
	}
	var archive struct {
		Log struct {
			Entries []struct {
				Messages []struct{} `json:"_webSocketMessages"`
			}
		}
	}
	if err := json.Unmarshal(content, &archive); err != nil || len(archive.Log.Entries) != 4 || len(archive.Log.Entries[3].Messages) != 10 {
		t.Errorf("%v %s", err, content)
	}

	// A durable name goes on where it was.
	if got := tail("--from-beginning", "--once", "--durable", "me", "--json"); count(got, `"event":"message"`) != 40 {
		t.Errorf("%s", got)
	}
	c := tapOf(t, access, "c", recording(t, conns, messages))
	c.secrets = true // otherwise they are masked where they are captured
	runTaps(t, c)()
	if got := tail("--once", "--durable", "me", "--json"); count(got, `"event":"message"`) != 20 || count(got, `"tap":"c"`) != 26 || count(got, "token=secret") != 2 {
		t.Errorf("%s", got)
	}
}

// TestHostileLines: what anybody who may publish could send is no way to a terminal.
func TestHostileLines(t *testing.T) {
	access := inside(t)
	n, err := engine.DialNATS(&access, "a", true)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for i, line := range []string{"\x1b[2J\n", `{"event":"message","text":"` + "\x1b[2J" + `"}` + "\n", `{"event":"message","conn":1,"text":"` + "\u202e" + `","connection":"a.x.1"}` + "\n",
		`{"event":"tap","state":"\u001b[2J"}` + "\n", `{"event":"loss","events":-1}` + "\n", `{"event":"end","conn":99999999999999999999,"connection":""}` + "\n",
		`{"event":"message","conn":1,"from":"client","opcode":"text","text":"\u001b[2J","connection":"a.x.1"}` + "\n"} {
		kind := batch.Message
		if strings.Contains(line, `"tap"`) {
			kind = batch.Tap
		}
		if strings.Contains(line, `"loss"`) {
			kind = batch.Loss
		}
		done := make(chan error, 1)
		n.Publish(&batch.Batch{Tap: "a", Boot: "x", Port: uint16(80 + i), Kind: kind, First: uint64(i + 1), N: 1, Lines: []byte(line)}, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"--json"}, {}} {
		p := fleet(t, append([]string{"tail", "--nats", access.NATS, "--from-beginning", "--once"}, args...)...)
		err := p.Wait()
		if out := p.out.String() + p.errs.String(); err != nil || strings.ContainsAny(out, "\x1b\u202e") || !strings.Contains(out, "not understood") {
			t.Errorf("%v: %q", err, out)
		}
	}
}

// TestUsage: mistakes are told in one line, with exit status 2.
func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"":                           "give a command",
		"tpa":                        "no command",
		"tap --nmae x":               "did you mean --name",
		"tap --name a.b":             "--name",
		"tap --spool-size 5":         "1M or more",
		"tap --nats x --kafka y":     "give one of them",
		"tap -i lo -r x":             "give one of them",
		"tail --now --since 5m":      "give one of them",
		"tail --since yesterday":     "must be a time",
		"tail --once":                "where it begins",
		"serve x":                    "options only",
		"stream --partitions 0":      "must be a number",
		"tail --kinds message,x":     "must be of open",
		"tap --creds x --kafka y":    "are of NATS",
		"tap --match ( -r x":         "missing closing",
		"tap --password-file x -r y": "need --user",
	} {
		p := fleet(t, strings.Fields(args)...)
		p.Wait()
		if p.ProcessState.ExitCode() != 2 || !strings.Contains(p.errs.String(), want) || strings.Count(p.errs.String(), "\n") != 1 {
			t.Errorf("%s: status %d: %s", args, p.ProcessState.ExitCode(), p.errs.String())
		}
	}
	for _, args := range []string{"--help", "tap --help", "serve --help", "tail --help", "stream --help", "version"} {
		p := fleet(t, strings.Fields(args)...)
		if err := p.Wait(); err != nil || p.out.String() == "" {
			t.Errorf("%s: %v", args, err)
		}
	}
}
