package http1

import "testing"

// BenchmarkHead asks a request what an opening handshake is asked for: by the index,
// and by a scan of all its lines for each field.
func BenchmarkHead(b *testing.B) {
	raw := []byte("GET /chat HTTP/1.1\r\nHost: chat.example\r\nConnection: Upgrade\r\nPragma: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n" +
		"Upgrade: websocket\r\nOrigin: http://chat.example\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
	asked := []Field{TransferEncoding, ContentLength, Upgrade, Host, Key, Version, Protocol}
	b.Run("index", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h := Whole(raw)
			n := 0
			for _, f := range asked {
				n += len(h.Get(f))
			}
			if n != 47 {
				b.Fatal(n)
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		h := Whole(raw)
		fields := h.Fields()
		for b.Loop() {
			n := 0
			for _, f := range asked {
				n += len(fields.Get(names[f]))
			}
			if n != 47 {
				b.Fatal(n)
			}
		}
	})
}
