package websocket

import (
	"time"

	"github.com/wstap/wstap/internal/http2"
	"github.com/wstap/wstap/reassembly"
)

// A lane is the place of a stream of HTTP/2 whose handshake was not seen: an
// [opening] looks for frames in it.
type lane struct {
	x *multiplex
	c reassembly.Consumer // nil: nothing more is read
}

// Found implements http2.Handler.
func (x *multiplex) Found(r *http2.Request, a *http2.Response, _ time.Time) http2.Stream {
	l := &lane{x: x}
	from := x.origin
	from.place, from.midstream, from.offsets = l, true, [2]int64{}
	from.stream = x.describe(r, a)
	l.c = x.p.newOpening(&from)
	return l
}

// SetConsumer implements place.
func (l *lane) SetConsumer(c reassembly.Consumer) {
	l.c = c
	l.x.memory.Keep() // it is a WebSocket's
}

// Ignore implements place.
func (l *lane) Ignore() { l.c = nil }

// Data implements reassembly.Consumer.
func (l *lane) Data(dir Direction, b []byte, t time.Time) {
	if l.c == nil {
		l.x.p.counts.SkippedBytes += uint64(len(b))
		return
	}
	l.c.Data(dir, b, t)
}

// Gap implements reassembly.Consumer.
func (l *lane) Gap(dir Direction, n int64, t time.Time) {
	if l.c != nil {
		l.c.Gap(dir, n, t)
	}
}

// Lost implements http2.Stream.
func (l *lane) Lost(dir Direction, n int64, t time.Time) {
	if k, ok := l.c.(*socket); ok {
		k.Lost(dir, n, t)
	} else {
		l.Gap(dir, n, t)
	}
}

// Conflict implements reassembly.Consumer.
func (l *lane) Conflict(dir Direction, offset, n int64, t time.Time) {
	if l.c != nil {
		l.c.Conflict(dir, offset, n, t)
	}
}

// Closed implements reassembly.Consumer.
func (l *lane) Closed(reason reassembly.Reason, t time.Time) {
	if l.c != nil {
		l.c.Closed(reason, t)
	}
}
