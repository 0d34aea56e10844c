package websocket

import (
	"time"

	"github.com/wstap/wstap/reassembly"
)

// A relay is a place that passes what was held for a while on to the Consumer
// that stands there now, which may be another one after each call.
type relay struct {
	place
	p *pipeline
	c reassembly.Consumer // nil once the connection is ignored
}

// relayAt returns a relay at a place, which is one already where another one was
// before.
func relayAt(p *pipeline, at place) *relay {
	if r, ok := at.(*relay); ok {
		return r
	}
	return &relay{place: at, p: p}
}

func (r *relay) SetConsumer(c reassembly.Consumer) {
	r.c = c
	r.place.SetConsumer(c)
}

func (r *relay) Ignore() {
	r.c = nil
	r.place.Ignore()
}

func (r *relay) Data(dir Direction, b []byte, t time.Time) {
	if r.c == nil {
		r.p.counts.SkippedBytes += uint64(len(b))
		return
	}
	r.c.Data(dir, b, t)
}

func (r *relay) Gap(dir Direction, n int64, t time.Time) {
	if r.c != nil {
		r.c.Gap(dir, n, t)
	}
}

func (r *relay) Conflict(dir Direction, offset, n int64, t time.Time) {
	if r.c != nil {
		r.c.Conflict(dir, offset, n, t)
	}
}

func (r *relay) Closed(reason reassembly.Reason, t time.Time) {
	if r.c != nil {
		r.c.Closed(reason, t)
	}
}
