// Package handshake knows what the heads of an opening handshake say: the key
// and its answer, the URL (RFC 6455, section 4), and what was agreed on
// compression (RFC 7692, section 7.1).
package handshake

import (
	"crypto/sha1"
	"encoding/base64"
	"net/netip"
	"strings"

	"github.com/wstap/wstap/internal/http1"
)

// Upgrade says whether a head asks for, or grants, the change to WebSocket.
func Upgrade(f http1.Fields) bool { return f.HasToken("Upgrade", "websocket") }

// OtherUpgrade says whether a head speaks of a change to another protocol.
func OtherUpgrade(f http1.Fields) bool { return f.Get("Upgrade") != "" && !Upgrade(f) }

// AcceptKey returns the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key.
func AcceptKey(key string) [28]byte {
	sum := sha1.Sum(append(append(make([]byte, 0, 64), key...), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	var accept [28]byte
	base64.StdEncoding.Encode(accept[:], sum[:])
	return accept
}

// URL returns the WebSocket URL of a request for target; secure says that it came
// in TLS. Where the request has no Host, the server's address stands for it.
func URL(target, host string, server netip.AddrPort, secure bool) string {
	if i := strings.Index(target, "://"); i > 0 { // absolute form, as to a proxy
		switch strings.ToLower(target[:i]) {
		case "http":
			return "ws" + target[i:]
		case "https":
			return "wss" + target[i:]
		}
		return target
	}
	if host == "" {
		host = server.String()
	}
	if secure {
		return "wss://" + host + target
	}
	return "ws://" + host + target
}
