package peers

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	wstap "github.com/wstap/wstap/websocket"
)

// A tape is a TCP proxy for one connection that records what passes.
type tape struct {
	addr string
	done chan struct{} // closed when the connection has ended

	mu     sync.Mutex
	chunks []chunk
}

type chunk struct {
	from packetgen.Side
	data []byte
}

// newTape begins to record the next connection to its addr, which goes on to
// target, until ctx ends.
func newTape(ctx context.Context, tb testing.TB, target string) *tape {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	t := &tape{addr: l.Addr().String(), done: make(chan struct{})}
	go func() {
		defer close(t.done)
		stop := context.AfterFunc(ctx, func() { l.Close() })
		client, err := l.Accept()
		stop()
		l.Close()
		if err != nil {
			return
		}
		defer client.Close()
		server, err := net.Dial("tcp", target)
		if err != nil {
			tb.Error(err)
			return
		}
		defer server.Close()
		defer context.AfterFunc(ctx, func() { client.Close(); server.Close() })()
		var wg sync.WaitGroup
		wg.Go(func() { t.copy(server, client, packetgen.Client) })
		wg.Go(func() { t.copy(client, server, packetgen.Server) })
		wg.Wait()
	}()
	return t
}

func (t *tape) copy(dst, src net.Conn, from packetgen.Side) {
	b := make([]byte, 1<<16)
	for {
		n, err := src.Read(b)
		t.record(from, b[:n]) // before the write: the answer must not come first
		if _, werr := dst.Write(b[:n]); err != nil || werr != nil {
			// The other way may still carry something: only EOF goes on.
			dst.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, src)
			return
		}
	}
}

func (t *tape) record(from packetgen.Side, b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.chunks); n > 0 && t.chunks[n-1].from == from {
		t.chunks[n-1].data = append(t.chunks[n-1].data, b...)
		return
	}
	t.chunks = append(t.chunks, chunk{from, bytes.Clone(b)})
}

// file writes the recorded session as a capture, cut into segments at random.
func (t *tape) file(tb testing.TB, rng *rand.Rand) *bytes.Buffer {
	tb.Helper()
	<-t.done
	c := packetgen.NewConversation()
	c.Open()
	for _, k := range t.chunks {
		var cuts []int
		for left := len(k.data); left > 0; left -= cuts[len(cuts)-1] {
			most := 1460
			if rng.IntN(3) == 0 {
				most = 10 // within headers, and between them
			}
			cuts = append(cuts, 1+rng.IntN(most))
		}
		c.Send(k.from, k.data, cuts...)
	}
	c.Close(packetgen.Client)

	file := new(bytes.Buffer)
	w, err := pcapfile.NewWriter(file, decode.LinkEthernet, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range c.Packets {
		if err := w.WriteFrame(&capture.Frame{Data: p.Frame, Time: p.Time, Link: decode.LinkEthernet}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return file
}

// A tapped is what a Tap saw of a session.
type tapped struct {
	conn  *wstap.Conn
	sides [2]tappedSide // by Direction
}

type tappedSide struct {
	report              // what the other side ought to have received
	pongs      []string // their payloads
	compressed int      // messages that came compressed
	fragmented int      // messages of several frames
	closing    string   // reason of the close frame
	payloads   [][]byte // of the data messages
}

// play taps the recorded session.
func (t *tape) play(tb testing.TB, rng *rand.Rand) (got tapped) {
	tb.Helper()
	src, err := pcapfile.NewReader(t.file(tb, rng), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tap := wstap.NewTap(src, nil)
	for m := range tap.Messages(context.Background()) {
		if got.conn != nil && got.conn != m.Conn {
			tb.Errorf("a second connection %v", m.Conn)
		}
		got.conn = m.Conn
		if m.Truncated || m.Undecoded || m.Conflict || m.Midstream || m.BadMask || m.InvalidUTF8 || m.RSV != 0 {
			tb.Errorf("flags: %v message of %d bytes of %v: %+v", m.Opcode, len(m.Payload), m.From,
				[]any{m.Truncated, m.Undecoded, m.Conflict, m.Midstream, m.BadMask, m.InvalidUTF8, m.RSV})
		}
		s := &got.sides[m.From]
		switch m.Opcode {
		case wstap.Text, wstap.Binary:
			s.add(m.Opcode == wstap.Binary, m.Payload)
			s.payloads = append(s.payloads, m.Payload)
			if m.Compressed {
				s.compressed++
			}
			if m.Frames > 1 {
				s.fragmented++
			}
		case wstap.Ping:
			s.Pings = append(s.Pings, m.Text())
		case wstap.Pong:
			s.pongs = append(s.pongs, m.Text())
		case wstap.Close:
			s.Status, s.closing = m.CloseStatus()
		default:
			tb.Errorf("a message of opcode %v", m.Opcode)
		}
	}
	if err := tap.Err(); err != nil {
		tb.Fatal(err)
	}
	if got.conn == nil {
		tb.Fatal("no message seen")
	}
	return got
}
