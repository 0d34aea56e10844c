package main

import (
	"slices"
	"time"

	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

const (
	// gapPause is how long, in the time of the capture, a gap waits for those
	// that follow it.
	gapPause = time.Second
	maxGaps  = 64 // directions of connections with gaps that wait
)

// gaps are those of which no line is written yet, the oldest first: a burst of
// losses in one message is one line.
type gaps []lossy

// A lossy is a direction of a connection in which bytes are lost.
type lossy struct {
	websocket.Gap // the first one, with the bytes of all
	places        int
}

// add adds a gap to those of its direction.
func (g *gaps) add(ev *websocket.Gap) {
	for i := range *g {
		if x := &(*g)[i]; x.Conn == ev.Conn && x.From == ev.From && x.Reason == ev.Reason {
			x.Bytes += ev.Bytes
			x.places++
			return
		}
	}
	*g = append(*g, lossy{*ev, 1})
}

// before appends the lines of gaps that must come before an event: those of its
// connection, unless it is another one of them, and those that waited long enough.
func (g *gaps) before(p *textPrinter, b []byte, ev websocket.Event) []byte {
	if len(*g) == 0 {
		return b
	}
	var conn *websocket.Conn
	var now time.Time
	switch ev := ev.(type) {
	case *websocket.Open:
		now = ev.Time
	case *websocket.Message:
		conn, now = ev.Conn, ev.Time
	case *websocket.Gap:
		now = ev.Time
	case *websocket.End:
		conn, now = ev.Conn, ev.Time
	}
	full := len(*g) >= maxGaps
	*g = slices.DeleteFunc(*g, func(x lossy) bool {
		due := full || x.Conn == conn || now.Sub(x.Time) >= gapPause
		if due {
			b = x.line(p, b)
		}
		return due
	})
	return b
}

// all appends the lines of all gaps.
func (g *gaps) all(p *textPrinter, b []byte) []byte {
	for i := range *g {
		b = (*g)[i].line(p, b)
	}
	*g = nil
	return b
}

func (x *lossy) line(p *textPrinter, b []byte) []byte {
	b = p.prefix(b, x.Time, x.Conn, arrow(x.From))
	b = append(b, p.paint.warn...)
	b = append(b, " gap "...)
	b = append(b, cli.Quantity(uint64(x.Bytes), "byte")...)
	b = append(b, " lost"...)
	if x.places > 1 {
		b = append(b, " in "...)
		b = append(b, cli.Quantity(uint64(x.places), "place")...)
	}
	if x.Reason != "" {
		b = escape.Append(append(b, ": "...), x.Reason)
	}
	b = append(b, p.paint.off...)
	return append(b, '\n')
}
