package http2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/wstap/wstap/reassembly"
)

var t0 = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

// A recorder is a Handler that writes down what its streams get.
type recorder struct {
	lines []string
	max   int
}

type recorded struct {
	r    *recorder
	path string
}

func (r *recorder) Open(q *Request, a *Response, _ time.Time) Stream {
	r.lines = append(r.lines, fmt.Sprintf("open %s %d %s", q.Path, a.Status, q.Fields.Get("host")))
	return &recorded{r, q.Path}
}

func (r *recorder) Found(q *Request, _ *Response, _ time.Time) Stream {
	path := "?"
	if q != nil {
		path = q.Path
	}
	r.lines = append(r.lines, "found "+path)
	return &recorded{r, path}
}

func (r *recorder) Fits(n int) bool { return r.max == 0 || n <= r.max }

func (s *recorded) add(format string, a ...any) {
	s.r.lines = append(s.r.lines, s.path+" "+fmt.Sprintf(format, a...))
}
func (s *recorded) Data(dir reassembly.Direction, b []byte, _ time.Time) { s.add("%v %q", dir, b) }
func (s *recorded) Gap(dir reassembly.Direction, n int64, _ time.Time)   { s.add("%v gap %d", dir, n) }
func (s *recorded) Lost(dir reassembly.Direction, n int64, _ time.Time)  { s.add("%v lost %d", dir, n) }
func (s *recorded) Conflict(dir reassembly.Direction, o, n int64, _ time.Time) {
	s.add("%v conflict %d %d", dir, o, n)
}
func (s *recorded) Closed(reason reassembly.Reason, _ time.Time) { s.add("closed %v", reason) }

// An encoder writes one side of a connection.
type encoder struct {
	bytes.Buffer
	block bytes.Buffer
	enc   *hpack.Encoder
}

func newEncoder() *encoder {
	e := &encoder{}
	e.enc = hpack.NewEncoder(&e.block)
	return e
}

func (e *encoder) frame(typ, flags byte, id uint32, payload []byte) {
	n := len(payload)
	e.Write([]byte{byte(n >> 16), byte(n >> 8), byte(n), typ, flags})
	e.Write(binary.BigEndian.AppendUint32(nil, id))
	e.Write(payload)
}

func (e *encoder) headers(id uint32, flags byte, kv ...string) {
	e.block.Reset()
	for i := 0; i < len(kv); i += 2 {
		e.enc.WriteField(hpack.HeaderField{Name: kv[i], Value: kv[i+1]})
	}
	e.frame(typeHeaders, flags|flagEndHeaders, id, e.block.Bytes())
}

func (e *encoder) take() []byte {
	b := bytes.Clone(e.Bytes())
	e.Reset()
	return b
}

func connect(path string) []string {
	return []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":authority", "example.com", ":path", path}
}

var enable = []byte{0, settingEnableConnect, 0, 0, 0, 1}

// opened returns a Conn with an accepted stream 1 and a refused stream 3.
func opened(t *testing.T, r *recorder) (c *Conn, cl, sv *encoder) {
	t.Helper()
	c = New(r, len(PrefaceRest), [2]int64{})
	cl, sv = newEncoder(), newEncoder()
	cl.WriteString(PrefaceRest)
	cl.frame(typeSettings, 0, 0, nil)
	cl.headers(1, 0, connect("/a")...)
	cl.headers(3, 0, connect("/b")...)
	sv.frame(typeSettings, 0, 0, enable)
	sv.headers(1, 0, ":status", "200")
	sv.headers(3, flagEndStream, ":status", "403")
	for dir, e := range []*encoder{cl, sv} {
		if _, ok := c.Data(reassembly.Direction(dir), e.take(), t0); !ok {
			t.Fatal("given up")
		}
	}
	return c, cl, sv
}

func (r *recorder) want(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(r.lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestStreams(t *testing.T) {
	r := &recorder{}
	c, cl, sv := opened(t, r)
	cl.frame(typeData, flagPadded, 1, []byte("\x02hello\x00\x00"))
	cl.frame(typeData, 0, 3, []byte("of a refusal"))
	cl.frame(typeData, flagEndStream, 1, nil)
	sv.frame(typeData, flagEndStream, 1, []byte("bye"))
	c.Data(reassembly.FromClient, cl.take(), t0)
	c.Data(reassembly.FromServer, sv.take(), t0)
	c.Close(reassembly.EOF, t0)
	r.want(t, "open /a 200 example.com", "open /b 403 example.com", "/b closed fin", `/a client "hello"`, `/a server "bye"`, "/a closed fin")
	if n := c.Counts(); n.Held != 0 || n.Skipped != 0 || c.heads != 0 {
		t.Errorf("%+v, %d bytes of streams", n, c.heads)
	}
}

// TestLoss: a gap inside of a DATA frame is its stream's; after any other one each
// stream is told before its next bytes, and conflicts are each stream's.
func TestLoss(t *testing.T) {
	r := &recorder{}
	c, _, sv := opened(t, r)
	r.lines = nil
	sv.frame(typeData, 0, 1, []byte("0123456789"))
	b := sv.take()
	c.Data(reassembly.FromServer, b[:11], t0)
	c.Gap(reassembly.FromServer, 3, t0)
	c.Data(reassembly.FromServer, b[14:], t0)
	c.Gap(reassembly.FromServer, 40, t0)
	c.Data(reassembly.FromServer, []byte("not a frame, of nobody"), t0)
	sv.frame(typeData, 0, 1, []byte("x"))
	c.Data(reassembly.FromServer, sv.take(), t0)
	c.Conflict(reassembly.FromServer, c.offset[1]-2, 1, t0)
	r.want(t, `/a server "01"`, "/a server gap 3", `/a server "56789"`, "/a server lost 40", `/a server "x"`, "/a server conflict 49 2")
}

// TestHalfSeen: a side's data show that its part of the handshake was lost, whichever
// direction is read first. Nothing that was held is lost as well.
func TestHalfSeen(t *testing.T) {
	for _, lost := range []reassembly.Direction{reassembly.FromClient, reassembly.FromServer} {
		r := &recorder{}
		c := New(r, len(PrefaceRest), [2]int64{})
		cl, sv := newEncoder(), newEncoder()
		cl.WriteString(PrefaceRest)
		cl.frame(typeSettings, 0, 0, nil)
		sv.frame(typeSettings, 0, 0, enable)
		heads := [2]*encoder{newEncoder(), newEncoder()}
		heads[0].headers(1, 0, connect("/a")...)
		heads[1].headers(1, 0, ":status", "200")
		datas := [2]*encoder{newEncoder(), newEncoder()}
		datas[0].frame(typeData, 0, 1, []byte("hello"))
		datas[1].frame(typeSettings, flagAck, 0, nil)
		datas[1].frame(typeData, 0, 1, []byte("welcome"))
		seen := lost.Reverse()
		begins := [2][]byte{cl.take(), sv.take()}
		c.Data(seen, begins[seen], t0)
		c.Data(seen, heads[seen].take(), t0)
		c.Data(seen, datas[seen].take(), t0)
		if lost == reassembly.FromClient {
			c.Data(lost, begins[lost], t0)
			c.Gap(lost, int64(heads[lost].Len()), t0)
		} else { // its SETTINGS too
			c.Gap(lost, int64(len(begins[lost])+heads[lost].Len()), t0)
		}
		c.Data(lost, datas[lost].take(), t0)
		all := strings.Join(r.lines, "\n")
		if !strings.Contains(all, `client "hello"`) || !strings.Contains(all, `server "welcome"`) || c.Counts().Held != 0 || c.Counts().Skipped != 0 || c.early != 0 {
			t.Errorf("without that of the %v: %s, %+v", lost, all, c.Counts())
		}
	}
}

func TestGivenUp(t *testing.T) {
	r := &recorder{}
	c, cl, _ := opened(t, r)
	r.max, r.lines = 1, nil
	cl.headers(5, 0, connect("/c")...)
	if reason, ok := c.Data(reassembly.FromClient, cl.take(), t0); ok || reason != reassembly.Evicted {
		t.Errorf("no room: %v, %v", reason, ok)
	}
	r.want(t, "/a closed evicted")
}

// TestLateSettings: a server may allow WebSockets long after it began. Up to then the
// connection costs next to nothing, in the end at the price that fields are not known.
func TestLateSettings(t *testing.T) {
	for requests, want := range map[int]string{
		0: "open /late 200 example.com", 100: "open /late 200 example.com", 10000: "open /late 200 ",
	} {
		r := &recorder{}
		c := New(r, 0, [2]int64{})
		cl, sv := newEncoder(), newEncoder()
		give := func() {
			t.Helper()
			for dir, e := range []*encoder{cl, sv} {
				if _, ok := c.Data(reassembly.Direction(dir), e.take(), t0); !ok {
					t.Fatal("given up")
				}
			}
		}
		sv.frame(typeSettings, 0, 0, []byte{0, settingEnableConnect, 0, 0, 0, 0})
		give()
		id := uint32(1)
		for i := range requests {
			cl.headers(id, flagEndStream, ":method", "GET", ":scheme", "http", ":authority", "example.com", ":path", fmt.Sprint("/", i))
			sv.headers(id, 0, ":status", "200", "etag", fmt.Sprint(i))
			sv.frame(typeData, flagEndStream, id, []byte("\x81\x05hello"))
			give()
			id += 2
		}
		if n := c.Size(); n > 48<<10 || requests > 1000 && n > 16<<10 || len(c.streams) > 0 {
			t.Errorf("%d requests: %d bytes, %d streams", requests, n, len(c.streams))
		}
		sv.frame(typeSettings, 0, 0, enable)
		give()
		cl.headers(id, 0, connect("/late")...)
		sv.headers(id, 0, ":status", "200")
		sv.frame(typeData, 0, id, []byte("hello"))
		give()
		r.want(t, want, `/late server "hello"`)
	}
}

// TestJoin: of a connection that is joined late, streams with data are found, but
// for those that are known to be something else; fields of new ones are told as far
// as they are known.
func TestJoin(t *testing.T) {
	for _, before := range []int{0, 1, 40, 3000} { // fields that only the peers know
		r := &recorder{}
		cl, sv := newEncoder(), newEncoder()
		cl.enc.SetMaxDynamicTableSizeLimit(maxTable)
		if before > 1000 {
			cl.enc.SetMaxDynamicTableSize(maxTable)
		}
		for i := range before {
			cl.headers(1, 0, "x-field", fmt.Sprint(i))
			sv.headers(1, 0, "x-field", fmt.Sprint(i))
		}
		if before > 0 {
			cl.headers(1, 0, connect("/before")...)
		}
		cl.take()
		sv.take()
		c := Join(r, [2]bool{true, true}, [2]int64{})
		cl.frame(typeData, 0, 5, []byte("five"))
		sv.headers(7, 0, ":status", "200", "content-type", "text/plain")
		sv.frame(typeData, 0, 7, []byte("other"))
		sv.frame(typeData, 0, 5, []byte("cinq"))
		cl.headers(9, flagEndStream, ":method", "GET", ":scheme", "http", ":authority", "example.com", ":path", "/")
		cl.headers(11, 0, connect("/new")...)
		cl.headers(13, 0, connect("/new")...)
		sv.frame(typeData, flagEndStream, 9, []byte("got"))
		sv.headers(11, 0, ":status", "200")
		sv.headers(13, 0, ":status", "200")
		sv.frame(typeData, 0, 11, []byte("eleven"))
		cl.frame(typeData, flagEndStream, 5, nil)
		sv.frame(typeReset, 0, 5, []byte{0, 0, 0, 0})
		c.Data(reassembly.FromClient, cl.take(), t0)
		c.Data(reassembly.FromServer, sv.take(), t0)
		c.Close(reassembly.EOF, t0)
		got := strings.Join(r.lines, "\n")
		open := "open /new 200 example.com"
		if before > 0 {
			open = "found /new"
		}
		for _, line := range []string{"found ?", `? client "five"`, `? server "cinq"`, open, `/new server "eleven"`, "? closed rst"} {
			if !strings.Contains(got, line) {
				t.Errorf("%d fields: %q is missing of\n%s", before, line, got)
			}
		}
		if strings.Contains(got, "other") || strings.Contains(got, "got") || strings.Count(got, "closed") != 3-min(before, 1) {
			t.Errorf("%d fields: got\n%s", before, got)
		}
		if k := c.Counts(); k.Held != 0 || c.heads != 0 {
			t.Errorf("%+v, %d bytes of streams", k, c.heads)
		}
	}
}

// FuzzConn: whatever comes, however it is cut, each byte is counted once, and what
// is held is within the bound.
func FuzzConn(f *testing.F) {
	cl := newEncoder()
	cl.WriteString(PrefaceRest)
	cl.headers(1, 0, connect("/a")...)
	cl.frame(typeData, flagPadded, 1, []byte("\x01hello\x00"))
	f.Add(cl.take(), byte(0), byte(3))                                          // a request and padded data
	f.Add([]byte("\x00\x00\x06\x04\x00\x00\x00\x00\x00"), byte(1), byte(1))     // half a SETTINGS frame
	f.Add([]byte("\x00\x00\x01\x09\x00\x00\x00\x00\x01\x88"), byte(2), byte(9)) // CONTINUATION of nothing
	cl.headers(3, 0, connect("/a")...)
	cl.frame(typeData, 0, 1, []byte("of a stream that was open"))
	f.Add(cl.take(), byte(4+8+16), byte(50))                                                   // joined late
	f.Add([]byte("\x00\x00\x04\x01\x04\x00\x00\x00\x01\xff\xff\x03\xbf"), byte(4+8), byte(99)) // a reference into a large table
	f.Fuzz(func(t *testing.T, b []byte, flags, cut byte) {
		const bound = 1 << 20
		r := &bounded{max: bound}
		c := New(r, 0, [2]int64{})
		if flags&4 != 0 {
			c = Join(r, [2]bool{flags&8 != 0, flags&16 != 0}, [2]int64{})
		}
		given, ok := 0, true
		for i := 0; len(b) > 0 && ok; i++ {
			n := min(len(b), 1+int(cut))
			dir := reassembly.Direction(i & int(flags) & 1)
			if flags&2 != 0 && i%7 == 6 {
				c.Gap(dir, int64(n), t0)
			}
			_, ok = c.Data(dir, b[:n], t0)
			given += n
			b = b[n:]
		}
		if ok {
			c.Close(reassembly.EOF, t0)
		}
		k := c.Counts()
		if sum := k.Overhead + k.Skipped + uint64(r.got); k.Held != 0 || sum != uint64(given) || c.heads != 0 {
			t.Errorf("%d bytes given, %d counted, %d held, %d of streams", given, sum, k.Held, c.heads)
		}
	})
}

// A bounded Handler counts what its streams get.
type bounded struct{ max, got int }

func (r *bounded) Open(*Request, *Response, time.Time) Stream  { return (*counted)(r) }
func (r *bounded) Found(*Request, *Response, time.Time) Stream { return (*counted)(r) }
func (r *bounded) Fits(n int) bool                             { return n <= r.max }

type counted bounded

func (s *counted) Data(_ reassembly.Direction, b []byte, _ time.Time)     { s.got += len(b) }
func (s *counted) Gap(reassembly.Direction, int64, time.Time)             {}
func (s *counted) Lost(reassembly.Direction, int64, time.Time)            {}
func (s *counted) Conflict(reassembly.Direction, int64, int64, time.Time) {}
func (s *counted) Closed(reassembly.Reason, time.Time)                    {}

// FuzzSniffer: however bytes are cut, what is said of them is the same, and what a
// Conn's own frames are is never refused.
func FuzzSniffer(f *testing.F) {
	e := newEncoder()
	e.headers(1, 0, connect("/a")...)
	e.frame(typeData, 0, 1, []byte("hello"))
	e.frame(typePing, flagAck, 0, make([]byte, 8))
	f.Add(e.take(), byte(4))                                               // frames
	f.Add([]byte("\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00"), byte(1)) // half a WINDOW_UPDATE
	f.Add(make([]byte, 40), byte(3))                                       // zeroes
	f.Fuzz(func(t *testing.T, b []byte, cut byte) {
		var whole, pieces Sniffer
		want, got := whole.Add(b), true
		for rest := b; len(rest) > 0 && got; {
			n := min(len(rest), 1+int(cut))
			got = pieces.Add(rest[:n])
			rest = rest[n:]
		}
		if got != want || want && pieces != whole {
			t.Errorf("%v, in pieces %v: %+v, %+v", want, got, whole, pieces)
		}
		if want && len(b) >= headerLen && !MaybeFrame(b) {
			t.Error("begins with no frame")
		}
	})
}
