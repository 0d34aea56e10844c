package har

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/websocket"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A document is what the tests read of an archive.
type document struct {
	Log struct {
		Version string
		Creator struct{ Name, Version string }
		Entries []struct {
			StartedDateTime time.Time
			Time            *float64
			Request         struct {
				Method, URL, HTTPVersion      string
				Headers, QueryString, Cookies []struct{ Name, Value string }
				HeadersSize, BodySize         *int
			}
			Response struct {
				Status                int
				StatusText            *string
				Headers, Cookies      []struct{ Name, Value string }
				Content               struct{ MimeType string }
				RedirectURL           *string
				HeadersSize, BodySize *int
			}
			Timings      map[string]float64
			ResourceType string           `json:"_resourceType"`
			Midstream    bool             `json:"_midstream"`
			Lost         map[string]int64 `json:"_lostBytes"`
			Cause        string           `json:"_cause"`
			ID           string           `json:"_connectionId"`
			Messages     []struct {
				Type       string
				Time       float64
				Opcode     int
				Data       *string
				Encoding   string `json:"_encoding"`
				LostBefore int64  `json:"_lostBefore"`
				Code       int    `json:"_code"`
			} `json:"_webSocketMessages"`
		}
	}
}

func read(t testing.TB, b []byte) *document {
	t.Helper()
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatalf("%v: %.3000s", err, b)
	}
	return &d
}

var (
	at   = time.Date(2026, 11, 22, 18, 16, 32, 752001000, time.UTC)
	conn = &websocket.Conn{
		Number: 1, Client: netip.MustParseAddrPort("127.0.0.1:36534"), Server: netip.MustParseAddrPort("127.0.0.1:7272"),
		Method: "GET", URL: "ws://127.0.0.1:7272/?token=hunter2&room=1", Status: 101,
	}
)

func text(c *websocket.Conn, s string) *websocket.Message {
	return &websocket.Message{Conn: c, Opcode: websocket.Text, Payload: []byte(s), Time: at, Start: at, Frames: 1}
}

// encode returns the archive of events, also as a file gets it.
func encode(t testing.TB, cfg *Config, events ...websocket.Event) []byte {
	t.Helper()
	var out bytes.Buffer
	file, err := os.Create(filepath.Join(t.TempDir(), "x.har"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, w := range []io.Writer{&out, file} {
		enc := NewEncoder(w, cfg)
		for _, ev := range events {
			if err := enc.Encode(ev); err != nil {
				t.Fatal(err)
			}
		}
		if err := enc.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(file.Name()); err != nil || !bytes.Equal(b, out.Bytes()) {
		t.Fatalf("%v: the file is not what another writer gets: %.500q %.500q", err, b, out.Bytes())
	}
	return out.Bytes()
}

// TestGolden compares with what was looked at in DevTools. go test -update writes
// the files anew.
func TestGolden(t *testing.T) {
	for _, name := range []string{"chat", "lossy"} {
		src, err := pcapfile.Open("testdata/"+name+".pcap.gz", nil)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		enc := NewEncoder(&out, nil)
		err = enc.EncodeAll(websocket.NewTap(src, nil).Events(t.Context()))
		if err := errors.Join(err, enc.Close()); err != nil {
			t.Fatal(err)
		}
		read(t, out.Bytes())
		file := "testdata/" + name + ".har"
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%s: got %s\nwant %s", name, out.Bytes(), want)
		}
	}
}

// TestEntries: what each kind of event becomes.
func TestEntries(t *testing.T) {
	refused := &websocket.Conn{Number: 2, Client: conn.Client, Server: conn.Server, Method: "GET", URL: "ws://h/x", Status: 403}
	refused = refused.WithHeaders(http.Header{"Cookie": {"a=b; c=d"}, "X": {"1", "2"}}, http.Header{"Content-Type": {"text/html"}, "Set-Cookie": {"e=f; Path=/"}})
	late := &websocket.Conn{Number: 3, Client: conn.Client, Server: conn.Server, Midstream: true}
	closing := &websocket.Message{Conn: late, From: websocket.FromServer, Opcode: websocket.Close, Payload: []byte("\x03\xe8bye"), Time: at.Add(time.Second), Start: at}
	odd := text(late, "\xff\xfe")
	odd.Undecoded = true
	d := read(t, encode(t, &Config{ShowSecrets: true, Creator: "me", Version: "7"},
		&websocket.Open{Time: at, Conn: conn}, &websocket.Open{Time: at, Conn: refused}, text(conn, "hi 所有人"),
		&websocket.End{Time: at, Conn: refused, Cause: "fin"}, &websocket.Open{Time: at, Conn: late},
		&websocket.Gap{Time: at, Conn: late, From: websocket.FromServer, Bytes: 99}, odd, closing))
	if d.Log.Version != "1.2" || d.Log.Creator.Name != "me" || d.Log.Creator.Version != "7" || len(d.Log.Entries) != 3 {
		t.Fatalf("%+v", d)
	}
	e := d.Log.Entries[0] // the first to end
	if e.ID != "2" || e.Response.Status != 403 || e.Cause != "fin" || len(e.Messages) != 0 || e.Messages == nil || e.ResourceType != "websocket" ||
		len(e.Request.Cookies) != 2 || len(e.Request.Headers) != 3 || len(e.Response.Cookies) != 1 || e.Response.Content.MimeType != "text/html" {
		t.Errorf("%+v", e)
	}
	e = d.Log.Entries[1]
	if e.ID != "1" || e.Request.URL != conn.URL || len(e.Request.QueryString) != 2 || len(e.Messages) != 1 || *e.Messages[0].Data != "hi 所有人" ||
		e.Messages[0].Type != "send" || e.Messages[0].Opcode != 1 || fmt.Sprintf("%.6f", e.Messages[0].Time) != "1795371392.752001" || !e.StartedDateTime.Equal(at.Truncate(time.Millisecond)) {
		t.Errorf("%+v", e)
	}
	e = d.Log.Entries[2]
	if !e.Midstream || e.Response.Status != 101 || e.Request.URL != "ws://127.0.0.1:7272/" || e.Lost["receive"] != 99 || len(e.Messages) != 2 {
		t.Errorf("%+v", e)
	}
	if m := e.Messages[0]; m.Encoding != "base64" || *m.Data != "//4=" || m.LostBefore != 0 {
		t.Errorf("%+v", m)
	}
	if m := e.Messages[1]; m.Type != "receive" || m.Opcode != 8 || m.Code != 1000 || m.LostBefore != 99 || *m.Data != base64.StdEncoding.EncodeToString(closing.Payload) {
		t.Errorf("%+v", m)
	}
}

// TestRequired: what HAR 1.2 demands is there in each entry.
func TestRequired(t *testing.T) {
	for _, e := range read(t, encode(t, nil, &websocket.Open{Time: at, Conn: conn}, &websocket.Open{Time: time.Unix(1<<50, 0), Conn: &websocket.Conn{Number: 5}})).Log.Entries {
		if e.Time == nil || e.Request.HeadersSize == nil || e.Request.BodySize == nil || e.Response.StatusText == nil || e.Response.RedirectURL == nil ||
			e.Response.HeadersSize == nil || e.Response.BodySize == nil || e.Request.Headers == nil || e.Request.Cookies == nil || e.Request.QueryString == nil ||
			e.Request.Method == "" || e.Request.URL == "" || e.Request.HTTPVersion == "" || len(e.Timings) < 3 || e.Messages == nil {
			t.Errorf("%+v", e)
		}
	}
}

func TestSecrets(t *testing.T) {
	c := conn.WithHeaders(http.Header{"Cookie": {"session=hunter2"}}, nil)
	for _, show := range []bool{false, true} {
		if got := encode(t, &Config{ShowSecrets: show}, &websocket.Open{Time: at, Conn: c}); bytes.Contains(got, []byte("hunter2")) != show {
			t.Errorf("ShowSecrets %v: %s", show, got)
		}
	}
}

// TestSpool: many connections with little memory give the same as with much, and
// no file is left.
func TestSpool(t *testing.T) {
	var events []websocket.Event
	conns := make([]*websocket.Conn, 50)
	for i := range conns {
		c := *conn
		c.Number = uint64(i + 1)
		conns[i] = &c
		events = append(events, &websocket.Open{Time: at, Conn: &c})
	}
	for i := range 3000 {
		c := conns[i*i%len(conns)]
		events = append(events, text(c, strings.Repeat(fmt.Sprintf("%d \"所\" ", i), 1+i%50)))
		if i%900 == 0 {
			events = append(events, text(c, strings.Repeat("long", 100000)))
		}
		if i%100 == 99 && i/100 < len(conns) {
			events = append(events, &websocket.End{Time: at, Conn: conns[i/100], Cause: "fin"})
		}
	}
	dir := t.TempDir()
	want := encode(t, &Config{Memory: 1 << 30}, events...)
	for _, memory := range []int{1, 1000, 100000} {
		if got := encode(t, &Config{Memory: memory, Dir: dir}, events...); !bytes.Equal(got, want) {
			t.Errorf("Memory %d: another archive", memory)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v %v", left, err)
	}
	n := 0
	for _, e := range read(t, want).Log.Entries {
		n += len(e.Messages)
	}
	if n != 3000+4 {
		t.Errorf("%d messages", n)
	}
}

// fullFile is a file on a disk that has room for so many bytes.
type fullFile struct {
	*os.File
	room int64
}

func (f *fullFile) Write(b []byte) (int, error) {
	at, _ := f.Seek(0, io.SeekCurrent)
	if n := f.room - at; n < int64(len(b)) {
		n, _ := f.File.Write(b[:max(0, n)])
		return n, errFull
	}
	return f.File.Write(b)
}

var errFull = errors.New("no space left")

// TestFull: wherever the disk is full, the file is an archive of whole entries and
// the error is told.
func TestFull(t *testing.T) {
	for room := int64(200); room < 8000; room += 37 {
		file, err := os.Create(filepath.Join(t.TempDir(), "x.har"))
		if err != nil {
			t.Fatal(err)
		}
		enc := NewEncoder(&fullFile{file, room}, nil)
		for i := range 5 {
			c := *conn
			c.Number = uint64(i + 1)
			_ = enc.Encode(text(&c, strings.Repeat("x", 500)))
			_ = enc.Encode(&websocket.End{Time: at, Conn: &c})
		}
		err = enc.Close()
		file.Close()
		b, _ := os.ReadFile(file.Name())
		entries := len(read(t, b).Log.Entries)
		if (entries < 5) != (err == errFull) || err != nil && err != errFull {
			t.Errorf("room for %d: %d entries, %v", room, entries, err)
		}
	}
}

// TestKilled: the file is whole between any two events.
func TestKilled(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "x.har"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	enc := NewEncoder(file, nil)
	for i := range 5 {
		c := *conn
		c.Number = uint64(i + 1)
		for _, ev := range []websocket.Event{&websocket.Open{Time: at, Conn: &c}, text(&c, "x"), &websocket.End{Time: at, Conn: &c}} {
			b, _ := os.ReadFile(file.Name())
			if n := len(read(t, b).Log.Entries); n != i {
				t.Errorf("%d entries, want %d", n, i)
			}
			if err := enc.Encode(ev); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestSpoolFails: where there is no room for the spool, what was kept is written.
func TestSpoolFails(t *testing.T) {
	var out bytes.Buffer
	enc := NewEncoder(&out, &Config{Memory: 100, Dir: filepath.Join(t.TempDir(), "missing")})
	var err error
	for range 3 {
		err = enc.Encode(text(conn, strings.Repeat("x", 60)))
	}
	if !errors.Is(err, os.ErrNotExist) || !errors.Is(enc.Close(), os.ErrNotExist) {
		t.Error(err)
	}
	if d := read(t, out.Bytes()); len(d.Log.Entries) != 1 || len(d.Log.Entries[0].Messages) > 1 {
		t.Errorf("%s", out.Bytes())
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("plain", uint64(1))
	f.Add("\x03\xe8\"\\\x1b\u202e\xff", uint64(8))                   // a close frame
	f.Add("\xed\xa0\x80\U000e0041</script>", uint64(math.MaxUint64)) // a time after the year 9999
	f.Add("http://[::1?%zz", uint64(2))                              // no URL
	f.Fuzz(func(t *testing.T, s string, n uint64) {
		when := time.Unix(int64(n), int64(n%1e9))
		c := (&websocket.Conn{Number: n, Method: s, URL: s, Subprotocol: s, Extensions: s, Status: int(n % 1000), Midstream: n&1 != 0}).
			WithHeaders(http.Header{s: {s}, "Cookie": {s}}, http.Header{"Location": {s}, "Set-Cookie": {s}})
		m := text(c, s)
		m.Opcode, m.From, m.Time, m.Undecoded, m.RSV = websocket.Opcode(n&15), websocket.Direction(n&1), when, n&16 != 0, byte(n)
		d := read(t, encode(t, &Config{ShowSecrets: n&32 != 0, Memory: 1 + int(n%100)},
			&websocket.Open{Time: when, Conn: c}, m, &websocket.Gap{Time: when, Conn: c, Bytes: 3}, m, &websocket.End{Time: when, Conn: c, Cause: websocket.Cause(s)}))
		if len(d.Log.Entries) != 1 || len(d.Log.Entries[0].Messages) != 2 {
			t.Errorf("%+v", d)
		}
		data := *d.Log.Entries[0].Messages[0].Data
		if m.Opcode == websocket.Text && !m.Undecoded {
			if data != strings.ToValidUTF8(s, "\ufffd") && strings.ToValidUTF8(s, "") == s {
				t.Errorf("%q came back as %q", s, data)
			}
		} else if b, err := base64.StdEncoding.DecodeString(data); err != nil || string(b) != s {
			t.Errorf("%q came back as %q", s, data)
		}
	})
}
