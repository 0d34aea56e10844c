package websocket

import (
	"net/netip"

	"github.com/wstap/wstap/reassembly"
)

// What becomes of a connection is not known when it begins: HTTP, then a
// WebSocket, or HTTP/2, or a tunnel with any of these inside. So it is read by a
// chain of reassembly.Consumers, each of which hands over to the next one at its
// place: [front], [opening], then [socket] or [multiplex]. One that has to change the
// bytes, as decryption does, stays and feeds the next one.

// A place is where a Consumer stands, and may put another one.
type place interface {
	// SetConsumer is as [reassembly.Flow.SetConsumer].
	SetConsumer(reassembly.Consumer)
	// Ignore is as [reassembly.Flow.Ignore].
	Ignore()
}

// An origin is what a Consumer is made for.
type origin struct {
	place          place
	client, server netip.AddrPort
	midstream      bool     // the beginning was not seen
	tls            *TLS     // nil: it is not in TLS
	protocol       Protocol // as the connection is counted
	stream         *Conn    // what is known of a stream of HTTP/2; nil for other connections
	proxied        *Proxied
	refused        *socket   // the last handshake, if it was refused: its end is still to be told
	offsets        [2]int64  // in the place's streams, of the first byte
	numbered       bool      // numbers are known
	numbers        [2]uint32 // the initial sequence numbers of TCP, by Direction
}

// accept begins the chain of a TCP connection.
func (p *pipeline) accept(f *reassembly.Flow) reassembly.Consumer {
	from := origin{place: f, client: f.Client(), server: f.Server(), midstream: f.Midstream()}
	from.numbers, from.numbered = f.Numbers()
	return p.enter(&from)
}

// enter begins a chain.
func (p *pipeline) enter(from *origin) reassembly.Consumer {
	if from.midstream {
		from.protocol = ProtocolMidstream
	}
	p.counts.Protocols[from.protocol]++
	return p.newFront(from)
}
