package jsonl

import (
	"net/netip"

	"github.com/wstap/wstap/websocket"
)

// names remembers what the lines of messages call their connections: number and
// addresses, as they stand there. Two addresses take as long to write as a tenth of
// all that is done for a message.
type names [64]name

type name struct {
	number         uint64
	client, server netip.AddrPort
	text           []byte
}

// append appends number and addresses of c.
func (n *names) append(b []byte, c *websocket.Conn) []byte {
	at := &n[c.Number%uint64(len(n))]
	if at.text == nil || at.number != c.Number || at.client != c.Client || at.server != c.Server {
		at.number, at.client, at.server = c.Number, c.Client, c.Server
		at.text = appendEnds(appendConn(at.text[:0], c), c)
	}
	return append(b, at.text...)
}
