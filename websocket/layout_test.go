package websocket

import (
	"testing"
	"unsafe"
)

// TestLayout: what a packet needs of a socket stands in few of the 64 bytes that
// come from memory together. The allocator puts 256 bytes at a multiple of 256.
func TestLayout(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("for 64 bits")
	}
	if n := unsafe.Sizeof(Conn{}); n > 240 { // a size of the allocator
		t.Errorf("a Conn takes %d bytes", n)
	}
	var k socket
	const line = 64
	for name, is := range map[string][2]uintptr{
		"a socket ends":             {unsafe.Sizeof(k), 4 * line},
		"the server's half begins":  {unsafe.Offsetof(k.halves) + unsafe.Sizeof(k.halves[0]), line},
		"what else is counted ends": {unsafe.Offsetof(k.traffic) + unsafe.Offsetof(k.traffic.more) + 8, 2 * line},
		"the client's tally begins": {unsafe.Offsetof(k.traffic) + unsafe.Offsetof(k.traffic.tallies), 2 * line},
		"the server's tally begins": {unsafe.Offsetof(k.traffic) + unsafe.Offsetof(k.traffic.tallies) + unsafe.Sizeof(k.traffic.tallies[0]), 3 * line},
	} {
		if is[0] != is[1] {
			t.Errorf("%s at byte %d, not %d", name, is[0], is[1])
		}
	}
}
