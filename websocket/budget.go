package websocket

import "strings"

// What the memory of connections is bounded by, whatever is sent:
//
//	MaxBuffered  unfinished messages, held bytes, hunts, connections in their
//	             opening, HTTP/2 connections and their streams
//	MaxWindows   the histories of compressed directions (windows.go)
//	MaxHeads     the heads that Conns keep
//
// What is left of a WebSocket connection is of a fixed size, some hundred bytes,
// and reassembly bounds their number.

// What things are counted with besides the bytes that they hold.
const (
	openingCost = 1 << 10 // a conn, its opening, its hunts
	streamCost  = 2 << 10 // the same, a Conn, and a place in a map
	pendingCost = 24      // a pendingRequest
	markCost    = 40      // a mark
	chainCost   = 64      // a chain
)

// reserve counts n bytes more, or less, against MaxBuffered.
func (p *pipeline) reserve(n int) {
	p.buffered += n
	p.tap.buffered.Add(int64(n))
}

// hold counts n bytes more, or less, that wait to be read.
func (p *pipeline) hold(n int) {
	p.reserve(n)
	p.stats.HeldBytes += uint64(n)
}

// room says whether n bytes more keep MaxBuffered. For their sake connections
// are given up that may never become WebSockets, those that have been silent
// longest, but not the one that asks.
func (p *pipeline) room(n int, asks *opening) bool {
	for p.tap.buffered.Load()+int64(n) > int64(p.maxBuffered) {
		o := p.openings.oldest(asks)
		if o == nil {
			return false
		}
		p.stats.GivenUp++
		o.conn.ignore(0)
	}
	return true
}

// openingList is the list of connections of which it is not known yet whether
// they are WebSockets, the one that has been silent longest first.
type openingList struct{ head, tail *opening }

func (l *openingList) push(o *opening) {
	o.prev, o.next = l.tail, nil
	if l.tail != nil {
		l.tail.next = o
	} else {
		l.head = o
	}
	l.tail = o
}

func (l *openingList) remove(o *opening) {
	if o.prev != nil {
		o.prev.next = o.next
	} else {
		l.head = o.next
	}
	if o.next != nil {
		o.next.prev = o.prev
	} else {
		l.tail = o.prev
	}
	o.prev, o.next = nil, nil
}

// oldest returns the first opening other than the one that asks.
func (l *openingList) oldest(asks *opening) *opening {
	if l.head == asks && asks != nil {
		return asks.next
	}
	return l.head
}

// enlist notes that bytes came for a connection that is in its opening. For a
// new one others may have to go.
func (c *conn) enlist() {
	o := c.opening
	if o.listed {
		if o != c.p.openings.tail {
			c.p.openings.remove(o)
			c.p.openings.push(o)
		}
		return
	}
	o.listed = true
	c.p.openings.push(o)
	c.charge(openingCost)
	c.p.room(0, o)
}

// charge counts n bytes more, or less, that the opening takes.
func (c *conn) charge(n int) {
	if o := c.opening; o != nil {
		o.charged += n
		c.p.reserve(n)
	}
}

// unlist takes the opening off the list, and off the account.
func (c *conn) unlist() {
	o := c.opening
	if o.listed {
		o.listed = false
		c.p.openings.remove(o)
	}
	c.charge(-o.charged)
}

// share divides budgets that pipelines cannot share among n of them.
func (cfg *Config) share(n int) {
	r := cfg.Reassembly.Defaults()
	r.MaxFlows = max(1, r.MaxFlows/n)
	r.MaxBytes = max(r.MaxBytes/n, r.MaxFlowBytes)
	r.MaxFragmentBytes = max(1, r.MaxFragmentBytes/n)
	if r.HistoryBytes > 0 {
		r.HistoryBytes = max(1, r.HistoryBytes/n)
	}
	cfg.Reassembly = &r
	cfg.MaxWindows = max(1, cfg.MaxWindows/n)
}

// clipped is how much of a URL is kept where MaxHeads is met.
const clipped = 256

// keepHeads counts what c keeps of its heads. Beyond MaxHeads it keeps next to
// nothing.
func (p *pipeline) keepHeads(c *Conn) {
	if n := p.tap.heads.Add(c.heads()); n <= int64(p.tap.cfg.MaxHeads) {
		return
	}
	p.tap.heads.Add(-c.heads())
	clip := func(s string) string { return strings.Clone(s[:min(len(s), clipped)]) }
	c.request, c.response = "", ""
	c.URL, c.Subprotocol, c.Extensions = clip(c.URL), clip(c.Subprotocol), clip(c.Extensions)
	c.HeadersDropped = true
	p.tap.heads.Add(c.heads())
}

// heads is what the strings of c take.
func (c *Conn) heads() int64 {
	n := len(c.Method) + len(c.URL) + len(c.request) + len(c.response)
	if c.response == "" { // otherwise they are parts of it
		n += len(c.Subprotocol) + len(c.Extensions)
	}
	return int64(n)
}
