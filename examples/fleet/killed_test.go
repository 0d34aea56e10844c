package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

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
