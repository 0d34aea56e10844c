package websocket

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/wstap/wstap/internal/packetgen"
)

// deflatedTalk is a conversation of compressed messages, of which some are in parts.
func deflatedTalk(seed uint64, port uint16, n int) *packetgen.Conversation {
	r := rand.New(rand.NewPCG(seed, 3))
	c := packetgen.NewConversation()
	c.Client = netip.AddrPortFrom(c.Client.Addr(), port)
	c.Open()
	c.Send(packetgen.Client, []byte(request))
	c.Send(packetgen.Server, []byte(deflated))
	z := [2]*compressor{newCompressor(true), newCompressor(true)}
	for i := range n {
		dir := Direction(i & 1)
		b := z[dir].message(textLoad(r, 400))
		switch i % 4 {
		case 0, 1:
			c.Send(packetgen.Side(dir), randomFrame(r, dir, 0xC1, b))
		default: // fragments, in segments that end anywhere, with a ping between them
			all := randomFrame(r, dir, 0x41, b[:len(b)/2])
			all = append(all, randomFrame(r, dir, 0x89, []byte("ping"))...)
			all = append(all, randomFrame(r, dir, 0x80, b[len(b)/2:])...)
			c.Send(packetgen.Side(dir), all, 3, 5, len(all)/2)
		}
	}
	c.Close(packetgen.Client)
	return c
}

func textLoad(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = "the quick brown fox "[r.IntN(20)]
	}
	return b
}

// TestAccept: of a connection that is not wanted nothing is given out, inflated or
// kept in the channel, whatever the way out, and all of it is counted.
func TestAccept(t *testing.T) {
	const wanted = 20 // messages of it, 10 pings besides
	make := func() *frameSource {
		flood := deflatedTalk(1, 40001, 2000)
		quiet := deflatedTalk(2, 40002, wanted)
		plain := smallTalk(3, 500)
		src := source(flood, quiet)
		src.frames = append(src.frames, plain.frames...)
		return src
	}
	accept := func(c *Conn) bool { return c.Client.Port() == 40002 }
	total := uint64(2000*3/2 + wanted*3/2 + 1000)
	check := func(name string, tap *Tap, got int) {
		t.Helper()
		st := tap.Stats()
		if got != wanted*3/2 || st.Messages != uint64(got) || st.Unselected != total-st.Messages || st.MessageDropped != 0 || st.Conns != 3 || st.Losses() != (Losses{}) {
			t.Errorf("%s: %d messages, %+v", name, got, st)
		}
		if n := st.Traffic[0].Messages() + st.Traffic[1].Messages(); n != total {
			t.Errorf("%s: %d messages are counted, want %d", name, n, total)
		}
		checkAccounts(t, name, st, true)
	}

	var tap *Tap
	tap = NewTap(make(), &Config{Accept: func(c *Conn) bool {
		for range tap.Conns() { // may be asked for here
		}
		return accept(c)
	}})
	n, conns := 0, 0
	for e, err := range tap.Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		switch e := e.(type) {
		case *Open:
			conns++
			if list := slices.Collect(tap.Conns()); len(list) != 1 || tap.Stats().WindowBytes != 0 {
				t.Errorf("%d connections, %d bytes of windows", len(list), tap.Stats().WindowBytes)
			}
		case *Message:
			n++
			if e.Opcode == Text && len(e.Payload) != 400 || !accept(e.Conn) {
				t.Errorf("a message of %d bytes of %v", len(e.Payload), e.Conn)
			}
		case *End:
			conns--
		}
	}
	check("Events", tap, n)
	if conns != 0 {
		t.Error("opens and ends do not match")
	}

	// The channel has no more room than what is wanted takes, and nobody receives.
	cfg := &Config{Accept: accept, Buffer: wanted*3/2 + 2, OnFull: FullDrop}
	tap = NewTap(make(), cfg)
	ch := tap.Messages(t.Context())
	for range ch {
		if n--; n == 0 && len(ch) > 0 {
			t.Error("more")
		}
	}
	check("Messages", tap, int(tap.Stats().Messages))

	tap = NewTap(make(), cfg)
	for batch := range tap.Batches(t.Context()) {
		for _, e := range batch {
			switch e.(type) {
			case *Message:
				n++
			case *Open, *End:
				conns++
			}
		}
	}
	check("Batches", tap, n)
	if conns != 2 {
		t.Errorf("%d opens and ends", conns)
	}

	tap = NewTap(make(), &Config{Accept: accept})
	if err := tap.Count(t.Context()); err != nil {
		t.Error(err)
	}
	check("Count", tap, int(tap.Stats().Messages))
}

// TestUnwantedCounts: what is not wanted is counted as what is, but for sizes.
func TestUnwantedCounts(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		var want, got Stats
		for _, c := range []struct {
			st  *Stats
			cfg *Config
		}{{&want, nil}, {&got, &Config{Accept: func(*Conn) bool { return false }}}} {
			src := source(deflatedTalk(seed, 40001, 200))
			lose(rand.New(rand.NewPCG(seed, 4)), src, 0.01, 8)
			tap := NewTap(src, c.cfg)
			for range tap.Events(t.Context()) {
			}
			*c.st = tap.Stats()
		}
		for dir := range got.Traffic {
			g, w := got.Traffic[dir], want.Traffic[dir]
			if g.Messages() != w.Messages() || g.WireBytes != w.WireBytes || g.Frames != w.Frames || g.LostBytes != w.LostBytes || g.RoundTrips != w.RoundTrips || g.Truncated > w.Truncated+w.Undecoded {
				t.Errorf("seed %d: %+v\nwant %+v", seed, g, w)
			}
			if g.Bytes > g.WireBytes || g.Text != w.Text {
				t.Errorf("seed %d: %d bytes of %d, %d texts of %d", seed, g.Bytes, g.WireBytes, g.Text, w.Text)
			}
		}
		if got.Messages != 0 || got.Unselected == 0 || got.PayloadBytes != want.PayloadBytes {
			t.Errorf("seed %d: %+v", seed, got)
		}
	}
}
