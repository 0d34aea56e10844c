package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/websocket"
)

// TestMessage: a message comes back with every field that it had.
func TestMessage(t *testing.T) {
	s := New(nil)
	defer s.Close()
	c := conn(7)
	var want []*websocket.Message
	for i := range 16 {
		m := text(c, i, line(i))
		switch i {
		case 1:
			m.Compressed, m.Truncated, m.Undecoded, m.Conflict = true, true, true, true
		case 2:
			m.Midstream, m.InvalidUTF8, m.BadMask, m.Copy = true, true, true, true
		case 3:
			m.RSV, m.Violations, m.Unknown, m.Frames = 0x70, 0x3f, 5, 1<<20
		case 4:
			m.Opcode, m.RoundTrip = websocket.Pong, time.Minute
		case 5:
			m.Time, m.Start = time.Unix(-1e11, 1).UTC(), time.Unix(-1e11, 0).UTC() // before the year 0
		case 6:
			m.Time, m.Start = time.Unix(1e12, 999_999_999).UTC(), time.Unix(1e12, 0).UTC()
		case 7:
			m.Opcode, m.Payload = 0xf, []byte{}
		case 8:
			m.WireLength = 1 << 40
		}
		want = append(want, m.Clone())
		s.Add(m)
		clear(m.Payload) // it was lent
	}
	for i, w := range want {
		m, cut, err := s.Message(uint64(i + 1))
		if err != nil || cut != 0 {
			t.Fatalf("%d: %d, %v", i, cut, err)
		}
		if m.Conn.Number != 7 || strings.Contains(m.Conn.URL, "secret") {
			t.Errorf("%d: connection %v %s", i, m.Conn, m.Conn.URL)
		}
		w.Conn = m.Conn
		if !reflect.DeepEqual(m, w) {
			t.Errorf("%d:\n got %+v\nwant %+v", i, m, w)
		}
	}
	for _, n := range []uint64{0, 17, 1 << 63, 1<<64 - 1} {
		if _, _, err := s.Message(n); err != ErrNone {
			t.Errorf("message %d: %v", n, err)
		}
	}
}

// TestBudget: whatever comes, memory stays within the budget, the oldest messages go,
// all are counted, and the latest can be read.
func TestBudget(t *testing.T) {
	zeros := make([]byte, 5<<20)
	for name, payload := range map[string]func(i int) []byte{
		"small":   func(i int) []byte { return []byte(line(i)) },
		"empty":   func(i int) []byte { return nil },
		"large":   func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 50_000) },
		"giants":  func(i int) []byte { return zeros },
		"unequal": func(i int) []byte { return zeros[:1<<(i%21)] },
	} {
		t.Run(name, func(t *testing.T) {
			const budget, n = 1 << 20, 3000
			s := New(&Config{Memory: budget})
			defer s.Close()
			for i := range n {
				c := conn(uint64(i/2 + 1))
				m := text(c, i, "")
				m.Payload = payload(i)
				s.Add(m)
				if i%2 == 1 {
					s.Add(&websocket.End{Time: m.Time, Conn: c})
				}
				if sum := s.Summary(); sum.Memory > budget+budget/4 || sum.Memory < 0 {
					t.Fatalf("after %d messages: %+v", i+1, sum)
				}
			}
			sum := s.Summary()
			if sum.Stored+sum.Forgotten != n || sum.Sides[0].Messages+sum.Sides[1].Messages != n || sum.Conns != n/2 {
				t.Errorf("%+v", sum)
			}
			if _, _, err := s.Message(1); !errors.Is(err, ErrForgotten) {
				t.Errorf("the first message: %v", err)
			}
			m, cut, err := s.Message(n)
			if want := payload(n - 1); err != nil || !bytes.Equal(m.Payload, want[:len(m.Payload)]) || len(m.Payload)+cut != len(want) {
				t.Errorf("the last message: %v, %d bytes and %d cut of %d", err, len(m.Payload), cut, len(want))
			}
			if cuts := sum.Cut > 0; cuts != (name == "giants" || name == "unequal") {
				t.Errorf("%d cut", sum.Cut)
			}
			all, err := s.Messages(t.Context(), new(Filter))
			if err != nil {
				t.Fatal(err)
			}
			i := sum.Forgotten
			for m, err := range all {
				if err != nil {
					t.Fatal(err)
				}
				if want := payload(int(i)); m.Truncated != (len(m.Payload) < len(want)) {
					t.Errorf("message %d has %d bytes of %d, truncated: %v", i+1, len(m.Payload), len(want), m.Truncated)
				}
				i++
			}
			if i != n {
				t.Errorf("%d messages, want %d", i-sum.Forgotten, sum.Stored)
			}
		})
	}
}

// TestManyConnections: connections without a message do not grow without bound, nor
// those that never end.
func TestManyConnections(t *testing.T) {
	const budget = 1 << 20
	for _, ends := range []bool{false, true} {
		s := New(&Config{Memory: budget})
		for i := range 20_000 {
			c := conn(uint64(i + 1))
			s.Add(&websocket.Open{Time: began, Conn: c})
			if i%10 == 0 {
				s.Add(text(c, i, "hello"))
			}
			if ends {
				s.Add(&websocket.End{Time: began, Conn: c})
			}
		}
		sum := s.Summary()
		if sum.Memory > budget || sum.ConnsForgotten == 0 {
			t.Errorf("%+v", sum)
		}
		list, more := s.Conns(0, 100_000)
		if uint64(len(list))+sum.ConnsForgotten != sum.Conns || more || len(list) < 100 {
			t.Errorf("%d connections; %+v", len(list), sum)
		}
		if list[len(list)-1].Conn.Number != 20_000 {
			t.Errorf("the last one is %v", list[len(list)-1].Conn)
		}
		if sum.Stored < 10 || sum.Stored+sum.Forgotten != 2000 {
			t.Errorf("messages: %+v", sum)
		}
		s.Close()
	}
}

// TestConns: what is asked for by version comes in the order of change, each once.
func TestConns(t *testing.T) {
	s := New(nil)
	defer s.Close()
	conns := make(map[uint64]*websocket.Conn)
	known := make(map[uint64]Connection)
	version := uint64(0)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		for range rnd.IntN(10) {
			n := uint64(rnd.IntN(40) + 1)
			if conns[n] == nil {
				conns[n] = conn(n)
				s.Add(&websocket.Open{Time: began, Conn: conns[n]})
			}
			switch rnd.IntN(3) {
			case 0:
				s.Add(text(conns[n], 2, "abc"))
			case 1:
				s.Add(&websocket.Gap{Time: began, Conn: conns[n], From: websocket.FromServer, Bytes: 10})
			}
		}
		for more := true; more; {
			var list []Connection
			list, more = s.Conns(version, 3)
			for _, c := range list {
				if c.Version <= version {
					t.Fatalf("version %d after %d", c.Version, version)
				}
				version = c.Version
				known[c.Conn.Number] = c
			}
		}
	}
	all, _ := s.Conns(0, 1000)
	if len(all) != len(known) || len(all) < 30 {
		t.Fatalf("%d connections, %d known", len(all), len(known))
	}
	for _, c := range all {
		if k := known[c.Conn.Number]; k != c {
			t.Errorf("known as %+v, is %+v", k, c)
		}
		if one, ok := s.Conn(c.Conn.Number); !ok || one != c {
			t.Errorf("alone %+v, is %+v", one, c)
		}
		if c.Sides[1].Lost != 10*c.Gaps || c.Sides[0].Bytes != 3*c.Sides[0].Messages {
			t.Errorf("%+v", c)
		}
	}
}

func TestSecrets(t *testing.T) {
	for _, show := range []bool{false, true} {
		s := New(&Config{ShowSecrets: show})
		s.Add(&websocket.Open{Time: began, Conn: conn(1)})
		c, _ := s.Conn(1)
		if got := fmt.Sprint(c.Conn.URL, c.Conn.Request()); strings.Contains(got, "secret") != show || strings.Contains(got, "a=b") != show {
			t.Errorf("ShowSecrets %v: %s", show, got)
		}
		s.Close()
	}
}

// TestAddAllocates: a message costs the capture no allocation but its part of a block.
func TestAddAllocates(t *testing.T) {
	s := filled(t, &Config{Memory: 1 << 20}, 20_000)
	m := text(conn(3), 0, line(1))
	if n := testing.AllocsPerRun(5000, func() { s.Add(m) }); n > 0.1 {
		t.Errorf("%v allocations a message", n)
	}
}

// TestHeap: what a Store says it takes is what it takes.
func TestHeap(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for name, fill := range map[string]func(s *Store){
		"messages": func(s *Store) {
			c := conn(1)
			for i := range 300_000 {
				s.Add(text(c, i, line(i)))
			}
		},
		"short messages": func(s *Store) {
			c := conn(1)
			for i := range 500_000 {
				s.Add(text(c, i, "x"))
			}
		},
		"connections": func(s *Store) {
			for i := range 20_000 {
				c := conn(uint64(i + 1))
				s.Add(&websocket.Open{Time: began, Conn: c})
				s.Add(text(c, i, "hello"))
				s.Add(&websocket.End{Time: began, Conn: c, Closing: make([]websocket.Closing, 2)})
			}
		},
	} {
		before := heap()
		s := New(&Config{Memory: 16 << 20})
		fill(s)
		v := view(t, s, Filter{Texts: []string{"fox"}}) // and what it has found
		took, said := heap()-before, s.Summary().Memory
		if took > said+said/4 || took > 16<<20+2<<20 || said > 16<<20 {
			t.Errorf("%s: %d bytes, said to be %d", name, took, said)
		}
		t.Logf("%s: %d bytes, said to be %d", name, took, said)
		runtime.KeepAlive(v)
		s.Close()
	}
}
