package store

import (
	"testing"

	"github.com/wstap/wstap/websocket"
)

// BenchmarkAdd is what a message costs the capture, once the budget is used up.
func BenchmarkAdd(b *testing.B) {
	s := filled(b, &Config{Memory: 16 << 20}, 200_000)
	c := conn(1)
	m := text(c, 0, line(1))
	b.SetBytes(int64(len(m.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		s.Add(m)
	}
}

// BenchmarkView is a view of a million messages, made anew each time.
func BenchmarkView(b *testing.B) {
	const n = 1_000_000
	s := filled(b, nil, n)
	for name, f := range map[string]Filter{
		"all":         {},
		"side":        {Selection: websocket.Selection{From: []websocket.Direction{websocket.FromServer}}},
		"connection":  {Selection: websocket.Selection{Conns: []uint64{3}}},
		"url":         {Selection: websocket.Selection{URLs: []string{"/3"}}},
		"text":        {Texts: []string{"LAZY dog, and again 42"}},
		"rare":        {Texts: []string{"no such thing"}},
		"literal":     {Selection: websocket.Selection{Match: []string{"lazy dog, and again 42"}}},
		"expression":  {Selection: websocket.Selection{Match: []string{`number":[0-9]*7,`}}},
		"not matched": {Selection: websocket.Selection{NotMatch: []string{"again 4"}}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				v, err := newView(s, &f, 0)
				if err != nil || !v.catchUp(b.Context()) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/message")
		})
	}
	v := view(b, s, Filter{})
	b.Run("page", func(b *testing.B) {
		for i := int64(0); b.Loop(); i += 7919 {
			if p := v.Rows(b.Context(), i%n, 100); len(p.Rows) == 0 {
				b.Fatal("no rows")
			}
		}
	})
	b.Run("timeline", func(b *testing.B) {
		for b.Loop() {
			v.Timeline(b.Context(), 200)
		}
	})
}
