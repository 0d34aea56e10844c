package decode

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"testing"
)

// TestUsual: what usual reads it reads as anyIPv4 does, and of the rest it reads
// nothing.
func TestUsual(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	usual := 0
	for range 300_000 {
		off := r.IntN(3) * 7
		b := make([]byte, off+r.IntN(100))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if len(b) >= off+40 {
			h := b[off:]
			h[0], h[9] = 0x45, ProtoTCP
			binary.BigEndian.PutUint16(h[2:], uint16(20+r.IntN(100)))
			binary.BigEndian.PutUint16(h[6:], 0x4000)
			h[32] = byte(r.IntN(12) << 4)
			if r.IntN(4) == 0 { // one byte is not what it should be
				h[r.IntN(40)] = byte(r.Uint32())
			}
		}
		p, want := Packet{Data: b}, Packet{Data: b}
		if !p.usual(off) {
			if !reflect.DeepEqual(p, Packet{Data: b}) {
				t.Fatalf("%x: left behind %+v", b, p)
			}
			continue
		}
		usual++
		if err := want.anyIPv4(off, len(b)); err != nil || !reflect.DeepEqual(p, want) {
			t.Fatalf("%x: %+v, want %+v, %v", b, p, want, err)
		}
	}
	if usual < 10_000 {
		t.Errorf("only %d packets were usual", usual)
	}
}
