package websocket

import (
	"strings"

	"github.com/wstap/wstap/internal/http1"
)

// What a Conn keeps of its handshake.

// clipped is how much of a URL is kept where MaxHeads is met.
const clipped = 256

// keepHeads counts what c keeps of its heads. Beyond MaxHeads it keeps next to
// nothing.
func (p *pipeline) keepHeads(c *Conn) {
	if n := p.tap.heads.Add(c.heads()); n <= int64(p.tap.cfg.MaxHeads) {
		c.pack()
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

// pack puts what c keeps into one piece of memory, without the rest of the heads that
// it was part of: each piece costs some of its own, which adds up over many connections.
func (c *Conn) pack() {
	var all strings.Builder
	all.Grow(len(c.URL) + len(c.request) + len(c.response))
	all.WriteString(c.URL)
	all.WriteString(string(c.request))
	all.WriteString(string(c.response))
	s := all.String()
	within := func(v string) string {
		if i := strings.Index(s, v); i >= 0 {
			return s[i : i+len(v)]
		}
		return v // put together from several lines
	}
	c.Subprotocol, c.Extensions = within(c.Subprotocol), within(c.Extensions)
	n := len(c.URL)
	c.URL, s = s[:n], s[n:]
	n = len(c.request)
	c.request, c.response = http1.Fields(s[:n]), http1.Fields(s[n:])
}
