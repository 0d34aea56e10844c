package reassembly

import (
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/testkit"
)

// kept is how much an Assembler keeps of each kind of thing.
type kept struct {
	flows, slots, slabs      int
	lists                    [states]int
	datagrams, fragmentBytes int
	queueBytes               int
	spares                   int // in the pool
}

func (k *kept) note(a *Assembler) {
	k.flows = max(k.flows, a.table.count)
	k.slots = max(k.slots, len(a.table.entries))
	k.slabs = max(k.slabs, len(a.table.slabs))
	for s := range k.lists {
		k.lists[s] = max(k.lists[s], a.lists[s].count)
	}
	k.datagrams = max(k.datagrams, a.fragments.Len())
	k.fragmentBytes = max(k.fragmentBytes, a.fragments.Memory())
	k.queueBytes = max(k.queueBytes, a.stats.Memory)
	k.spares = max(k.spares, len(a.pool.units)+len(a.pool.queues)+a.pool.idle)
}

// A visitor is a connection that comes by once, from an address that nobody else
// has.
type visitor struct {
	b *bench
	n uint32
}

func (v visitor) packet(from Direction, flags decode.TCPFlags, seq, ack uint32, payload string) {
	p := seg(from, flags, seq, ack, payload)
	if from == client {
		setSrc(p, addrPort(v.n>>4, uint16(20000+v.n&15)))
	} else {
		setDst(p, addrPort(v.n>>4, uint16(20000+v.n&15)))
	}
	v.b.now = v.b.now.Add(time.Millisecond)
	packetAt(v.b.a, p, v.b.now)
}

func (v visitor) open() {
	v.packet(client, decode.SYN, 100, 0, "")
	v.packet(server, decode.SYN, 500, 101, "")
	v.packet(client, 0, 101, 501, "")
}

// visits are the ways to come and go.
var visits = []func(v visitor){
	func(v visitor) { // in good order
		v.open()
		v.packet(client, 0, 101, 501, "hello")
		v.packet(client, decode.FIN, 106, 501, "")
		v.packet(server, decode.FIN, 501, 107, "")
		v.packet(client, 0, 107, 502, "")
	},
	func(v visitor) { v.packet(client, decode.SYN, 100, 0, "") },
	func(v visitor) { // silent for good
		v.open()
		v.packet(client, 0, 101, 501, "hello")
	},
	func(v visitor) { v.packet(server, 0, 101, 501, "picked up mid-stream") },
	func(v visitor) { // half closed
		v.open()
		v.packet(client, decode.FIN, 101, 501, "")
	},
	func(v visitor) { // reset
		v.open()
		v.packet(server, decode.RST, 501, 101, "")
	},
	func(v visitor) { // a hole that nobody fills
		v.open()
		v.packet(client, 0, 201, 501, "behind a hole")
	},
	func(v visitor) { // a hole that was acknowledged
		v.open()
		v.packet(client, 0, 201, 501, "behind a hole")
		v.packet(server, 0, 501, 214, "")
	},
	func(v visitor) { // a fragment without the others
		p := seg(client, 0, 0, 0, "a fragment of a segment!")
		p.TCP, p.Fragment, p.MoreFragments, p.FragmentID = false, true, true, v.n
		packetAt(v.b.a, p, v.b.now)
	},
}

// TestYears: in years of packet time connections come and go in every way, and
// what is kept of them is no more at the end than after the first day. One that
// says something each hour lives as long.
func TestYears(t *testing.T) {
	years := testkit.Rounds(3, 3, 30)
	b := newBench(t, nil)
	told := &sink{}
	b.a.accept = func(f *Flow) Consumer {
		if f.Client() == clientAddr {
			return told
		}
		return &sink{}
	}
	b.open(0, 1000)
	chunk := make([]byte, 50_000)
	seq, sent := uint32(1), int64(0)
	var day, later kept
	n := uint32(0)
	for hour := range years * 365 * 24 {
		began := b.now
		for range 3 { // more than 4 GiB in a few years: its numbers wrap around
			p := seg(client, 0, seq, 1001, "")
			p.Payload, p.PayloadLen = chunk, len(chunk)
			packetAt(b.a, p, b.now)
			seq += uint32(len(chunk))
			sent += int64(len(chunk))
			packetAt(b.a, seg(server, 0, 1001, seq, ""), b.now)
		}
		for _, visit := range visits {
			visit(visitor{b, n})
			n++
			if hour < 24 {
				day.note(b.a)
			} else {
				later.note(b.a)
			}
		}
		b.now = began.Add(time.Hour)
	}
	b.balance()
	st := b.a.Stats()
	t.Logf("%d years, %d packets, %d flows; at most %+v", years, st.Packets, st.Flows, later)
	if later != day {
		t.Errorf("on the first day at most %+v\nlater %+v", day, later)
	}
	if want := uint64(len(visits) * years * 365 * 24); st.Flows < want*8/9 || st.Ended[Evicted] != 0 || st.Ended[Idle] < want/9 || told.n != sent {
		t.Errorf("%d of %d bytes, %+v", told.n, sent, st)
	}
	packetAt(b.a, seg(client, decode.RST, seq, 1001, ""), b.now)
	if n := b.a.Stats().Ended[RST] - st.Ended[RST]; n != 1 {
		t.Errorf("the one that lives on has ended: %+v", st)
	}
	b.a.Close()
	b.balance()
}
