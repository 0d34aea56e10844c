package store

import (
	"slices"
	"time"

	"github.com/wstap/wstap/internal/list"
	"github.com/wstap/wstap/websocket"
)

// A connection is what is known of one.
type connection struct {
	conn    *websocket.Conn // masked
	opened  time.Time
	end     *websocket.End // nil: it goes on
	sides   [2]Side
	flags   uint16 // of its messages, as in record
	gaps    uint64
	version uint64 // of the Store when it changed last
	cost    int64

	changed list.Node[connection] // in Store.changed

	blocks int    // that hold messages of it
	block  *block // the last of them
	index  uint32 // in block.conns
}

// A Side is what one side sent, messages that have been forgotten included.
type Side struct {
	Messages, Bytes, Lost uint64
}

// A Connection is what is known of one. It is the caller's, but not to be changed.
type Connection struct {
	Conn    *websocket.Conn // its secrets are masked, as Config says
	Opened  time.Time
	End     *websocket.End // nil: it goes on
	Sides   [2]Side        // by Direction
	Gaps    uint64
	Version uint64

	Compressed bool // a message was
}

func (c *connection) told() Connection {
	return Connection{
		Conn: c.conn, Opened: c.opened, End: c.end, Sides: c.sides, Gaps: c.gaps, Version: c.version,
		Compressed: c.flags&compressed != 0,
	}
}

// connCost is about what a connection takes without its strings: itself, its Conn and a
// place in the table; endCost is what its End takes.
const (
	connCost = 800
	endCost  = 700
)

func costOf(c *websocket.Conn) int64 {
	n := connCost + len(c.URL) + len(c.Method) + len(c.Subprotocol) + len(c.Extensions)
	for _, h := range []map[string][]string{c.Request(), c.Response()} {
		for name, values := range h {
			for _, v := range values {
				n += len(name) + len(v) + 4
			}
		}
	}
	return int64(n)
}

// connection returns the entry of a connection, a new one where it has none or was
// forgotten.
func (s *Store) connection(c *websocket.Conn, at time.Time) *connection {
	e := s.conns[c.Number]
	if e == nil {
		if !s.cfg.ShowSecrets {
			c = c.Masked()
		}
		e = &connection{conn: c, opened: at, cost: costOf(c)}
		s.conns[c.Number] = e
		s.connCost += e.cost
		s.changed.PushBack(e, &e.changed)
		s.told++
	}
	e.version = s.version.Load()
	s.changed.MoveToBack(&e.changed)
	return e
}

func (s *Store) ended(ev *websocket.End) {
	e := s.connection(ev.Conn, ev.Time)
	end := *ev
	end.Conn, end.Closing = e.conn, slices.Clone(ev.Closing)
	if e.end == nil {
		e.cost += endCost
		s.connCost += endCost
	}
	e.end = &end
}

// forgetConns keeps connections within their part of the budget: that which changed
// longest ago goes first, and messages that are older go with it.
func (s *Store) forgetConns() {
	for s.connCost > s.cfg.Memory/4 && s.changed.Len() > 1 {
		e := s.changed.First()
		for e.blocks > 0 {
			s.forgetBlock()
		}
		e.changed.Remove()
		delete(s.conns, e.conn.Number)
		s.connCost -= e.cost
		s.connsForgotten++
	}
}

// Conns returns at most n connections that changed after a version of the Store, the
// one that changed longest ago first, and whether there are more. since 0 is all.
func (s *Store) Conns(since uint64, n int) (list []Connection, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.changed.Last()
	for e != nil && e.version > since && e.changed.Prev() != nil && e.changed.Prev().version > since {
		e = e.changed.Prev()
	}
	for ; e != nil && e.version > since; e = e.changed.Next() {
		if len(list) == n {
			return list, true
		}
		list = append(list, e.told())
	}
	return list, false
}

// Conn returns a connection by its number.
func (s *Store) Conn(number uint64) (Connection, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.conns[number]
	if e == nil {
		return Connection{}, false
	}
	return e.told(), true
}
