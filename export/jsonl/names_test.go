package jsonl

import (
	"net/netip"
	"testing"

	"github.com/wstap/wstap/websocket"
)

// Connections that take one another's place, and one whose value changes, are called
// what they are.
func TestNames(t *testing.T) {
	var n names
	c := &websocket.Conn{}
	for i := range uint64(1000) {
		c.Number = i / 3 % 200
		c.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i / 2)}), uint16(i))
		if i%5 == 0 {
			c.Server = netip.AddrPortFrom(netip.IPv6Loopback(), uint16(i))
		}
		want := string(appendEnds(appendConn([]byte("x"), c), c))
		for range 2 {
			if got := string(n.append([]byte("x"), c)); got != want {
				t.Fatalf("%s, not %s", got, want)
			}
		}
	}
}
