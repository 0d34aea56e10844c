package capgen

import (
	"path/filepath"
	"testing"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/websocket"
)

// TestTLS: with the key log all messages of the capture are found, in connections of TLS
// 1.3; what it holds is what it holds without TLS.
func TestTLS(t *testing.T) {
	w := TLS(200)
	plain, err := w.Create(filepath.Join(t.TempDir(), "plain.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	w.TLS = true
	name := filepath.Join(t.TempDir(), "tls.pcap")
	secured, err := w.Create(name)
	if err != nil || secured != plain || plain.Messages == 0 {
		t.Fatalf("%+v, without TLS %+v, %v", secured, plain, err)
	}
	keys, err := decrypt.OpenKeyLog(KeyLog(name))
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	src, err := pcapfile.Open(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	tap := websocket.NewTap(src, &websocket.Config{Keys: keys})
	var got Summary
	for m := range tap.Messages(t.Context()) {
		got.Messages++
		got.Payload += int64(len(m.Payload))
		if m.Conn.TLS == nil || m.Conn.TLS.Version != "1.3" {
			t.Fatalf("%v: %+v", m.Conn, m.Conn.TLS)
		}
	}
	if got != secured || tap.Err() != nil {
		t.Errorf("%+v of %+v, %v", got, secured, tap.Err())
	}
}
