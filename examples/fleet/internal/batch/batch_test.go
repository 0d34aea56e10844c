package batch

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/websocket"
)

var update = flag.Bool("fleet.update", false, "write testdata/schema.golden anew")

var at = time.Date(2026, 11, 22, 18, 16, 32, 752000000, time.UTC)

func conn(n uint64, port uint16) *websocket.Conn {
	return &websocket.Conn{Number: n, Client: netip.MustParseAddrPort("10.0.0.1:40000"),
		Server: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), port), URL: "ws://10.0.0.2/chat?token=secret", Status: 101, Method: "GET"}
}

func text(c *websocket.Conn, s string) *websocket.Message {
	return &websocket.Message{Conn: c, Opcode: websocket.Text, Payload: []byte(s), Start: at, Time: at, WireLength: int64(len(s)), Frames: 1}
}

// TestSchema holds what is sent against a file: whoever changes it changes the contract.
func TestSchema(t *testing.T) {
	var out bytes.Buffer
	room := true
	b := NewBuilder(Config{Tap: "node-1", Boot: "tp7i10-fqwaw", Put: func(b *Batch) bool {
		if !room {
			return false
		}
		fmt.Fprintf(&out, "%s\n%s\n%s\n%s", b.Subject(), b.ID(), b.Head(), b.Lines)
		return true
	}})
	c := conn(1, 7272)
	for _, ev := range []websocket.Event{
		&websocket.Open{Time: at, Conn: c}, text(c, "hi, all !"),
		&websocket.Gap{Time: at, Conn: c, From: websocket.FromServer, Bytes: 1460},
		text(c, "behind the gap"), &websocket.End{Time: at, Conn: c, Cause: "fin"},
	} {
		if err := b.Add(ev); err != nil {
			t.Fatal(err)
		}
	}
	b.Flush(true)
	room = false
	b.Add(text(c, "lost"))
	b.Flush(true)
	room = true
	b.Add(text(c, "taken again"))
	b.Flush(true)
	b.Tell("stop", Field{Name: "events", N: 7}, Field{Name: "reason", Text: "a \"signal\""})
	got := timeless(out.Bytes())
	const golden = "testdata/schema.golden"
	if *update {
		os.MkdirAll("testdata", 0o755)
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the schema changed: if that is meant, and only adds, -fleet.update. Got\n%s", got)
	}
	if strings.Contains(out.String(), "secret") {
		t.Error("a secret was sent")
	}
}

// timeless replaces the times of the tap's own events.
func timeless(b []byte) []byte {
	for _, field := range []string{`"tap","time":"`, `"loss","time":"`, `"since":"`} {
		for from := 0; ; {
			i := bytes.Index(b[from:], []byte(field))
			if i < 0 {
				break
			}
			from += i + len(field)
			j := bytes.IndexByte(b[from:], '"')
			b = append(append(append([]byte(nil), b[:from]...), "TIME"...), b[from+j:]...)
		}
	}
	return b
}

// TestOrder: read in the order in which they were put, batches hold the events of each
// connection in their order, every one once, and Before and seq count them.
func TestOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var next [Kinds]map[uint16]uint64
	for k := range next {
		next[k] = map[uint16]uint64{}
	}
	var seq, lost uint64
	got := map[string][]string{}
	b := NewBuilder(Config{Tap: "t", Boot: "x", Events: 20, Put: func(b *Batch) bool {
		if b.Kind < Tap && rng.IntN(30) == 0 {
			lost += b.N
			seq = b.Last()
			return false
		}
		for k := range b.Before {
			if b.Before[k] != next[k][b.Port] {
				t.Fatalf("%s: Before %v", b.ID(), b.Before)
			}
		}
		next[b.Kind][b.Port] += b.N
		if b.First <= seq {
			t.Fatalf("seq %d behind %d", b.First, seq)
		}
		seq = b.Last()
		p, err := ParseRecord(b.Append(nil))
		if err != nil || !reflect.DeepEqual(p, b) {
			t.Fatalf("%+v comes back as %+v, %v", b, p, err)
		}
		for line := range bytes.Lines(b.Lines) {
			var ev struct {
				Event, Text, Connection string
				Seq, Events             uint64
				Bytes                   int64
			}
			if err := json.Unmarshal(line, &ev); err != nil {
				t.Fatal(err)
			}
			if b.Kind == Loss {
				lost -= ev.Events
				continue
			}
			if string(Connection(line)) != ev.Connection {
				t.Fatalf("%q", Connection(line))
			}
			got[ev.Connection] = append(got[ev.Connection], fmt.Sprint(ev.Event, ev.Text, ev.Bytes))
		}
		return true
	}})
	want := map[string][]string{}
	conns := map[uint64]*websocket.Conn{}
	for i := range 5000 {
		n := uint64(i/50*4 + rng.IntN(4) + 1)
		c := conns[n]
		name := fmt.Sprintf("t.x.%d", n)
		if c == nil {
			c = conn(n, uint16(80+n%3))
			conns[n] = c
			b.Add(&websocket.Open{Time: at, Conn: c})
			want[name] = append(want[name], "open0")
		}
		if rng.IntN(20) == 0 {
			b.Add(&websocket.Gap{Time: at, Conn: c, Bytes: int64(i)})
			want[name] = append(want[name], fmt.Sprint("gap", i))
		} else {
			b.Add(text(c, fmt.Sprint(i)))
			want[name] = append(want[name], fmt.Sprint("message", i, 0))
		}
	}
	b.Flush(true)
	b.Tell("stop") // tells the last loss, too
	if c := b.Counts(); c.Put+c.Lost != c.Events || c.Lost == 0 || lost != 0 {
		t.Errorf("%+v, %d lost are not told", c, int64(lost))
	}
	total := 0
	for name, w := range want {
		g := got[name]
		total += len(g)
		// What was lost is missing, the rest is in order.
		for i := 0; len(g) > 0; i++ {
			if i == len(w) {
				t.Fatalf("%s: %v in %v", name, g, w)
			}
			if norm(w[i]) == norm(g[0]) {
				g = g[1:]
			}
		}
	}
	if uint64(total) != b.Counts().Put {
		t.Errorf("%d came, %d were put", total, b.Counts().Put)
	}
}

func norm(s string) string { return strings.ReplaceAll(s, " ", "") }

// TestCut: a message longer than what may be sent is cut, stays text, and says so.
func TestCut(t *testing.T) {
	for _, payload := range []string{strings.Repeat("a", 10000), strings.Repeat("ü€🌍", 3000), strings.Repeat("\x01", 10000), strings.Repeat("\xff", 10000)} {
		b := NewBuilder(Config{Tap: "t", Boot: "x", MaxLine: 4000, Put: func(b *Batch) bool {
			var ev struct {
				Text      string
				Base64    []byte
				Length    int
				Truncated bool
				WireLen   int `json:"wire_length"`
			}
			if err := json.Unmarshal(b.Lines, &ev); err != nil {
				t.Fatal(err)
			}
			n := len(ev.Text)
			if payload[0] == '\xff' {
				n = len(ev.Base64)
			}
			if !ev.Truncated || n != ev.Length || n == 0 || payload[0] != '\xff' && !strings.HasPrefix(payload, ev.Text) || ev.WireLen != len(payload) {
				t.Errorf("%.100s", b.Lines)
			}
			if len(b.Lines) > 4000+200 {
				t.Errorf("%d bytes", len(b.Lines))
			}
			return true
		}})
		if err := b.Add(text(conn(1, 80), payload)); err != nil {
			t.Fatal(err)
		}
		b.Flush(true)
		if b.Counts().Cut != 1 || b.Counts().Put != 1 {
			t.Errorf("%+v", b.Counts())
		}
	}
}

// FuzzParse: what an engine delivers, or a file holds, is a batch that can be written
// again, or an error.
func FuzzParse(f *testing.F) {
	f.Add("wstap.a.80.message", "1 x 1 2 0 0 0 0 0 0", []byte("{}\n{}\n"))                 // a batch
	f.Add("wstap.a.80.message", "2 x 1 2 0 0 0 0 0 0", []byte("{}\n"))                     // another version
	f.Add("wstap.a.b.80.message", "1", []byte{})                                           // no subject of ours
	f.Add("wstap.a.99999.loss", "1 x 0 0 0 0 0 0 0 0", []byte("\n"))                       // no port
	f.Add("wstap.a.80.message", "1 x 1 1 0 0 0 0 0 0", []byte("\xff\xff\xff\xff\x0f{}\n")) // packed, of 4 GiB
	f.Add("wstap.a.0.tap", "1 x 18446744073709551615 1 0 0 0 0 0 0", []byte("{}\n"))
	f.Fuzz(func(t *testing.T, subject, head string, lines []byte) {
		b, err := Parse(subject, head, lines)
		if err != nil {
			return
		}
		back, err := ParseRecord(b.Append(nil))
		if err != nil || !reflect.DeepEqual(b, back) {
			t.Errorf("%+v, %+v, %v", b, back, err)
		}
		for line := range bytes.Lines(lines) {
			_ = Connection(line)
		}
		_, _ = ParseRecord(append([]byte(subject+" "+head+"\n"), lines...)) // packed by nobody
	})
}

// TestAllocs: an event costs no allocation of its own, but for its part of the batch.
func TestAllocs(t *testing.T) {
	b := NewBuilder(Config{Tap: "t", Boot: "x", Put: func(*Batch) bool { return true }})
	m := text(conn(1, 80), "hi, all !")
	for range 1000 {
		b.Add(m)
	}
	if n := testing.AllocsPerRun(100, func() {
		for range 100 {
			b.Add(m)
		}
	}); n > 6 {
		t.Errorf("%v allocations for 100 events", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	builder := NewBuilder(Config{Tap: "node-1", Boot: "tp7i10-fqwaw", Put: func(*Batch) bool { return true }})
	m := text(conn(1, 7272), strings.Repeat("hi, all ! ", 10))
	b.ReportAllocs()
	for b.Loop() {
		builder.Add(m)
	}
}
