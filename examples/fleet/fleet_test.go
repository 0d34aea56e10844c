package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/internal/testkit"
)

// TestEngineKilled: three taps, and an engine that is killed with -9 again and again and
// comes back. Every message arrives once and in order, and all accounts are the same.
func TestEngineKilled(t *testing.T) {
	const conns = 20
	messages := testkit.Rounds(10000, 2000, 100000)
	file := recording(t, conns, messages)
	addr, store := freePort(t), t.TempDir()
	access := engine.Access{NATS: "nats://" + addr}
	var taps []*tapOptions
	taps3 := []string{"a", "b", "c"}
	for _, name := range taps3 {
		taps = append(taps, tapOf(t, access, name, file))
	}
	began := time.Now()
	wait := runTaps(t, taps...)
	done := make(chan struct{})
	go func() { wait(); close(done) }()
	time.Sleep(300 * time.Millisecond) // there is no engine at first
	kills := 0
	// Two tails read meanwhile: one that nobody remembers, and one with a name.
	var tails sync.WaitGroup
	var read [2]bytes.Buffer
	tail := func() {
		for i, name := range []string{"", "me"} {
			o := &tailOptions{Access: access, json: true, Reading: engine.Reading{Beginning: true, Name: name}, stopped: func(taps int) bool { return taps == len(taps3) }}
			r, done, err := o.reader(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tails.Go(func() {
				defer done()
				if counts, err := o.show(t.Context(), r, &read[i]); err != nil || counts.Missing != 0 {
					t.Errorf("tail %q: %+v, %v", name, counts, err)
				}
			})
		}
	}
	for range testkit.Rounds(2, 1, 20) {
		p := serve(t, addr, store)
		if kills == 0 {
			tail()
		}
		if more(t, access, 20, done) {
			kills++
		}
		p.kill()
	}
	serve(t, addr, store)
	<-done
	t.Logf("%d messages of %d taps sent in %v, engine killed %d times before", messages, len(taps), time.Since(began), kills)
	out, counts := readAll(t, access)
	if counts.Missing != 0 || counts.Late != 0 {
		t.Errorf("%+v", counts)
	}
	t.Logf("%+v", counts)
	if kills == 0 {
		t.Error("the engine was never killed while taps sent")
	}
	checkOnce(t, events(t, out), taps3, conns, messages)
	tails.Wait()
	for i := range read {
		checkOnce(t, events(t, read[i].Bytes()), taps3, conns, messages)
	}
}

// more waits until an engine has so many batches more, and says whether more are to come.
func more(t testing.TB, access engine.Access, n uint64, done <-chan struct{}) bool {
	t.Helper()
	conn, err := engine.DialNATS(&access, "", true)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	first, err := conn.Stored(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for {
		now, err := conn.Stored(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
			return false
		default:
		}
		if now >= first+n {
			return true
		}
		time.Sleep(time.Millisecond)
	}
}

// scrape reads a counter of a tap as Prometheus does; -1 while there is none.
func scrape(t testing.TB, addr, name string) float64 {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	m := regexp.MustCompile(`(?m)^wstap_fleet_` + name + `\{tap="[^"]*"\} (\S+)$`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("no %s in\n%s", name, b)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTapKilled: a tap that is killed with -9 while there is no engine has lost nothing
// that it had read; killed while there is one, it doubles nothing.
func TestTapKilled(t *testing.T) {
	addr, store, spool := freePort(t), t.TempDir(), t.TempDir()
	access := engine.Access{NATS: "nats://" + addr}
	start := func() (*process, string) {
		metrics := freePort(t)
		p := fleet(t, "tap", "--nats", access.NATS, "--name", "a", "--spool", spool, "--metrics", metrics, "-r", "-")
		return p, metrics
	}
	const n = 2000
	p, metrics := start()
	feedLines(t, p.in, 1, 0, n)
	until(t, "spool", func() bool {
		return scrape(t, metrics, "events_put_total") == n+1 && scrape(t, metrics, "queue_bytes") == 0
	})
	if scrape(t, metrics, "engine_up") != 0 {
		t.Error("the engine is up, it says")
	}
	p.kill()

	serve(t, addr, store)
	p, metrics = start() // a run of its own
	feedLines(t, p.in, 1, 0, n)
	until(t, "engine", func() bool { return scrape(t, metrics, "events_sent_total") >= 2*n })
	p.kill() // perhaps with something on its way
	p, metrics = start()
	feedLines(t, p.in, 1, 0, n)
	p.in.Close()
	if err := p.Wait(); err != nil {
		t.Fatal(err, p.errs.String())
	}
	out, counts := readAll(t, access)
	next, starts, killed := map[string]int{}, 0, 0
	for _, ev := range events(t, out) {
		switch {
		case ev.State == "start":
			if starts++; ev.Before != "" {
				killed++
			}
		case ev.Event == "message":
			var m struct{ N int }
			if err := json.Unmarshal([]byte(ev.Text), &m); err != nil || m.N != next[ev.Connection] {
				t.Fatalf("%s: %s, want %d", ev.Connection, ev.Text, next[ev.Connection])
			}
			next[ev.Connection]++
		}
	}
	if len(next) != 3 || starts != 3 || killed != 2 || counts.Missing != 0 {
		t.Errorf("%d connections, %d starts, %d after another run, %+v", len(next), starts, killed, counts)
	}
	whole := 0
	for name, got := range next {
		if got == n {
			whole++
		}
		t.Log(name, got)
	}
	if whole < 2 { // of the second run a last batch may be gone
		t.Errorf("%v", next)
	}
}

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
