package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/examples/wsdump/web/store"
	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/websocket"
)

var began = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// A site is a server with a store of its own.
type site struct {
	t      testing.TB
	store  *store.Store
	server *Server
	addr   string
	client *http.Client
}

// serve starts a server of the events. change may change its configuration.
func serve(t testing.TB, events []websocket.Event, change func(*Config)) *site {
	t.Helper()
	s := store.New(&store.Config{Memory: 8 << 20})
	for _, ev := range events {
		s.Add(ev)
	}
	cfg := &Config{Store: s, Status: func() Status { return Status{Source: "test", Lines: []string{"some"}} }, NoPackets: "none are kept"}
	if change != nil {
		change(cfg)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &site{t: t, store: s, server: New(cfg), addr: l.Addr().String(), client: &http.Client{Transport: &http.Transport{}}}
	served := make(chan error)
	go func() { served <- w.server.Serve(l) }()
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != http.ErrServerClosed {
			t.Error(err)
		}
		s.Close()
	})
	return w
}

// request returns a request with the token, which may be changed.
func (w *site) request(method, path string) *http.Request {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.addr+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.server.token)
	return r
}

func (w *site) do(r *http.Request) (status int, header http.Header, body []byte) {
	w.t.Helper()
	resp, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, body
}

// get reads an answer of JSON into v, and returns its status.
func (w *site) get(path string, v any) int {
	w.t.Helper()
	status, header, body := w.do(w.request("GET", path))
	if kind := header.Get("Content-Type"); kind != "application/json" {
		w.t.Errorf("%s: %s", path, kind)
	}
	if err := json.Unmarshal(body, v); err != nil {
		w.t.Errorf("%s: %v: %s", path, err, body)
	}
	return status
}

// chat is a conversation with what is dangerous in it.
func chat() (events []websocket.Event) {
	c := (&websocket.Conn{
		Number: 1, Client: netip.MustParseAddrPort("10.0.0.1:1000"), Server: netip.MustParseAddrPort("10.0.0.2:80"),
		Method: "GET", URL: "ws://example.com/chat?token=hidden\x1b[2J", Status: 101, AcceptValid: true,
	}).WithHeaders(http.Header{"Cookie": {"session=hidden"}, "Host": {"example.com"}}, http.Header{"Set-Cookie": {"id=hidden"}})
	d := &websocket.Conn{Number: 2, Client: netip.MustParseAddrPort("[::1]:1000"), Server: netip.MustParseAddrPort("[::1]:80"), Midstream: true, CopyOf: 1}
	at := began
	events = append(events, &websocket.Open{Time: at, Conn: c}, &websocket.Open{Time: at, Conn: d})
	add := func(c *websocket.Conn, from websocket.Direction, op websocket.Opcode, payload string) {
		at = at.Add(time.Second)
		events = append(events, &websocket.Message{
			Conn: c, Payload: []byte(payload), Start: at, Time: at, WireLength: int64(len(payload)), Frames: 1, From: from, Opcode: op,
		})
	}
	add(c, websocket.FromClient, websocket.Text, "<script>alert(1)</script>\nsecond line")
	add(c, websocket.FromServer, websocket.Text, "\x1b]0;title\x07 \u202eevil\u2066 \u009b31m")
	add(c, websocket.FromServer, websocket.Binary, "\x00\x01\xff\x7f")
	add(d, websocket.FromClient, websocket.Ping, "p")
	add(d, websocket.FromServer, websocket.Text, strings.Repeat("長", 1000))
	add(c, websocket.FromClient, websocket.Close, "\x03\xe8bye\u202e")
	events = append(events,
		&websocket.Gap{Time: at, Conn: d, From: websocket.FromServer, Bytes: 77},
		&websocket.End{Time: at, Conn: c, Cause: websocket.CauseFIN, Duration: 6 * time.Second,
			Closing: []websocket.Closing{{Time: at, From: websocket.FromClient, Code: 1000, Reason: "bye"}}})
	return events
}

// TestAnswers goes once over everything that there is to ask.
func TestAnswers(t *testing.T) {
	w := serve(t, chat(), nil)
	var conns struct {
		Rows []struct {
			Event, Client, URL, Opened string
			Conn                       uint64
			Request                    map[string][]string
			Ended                      *struct{ Cause string }
			Counts                     map[string]struct{ Messages, Bytes, Lost uint64 }
			Gaps, Lost                 uint64
			Flags                      []string
		}
		Version uint64
		More    bool
	}
	if status := w.get("/api/connections", &conns); status != 200 || len(conns.Rows) != 2 || conns.Version == 0 || conns.More {
		t.Fatalf("%d: %+v", status, conns)
	}
	d, c := conns.Rows[0], conns.Rows[1]
	if c.Conn != 1 || c.Event != "open" || c.Ended == nil || c.Ended.Cause != "fin" || c.Counts["server"].Messages != 2 || c.Request != nil || c.Opened != "2026-11-28T12:00:00Z" {
		t.Errorf("%+v", c)
	}
	if fmt.Sprint(d.Flags) != "[joined_late loss copy]" || d.Gaps != 1 || d.Lost != 77 || d.Counts["server"].Lost != 77 || d.Ended != nil {
		t.Errorf("%+v", d)
	}
	version := conns.Version
	if w.get(fmt.Sprint("/api/connections?since=", version), &conns); len(conns.Rows) != 0 || conns.Version != version {
		t.Errorf("%+v", conns)
	}
	if w.get("/api/connections?limit=1", &conns); len(conns.Rows) != 1 || !conns.More || conns.Version >= version {
		t.Errorf("%+v", conns)
	}
	var one struct {
		Request, Response map[string][]string
		URL               string
	}
	if status := w.get("/api/connections/1", &one); status != 200 || one.Request["Cookie"][0] != "session=***" || one.Response["Set-Cookie"][0] != "id=***" {
		t.Errorf("%d: %+v", status, one)
	}

	var page struct {
		Begin, End, Dropped uint64
		Searched            bool
		Rows                []struct {
			N, Seq, Conn             uint64
			Time, From, Opcode, Line string
			Length                   int
			Flags                    []string
			Code                     int
			Reason                   string
		}
	}
	w.get("/api/messages", &page)
	if page.End != 6 || !page.Searched || len(page.Rows) != 6 {
		t.Fatalf("%+v", page)
	}
	for i, line := range []string{
		"<script>alert(1)</script>", `\x1b]0;title\x07 \u202eevil\u2066 \u009b31m`, `\x00\x01\xff\x7f`, "p", strings.Repeat("長", 200), `bye\u202e`,
	} {
		if r := page.Rows[i]; r.Line != line || r.N != uint64(i) || r.Seq != uint64(i+1) {
			t.Errorf("row %d: %+v, want the line %q", i, r, line)
		}
	}
	if r := page.Rows[5]; r.Code != 1000 || r.Reason != "bye\u202e" || r.Opcode != "close" || r.From != "client" || r.Length != 8 {
		t.Errorf("%+v", r)
	}
	for query, want := range map[string]string{
		"match=ALERT": "[1]", "match=/ALERT/": "[]", "match=/al.rt/i": "[1]", "match=%2F": "[1]", "not_match=P": "[2 3 5 6]",
		"match=%C3%BF": "[3]", "match=/\\xff/": "[3]", "from=client": "[1 4 6]", "only=ping,close": "[4 6]", "only=data&from=server": "[2 3 5]",
		"conn=2": "[4 5]", "conn=1,2&conn=9": "[1 2 3 4 5 6]", "url=chat": "[1 2 3 6]", "url=hidden": "[]",
		"since=2026-11-28T12:00:03Z&until=2026-11-28T12:00:05Z": "[3 4 5]", "since=" + fmt.Sprint(began.Unix()+5) + ".5": "[6]",
		"offset=4": "[5 6]", "offset=-1": "[6]", "offset=100": "[]", "limit=2": "[1 2]", "limit=0": "[]", "match=": "[1 2 3 4 5 6]",
		"offset=-9223372036854775807&limit=1": "[1]", "offset=9223372036854775807": "[]",
	} {
		if status := w.get("/api/messages?"+query, &page); status != 200 {
			t.Errorf("%s: status %d", query, status)
		}
		got := []uint64{}
		for _, r := range page.Rows {
			got = append(got, r.Seq)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}

	var m struct {
		Text, Base64 string
		Seq          uint64
	}
	if status := w.get("/api/messages/1", &m); status != 200 || m.Text != "<script>alert(1)</script>\nsecond line" || m.Seq != 1 {
		t.Errorf("%d: %+v", status, m)
	}
	var row struct{ N uint64 }
	if w.get("/api/row?conn=2&seq=5", &row); row.N != 1 {
		t.Errorf("row %+v", row)
	}
	if w.get("/api/row?time=2026-11-28T12:00:03Z", &row); row.N != 2 {
		t.Errorf("row %+v", row)
	}
	var line struct {
		Since, Until   string
		Client, Server []int
	}
	if w.get("/api/timeline?buckets=5", &line); fmt.Sprint(line) != "{2026-11-28T12:00:01Z 2026-11-28T12:00:06Z [1 0 0 1 1] [0 1 1 0 1]}" {
		t.Errorf("timeline %v", line)
	}
	var none struct{ Since, Until *string }
	if w.get("/api/timeline?conn=77", &none); none.Since != nil {
		t.Errorf("timeline %+v", none)
	}
	var stats struct {
		Source string
		Stored struct{ Messages, Budget uint64 }
	}
	if w.get("/api/stats", &stats); stats.Source != "test" || stats.Stored.Messages != 6 || stats.Stored.Budget != 8<<20 {
		t.Errorf("%+v", stats)
	}
}

// TestLarge: a large payload is cut where it is shown, and counted.
func TestLarge(t *testing.T) {
	events := chat()
	big := events[2].(*websocket.Message)
	big.Payload = bytes.Repeat([]byte("é"), 1<<20) // the store keeps half of it
	w := serve(t, events, nil)
	var m struct {
		Text        string
		Length, Cut int
	}
	if w.get("/api/messages/1", &m); len(m.Text) != 1<<20 || m.Length != 1<<20 || m.Cut != 1<<20 {
		t.Errorf("%d bytes, length %d, cut %d", len(m.Text), m.Length, m.Cut)
	}
	var page struct {
		Rows []struct {
			Length int
			Flags  []string
		}
	}
	if w.get("/api/messages?limit=1", &page); page.Rows[0].Length != 2<<20 || fmt.Sprint(page.Rows[0].Flags) != "[cut]" {
		t.Errorf("%+v", page)
	}
}

// TestForgotten: a message that had to go is told apart from one that never was.
func TestForgotten(t *testing.T) {
	events := chat()
	w := serve(t, events, nil)
	m := events[2].(*websocket.Message)
	m.Payload = make([]byte, 1<<20)
	for range 20 {
		w.store.Add(m)
	}
	var failed struct{ Error string }
	for path, want := range map[string]int{
		"/api/messages/1": 410, "/api/messages/99": 404, "/api/messages/0": 404, "/api/messages/x": 404, "/api/messages/99999999999999999999": 404,
		"/api/connections/3": 404, "/api/connections/x": 404, "/api/nothing": 404, "/api/": 404,
	} {
		if status := w.get(path, &failed); status != want || failed.Error == "" {
			t.Errorf("%s: %d %q, want %d", path, status, failed.Error, want)
		}
	}
	var page struct{ Begin, End, Dropped uint64 }
	if w.get("/api/messages", &page); page.End != 26 || page.Begin == 0 || page.Dropped != page.Begin {
		t.Errorf("%+v", page)
	}
}

// TestExport: what is downloaded is what the filter passes, and reads back.
func TestExport(t *testing.T) {
	w := serve(t, chat(), func(cfg *Config) {
		cfg.Packets = func(_ context.Context, out io.Writer, conns []*websocket.Conn) error {
			_, err := fmt.Fprint(out, len(conns), " ", conns[0].Number)
			return err
		}
	})
	status, header, body := w.do(w.request("GET", "/api/export?format=jsonl&conn=1"))
	if status != 200 || header.Get("Content-Disposition") != `attachment; filename="wsdump.jsonl"` {
		t.Errorf("%d %v", status, header)
	}
	var kinds []string
	for ev, err := range jsonl.NewDecoder(bytes.NewReader(body)).All() {
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", ev), "*websocket."))
	}
	if got := strings.Join(kinds, " "); got != "Open Message Message Message Message End" {
		t.Error(got)
	}
	if bytes.Contains(body, []byte("hidden")) {
		t.Errorf("a secret: %s", body)
	}
	_, _, body = w.do(w.request("GET", "/api/export?format=har&from=server"))
	var archive struct {
		Log struct {
			Entries []struct {
				Messages []struct{ Data string } `json:"_webSocketMessages"`
			}
		}
	}
	if err := json.Unmarshal(body, &archive); err != nil || len(archive.Log.Entries) != 2 || len(archive.Log.Entries[0].Messages) != 2 {
		t.Errorf("%v: %+v", err, archive)
	}
	if _, _, body = w.do(w.request("GET", "/api/export?format=pcapng&conn=2")); string(body) != "1 2" {
		t.Errorf("%s", body)
	}
	if status, _, body = w.do(w.request("HEAD", "/api/export?format=har")); status != 200 || len(body) > 0 {
		t.Errorf("HEAD: %d %s", status, body)
	}
}

// TestExportFails: a download that cannot be whole does not look whole.
func TestExportFails(t *testing.T) {
	var written int
	w := serve(t, chat(), func(cfg *Config) {
		cfg.Packets = func(_ context.Context, out io.Writer, conns []*websocket.Conn) error {
			_, _ = out.Write(make([]byte, written))
			return fmt.Errorf("the file is gone")
		}
	})
	var failed struct{ Error string }
	if status := w.get("/api/export?format=pcapng", &failed); status != 500 || failed.Error != "the file is gone" {
		t.Errorf("%d: %+v", status, failed)
	}
	written = 1 << 20
	resp, err := w.client.Do(w.request("GET", "/api/export?format=pcapng"))
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("a part came as if it were the whole")
	}

	w = serve(t, chat(), nil)
	if status := w.get("/api/export?format=pcapng", &failed); status != 409 || failed.Error != "none are kept" {
		t.Errorf("%d: %+v", status, failed)
	}
	if status := w.get("/api/export?format=exe", &failed); status != 400 {
		t.Errorf("%d: %+v", status, failed)
	}
}

// nextEvent reads an event of a stream.
func nextEvent(t *testing.T, r *bufio.Reader) (kind, data string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasPrefix(line, "event: "):
			kind = strings.TrimSpace(line[7:])
		case strings.HasPrefix(line, "data: "):
			data = strings.TrimSpace(line[6:])
		case line == "\n" && kind != "":
			return kind, data
		}
	}
}

// TestEvents: the state comes at once, and again when something has changed.
func TestEvents(t *testing.T) {
	events := chat()
	w := serve(t, events, nil)
	resp, err := w.client.Do(w.request("GET", "/api/events"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Error(kind)
	}
	r := bufio.NewReader(resp.Body)
	var state struct {
		Version, Messages uint64
		Stats             struct{ Source string }
	}
	for i := range 3 {
		kind, data := nextEvent(t, r)
		if err := json.Unmarshal([]byte(data), &state); err != nil || kind != "state" || state.Messages != uint64(6+i) || state.Stats.Source != "test" {
			t.Errorf("%s: %v: %s", kind, err, data)
		}
		w.store.Add(events[2])
	}
}

func TestURL(t *testing.T) {
	s := New(&Config{})
	for addr, want := range map[string]string{
		"127.0.0.1:80": "http://127.0.0.1:80/", "[::1]:80": "http://[::1]:80/", "0.0.0.0:80": "http://127.0.0.1:80/", "[::]:80": "http://127.0.0.1:80/",
		"192.0.2.1:80": "http://192.0.2.1:80/",
	} {
		a := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))
		u, err := url.Parse(s.URL(a))
		if err != nil || u.Query().Get("token") != s.token || strings.TrimSuffix(u.String(), "?"+u.RawQuery) != want {
			t.Errorf("%s: %v, %v", addr, u, err)
		}
	}
	if other := New(&Config{}); other.token == s.token || len(s.token) < 22 {
		t.Error("tokens are too easy to guess")
	}
}

// TestClose: nothing goes on after Close, streams and downloads included.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("", func(t *testing.T) {
		started := make(chan struct{})
		w := serve(t, chat(), func(cfg *Config) {
			cfg.Packets = func(ctx context.Context, _ io.Writer, _ []*websocket.Conn) error {
				close(started)
				<-ctx.Done()
				return ctx.Err()
			}
		})
		for range 3 {
			resp, err := w.client.Do(w.request("GET", "/api/events"))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
		}
		go func() {
			resp, err := w.client.Do(w.request("GET", "/api/export?format=pcapng"))
			if err == nil {
				resp.Body.Close()
			}
		}()
		<-started
		begin := time.Now()
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 64<<10)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
