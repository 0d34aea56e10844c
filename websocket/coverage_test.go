package websocket

import (
	"bytes"
	"fmt"
	"testing"
)

// Of what several places see of a stream every message is given out once at least,
// and twice only where too much is lost to be remembered. Each byte is a step of
// one place: whose turn it is, and whether it sees the message, a part of it, or
// nothing.
func FuzzCoverage(f *testing.F) {
	f.Add([]byte{}, uint8(2))                                            // all is seen
	f.Add([]byte{0, 1, 0, 1, 0, 1}, uint8(2))                            // in step
	f.Add([]byte{0x10, 0, 0x11, 1, 0x20, 0x21}, uint8(2))                // losses and parts at both
	f.Add([]byte{0, 0, 0x10, 0x10, 0, 1, 1, 2, 2, 0x22, 1, 1}, uint8(3)) // three places
	f.Add(make([]byte, 200), uint8(2))                                   // one is far behind
	f.Add([]byte{0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0,
		0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0,
		0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0, 0x10, 0}, uint8(1)) // more holes than are remembered
	f.Add(append([]byte{1, 0}, append(bytes.Repeat([]byte{0x20, 0x10}, 17), 1)...), uint8(1)) // a part was forgotten, and is seen whole
	f.Fuzz(func(t *testing.T, steps []byte, places uint8) {
		places = places%4 + 1
		var c coverage
		at := make([]int64, places) // messages, of 10 bytes each, that a place has passed
		said := make(map[int64]int) // how often a message was given out whole
		parts := make(map[int64]int)
		losses := 0
		seen := make(map[int64]bool)
		for _, s := range steps {
			place := int(s&0xf) % int(places)
			n := at[place]
			at[place]++
			message := span{10 * n, 10*n + 10}
			switch s >> 4 & 3 {
			case 1:
				losses++
			case 2:
				losses++
				if !c.again(message, false, 0) {
					parts[n]++
				}
			default:
				seen[n] = true
				if !c.again(message, true, uint64(n)) {
					said[n]++
				}
			}
		}
		if c.apart {
			t.Fatal("taken for different conversations")
		}
		if len(c.holes) > maxHoles {
			t.Fatalf("%d holes", len(c.holes))
		}
		for n := range seen {
			if said[n] == 0 && (losses <= maxHoles || parts[n] == 0) {
				t.Errorf("message %d was seen and never given out", n)
			}
		}
		if losses < maxHoles {
			for n, times := range said {
				if times > 1 {
					t.Errorf("message %d was given out %d times", n, times)
				}
			}
		}
	})
}

// Streams with other messages at the same places are different conversations, of
// which nothing is left out from there on.
func TestCoverageApart(t *testing.T) {
	for name, second := range map[string]span{"other words": {10, 20}, "other lengths": {10, 19}} {
		var c coverage
		for i := range int64(3) {
			if c.again(span{10 * i, 10*i + 10}, true, uint64(i)) {
				t.Errorf("%s: %d", name, i)
			}
		}
		var again string
		for i, s := range []span{{0, 10}, second, {20, 30}, {30, 40}} {
			hash := uint64(i)
			if i == 1 {
				hash = 77
			}
			again += fmt.Sprint(c.again(s, true, hash), " ")
		}
		if again != "true false false false " {
			t.Errorf("%s: %s", name, again)
		}
	}
}

// What a copy repeats costs no allocation.
func TestCoverageAllocs(t *testing.T) {
	var c coverage
	c.again(span{50, 60}, true, 5) // with a hole before
	n := int64(6)
	if allocs := testing.AllocsPerRun(1000, func() {
		at := span{10 * n, 10*n + 10}
		if c.again(at, true, uint64(n)) || !c.again(at, true, uint64(n)) {
			t.Fatal(n)
		}
		n++
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
