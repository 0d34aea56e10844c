package websocket

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// How connections and messages leave a pipeline as events.

// out gives out an event on loan.
func (p *pipeline) out(e Event) {
	if p.yield == nil || p.stopped {
		return
	}
	if p.stopped = !p.yield(e, nil); p.stopped {
		p.asm.Stop()
	}
}

// tellMessage tells a message of k.
func (p *pipeline) tellMessage(k *socket, m *Message) {
	if k.unwanted || !p.tap.cfg.Select.Message(m) {
		p.counts.Unselected++
		p.slab.takeBack(m)
		return
	}
	if m.Copy && !p.stopped {
		p.counts.MessageCopies++
	}
	if p.stopped { // what is left when the caller breaks off
		p.counts.MessageDropped++
		return
	}
	if p.sink == nil {
		p.counts.Messages++
		p.out(m)
		return
	}
	if p.sink.admits && !p.admit(k, len(m.Payload)) {
		p.dropped.Add(1)
		p.slab.takeBack(m)
		return
	}
	p.sendingMessages++
	p.send(m, len(m.Payload))
}

// admit says whether there is room for an event of k in a batch. Its Open, for which
// there was none when it came, goes before it.
func (p *pipeline) admit(k *socket, payload int) bool {
	size := room{1, int64(payload)}
	if k.untold {
		size.events++
	}
	if !p.sink.admit(size, false) {
		return false
	}
	if k.untold {
		k.untold = false
		p.send(&Open{Time: k.info.Opened, Conn: k.info}, 0)
	}
	return true
}

// send adds an event to those that are sent together.
func (p *pipeline) send(e Event, payload int) {
	p.sending = append(p.sending, e)
	p.sendingBytes += payload
	switch {
	case len(p.sending) < p.sink.batch.events && int64(p.sendingBytes) <= p.sink.batch.bytes:
	case p.busy: // mu must not be held while the receiver is waited for
		p.asm.Stop()
	default:
		p.flush()
	}
}

// flush sends the events gathered.
func (p *pipeline) flush() { p.flushTo(!p.sink.drop) }

// flushTo is flush, which waits for the receiver or not. Of batches for which there
// is no room only ends are left, and are kept.
func (p *pipeline) flushTo(wait bool) {
	n := p.sendingMessages
	if p.sink.batches == nil {
		n = p.sink.sendMessages(p.sending, int64(p.sendingBytes))
	} else if size := (room{len(p.sending), int64(p.sendingBytes)}); !p.sink.sendBatch(p.sending, size, wait) {
		if !wait && p.sink.ctx.Err() == nil {
			return
		}
		n = 0
	}
	p.given.Add(uint64(n))
	p.dropped.Add(uint64(p.sendingMessages - n))
	p.sendingMessages, p.sendingBytes = 0, 0
	if p.sink.batches != nil {
		p.sending = make([]Event, 0, min(p.sink.batch.events, 1+len(p.sending)*3/2)) // the next one is probably alike
		return
	}
	clear(p.sending)
	p.sending = p.sending[:0]
}

// tellOpen tells a connection. seen may be nil.
func (p *pipeline) tellOpen(k *socket, seen *sighting, t time.Time) {
	if seen != nil {
		p.recognise(k, seen)
	} else {
		k.info.Number = p.tap.conn.Add(1)
	}
	if k.info.Status == 0 || k.info.Status == http.StatusSwitchingProtocols {
		p.tap.servers.add(k.info.Server)
	}
	k.info.Opened = t
	p.keepHeads(k.info)
	p.counts.Conns++
	if k.info.Midstream {
		p.counts.LateConns++
	}
	k.unwanted = !p.accepts(k.info)
	p.lock()
	p.told.add(k)
	p.unlock()
	if k.unwanted {
		return
	}
	if p.batching() {
		k.untold = true
		if p.sink.admit(room{events: 1}, false) {
			k.untold = false
			p.send(&Open{Time: t, Conn: k.info}, 0)
		}
		return
	}
	p.open = Open{Time: t, Conn: k.info}
	p.out(&p.open)
}

// accepts asks Config.Accept, which may ask the Tap for Conns.
func (p *pipeline) accepts(c *Conn) bool {
	accept := p.tap.cfg.Accept
	if accept == nil {
		return true
	}
	if p.busy {
		p.mu.Unlock()
		defer p.mu.Lock()
	}
	return accept(c)
}

// batching says that all events are given out, owned.
func (p *pipeline) batching() bool { return p.sink != nil && p.sink.batches != nil }

func (k *socket) tellGap(dir Direction, n int64, t time.Time) {
	k.tellGapOf(dir, n, k.p.opener.TooLate(), t)
}

// tellGapOf is tellGap of a gap that came before. tooLate says that it waited for
// keys.
func (k *socket) tellGapOf(dir Direction, n int64, tooLate bool, t time.Time) {
	p := k.p
	k.countLost(dir, n)
	if k.unwanted {
		return
	}
	gap := Gap{Time: t, Conn: k.info, From: dir, Bytes: n}
	if tooLate {
		gap.Reason = LateKeys
	}
	if p.batching() {
		if p.admit(k, 0) {
			owned := gap
			p.send(&owned, 0)
		}
		return
	}
	p.gap = gap
	p.out(&p.gap)
}

func (p *pipeline) tellEnd(k *socket, cause Cause, t time.Time) {
	p.lock()
	p.told.remove(k)
	p.unlock()
	p.tap.heads.Add(-k.info.texts())
	p.tap.recent.ended(k, cause, t)
	if k.unwanted || p.yield == nil && !p.batching() {
		return
	}
	end := &p.end
	if p.batching() {
		end = new(End)
	}
	*end = End{Time: t, Conn: k.info, Cause: cause, By: p.closers(k.info), Duration: max(0, t.Sub(k.info.Opened))}
	end.Closing = k.closed()
	end.Counts = k.both()
	switch {
	case p.yield != nil:
		p.out(end)
	case !k.untold: // the receiver counts on it
		p.sink.admit(room{events: 1}, true)
		p.send(end, 0)
	case p.admit(k, 0):
		p.send(end, 0)
	default:
		p.counts.Untold++
	}
}

// closers returns who has closed the TCP connection of c, if that is ending now.
func (p *pipeline) closers(c *Conn) []Direction {
	f := p.asm.Closing()
	switch {
	case f == nil: // a stream of HTTP/2, or TLS that waited for its secrets
		return nil
	case c.Client == f.Client() && c.Server == f.Server():
		return f.Closers()
	case c.Client == f.Server() && c.Server == f.Client(): // found the other way round
		by := slices.Clone(f.Closers())
		for i := range by {
			by[i] = by[i].Reverse()
		}
		return by
	}
	return nil // it gives way to the one that is ending
}

// clipped is how much of a URL is kept where MaxHeads is met.
const clipped = 256

// keepHeads counts what c keeps of its heads. Beyond MaxHeads it keeps next to
// nothing.
func (p *pipeline) keepHeads(c *Conn) {
	if n := p.tap.heads.Add(c.texts()); n <= int64(p.tap.cfg.MaxHeads) {
		return
	}
	p.tap.heads.Add(-c.texts())
	clip := func(s string) string { return strings.Clone(s[:min(len(s), clipped)]) }
	if p.unseen {
		c.judge()
	}
	c.setHeads("", "")
	c.URL, c.Subprotocol, c.Extensions = clip(c.URL), clip(c.Subprotocol), clip(c.Extensions)
	c.HeadersDropped = true
	p.tap.heads.Add(c.texts())
}

// texts is what the strings of c take.
func (c *Conn) texts() int64 {
	n := len(c.Method) + len(c.URL) + len(c.heads)
	if c.response() == "" { // otherwise they are parts of it
		n += len(c.Subprotocol) + len(c.Extensions)
	}
	return int64(n)
}
