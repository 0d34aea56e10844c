package websocket

import (
	"net/http"
	"strings"
	"time"
)

// How connections and messages leave a pipeline as events.

const (
	// sendTogether is how many messages are sent at a time: waking the receiver
	// for each costs more than all else.
	sendTogether = 64
	// sendBytes is the same in bytes of payload.
	sendBytes = 1 << 18
)

// out gives out an event on loan.
func (p *pipeline) out(e Event) {
	if p.yield == nil || p.stopped {
		return
	}
	if p.stopped = !p.yield(e, nil); p.stopped {
		p.asm.Stop()
	}
}

func (p *pipeline) tellMessage(m *Message) {
	if !p.tap.cfg.Select.Message(m) {
		p.counts.Unselected++
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
	p.sending = append(p.sending, m)
	p.sendingBytes += len(m.Payload)
	switch {
	case len(p.sending) < sendTogether && p.sendingBytes <= sendBytes:
	case p.busy: // mu must not be held while the receiver is waited for
		p.asm.Stop()
	default:
		p.flush()
	}
}

// flush sends the messages gathered.
func (p *pipeline) flush() {
	n := p.sink.send(p.sending)
	p.given.Add(uint64(n))
	p.dropped.Add(uint64(len(p.sending) - n))
	clear(p.sending)
	p.sending, p.sendingBytes = p.sending[:0], 0
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
	p.keepHeads(k.info)
	p.counts.Conns++
	p.lock()
	p.told.PushBack(k, &k.node)
	p.unlock()
	k.opened = t.UnixNano()
	p.open = Open{Time: t, Conn: k.info}
	p.out(&p.open)
}

func (k *socket) tellGap(dir Direction, n int64, t time.Time) {
	k.tellGapOf(dir, n, k.p.opener.TooLate(), t)
}

// tellGapOf is tellGap of a gap that came before. tooLate says that it waited for
// keys.
func (k *socket) tellGapOf(dir Direction, n int64, tooLate bool, t time.Time) {
	p := k.p
	k.countLost(dir, n)
	p.gap = Gap{Time: t, Conn: k.info, From: dir, Bytes: n}
	if tooLate {
		p.gap.Reason = LateKeys
	}
	p.out(&p.gap)
}

func (p *pipeline) tellEnd(k *socket, cause Cause, t time.Time) {
	p.lock()
	k.node.Remove()
	p.unlock()
	p.tap.heads.Add(-k.info.heads())
	p.tap.recent.ended(k, cause, t)
	if p.yield == nil {
		return
	}
	p.end = End{Time: t, Conn: k.info, Cause: cause, Duration: max(0, time.Duration(t.UnixNano()-k.opened))}
	if tr := k.traffic; tr != nil {
		p.end.Closing = tr.closed()
		p.end.Counts = tr.both()
	}
	p.out(&p.end)
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
