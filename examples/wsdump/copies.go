package main

import (
	"slices"

	"github.com/wstap/wstap/websocket"
)

// A printer of a conversation once leaves out what a copy of a connection says
// again. What one alone has says the first of them that goes on: a message is
// seen at one place before another, which is not always the same one.
type oncePrinter struct {
	printer
	live   map[uint64]*websocket.Conn   // by number
	groups map[uint64][]*websocket.Conn // those of them that are copies of each other, the first first, by its number
	msg    websocket.Message
}

func newOncePrinter(p printer) *oncePrinter {
	return &oncePrinter{printer: p, live: make(map[uint64]*websocket.Conn), groups: make(map[uint64][]*websocket.Conn)}
}

// Encode prints an event unless it is a message that was printed before.
func (p *oncePrinter) Encode(ev websocket.Event) error {
	switch ev := ev.(type) {
	case *websocket.Open:
		p.open(ev.Conn)
	case *websocket.End:
		p.end(ev.Conn)
	case *websocket.Message:
		if ev.Copy {
			return nil
		}
		if len(p.groups) == 0 {
			break // most often; to look at the Conn, of which there may be many, takes a while
		}
		if group := p.groups[ev.Conn.CopyOf]; group != nil && group[0] != ev.Conn {
			p.msg = *ev
			p.msg.Conn = group[0]
			return p.printer.Encode(&p.msg)
		}
	}
	return p.printer.Encode(ev)
}

func (p *oncePrinter) open(c *websocket.Conn) {
	p.live[c.Number] = c
	if c.CopyOf == 0 {
		return
	}
	group := p.groups[c.CopyOf]
	if first := p.live[c.CopyOf]; group == nil && first != nil {
		group = append(group, first)
	}
	p.groups[c.CopyOf] = append(group, c)
}

func (p *oncePrinter) end(c *websocket.Conn) {
	delete(p.live, c.Number)
	first := c.CopyOf
	if first == 0 {
		first = c.Number
	}
	group := slices.DeleteFunc(p.groups[first], func(o *websocket.Conn) bool { return o == c })
	if p.groups[first] = group; len(group) == 0 {
		delete(p.groups, first)
	}
}
