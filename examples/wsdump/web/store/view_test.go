package store

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/websocket"
)

// A reference is what views are held against: all messages that ever came, and a
// function for each filter.
type reference struct {
	filter Filter
	wants  func(*websocket.Message) bool
}

func references() map[string]reference {
	sel := func(s websocket.Selection) Filter { return Filter{Selection: s} }
	has := func(re string) func(*websocket.Message) bool {
		r := regexp.MustCompile(re)
		return func(m *websocket.Message) bool { return r.Match(m.Payload) }
	}
	since, until := began.Add(2*time.Second), began.Add(7*time.Second)
	return map[string]reference{
		"all":    {Filter{}, func(*websocket.Message) bool { return true }},
		"none":   {Filter{Texts: []string{"no such thing"}}, func(*websocket.Message) bool { return false }},
		"server": {sel(websocket.Selection{From: []websocket.Direction{websocket.FromServer}}), func(m *websocket.Message) bool { return m.From == websocket.FromServer }},
		"pings":  {sel(websocket.Selection{Only: []string{"ping"}}), func(m *websocket.Message) bool { return m.Opcode == websocket.Ping }},
		"conns":  {sel(websocket.Selection{Conns: []uint64{3, 5, 99}}), func(m *websocket.Message) bool { return m.Conn.Number == 3 || m.Conn.Number == 5 }},
		"url":    {sel(websocket.Selection{URLs: []string{"/4"}}), func(m *websocket.Message) bool { return m.Conn.Number == 4 }},
		"masked": {sel(websocket.Selection{URLs: []string{"secret"}}), func(m *websocket.Message) bool { return false }},
		"text":   {Filter{Texts: []string{"AGAIN 4"}}, has("again 4")},
		"not":    {Filter{NotTexts: []string{"Again 4"}}, func(m *websocket.Message) bool { return !strings.Contains(string(m.Payload), "again 4") }},
		"umlaut": {Filter{Texts: []string{"ÄÖ"}}, has("äö")},
		"regexp": {sel(websocket.Selection{Match: []string{`number":[0-9]*7,`}}), has(`number":[0-9]*7,`)},
		"time":   {Filter{Since: since, Until: until}, func(m *websocket.Message) bool { return !m.Time.Before(since) && !m.Time.After(until) }},
	}
}

// TestViews asks views of all kinds while messages come and go, and holds each answer
// against all that came.
func TestViews(t *testing.T) {
	for run, memory := range []int64{64 << 10, 1 << 20, 64 << 20} {
		t.Run(fmt.Sprint(memory), func(t *testing.T) {
			s := New(&Config{Memory: memory})
			defer s.Close()
			rnd := rand.New(rand.NewPCG(uint64(memory), 1))
			refs := references()
			names := slices.Sorted(maps.Keys(refs))
			names = append(names[4*run:], names[:4*run]...)[:maxViews] // beyond it rows are numbered anew
			var all []*websocket.Message
			conns := make([]*websocket.Conn, 8)
			for i := range conns {
				conns[i] = conn(uint64(i + 1))
			}
			ctx := context.Background()
			total := 9000
			if testing.Short() {
				total = 1500
			}
			for len(all) < total {
				for range rnd.IntN(900) {
					m := text(conns[rnd.IntN(8)], len(all), line(len(all)))
					switch rnd.IntN(20) {
					case 0:
						m.Opcode, m.Payload = websocket.Ping, []byte("PING")
					case 1:
						m.Payload = make([]byte, rnd.IntN(20_000))
					case 2:
						m.Payload = []byte("xäöx")
					}
					all = append(all, m)
					s.Add(m)
				}
				first := s.first()
				for _, name := range names {
					ref := refs[name]
					var want []uint64 // numbers of all messages that are wanted
					forgotten := uint64(0)
					for i, m := range all {
						if ref.wants(m) {
							want = append(want, uint64(i+1))
							if uint64(i+1) < first {
								forgotten++
							}
						}
					}
					v := view(t, s, ref.filter)
					// Rows that were forgotten before they were looked at have no number.
					whole := v.Rows(ctx, 0, math.MaxInt)
					if !whole.Searched || whole.End-whole.Begin != uint64(len(want))-forgotten || uint64(len(whole.Rows)) != whole.End-whole.Begin {
						t.Fatalf("%s: %d rows from %d to %d, want %d", name, len(whole.Rows), whole.Begin, whole.End, uint64(len(want))-forgotten)
					}
					want = want[forgotten:]
					for i, r := range whole.Rows {
						m := all[r.Number-1]
						if r.Number != want[i] || r.N != whole.Begin+uint64(i) || string(r.Message.Payload) != string(m.Payload[:len(m.Payload)-r.Cut]) {
							t.Fatalf("%s: row %d is %d, message %d, want %d", name, i, r.N, r.Number, want[i])
						}
						if name == "all" && r.N != r.Number-1 {
							t.Fatalf("row %d is message %d", r.N, r.Number)
						}
					}
					checkPages(t, name, ref.filter, v, whole, rnd)
				}
			}
		})
	}
}

// checkPages holds parts of a view against the whole.
func checkPages(t *testing.T, name string, f Filter, v *View, whole Page, rnd *rand.Rand) {
	t.Helper()
	ctx := context.Background()
	n := int64(len(whole.Rows))
	for range 5 {
		offset, limit := rnd.Int64N(2*n+20)-n-10, rnd.IntN(50)
		from := offset - int64(whole.Begin)
		if offset < 0 {
			from = n + offset
		} else if offset > int64(whole.End) {
			from = n
		}
		from = min(max(from, 0), n)
		want := whole.Rows[from:min(from+int64(limit), n)]
		p := v.Rows(ctx, offset, limit)
		if len(p.Rows) != len(want) || len(want) > 0 && (p.Rows[0].N != want[0].N || p.Rows[len(want)-1].N != want[len(want)-1].N) {
			t.Fatalf("%s: offset %d, limit %d of %d to %d: %d rows, want %d", name, offset, limit, whole.Begin, whole.End, len(p.Rows), len(want))
		}
	}
	for _, offset := range []int64{math.MaxInt64, math.MinInt64 + 1} {
		v.Rows(ctx, offset, 10)
	}
	total := uint64(0)
	line := v.Timeline(ctx, 7)
	for _, side := range line.Sides {
		for _, k := range side {
			total += k
		}
	}
	if total != uint64(n) {
		t.Fatalf("%s: the timeline has %d, want %d", name, total, n)
	}
	i := 0
	chosen, err := v.store.Messages(ctx, &f)
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range chosen {
		if err != nil || m.Time != whole.Rows[i].Message.Time {
			t.Fatalf("%s: %d: %v", name, i, err)
		}
		i++
	}
	if int64(i) != n {
		t.Fatalf("%s: %d messages of %d", name, i, n)
	}
	if n == 0 {
		return
	}
	r := whole.Rows[rnd.Int64N(n)]
	if got := v.RowOf(ctx, r.Number); got != r.N {
		t.Fatalf("%s: message %d stands at %d, want %d", name, r.Number, got, r.N)
	}
	if got := v.RowAt(ctx, r.Message.Time); got != r.N {
		t.Fatalf("%s: time %v stands at %d, want %d", name, r.Message.Time, got, r.N)
	}
	if got := v.RowOf(ctx, math.MaxUint64); got != whole.End {
		t.Fatalf("%s: behind all stands %d, want %d", name, got, whole.End)
	}
	if got := v.RowOf(ctx, 0); got != whole.Begin {
		t.Fatalf("%s: before all stands %d, want %d", name, got, whole.Begin)
	}
}

// TestConcurrent has one goroutine tell and many ask. It is for the race detector.
func TestConcurrent(t *testing.T) {
	before := runtime.NumGoroutine()
	s := New(&Config{Memory: 256 << 10})
	conns := []*websocket.Conn{conn(1), conn(2), conn(3)}
	over := make(chan struct{})
	var asking sync.WaitGroup
	refs := references()
	for name, ref := range refs {
		asking.Go(func() {
			for ctx := t.Context(); ; {
				select {
				case <-over:
					return
				default:
				}
				v, err := s.View(&ref.filter)
				if err != nil {
					t.Error(name, err)
					return
				}
				p := v.Rows(ctx, -50, 50)
				for i, r := range p.Rows {
					if i > 0 && r.Number <= p.Rows[i-1].Number || !ref.wants(&r.Message) {
						t.Errorf("%s: row %d is message %d", name, r.N, r.Number)
					}
				}
				v.Timeline(ctx, 10)
				v.RowAt(ctx, began)
				chosen, err := s.Messages(ctx, &ref.filter)
				if err != nil {
					t.Error(err)
					return
				}
				for _, err := range chosen {
					if err != nil && err != ErrForgotten {
						t.Error(err)
					}
				}
				list, _ := s.Conns(0, 10)
				for _, c := range list {
					s.Conn(c.Conn.Number)
				}
				s.Summary()
				s.Message(s.first())
			}
		})
	}
	for i := range 30_000 {
		c := conns[i%3]
		s.Add(text(c, i, line(i)))
		if i%1000 == 999 {
			s.Add(&websocket.Gap{Time: began, Conn: c, Bytes: 1})
			s.Add(&websocket.End{Time: began, Conn: c})
			conns[i%3] = conn(uint64(1_000_000 + i))
		}
	}
	close(over)
	asking.Wait()
	s.Close()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// TestSearchWaits: who asks does not wait for a search that takes long, another view
// is served meanwhile, and the search comes to its end, or is ended.
func TestSearchWaits(t *testing.T) {
	s := New(nil)
	c := conn(1)
	for i := range 50 {
		s.Add(text(c, i, strings.Repeat("a", 256<<10)))
	}
	slow := Filter{Selection: websocket.Selection{Match: []string{`[a-c]+d$`}}}
	v, err := s.View(&slow)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if p := v.Rows(ctx, 0, 10); p.Searched || len(p.Rows) > 0 {
		t.Errorf("searched: %+v", p)
	}
	if p := view(t, s, Filter{}).Rows(t.Context(), 0, 3); !p.Searched || len(p.Rows) != 3 {
		t.Errorf("beside a search: %d rows", len(p.Rows))
	}
	v.mu.Lock()
	scan := v.scan
	v.mu.Unlock()
	s.Close()
	select {
	case <-scan:
	case <-time.After(time.Minute):
		t.Error("the search goes on after Close")
	}
	if v.next == s.end() {
		t.Error("it was searched to the end")
	}
}

// TestManyViews: views beyond those that are remembered work, and are numbered anew.
func TestManyViews(t *testing.T) {
	s := filled(t, nil, 5000)
	first := view(t, s, Filter{})
	id := first.Rows(t.Context(), 0, 1).View
	for i := range 3 * maxViews {
		v := view(t, s, Filter{Texts: []string{fmt.Sprint("again ", i, `"`)}})
		if p := v.Rows(t.Context(), 0, 1000); p.End < 51 || p.End > 52 {
			t.Errorf("%d: %d rows", i, p.End)
		}
	}
	if len(s.views.list) != maxViews {
		t.Errorf("%d views", len(s.views.list))
	}
	s.Add(text(conn(1), 5000, "one more"))
	if p := first.Rows(t.Context(), -1, 1); p.Searched || p.End != 5000 {
		t.Errorf("a view that was forgotten: %+v", p)
	}
	if p := view(t, s, Filter{}).Rows(t.Context(), 0, 1); p.View == id || p.End != 5001 {
		t.Errorf("view %d, was %d; %d rows", p.View, id, p.End)
	}
}

func TestBadFilter(t *testing.T) {
	s := New(nil)
	for _, sel := range []websocket.Selection{{Match: []string{"("}}, {NotMatch: []string{"["}}, {URLs: []string{"*"}}, {Only: []string{"words"}}} {
		if _, err := s.View(&Filter{Selection: sel}); err == nil {
			t.Errorf("%+v: no error", sel)
		}
		if _, err := s.Messages(t.Context(), &Filter{Selection: sel}); err == nil {
			t.Errorf("%+v: no error of Messages", sel)
		}
	}
	if len(s.views.list) > 0 {
		t.Error("a view of a bad filter is remembered")
	}
}

// FuzzFold holds the search of texts against a regular expression.
func FuzzFold(f *testing.F) {
	f.Add("Hello", []byte("say hELLO to"))                  // capitals on both sides
	f.Add("ab", []byte(strings.Repeat("x", 32<<10-1)+"AB")) // over the end of a piece
	f.Add("[", []byte("{"))                                 // what capitals' bit would make of others
	f.Add("a.c", []byte("abc"))                             // no pattern
	f.Add("\x00", []byte("\x80\xff\x00"))                   // bytes
	f.Add("", []byte{})                                     // nothing
	f.Add("aab", []byte("aaaaab"))                          // begins within itself
	f.Fuzz(func(t *testing.T, text string, b []byte) {
		if !foldable(text) || strings.ContainsAny(text, "kKsS") { // ſ and K are capitals of these too
			return
		}
		var buf []byte
		got := newFold(text, true).in(b, &buf)
		if want := regexp.MustCompile("(?i)" + regexp.QuoteMeta(text)).Match(b); got != want {
			t.Errorf("%q in %q: %v", text, b, got)
		}
	})
}
