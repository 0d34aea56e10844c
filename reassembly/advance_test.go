package reassembly

import (
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
)

// TestAdvance: time-outs run where no packet comes.
func TestAdvance(t *testing.T) {
	b := newBench(t, nil)
	b.open(100, 500)
	b.packet(seg(client, 0, 101, 501, "a"))
	b.packet(seg(client, 0, 104, 501, "d"))
	b.packet(seg(server, 0, 501, 105, "x"))
	lost := b.now
	after := time.Duration(-1)
	for d := time.Duration(0); d < time.Second && after < 0; d += time.Millisecond {
		b.a.Advance(lost.Add(d))
		b.balance()
		if b.a.Stats().Gaps > 0 {
			after = d
		}
	}
	if after < 45*time.Millisecond || after > 60*time.Millisecond {
		t.Errorf("what follows a hole comes after %v", after)
	}
	b.a.Advance(lost) // it does not go back
	b.a.Advance(lost.Add(4 * time.Hour))
	if s := b.a.Stats(); s.Active != 0 || s.Ended[Idle] != 1 {
		t.Errorf("%+v", s)
	}
	if got := b.close(); got != "client a|gap client 2|client d|server x|closed idle" {
		t.Error(got)
	}
}

// TestAdvanceFirst: before the first packet, and ahead of the packets by as much
// as a capture's buffers hold them back, Advance does no harm.
func TestAdvanceFirst(t *testing.T) {
	b := newBench(t, nil)
	b.a.Advance(b.now)
	b.open(100, 500)
	for i := range 1000 {
		b.a.Advance(b.now.Add(20 * time.Millisecond))
		b.packet(seg(client, decode.PSH, 101+uint32(i), 501, "a"))
	}
	b.packet(seg(client, decode.FIN, 1101, 501, ""))
	b.packet(seg(server, decode.FIN, 501, 1102, ""))
	b.close()
	if s := b.a.Stats(); s.Delivered != 1000 || s.Gaps != 0 || s.Ended[FIN] != 1 {
		t.Errorf("%+v", s)
	}
	b.a.Advance(b.now) // of no use, but allowed
}
