package websocket

// A Protocol is what a TCP connection with data turned out to carry, inside of
// what proxies put around it.
type Protocol uint8

// The Protocols. A connection counts as one of them, and as another one when
// more is known.
const (
	ProtocolUndecided Protocol = iota // too little was seen of it
	ProtocolMidstream                 // joined late, or its beginning is lost, and so far nothing speaks for a WebSocket
	ProtocolUnknown                   // not understood
	ProtocolTLS                       // TLS
	ProtocolHTTP                      // HTTP/1 in which no handshake was answered
	ProtocolHTTP2                     // HTTP/2 without a WebSocket
	ProtocolWebSocket                 // told in an Open, if only as refused
	protocols         = iota
)

// String returns "undecided", "midstream", "unknown", "tls", "http", "http2" or
// "websocket".
func (p Protocol) String() string {
	if int(p) >= protocols {
		return "invalid"
	}
	return [protocols]string{"undecided", "midstream", "unknown", "tls", "http", "http2", "websocket"}[p]
}

// carries counts what a connection turned out to carry. What has carried a
// WebSocket remains one.
func (p *pipeline) carries(o *origin, what Protocol) {
	if o.protocol != what && o.protocol != ProtocolWebSocket {
		p.counts.Protocols[o.protocol]--
		p.counts.Protocols[what]++
		o.protocol = what
	}
}
