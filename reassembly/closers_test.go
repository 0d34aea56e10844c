package reassembly

import (
	"fmt"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
)

// An ending is a Consumer that asks who has closed when it is told the end.
type ending struct {
	recorder
	a    *Assembler
	said string
}

func (e *ending) Closed(reason Reason, t time.Time) {
	e.recorder.Closed(reason, t)
	e.said = fmt.Sprint(reason, e.flow.Closers())
	if e.a.Closing() != e.flow {
		e.said += ", of another"
	}
}

// TestClosers: the end says who closed, in the order of the FINs, or who reset.
func TestClosers(t *testing.T) {
	for _, c := range []struct {
		name, want string
		end        func(b *bench)
	}{
		{"the client closes", "fin [client server]", func(b *bench) {
			b.packet(seg(client, decode.FIN, 102, 501, ""))
			b.packet(seg(server, decode.FIN, 501, 103, ""))
		}},
		{"the server closes", "fin [server client]", func(b *bench) {
			b.packet(seg(server, decode.FIN, 501, 102, ""))
			b.packet(seg(server, decode.FIN, 501, 102, "")) // again
			b.packet(seg(client, decode.FIN, 102, 502, ""))
		}},
		{"one half only", "eof [server]", func(b *bench) { b.packet(seg(server, decode.FIN, 501, 102, "")) }},
		{"a FIN out of the window", "eof []", func(b *bench) { b.packet(seg(server, decode.FIN, 501+1<<20, 102, "")) }},
		{"the server resets", "rst [server]", func(b *bench) { b.packet(seg(server, decode.RST, 501, 0, "")) }},
		{"a reset answers a FIN", "rst [client]", func(b *bench) {
			b.packet(seg(server, decode.FIN, 501, 102, ""))
			b.packet(seg(client, decode.RST, 102, 0, ""))
		}},
		{"a reset that nothing contradicts", "rst [client]", func(b *bench) { b.packet(seg(client, decode.RST, 105, 0, "")) }},
		{"silence", "idle []", func(b *bench) { b.a.Advance(b.now.Add(4 * time.Hour)) }},
		{"ports used again", "reused []", func(b *bench) {
			b.open(9100, 9500)
			b.packet(seg(client, 0, 9101, 9501, "b"))
		}},
	} {
		b := newBench(t, nil)
		var ends []*ending
		b.a.accept = func(f *Flow) Consumer {
			e := &ending{recorder: recorder{flow: f}, a: b.a}
			ends = append(ends, e)
			return e
		}
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		c.end(b)
		b.close()
		if len(ends) == 0 || ends[0].said != c.want || b.a.Closing() != nil {
			t.Errorf("%s: %q, want %q", c.name, ends[0].said, c.want)
		}
	}
}
