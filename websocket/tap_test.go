package websocket

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/reassembly"
)

// TestMain fails if a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(code) // fuzzing listens for signals
	}
	for i := 0; code == 0 && runtime.NumGoroutine() > before; i++ {
		if i == 100 {
			buf := make([]byte, 1<<20)
			fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", buf[:runtime.Stack(buf, true)])
			code = 1
		}
		time.Sleep(20 * time.Millisecond)
	}
	os.Exit(code)
}

// A liveSource gives out what it is fed and waits in between, until stopped or
// closed.
type liveSource struct {
	frames  chan capture.Frame
	stopped chan struct{}
	closed  chan struct{}
	stop    sync.Once
	once    sync.Once
	err     error         // given at the end, instead of io.EOF
	given   atomic.Uint64 // frames
}

func newLiveSource() *liveSource {
	return &liveSource{frames: make(chan capture.Frame, 1000), stopped: make(chan struct{}), closed: make(chan struct{}), err: io.EOF}
}

func (s *liveSource) Read(fs []capture.Frame) (int, error) {
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	default:
	}
	n := 0
	for n < len(fs) {
		select {
		case f, ok := <-s.frames:
			if ok {
				fs[n] = f
				n++
				continue
			}
		default:
		}
		break
	}
	if n > 0 {
		s.given.Add(uint64(n))
		return n, nil
	}
	select {
	case f, ok := <-s.frames:
		if !ok {
			return 0, s.err
		}
		fs[0] = f
		s.given.Add(1)
		return 1, nil
	case <-s.stopped:
		return 0, io.EOF
	case <-s.closed:
		return 0, net.ErrClosed
	}
}

func (s *liveSource) Info() capture.Info {
	return capture.Info{Name: "live", Link: decode.LinkEthernet, Live: true}
}
func (s *liveSource) Stop() error  { s.stop.Do(func() { close(s.stopped) }); return nil }
func (s *liveSource) Close() error { s.once.Do(func() { close(s.closed) }); return nil }
func (s *liveSource) Stats() (capture.Stats, error) {
	n := s.given.Load()
	return capture.Stats{Captured: n, Received: n}, nil
}

func (s *liveSource) feed(f *frameSource) {
	for _, f := range f.frames {
		s.frames <- f
	}
}

// smallTalk is a conversation of n small messages of each side.
func smallTalk(seed uint64, n int) *frameSource {
	c, _ := converse(rand.New(rand.NewPCG(seed, 1)), n, response, false, loads[0].make)
	return source(c)
}

func TestMessages(t *testing.T) {
	tap := NewTap(smallTalk(1, 100), nil)
	n := 0
	var kept []*Message
	var texts []string
	for m := range tap.Messages(t.Context()) {
		n++
		kept = append(kept, m)
		texts = append(texts, m.Text())
	}
	for i, m := range kept {
		if m.Text() != texts[i] || len(m.Payload) != cap(m.Payload) {
			t.Fatalf("message %d changed, or shares its memory", i)
		}
	}
	st := tap.Stats()
	if err := tap.Err(); err != nil || n != 200 || st.Messages != 200 || st.Conns != 1 || st.Active != 0 || st.HeldBytes != 0 {
		t.Errorf("%d messages, %v, %+v", n, err, st)
	}
	if got := st.Traffic[FromClient].Text + st.Traffic[FromServer].Text; got != 200 || st.Traffic[FromClient].Rate() == 0 {
		t.Errorf("traffic %+v", st.Traffic)
	}
}

func TestFull(t *testing.T) {
	for _, drop := range []bool{false, true} {
		cfg := &Config{Buffer: 10, OnFull: FullBlock}
		if drop {
			cfg.OnFull = FullDrop
		}
		tap := NewTap(smallTalk(1, 100), cfg)
		ch := tap.Messages(t.Context())
		if drop { // nobody receives until the end
			for tap.Stats().Messages+tap.Stats().MessageDropped < 200 {
				time.Sleep(time.Millisecond)
			}
		}
		n := 0
		for range ch {
			n++
		}
		st := tap.Stats()
		want := 200
		if drop {
			want = 10
		}
		if n != want || st.Messages != uint64(want) || st.MessageDropped != uint64(200-want) {
			t.Errorf("drop %v: %d messages, %d given, %d dropped", drop, n, st.Messages, st.MessageDropped)
		}
	}
}

// TestFullBytes: a few large messages fill the channel.
func TestFullBytes(t *testing.T) {
	c, _ := converse(rand.New(rand.NewPCG(1, 1)), 20, response, false, loads[5].make)
	tap := NewTap(source(c), &Config{BufferBytes: 100000, OnFull: FullBlock})
	n := 0
	for m := range tap.Messages(t.Context()) {
		n++
		if st := tap.Stats(); st.Messages > uint64(n)+5 {
			t.Fatalf("%d messages ahead of the receiver", st.Messages-uint64(n))
		}
		_ = m
	}
	if n != 40 {
		t.Errorf("%d messages", n)
	}
}

func TestCancel(t *testing.T) {
	cause := errors.New("enough")
	for _, channel := range []bool{false, true} {
		src := newLiveSource()
		src.feed(smallTalk(1, 5))
		ctx, cancel := context.WithCancelCause(t.Context())
		tap := NewTap(src, nil)
		n := 0
		if channel {
			for range tap.Messages(ctx) {
				if n++; n == 10 {
					cancel(cause)
				}
			}
		} else {
			var last error
			for e, err := range tap.Events(ctx) {
				if _, ok := e.(*Message); ok {
					if n++; n == 10 {
						cancel(cause)
					}
				}
				last = err
			}
			if !errors.Is(last, cause) {
				t.Errorf("last error %v", last)
			}
		}
		if !errors.Is(tap.Err(), cause) || !errors.Is(tap.Err(), context.Canceled) || n != 10 {
			t.Errorf("channel %v: %v after %d messages", channel, tap.Err(), n)
		}
		cancel(nil)
	}
}

// TestBreak: nothing is yielded any more after the loop was left, and Stats and
// Conns can be asked for in it.
func TestBreak(t *testing.T) {
	src := newLiveSource()
	src.feed(smallTalk(1, 5))
	tap := NewTap(src, nil)
	for e := range tap.Events(t.Context()) {
		if _, ok := e.(*Message); ok {
			if st, conns := tap.Stats(), slices.Collect(tap.Conns()); st.Messages > 1 || len(conns) != 1 || conns[0].Counts[0].Messages()+conns[0].Counts[1].Messages() != 1 {
				t.Errorf("%+v, %+v", st, conns)
			}
			break
		}
	}
	if err := tap.Err(); err != nil {
		t.Error(err)
	}
	select {
	case <-src.closed:
	default:
		t.Error("the source was not closed")
	}
}

// TestBreakHard: the Tap ends as well where the loop's body panics, or ends its
// goroutine as t.Fatal does.
func TestBreakHard(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("enough") }, "Goexit": runtime.Goexit} {
		src := newLiveSource()
		src.feed(smallTalk(1, 5))
		tap := NewTap(src, nil)
		done := make(chan bool)
		go func() {
			defer close(done)
			defer func() { _ = recover() }()
			for range tap.Events(t.Context()) {
				leave()
			}
		}()
		<-done
		select {
		case <-src.closed:
		default:
			t.Errorf("%s: the source was not closed", name)
		}
		if err := tap.Err(); err != nil || len(slices.Collect(tap.Conns())) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSourceError(t *testing.T) {
	bad := errors.New("bad file")
	for _, channel := range []bool{false, true} {
		src := newLiveSource()
		src.err = bad
		src.feed(smallTalk(1, 5))
		close(src.frames)
		tap := NewTap(src, &Config{OnFull: FullBlock})
		n := 0
		if channel {
			for range tap.Messages(t.Context()) {
				n++
			}
		} else {
			for e := range tap.Events(t.Context()) {
				if _, ok := e.(*Message); ok {
					n++
				}
			}
		}
		if !errors.Is(tap.Err(), bad) || n != 10 {
			t.Errorf("channel %v: %v after %d messages", channel, tap.Err(), n)
		}
	}
}

// A sharded source has two shards.
type sharded struct {
	frameSource
	shards []capture.Source
}

func (s *sharded) Shards() []capture.Source { return s.shards }

func TestShards(t *testing.T) {
	s := &sharded{shards: []capture.Source{smallTalk(1, 500), smallTalk(2, 500)}}
	tap := NewTap(s, &Config{Buffer: 3})
	last := map[uint64][2]time.Time{}
	n := 0
	for m := range tap.Messages(t.Context()) {
		n++
		l := last[m.Conn.Number]
		if m.Time.Before(l[m.From]) {
			t.Fatal("out of order")
		}
		l[m.From] = m.Time
		last[m.Conn.Number] = l
	}
	if n != 2000 || len(last) != 2 || tap.Err() != nil {
		t.Errorf("%d messages of %d connections, %v", n, len(last), tap.Err())
	}
}

// TestForensics: who closed first, how, and the round trip of a ping.
func TestForensics(t *testing.T) {
	c := packetgen.NewConversation()
	c.NoAcks = true
	c.Open()
	c.Send(packetgen.Client, []byte(request))
	c.Send(packetgen.Server, []byte(response))
	for i, f := range []struct {
		from    packetgen.Side
		b0      byte
		payload string
	}{
		{packetgen.Server, 0x89, "1"}, {packetgen.Server, 0x89, "2"}, {packetgen.Client, 0x8a, "2"},
		{packetgen.Client, 0x8a, "unasked"}, {packetgen.Client, 0x81, "hello"},
		{packetgen.Server, 0x88, "\x03\xf3oops"}, {packetgen.Client, 0x88, "\x03\xf3"},
	} {
		_ = i
		c.Send(f.from, testFrame(Direction(f.from), f.b0, []byte(f.payload)))
	}
	c.Reset(packetgen.Client)
	var end *End
	var pongs []time.Duration
	for e, err := range NewTap(source(c), nil).Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		switch e := e.(type) {
		case *End:
			end = e
		case *Message:
			if e.Opcode == Pong {
				pongs = append(pongs, e.RoundTrip)
			}
		}
	}
	if len(pongs) != 2 || pongs[0] != time.Millisecond || pongs[1] != 0 {
		t.Errorf("round trips %v", pongs)
	}
	if end == nil || end.Cause != "rst" || len(end.Closing) != 2 {
		t.Fatalf("end %+v", end)
	}
	if f := end.Closing[0]; f.From != FromServer || f.Code != 1011 || f.Reason != "oops" {
		t.Errorf("closed by %+v", f)
	}
	cl, sv := end.Counts[FromClient], end.Counts[FromServer]
	if cl.Text != 1 || cl.Pong != 2 || cl.Close != 1 || cl.Messages() != 4 || cl.Bytes != 5+1+7+2 || cl.Largest != 7 {
		t.Errorf("client %+v", cl)
	}
	if sv.Ping != 2 || sv.RoundTrips != 1 || sv.RTT != time.Millisecond || sv.Close != 1 {
		t.Errorf("server %+v", sv)
	}
}

// TestLimits: a message beyond MaxMessage is cut, a bomb too, and the next ones
// are whole.
func TestLimits(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		comp := newCompressor(true)
		r := newRecorder(&Config{MaxMessage: 1000})
		r.data(FromClient, []byte(request))
		r.data(FromServer, []byte(deflated))
		send := func(b []byte, fragments int) {
			b0 := byte(0x82)
			if compressed {
				b0, b = 0xC2, comp.message(b)
			}
			for i := range fragments {
				f := testFrame(FromServer, b0&0x7f, b[:len(b)/(fragments-i)])
				if i == fragments-1 {
					f[0] |= 0x80
				}
				b, b0 = b[len(b)/(fragments-i):], 0
				for len(f) > 0 {
					n := min(len(f), 700)
					r.data(FromServer, f[:n])
					f = f[n:]
				}
			}
		}
		big := make([]byte, 1<<20)
		send(big[:1000], 1)
		send(big, 1)
		send(big, 3)
		send([]byte("hello hello hello"), 1)
		if len(r.msgs) != 4 {
			t.Fatalf("%d messages", len(r.msgs))
		}
		for i, m := range r.msgs {
			want := []int{1000, 1000, 1000, 17}[i]
			if len(m.Payload) != want || m.Truncated != (i == 1 || i == 2) || m.Undecoded {
				t.Errorf("message %d: %s", i, describeMessage(m))
			}
		}
	}
}

// TestBudget: unfinished messages of many connections stay within MaxBuffered.
func TestBudget(t *testing.T) {
	r := newRecorder(&Config{MaxBuffered: 1 << 20})
	conns := []reassembly.Consumer{}
	for range 100 {
		c := newSeat(r.p, false)
		c.Data(FromClient, []byte(request), t0)
		c.Data(FromServer, []byte(response), t0)
		c.Data(FromServer, []byte{0x82, 0x7f, 0, 0, 0, 0, 0x10, 0, 0, 0}, t0)
		c.Data(FromServer, make([]byte, 100000), t0)
		conns = append(conns, c)
	}
	if r.p.budget.Held() > 1<<20 {
		t.Errorf("%d bytes", r.p.budget.Held())
	}
	for _, c := range conns {
		c.Closed(reassembly.EOF, t0)
	}
	if len(r.msgs) != 100 || r.p.budget.Held() != 0 {
		t.Errorf("%d messages, %d bytes left", len(r.msgs), r.p.budget.Held())
	}
	for _, m := range r.msgs {
		if !m.Truncated || m.WireLength != 1<<28 {
			t.Fatal(describeMessage(m))
		}
	}
}
