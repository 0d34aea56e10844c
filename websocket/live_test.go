package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// counting is a wrapper as a program writes one: it embeds a Source and
// overrides Read.
type counting struct {
	capture.Source
	n atomic.Uint64
}

func (s *counting) Read(fs []capture.Frame) (int, error) {
	n, err := s.Source.Read(fs)
	s.n.Add(uint64(n))
	return n, err
}

// A wrapper wraps a Source.
type wrapper struct {
	name   string
	shards bool // keeps them
	wrap   func(testing.TB, capture.Source, io.Writer) capture.Source
}

func record(t testing.TB, src capture.Source, file io.Writer) capture.Source {
	w, err := pcapfile.NewWriter(file, decode.LinkEthernet, &pcapfile.WriterConfig{Format: pcapfile.Pcapng})
	if err != nil {
		t.Fatal(err)
	}
	return pcapfile.Tee(src, w)
}

func anyFrame(*capture.Frame) bool { return true }

var wrappers = []wrapper{
	{"Tee", true, record},
	{"own wrapper", false, func(_ testing.TB, src capture.Source, _ io.Writer) capture.Source { return &counting{Source: src} }},
	{"Select", true, func(_ testing.TB, src capture.Source, _ io.Writer) capture.Source {
		return capture.Select(src, anyFrame)
	}},
	{"Select of Tee", true, func(t testing.TB, src capture.Source, file io.Writer) capture.Source {
		return capture.Select(record(t, src, file), anyFrame)
	}},
	{"own wrapper of Tee", false, func(t testing.TB, src capture.Source, file io.Writer) capture.Source {
		return &counting{Source: record(t, src, file)}
	}},
}

// holey makes n messages of the server, a tenth of a second apart, of which the
// capture has lost one, or none where there is none of that number.
func holey(n, lost int) *frameSource {
	c := packetgen.NewConversation()
	c.Step = 50 * time.Millisecond
	c.Open()
	c.Send(packetgen.Client, []byte(request))
	c.Send(packetgen.Server, []byte(response))
	begin := len(c.Packets)
	for i := range n {
		c.Send(packetgen.Server, testFrame(FromServer, 0x81, fmt.Appendf(nil, "message %d", i)))
	}
	s := source(c)
	at := begin + 2*lost
	if lost >= n {
		return s
	}
	s.frames = append(s.frames[:at], s.frames[at+1:]...)
	return s
}

// receive waits for n messages.
func receive(t *testing.T, ch <-chan *Message, n int) (got []*Message) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for len(got) < n {
		select {
		case m, ok := <-ch:
			if !ok {
				t.Fatalf("the channel ended after %d messages", len(got))
			}
			got = append(got, m)
		case <-timeout:
			t.Fatalf("%d messages of %d come", len(got), n)
		}
	}
	return got
}

// Behind every wrapper a live source stays live: what follows a hole comes after
// the short time-out, while the capture goes on.
func TestLiveHole(t *testing.T) {
	for _, w := range wrappers {
		t.Run(w.name, func(t *testing.T) {
			src := newLiveSource()
			var file bytes.Buffer
			tap := NewTap(w.wrap(t, src, &file), nil)
			ch := tap.Messages(t.Context())
			src.feed(holey(50, 5))
			got := receive(t, ch, 49)
			if last := got[48].Text(); last != "message 49" {
				t.Errorf("last %q", last)
			}
			if err := tap.Stop(); err != nil {
				t.Error(err)
			}
			for range ch {
				t.Error("one more message")
			}
			if tap.Err() != nil || tap.Stats().LostBytes == 0 {
				t.Errorf("%v, %+v", tap.Err(), tap.Stats())
			}
			checkFile(t, file.Bytes(), 7+2*50-1)
		})
	}
}

// checkFile looks whether a recording, if there is one, is whole.
func checkFile(t *testing.T, file []byte, want int) {
	t.Helper()
	if len(file) == 0 {
		return
	}
	r, err := pcapfile.NewReader(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n := len(readFrames(t, r).frames); n != want {
		t.Errorf("%d frames in the file, want %d", n, want)
	}
}

// Behind every wrapper a full channel drops instead of blocking.
func TestLiveDrops(t *testing.T) {
	for _, w := range wrappers {
		t.Run(w.name, func(t *testing.T) {
			src := newLiveSource()
			tap := NewTap(w.wrap(t, src, io.Discard), &Config{Buffer: 3})
			ch := tap.Messages(t.Context())
			src.feed(smallTalk(1, 100))
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
				st := tap.Stats()
				if st.Messages == 3 && st.MessageDropped == 197 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d messages in the channel, %d dropped", st.Messages, st.MessageDropped)
				}
			}
			tap.Close()
			if n := len(receive(t, ch, 3)); n != 3 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// A shardedLive is a live source of two shards, that notes how it is read.
type shardedLive struct {
	*liveSource
	shards [2]*liveSource
	batch  atomic.Int64 // most frames that a shard was asked for
}

type liveShard struct {
	*liveSource
	whole *shardedLive
}

func (s *shardedLive) Shards() []capture.Source {
	return []capture.Source{&liveShard{s.shards[0], s}, &liveShard{s.shards[1], s}}
}

func (s *shardedLive) Stop() error {
	return errorsOf(s.shards[0].Stop(), s.shards[1].Stop(), s.liveSource.Stop())
}

func (s *shardedLive) Close() error {
	return errorsOf(s.shards[0].Close(), s.shards[1].Close(), s.liveSource.Close())
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *liveShard) Read(fs []capture.Frame) (int, error) {
	s.whole.batch.Store(max(s.whole.batch.Load(), int64(len(fs))))
	return s.liveSource.Read(fs)
}

func (s *liveShard) Stop() error  { return s.whole.Stop() }
func (s *liveShard) Close() error { return s.whole.Close() }

// Behind every wrapper of this project shards and batches are kept.
func TestLiveShards(t *testing.T) {
	for _, w := range wrappers {
		if !w.shards {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			src := &shardedLive{liveSource: newLiveSource(), shards: [2]*liveSource{newLiveSource(), newLiveSource()}}
			var file bytes.Buffer
			tap := NewTap(w.wrap(t, src, &file), nil)
			ch := tap.Messages(t.Context())
			if n := len(tap.pipelines()); n != 2 {
				t.Errorf("%d pipelines", n)
			}
			want := 0
			for i, s := range src.shards {
				talk := smallTalk(uint64(i), 50)
				want += len(talk.frames)
				s.feed(talk)
			}
			receive(t, ch, 200)
			if n := src.batch.Load(); n != perRead {
				t.Errorf("asked for %d frames at once", n)
			}
			tap.Stop()
			for range ch {
				t.Error("one more message")
			}
			if tap.Err() != nil {
				t.Error(tap.Err())
			}
			checkFile(t, file.Bytes(), want)
		})
	}
}

// What the frames hold that were read together is given out before the next
// Read, which may wait.
func TestLiveLatency(t *testing.T) {
	src := newLiveSource()
	tap := NewTap(src, nil)
	ch := tap.Messages(t.Context())
	c, _ := converse(rand.New(rand.NewPCG(1, 1)), 100, response, false, loads[0].make)
	told := func(st Stats) uint64 { return st.Traffic[0].Messages() + st.Traffic[1].Messages() }
	for _, f := range source(c).frames {
		before := tap.Stats()
		src.frames <- f
		now := before
		for deadline := time.Now().Add(20 * time.Second); now.Reassembly.Packets == before.Reassembly.Packets; now = tap.Stats() {
			if time.Now().After(deadline) {
				t.Fatal("a frame is not worked on")
			}
			time.Sleep(10 * time.Microsecond)
		}
		receive(t, ch, int(told(now)-told(before)))
	}
	if n := told(tap.Stats()); n != 200 {
		t.Errorf("%d messages", n)
	}
	tap.Close()
	for range ch {
		t.Error("one more message")
	}
}

// A silentSource is a live source that says the time when its frames have been
// read.
type silentSource struct {
	*frameSource
	live  bool
	times []time.Time
	ended bool
}

func (s *silentSource) Info() capture.Info { return capture.Info{Live: s.live} }

func (s *silentSource) Read(fs []capture.Frame) (int, error) {
	n, err := s.frameSource.Read(fs)
	if s.ended = err != nil && len(s.times) == 0; n > 0 || s.ended {
		return n, err
	}
	fs[0] = capture.Frame{Time: s.times[0]}
	s.times = s.times[1:]
	return 0, nil
}

// The clock of a live tap goes by what a silent source says: no hole is given up
// before its time, nor where the time is not known.
func TestSilence(t *testing.T) {
	frames := holey(6, 5).frames // the last of them acknowledges what was lost
	end := frames[len(frames)-1].Time
	for _, c := range []struct {
		name  string
		times []time.Time
		lost  bool
	}{
		{"time not known", []time.Time{{}, {}}, false},
		{"too early", []time.Time{end.Add(20 * time.Millisecond), end.Add(-time.Hour), end.Add(49 * time.Millisecond)}, false},
		{"in time", []time.Time{end.Add(20 * time.Millisecond), end.Add(50 * time.Millisecond)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := &silentSource{frameSource: holey(6, 5), live: true, times: c.times}
			gaps := 0
			for e, err := range NewTap(src, nil).Events(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if _, gap := e.(*Gap); gap {
					if gaps++; src.ended == c.lost {
						t.Errorf("at the end of the source: %v", src.ended)
					}
				}
			}
			if gaps != 1 {
				t.Errorf("%d gaps", gaps)
			}
		})
	}
	t.Run("not live", func(t *testing.T) {
		src := &silentSource{frameSource: holey(6, 5), times: []time.Time{end}}
		if err := NewTap(src, nil).Count(t.Context()); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("a source that waits for its reader gives nothing: %v", err)
		}
	})
}
