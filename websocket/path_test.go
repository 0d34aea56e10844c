package websocket

import (
	"bytes"
	"context"
	"errors"
	"github.com/wstap/wstap/internal/http1"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
)

// pathLimit is the longest message in the tests of the whole path.
const pathLimit = 1 << 20

// A passage is what a Tap gave of a file.
type passage struct {
	msgs []*Message // copies, those of a connection and direction in order
	gaps []Gap
	ends []End
}

// tapFile reads a capture file with a Tap, and checks its accounts and budgets.
func tapFile(t *testing.T, file []byte, records int) (out passage) {
	t.Helper()
	r, err := pcapfile.NewReader(bytes.NewReader(file), nil)
	if err != nil {
		checkFileError(t, err)
		return out
	}
	const budget = 1 << 22
	tap := NewTap(r, &Config{MaxMessage: pathLimit, MaxBuffered: budget})
	opens := 0
	for e, err := range tap.Events(context.Background()) {
		switch e := e.(type) {
		case nil:
			checkFileError(t, err)
		case *Open:
			opens++
		case *Message:
			out.msgs = append(out.msgs, e.Clone())
		case *Gap:
			out.gaps = append(out.gaps, *e)
		case *End:
			out.ends = append(out.ends, *e)
		}
		if p := tap.pipes[0]; p.budget.Held() < 0 || p.budget.Held() > budget+http1.MaxHead {
			t.Fatalf("%d bytes buffered", p.budget.Held())
		}
	}
	if p := tap.pipes[0]; p.budget.Held() != 0 || p.told.Len() != 0 || opens != len(out.ends) {
		t.Fatalf("%d bytes still held, %d opens and %d ends", p.budget.Held(), opens, len(out.ends))
	}
	checkAccounts(t, "the file", tap.Stats(), true)
	if st := tap.Stats(); st.Capture.Captured != uint64(records) || st.Messages != uint64(len(out.msgs)) || st.Conns != uint64(opens) {
		t.Fatalf("%d records, %d messages, %d connections; Stats tell %d, %d, %d", records, len(out.msgs), opens, st.Capture.Captured, st.Messages, st.Conns)
	}
	return out
}

// checkFileError fails for an error that is none of pcapfile's.
func checkFileError(t *testing.T, err error) {
	var e *pcapfile.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v", err)
	}
}

// checkAgainst compares messages with what the reference makes of the same file.
func (r *reference) checkAgainst(t *testing.T, msgs []*Message) {
	t.Helper()
	bySide := map[pair][]*Message{}
	dicts := map[*Conn]*[2]dictionary{}
	for _, m := range msgs {
		way := pair{m.Conn.Client, m.Conn.Server}
		if m.From == FromServer {
			way = way.reverse()
		}
		bySide[way] = append(bySide[way], m)
		if dicts[m.Conn] == nil {
			dicts[m.Conn] = &[2]dictionary{}
		}
		dict := &dicts[m.Conn][m.From]
		s := r.side(way)
		// Fragments and tunnels hide segments from the reference, and the
		// streams of HTTP/2 lie inside of others.
		if !r.hidden && m.Conn.Method != "CONNECT" && !s.unknown && !(dict.lost && m.Compressed) {
			if err := s.check(m, dict.b); err != nil {
				t.Fatalf("connection %v: %s: %v", m.Conn, describeMessage(m), err)
			}
		}
		dict.add(m, pathLimit)
	}
	for client := range r.order {
		want, ok := r.messages(client)
		if !ok {
			continue
		}
		for dir, want := range want {
			way := client
			if Direction(dir) == FromServer {
				way = client.reverse()
			}
			var got []string
			for i, m := range bySide[way] {
				got = append(got, simple(m, i < len(want) && doubted(want[i])))
				if m.Midstream || m.Conflict || m.Conn.Midstream || m.From != Direction(dir) {
					t.Fatalf("the capture has no blemish: %s", describeMessage(m))
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("connection %v-%v, %v:\n%s\nwant\n%s", client.from, client.to, Direction(dir), strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// checkShards does the same with what three workers give.
func (r *reference) checkShards(t *testing.T, file []byte) (msgs []*Message) {
	t.Helper()
	src, err := pcapfile.NewReader(bytes.NewReader(file), &pcapfile.Config{Workers: 3})
	if err != nil {
		return nil
	}
	tap := NewTap(src, &Config{MaxMessage: pathLimit, Buffer: 16})
	for m := range tap.Messages(t.Context()) {
		msgs = append(msgs, m)
	}
	if err := tap.Err(); err != nil {
		checkFileError(t, err)
	}
	checkAccounts(t, "the file", tap.Stats(), true)
	r.checkAgainst(t, msgs)
	return msgs
}

// TestReference: the reference gives the messages of the recordings, so that
// what it is compared with below is worth something.
func TestReference(t *testing.T) {
	for _, name := range recordings {
		file, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		ref := readReference(file)
		n := 0
		for client := range ref.order {
			if lines, ok := ref.messages(client); ok {
				n += len(lines[0]) + len(lines[1])
			}
		}
		out := tapFile(t, file, ref.records)
		ended := 0 // of connections that did not end with a reset, which the reference does not judge
		for _, m := range out.msgs {
			if i := slices.IndexFunc(out.ends, func(e End) bool { return e.Conn == m.Conn }); out.ends[i].Cause == "fin" {
				ended++
			}
		}
		if n == 0 || n != ended {
			t.Errorf("%s: the reference gives %d messages, the Tap %d", name, n, ended)
		}
		ref.checkAgainst(t, out.msgs)
		ref.checkShards(t, file)
	}
}

// fileOf writes a capture file.
func fileOf(t testing.TB, frames []capture.Frame) []byte {
	var out bytes.Buffer
	w, err := pcapfile.NewWriter(&out, frames[0].Link, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		if err := w.WriteFrame(&frames[i]); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return out.Bytes()
}

// FuzzFile: whatever a capture file holds, reading it ends, within the budgets,
// with accounts that balance, and gives no message that the reference would not
// give; of connections captured without a blemish it gives just the same.
func FuzzFile(f *testing.F) {
	for _, name := range recordings { // two browsers and a server, on lo and on any
		file, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	for _, seed := range scenarios { // as their hits say
		f.Add(newScenario(append(seed.form[:], seed.script...)).file())
	}
	file := newScenario([]byte{0x20, 0, 0xff, 0, 0, 0, 0, 0, 0, 5, 1, 5}).file()
	f.Add(file[:len(file)-7])                                                     // cut inside a block
	f.Add(bytes.Replace(file, []byte("websocket"), []byte("websockef"), 1))       // no upgrade, then frames
	f.Add(bytes.Replace(file, []byte("HTTP/1.1 101"), []byte("HTTP/1.1 403"), 1)) // refused
	k := newH2Talk(settingEnableConnect, 1)
	r := rand.New(rand.NewPCG(1, 1))
	k.webSocket(1)
	k.chat(r, 1, 9, loads[0].make)
	k.webSocket(3)
	k.chat(r, 3, 3, loads[0].make)
	f.Add(fileOf(f, source(k.Conversation).frames))     // HTTP/2
	f.Add(fileOf(f, source(k.Conversation).frames[9:])) // the same, joined late
	f.Add(fileOf(f, source(talkWith("x-webkit-deflate-frame")).frames))
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<16 {
			return
		}
		ref := readReference(file)
		if ref.bytes > 1<<19 {
			return // a bomb takes the reference too long
		}
		out := tapFile(t, file, ref.records)
		ref.checkAgainst(t, out.msgs)
		if len(file)%4 == 0 {
			ref.checkShards(t, file)
		}
	})
}
