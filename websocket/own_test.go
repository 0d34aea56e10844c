package websocket

import (
	"runtime"
	"testing"
)

// Messages are one allocation with room for their payload and no more, which
// wastes little of the allocator's size class.
func TestNewMessage(t *testing.T) {
	const struc = 128 // bytes of a Message
	var before, after runtime.MemStats
	for n := range 2000 {
		m := newMessage(n)
		if m.Payload == nil || len(m.Payload) != n || cap(m.Payload) != n {
			t.Fatalf("%d bytes: length %d, capacity %d", n, len(m.Payload), cap(m.Payload))
		}
		if n%7 != 0 {
			continue
		}
		const count = 64
		runtime.ReadMemStats(&before)
		allocs := testing.AllocsPerRun(count, func() { m = newMessage(n) })
		runtime.ReadMemStats(&after)
		if allocs != 1 {
			t.Errorf("%d bytes: %v allocations", n, allocs)
		}
		if got := int(after.TotalAlloc-before.TotalAlloc) / (count + 1); n <= 496 && got > (struc+n)*3/2 {
			t.Errorf("%d bytes of payload take %d bytes", n, got)
		}
	}
}

// BenchmarkNewMessage makes messages as chats have them.
func BenchmarkNewMessage(b *testing.B) {
	b.ReportAllocs()
	var m *Message
	for b.Loop() {
		m = newMessage(60)
	}
	runtime.KeepAlive(m)
}
