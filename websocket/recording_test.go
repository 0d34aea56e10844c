package websocket

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// The recordings are of workerman-chat with two Chromium browsers, on lo and on
// any; workerman-chat.messages.txt lists their messages: client port, sender,
// opcode, length, and the payload up to 120 bytes.
var recordings = []string{"workerman-chat-lo.pcap.gz", "workerman-chat-any.pcap.gz"}

func openRecording(t testing.TB, name string) *pcapfile.Reader {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapfile.NewReader(bytes.NewReader(raw), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// line writes a message as workerman-chat.messages.txt does.
func line(m *Message) string {
	if m.Opcode == Close {
		code, reason := m.CloseStatus()
		return fmt.Sprintf("%d %v close %d %d %s", m.Conn.Client.Port(), m.From, len(m.Payload), code, reason)
	}
	// The list counts characters where it cuts.
	text := []rune(m.Text())
	return fmt.Sprintf("%d %v %v %d  %s", m.Conn.Client.Port(), m.From, m.Opcode, len(m.Payload), string(text[:min(120, len(text))]))
}

// checkRecording compares messages and handshakes, each connection's own order
// and direction kept.
func checkRecording(t *testing.T, src capture.Source, inOrder bool) {
	t.Helper()
	b, err := os.ReadFile("testdata/workerman-chat.messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	var got []string
	for e, err := range NewTap(src, nil).Events(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		switch e := e.(type) {
		case *Open:
			c := e.Conn
			if c.URL != "ws://127.0.0.1:7272/" || c.Status != 101 || !c.AcceptValid || c.Method != "GET" || c.Midstream || c.Server.Port() != 7272 {
				t.Errorf("handshake %+v", c)
			}
			if o := c.Request().Get("Origin"); o != "http://127.0.0.1:55151" {
				t.Errorf("origin %q", o)
			}
		case *Message:
			got = append(got, line(e))
			if e.Truncated || e.Undecoded || e.Conflict || e.Midstream || e.InvalidUTF8 || e.BadMask {
				t.Errorf("flags of %s", describeMessage(e))
			}
			if n := len(e.Payload); n > 200000 {
				// {"…":"LLL…"}: 200,000 times L
				if bytes.Count(e.Payload, []byte("L")) != 200000 {
					t.Errorf("%d bytes, %d of them L", n, bytes.Count(e.Payload, []byte("L")))
				}
			}
		case *Gap:
			t.Errorf("gap of %d", e.Bytes)
		}
	}
	if !inOrder {
		// Only the order within each direction is certain.
		key := func(s string) string { f := strings.Fields(s); return f[0] + f[1] }
		slices.SortStableFunc(got, func(a, b string) int { return strings.Compare(key(a), key(b)) })
		slices.SortStableFunc(want, func(a, b string) int { return strings.Compare(key(a), key(b)) })
	}
	if len(got) != len(want) {
		t.Errorf("%d messages, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if strings.TrimSpace(got[i]) != strings.TrimSpace(want[i]) {
			t.Errorf("message %d:\n got %s\nwant %s", i, got[i], want[i])
		}
	}
}

func TestRecordings(t *testing.T) {
	for _, name := range recordings {
		t.Run(name, func(t *testing.T) { checkRecording(t, openRecording(t, name), true) })
	}
}

// A frameSource is a Source of frames in memory.
type frameSource struct {
	link   decode.LinkType
	frames []capture.Frame
	n      int64 // given out
}

func (s *frameSource) Read(fs []capture.Frame) (int, error) {
	at := atomic.LoadInt64(&s.n)
	n := copy(fs, s.frames[at:])
	if n == 0 {
		return 0, io.EOF
	}
	atomic.StoreInt64(&s.n, at+int64(n))
	return n, nil
}
func (s *frameSource) Info() capture.Info { return capture.Info{Link: s.link} }
func (s *frameSource) Stop() error        { return nil }
func (s *frameSource) Close() error       { return nil }
func (s *frameSource) Stats() (capture.Stats, error) {
	n := uint64(atomic.LoadInt64(&s.n))
	return capture.Stats{Captured: n, Received: n}, nil
}

func readFrames(t testing.TB, src capture.Source) *frameSource {
	t.Helper()
	s := &frameSource{link: src.Info().Link}
	for f, err := range capture.Frames(src) {
		if err != nil {
			t.Fatal(err)
		}
		c := *f
		c.Data = bytes.Clone(f.Data)
		s.frames = append(s.frames, c)
	}
	return s
}

// resegment cuts the payload of every segment into pieces of at most size bytes.
func resegment(t testing.TB, s *frameSource, size int) *frameSource {
	t.Helper()
	out := &frameSource{link: s.link}
	link := packetgen.Link{Type: s.link}
	var p decode.Packet
	for _, f := range s.frames {
		if err := p.Decode(f.Link, f.Data); err != nil {
			t.Fatal(err)
		}
		if len(p.Payload) <= size {
			out.frames = append(out.frames, f)
			continue
		}
		for i := 0; i < len(p.Payload); i += size {
			flags := p.Flags
			if i+size < len(p.Payload) {
				flags &^= decode.FIN
			}
			seg := packetgen.TCP{Link: &link, Src: p.Src(), Dst: p.Dst(), Seq: p.Seq + uint32(i), Ack: p.Ack, Flags: flags, Window: p.Window, Payload: p.Payload[i:min(i+size, len(p.Payload))]}
			g := f
			g.Data = seg.Frame()
			g.Length = len(g.Data)
			out.frames = append(out.frames, g)
		}
	}
	return out
}

// jumble repeats and shuffles frames: each moves at most window places and 20 ms.
// The opening handshake of TCP stays where it is, and nothing passes a reset:
// what comes after one is no longer of the connection.
func jumble(t testing.TB, s *frameSource, rnd *rand.Rand, window int) *frameSource {
	t.Helper()
	out := &frameSource{link: s.link}
	type place struct {
		at int
		f  capture.Frame
	}
	var places []place
	var p decode.Packet
	for i, f := range s.frames {
		if err := p.Decode(f.Link, f.Data); err != nil {
			t.Fatal(err)
		}
		last := i
		syn, rst := p.Flags&decode.SYN != 0, p.Flags&decode.RST != 0
		for last+1 < len(s.frames) && last-i < window && s.frames[last+1].Time.Sub(f.Time) < 20*time.Millisecond {
			if err := p.Decode(s.link, s.frames[last+1].Data); err != nil {
				t.Fatal(err)
			}
			if p.Flags&decode.RST != 0 {
				break
			}
			last++
		}
		if syn || rst {
			last = i
		}
		places = append(places, place{i + rnd.IntN(last-i+1), f})
		if rnd.IntN(3) == 0 {
			places = append(places, place{i + rnd.IntN(last-i+1), f})
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { return a.at - b.at })
	for i := range places {
		places[i].f.Time = s.frames[places[i].at].Time // a capture's clock goes on
		out.frames = append(out.frames, places[i].f)
	}
	return out
}

func TestRecordingsRewritten(t *testing.T) {
	for i, name := range recordings {
		// Single bytes make a million packets: one way for each recording.
		for _, cut := range []struct{ size, window int }{{1, []int{100, 5}[i]}, {13, 20}, {1460, 5}, {1460, 100}, {1 << 20, 1}, {1 << 20, 5}} {
			if testing.Short() && cut.size == 1 {
				continue
			}
			t.Run(fmt.Sprintf("%s cut at %d window %d", name, cut.size, cut.window), func(t *testing.T) {
				t.Parallel()
				rnd := rand.New(rand.NewPCG(uint64(cut.size), uint64(cut.window)))
				s := resegment(t, readFrames(t, openRecording(t, name)), cut.size)
				checkRecording(t, jumble(t, s, rnd, cut.window), false)
			})
		}
	}
}
