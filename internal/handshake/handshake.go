// Package handshake knows what the heads of an opening handshake say: the key
// and its answer, the URL (RFC 6455, section 4), and what was agreed on
// compression (RFC 7692, section 7.1).
package handshake

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"net/netip"
	"strings"

	"github.com/wstap/wstap/internal/http1"
)

// Upgrade says whether a head asks for, or grants, the change to WebSocket.
func Upgrade(h *http1.Head) bool { return h.HasToken(http1.Upgrade, "websocket") }

// OtherUpgrade says whether a head speaks of a change to another protocol.
func OtherUpgrade(h *http1.Head) bool {
	for v := range h.Values(http1.Upgrade) {
		if len(v) > 0 {
			return !Upgrade(h)
		}
	}
	return false
}

// AcceptKey returns the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key.
func AcceptKey(key []byte) [28]byte {
	sum := sha1.Sum(append(append(make([]byte, 0, 64), key...), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	var accept [28]byte
	base64.StdEncoding.Encode(accept[:], sum[:])
	return accept
}

// Accepts says whether a Sec-WebSocket-Accept answers a Sec-WebSocket-Key.
func Accepts(accept, key []byte) bool {
	want := AcceptKey(key)
	return string(accept) == string(want[:])
}

// WriteURL writes the WebSocket URL of a request for target; secure says that it came
// in TLS. Where the request has no Host, the server's address stands for it.
func WriteURL(w *strings.Builder, target, host []byte, server netip.AddrPort, secure bool) {
	if scheme, ok := absolute(target); ok {
		switch strings.ToLower(string(scheme)) {
		case "http":
			w.WriteString("ws")
			target = target[len(scheme):]
		case "https":
			w.WriteString("wss")
			target = target[len(scheme):]
		}
		w.Write(target)
		return
	}
	w.WriteString("ws")
	if secure {
		w.WriteByte('s')
	}
	w.WriteString("://")
	if len(host) == 0 {
		host, _ = server.AppendText(nil)
	}
	w.Write(host)
	w.Write(target)
}

// absolute returns the scheme of a target in absolute form, as it is sent to a proxy
// (RFC 9112, section 3.2.2). One in origin form may hold another URL.
func absolute(target []byte) (scheme []byte, ok bool) {
	if len(target) > 0 && target[0] == '/' {
		return nil, false
	}
	i := bytes.Index(target, []byte("://"))
	return target[:max(i, 0)], i > 0
}
