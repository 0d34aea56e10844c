package jsonl

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/websocket"
)

// again decodes lines and encodes them.
func again(t testing.TB, lines string) string {
	t.Helper()
	var out strings.Builder
	if err := NewEncoder(&out, &Config{ShowSecrets: true}).EncodeAll(NewDecoder(strings.NewReader(lines)).All()); err != nil {
		t.Fatalf("%v: %.500q", err, lines)
	}
	return out.String()
}

// TestRoundTrip: what was written reads back so that it is written the same.
func TestRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var out strings.Builder
		enc := NewEncoder(&out, &Config{ShowSecrets: true})
		for _, ev := range eventsOf("a所\x1b\"", rnd.Uint64()>>rnd.IntN(64)) {
			if err := enc.Encode(ev); err != nil {
				t.Fatal(err)
			}
		}
		if got := again(t, out.String()); got != out.String() {
			t.Fatalf("got  %s\nwant %s", got, &out)
		}
	}
}

// TestEveryFlag: each exported field of a Message that its line tells is read back.
func TestEveryFlag(t *testing.T) {
	for i := range reflect.TypeFor[websocket.Message]().NumField() {
		f := reflect.TypeFor[websocket.Message]().Field(i)
		m := message(websocket.Text, "x")
		plain := line(t, nil, m)
		switch v := reflect.ValueOf(m).Elem().Field(i); {
		case v.Kind() == reflect.Bool:
			v.SetBool(true)
		case v.CanInt() && f.Type != reflect.TypeFor[time.Duration]():
			v.SetInt(7)
		case v.CanUint():
			v.SetUint(1)
		}
		flagged := line(t, nil, m)
		if flagged == plain {
			continue // not in the contract
		}
		ev, err := NewDecoder(strings.NewReader(flagged)).Decode()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := reflect.ValueOf(ev).Elem().Field(i), reflect.ValueOf(m).Elem().Field(i); !got.Equal(want) {
			t.Errorf("%s is lost: %v, want %v: %s", f.Name, got, want, flagged)
		}
	}
}

// TestDecode: what is not as an Encoder writes it.
func TestDecode(t *testing.T) {
	const ping = `{"event":"message","time":"2026-11-22T18:16:32Z","start":"2026-11-22T18:16:32Z","conn":7,"client":"1.2.3.4:5","server":"[::1]:80","from":"server","opcode":"ping"}`
	for _, tt := range []struct {
		name, in string
		events   int
		line     int    // of the error
		err      string // part of it
	}{
		{name: "empty"},
		{name: "empty lines", in: "\n\r\n  \n"},
		{name: "one", in: ping + "\n", events: 1},
		{name: "no end of line", in: ping, events: 1},
		{name: "CR LF", in: ping + "\r\n" + ping + "\r\n", events: 2},
		{name: "unknown kind and field", in: `{"event":"tea","milk":[1]}` + "\n" + strings.Replace(ping, `"conn"`, `"tea":{"x":1},"conn"`, 1), events: 1},
		{name: "cut", in: ping + "\n" + ping[:50], events: 1, line: 2, err: "unexpected EOF"},
		{name: "no JSON", in: ping + "\nhello\n" + ping, events: 2, line: 2, err: "invalid character"},
		{name: "no event", in: "{}\n", line: 1, err: `no "event"`},
		{name: "from nobody", in: strings.Replace(ping, "server\",\"op", "x\",\"op", 1), line: 1, err: `"x" is neither "client" nor "server"`},
		{name: "closed by nobody", in: `{"event":"end","time":"2026-11-22T18:16:32Z","conn":1,"client":"10.0.0.1:1","server":"10.0.0.2:2","tcp_closed_by":["x"]}` + "\n", line: 1, err: `"x" is neither`},
		{name: "opcode", in: strings.Replace(ping, `"ping"`, `"0x10"`, 1), line: 1, err: `"opcode" is "0x10"`},
		{name: "address", in: strings.Replace(ping, "1.2.3.4:5", "1.2.3.4", 1), line: 1, err: "not an ip:port"},
	} {
		d := NewDecoder(strings.NewReader(tt.in))
		events := 0
		for {
			ev, err := d.Decode()
			if err == io.EOF {
				break
			}
			if wrong := (*LineError)(nil); errors.As(err, &wrong) {
				if wrong.Line != tt.line || !strings.Contains(err.Error(), tt.err) || tt.err == "" {
					t.Errorf("%s: %v", tt.name, err)
				}
				tt.err = ""
				continue
			}
			if err != nil || ev == nil {
				t.Fatalf("%s: %v, %v", tt.name, ev, err)
			}
			events++
		}
		if events != tt.events || tt.err != "" {
			t.Errorf("%s: %d events, want %d; missing error %q", tt.name, events, tt.events, tt.err)
		}
	}
}

// TestConns: events of a connection share its Conn until it ends.
func TestConns(t *testing.T) {
	var out bytes.Buffer
	enc := NewEncoder(&out, nil)
	for _, ev := range []websocket.Event{
		&websocket.Open{Time: testTime, Conn: testConn}, message(websocket.Text, "a"), message(websocket.Text, "b"),
		&websocket.End{Time: testTime, Conn: testConn}, message(websocket.Text, "c"),
	} {
		if err := enc.Encode(ev); err != nil {
			t.Fatal(err)
		}
	}
	var conns []*websocket.Conn
	d := NewDecoder(&out)
	for ev, err := range d.All() {
		if err != nil {
			t.Fatal(err)
		}
		switch ev := ev.(type) {
		case *websocket.Open:
			conns = append(conns, ev.Conn)
		case *websocket.Message:
			conns = append(conns, ev.Conn)
		case *websocket.End:
			conns = append(conns, ev.Conn)
		}
	}
	if len(conns) != 5 || conns[0] != conns[1] || conns[1] != conns[2] || conns[2] != conns[3] || conns[3] == conns[4] {
		t.Errorf("%p", conns)
	}
	if conns[0].URL != testConn.URL || conns[0].Server != testConn.Server {
		t.Errorf("%+v", conns[0])
	}
}

// endless is a line without an end.
type endless struct{ n int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	if e.n -= len(b); e.n < 0 {
		return 0, io.EOF
	}
	return len(b), nil
}

// TestLongLine: a line without an end is an error and not memory.
func TestLongLine(t *testing.T) {
	d := NewDecoder(io.MultiReader(&endless{n: 10 << 20}, strings.NewReader("\n{\"event\":\"end\"}\n")))
	d.max = 1 << 20
	_, err := d.Decode()
	if !errors.Is(err, ErrTooLong) || cap(d.buf) > 2<<20 {
		t.Errorf("%v, %d bytes", err, cap(d.buf))
	}
	if ev, err := d.Decode(); err != nil {
		t.Errorf("the next line: %v, %v", ev, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, ev := range eventsOf("seed", 1234567) { // every kind of line
		var b strings.Builder
		if err := NewEncoder(&b, nil).Encode(ev); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(b.String()))
	}
	f.Add([]byte("{\"event\":\"message\",\"from\":\"client\",\"opcode\":\"close\",\"code\":65536}\n")) // a code out of range
	f.Add([]byte("{\"event\":\"tea\"}\n{\"event\":\"end\""))                                           // an unknown kind, a cut line
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDecoder(bytes.NewReader(b))
		enc := NewEncoder(io.Discard, nil)
		for range len(b) + 2 {
			ev, err := d.Decode()
			if err == io.EOF {
				return
			}
			if err == nil {
				err = enc.Encode(ev)
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Fatal("no end")
	})
}

// An open that comes again is the same connection's, and no event.
func TestOpenAgain(t *testing.T) {
	open := `{"event":"open","time":"2025-01-02T03:04:05Z","conn":1,"client":"10.0.0.1:1","server":"10.0.0.2:2","url":"ws://x/"}` + "\n"
	other := strings.Replace(open, "10.0.0.1:1", "10.0.0.1:3", 1)
	end := `{"event":"end","time":"2025-01-02T03:04:06Z","conn":1,"cause":"fin"}` + "\n"
	for in, want := range map[string]int{open + open: 1, open + other: 2, open + end + open: 3} {
		n := 0
		for _, err := range NewDecoder(strings.NewReader(in)).All() {
			if n++; err != nil {
				t.Fatal(err)
			}
		}
		if n != want {
			t.Errorf("%d events, want %d of\n%s", n, want, in)
		}
	}
}
