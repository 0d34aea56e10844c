package decrypt

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/reassembly"
)

// A picky receives records one by one and fails for any that was not sent.
type picky struct {
	t      testing.TB
	sent   map[string]bool
	n      int
	closed bool
}

func (p *picky) Data(_ reassembly.Direction, b []byte, _ time.Time) {
	if p.n++; !p.sent[string(b)] {
		p.t.Errorf("%d bytes were not sent", len(b))
	}
}
func (p *picky) Gap(reassembly.Direction, int64, time.Time)             {}
func (p *picky) Conflict(reassembly.Direction, int64, int64, time.Time) {}
func (p *picky) Closed(reassembly.Reason, time.Time)                    { p.closed = true }
func (p *picky) accept(*Conn, bool) reassembly.Consumer                 { return p }

// TestForged: a record that was changed, anywhere, is not given on, and the ones
// behind it are.
func TestForged(t *testing.T) {
	const records = 40
	rnd := rand.New(rand.NewPCG(1, 2))
	for range testkit.Rounds(2000, 200, 50000) {
		var out picky
		out.t, out.sent = t, map[string]bool{}
		k := suites()[[]uint16{0x1301, 0x1302, 0x1303, 0x1304}[rnd.IntN(4)]]
		c, seal := ready(k, new(sink))
		c.accept = out.accept
		var stream []byte
		var first, last int // of the record that is changed
		changed := rnd.IntN(records - 3)
		for i := range records {
			content := bytes.Repeat([]byte{byte(i)}, 1+rnd.IntN(200))
			out.sent[string(content)] = true
			if i == changed {
				first = len(stream)
			}
			stream = seal.seal(stream, recordData, content)
			if i == changed {
				last = len(stream)
			}
		}
		stream[first+headerLen+rnd.IntN(last-first-headerLen)] ^= 1 << rnd.IntN(8)
		for b := stream; len(b) > 0; {
			n := min(len(b), 1+rnd.IntN(300))
			c.Data(fromServer, b[:n], time.Time{})
			b = b[n:]
		}
		c.Closed(reassembly.FIN, time.Time{})
		balanced(t, c.opener)
		if out.n != records-1 || c.opener.stats.Refused == 0 {
			t.Fatalf("%d records of %d: %+v", out.n, records, c.opener.stats)
		}
	}
}

// TestGarbage: what never verifies is given up, and takes no longer for being long.
func TestGarbage(t *testing.T) {
	for _, size := range []int{17, 100, 1400} {
		c, _ := ready(suites()[0x1301], new(sink))
		place := c.place.(*spot)
		rec := make([]byte, headerLen+size)
		rec[0], rec[1], rec[2] = recordData, 3, 3
		binary.BigEndian.PutUint16(rec[3:], uint16(size))
		began, n := time.Now(), 0
		for !place.ignored && n < 50_000 {
			c.Data(fromServer, rec, time.Time{})
			n++
			balanced(t, c.opener)
		}
		if left := c.opener.effort.left; left < 0 && left < -connEffort {
			t.Errorf("%d tries too many", -left)
		}
		t.Logf("%d records of %d bytes in %v: %+v", n, size, time.Since(began), c.opener.stats)
		if c.opener.stats.Opened > 0 {
			t.Error("opened")
		}
	}
}

// TestWaitingBounded: what waits for secrets stays within the budget, the longest
// silent goes first, and what comes later is opened when its secrets come.
func TestWaitingBounded(t *testing.T) {
	keys := NewKeyLog()
	client, server := configs(keys)
	tp := talk(t, client, server, 30)
	late := NewKeyLog()
	o := NewOpener(late, &Config{MaxWaiting: 200 << 10})
	var conns []*Conn
	var got []*receiver
	pieces := tp.cut(1460)
	half := len(pieces) / 2
	feed := func(c *Conn, list []piece) {
		for _, p := range list {
			c.Data(p.dir, p.data, time.Unix(1e9, 0))
			if n := o.budget.Held(); n > 200<<10 {
				t.Fatalf("%d bytes wait", n)
			}
			balanced(t, o)
		}
	}
	for range 20 {
		r := &receiver{}
		c := o.Conn(&spot{}, false, r.accept)
		conns, got = append(conns, c), append(got, r)
		feed(c, pieces[:half])
	}
	var lines bytes.Buffer
	keys.Record(&lines)
	late.Write(lines.Bytes())
	o.Retry()
	for i, c := range conns {
		feed(c, pieces[half:])
		c.Closed(reassembly.FIN, time.Unix(1e9, 0))
		for dir := range got[i].got {
			if len(got[i].got[dir]) == 0 || !bytes.HasSuffix(tp.sent[dir], got[i].got[dir][len(got[i].got[dir])-100:]) {
				t.Errorf("connection %d: %d bytes of %d, %d gaps", i, len(got[i].got[dir]), len(tp.sent[dir]), got[i].lost[dir])
			}
		}
	}
	if st := o.Stats(); st.NoKeys == 0 || st.Waiting != 0 || st.Active != 0 || o.budget.Held() != 0 {
		t.Errorf("%+v, %d held", st, o.budget.Held())
	}
}

// scriptOf makes a fuzzer's script of a tape.
func scriptOf(pieces []piece) (b []byte) {
	for _, p := range pieces {
		n := len(p.data)
		kind := byte(p.dir)
		if p.gap > 0 {
			n, kind = int(p.gap), kind|2
		}
		b = binary.LittleEndian.AppendUint16(append(b, kind), uint16(n))
		b = append(b, p.data...)
	}
	return b
}

// FuzzConn plays a script of data and gaps with any key log: each item is a
// direction and kind, a length, and for data the bytes. Nothing may panic or stay
// behind, and the account must balance.
func FuzzConn(f *testing.F) {
	for _, id := range []uint16{0x1301, 0xc02f, 0xcca8, 0xc013} { // 1.3, and 1.2: GCM, ChaCha20, CBC
		keys := NewKeyLog()
		client, server := configs(keys)
		if id != 0x1301 {
			client.MaxVersion = 0x0303
			client.CipherSuites, server.CipherSuites = []uint16{id}, []uint16{id}
		}
		tp := talk(f, client, server, 2)
		var lines bytes.Buffer
		keys.Record(&lines)
		pieces := tp.cut(1460)
		f.Add(lines.Bytes(), scriptOf(pieces), false)     // whole
		f.Add([]byte(nil), scriptOf(pieces), false)       // without keys
		f.Add(lines.Bytes(), scriptOf(pieces[6:]), true)  // joined late
		f.Add(lines.Bytes(), scriptOf(pieces[2:]), false) // without a hello
		lossy := append([]piece(nil), pieces...)
		lossy[len(lossy)-4] = piece{dir: lossy[len(lossy)-4].dir, gap: int64(len(lossy[len(lossy)-4].data))}
		f.Add(lines.Bytes(), scriptOf(lossy), false) // with a gap
	}
	f.Fuzz(func(t *testing.T, log, script []byte, midstream bool) {
		keys := NewKeyLog()
		half := len(log) / 2
		keys.Write(log[:half])
		o := NewOpener(keys, &Config{MaxWaiting: 16 << 10})
		o.effort.left = 1 << 16
		out, place := &receiver{}, &spot{}
		c := o.Conn(place, midstream, out.accept)
		at := time.Unix(1e9, 0)
		for i := 0; len(script) >= 3 && !place.ignored; i++ {
			dir, kind, n := reassembly.Direction(script[0]&1), script[0]>>1&1, int(binary.LittleEndian.Uint16(script[1:]))
			script = script[3:]
			if kind == 1 {
				c.Gap(dir, int64(n)+1, at)
			} else if n = min(n, len(script)); n > 0 {
				c.Data(dir, script[:n], at)
				script = script[n:]
			}
			if i == 10 {
				keys.Write(log[half:]) // the rest comes later
			}
			balanced(t, o)
			if n := len(c.sides[0].buf) + len(c.sides[1].buf); n > 2*(1<<16+2*maxRecord) {
				t.Fatalf("%d bytes of records are kept", n)
			}
			at = at.Add(time.Millisecond)
		}
		if !place.ignored {
			c.Closed(reassembly.FIN, at)
		}
		o.Finish(t.Context(), at)
		balanced(t, o)
		if st := o.Stats(); st.Waiting != 0 || st.Active != 0 || o.budget.Held() != 0 || o.Waiting() {
			t.Fatalf("left over: %+v, %d held", st, o.budget.Held())
		}
		if c.opened && !place.ignored && !out.closed {
			t.Fatal("its end was not told")
		}
	})
}
