package websocket

import (
	"math"
	"testing"
	"time"
)

// What stands in the two places of a connection's counters adds up to what one
// place for all would hold.
func TestCountsOfAllKinds(t *testing.T) {
	at := func(second int64) time.Time { return time.Unix(1e9+second, 0).UTC() }
	messages := []Message{
		{Opcode: Ping, Time: at(1), Frames: 1, WireLength: 2, Payload: []byte("hi")},
		{Opcode: Text, Time: at(2), Frames: 2, WireLength: 5, Payload: []byte("hello"), Compressed: true, Truncated: true},
		{Opcode: Binary, Time: at(3), Frames: 1, WireLength: 9, Payload: make([]byte, 9), Conflict: true, Undecoded: true, Unknown: 2},
		{Opcode: Pong, From: FromServer, Time: at(4), Frames: 1, WireLength: 2, Payload: []byte("hi")},
		{Opcode: Text, From: FromServer, Time: at(5), Frames: 1, WireLength: 1, Payload: []byte{0xff}, InvalidUTF8: true},
		{Opcode: Opcode(3), Time: at(6), Frames: 1, WireLength: 1, Payload: []byte{0}},
		{Opcode: Close, Time: at(7), Frames: 1, WireLength: 2, Payload: []byte{3, 232}},
	}
	c := socket{p: newRecorder(nil).p}
	for i := range messages {
		c.count(&messages[i])
	}
	want := [2]Counts{
		{Text: 1, Binary: 1, Close: 1, Ping: 1, Other: 1, Frames: 6, Bytes: 19, WireBytes: 19, Largest: 9, First: at(1), Last: at(7),
			Flawed: 2, Compressed: 1, Truncated: 1, Undecoded: 1, Partial: 1, Conflicts: 1,
			RoundTrips: 1, RoundTripSum: 3 * time.Second, RoundTripMax: 3 * time.Second, RTT: 3 * time.Second},
		{Text: 1, Pong: 1, Frames: 2, Bytes: 3, WireBytes: 3, Largest: 2, First: at(4), Last: at(5), InvalidUTF8: 1},
	}
	for dir := range Direction(2) {
		if got := c.traffic.counts(dir); got != want[dir] {
			t.Errorf("%v: %+v\nwant %+v", dir, got, want[dir])
		}
	}
	if closed := c.traffic.closed(); len(closed) != 1 || closed[0].Code != 1000 || closed[0].From != FromClient {
		t.Errorf("closed: %+v", closed)
	}
}

// A connection without anything but data messages has few counters, whose times
// hold also where the first message comes before any of the others.
func TestCountsOfData(t *testing.T) {
	c := socket{p: newRecorder(nil).p}
	c.count(&Message{Opcode: Text, Time: time.Unix(5, 0), Frames: 1})
	if c.traffic.more != nil || c.traffic.closed() != nil {
		t.Error("counters that nobody needed were made")
	}
	c.count(&Message{Opcode: Ping, Time: time.Unix(9, 0), Frames: 1})
	n := c.traffic.counts(FromClient)
	if n.First != time.Unix(5, 0).UTC() || n.Last != time.Unix(9, 0).UTC() || n.Messages() != 2 {
		t.Errorf("%+v", n)
	}
}

// What the narrow fields of a tally cannot hold is counted all the same, of a
// connection and of all.
func TestCountsBeyondTallies(t *testing.T) {
	c := socket{p: newRecorder(nil).p}
	for _, tr := range []*traffic{&c.traffic, &c.p.total} {
		tr.tallies[FromServer].compressed = math.MaxUint32 - 1
	}
	for range 3 {
		c.count(&Message{Opcode: Text, From: FromServer, Compressed: true, Frames: 1})
	}
	c.unwanted = true                  // of a message whose payload is not looked at the length on the wire counts
	const large = math.MaxInt>>31 + 50 // more than 32 bits where an int has more
	c.count(&Message{Opcode: Binary, From: FromServer, WireLength: large, Frames: 1})
	c.count(&Message{Opcode: Binary, From: FromServer, WireLength: 9, Frames: 1})
	for name, tr := range map[string]*traffic{"a connection": &c.traffic, "all": &c.p.total} {
		if n := tr.counts(FromServer); n.Compressed != math.MaxUint32+2 || n.Largest != large {
			t.Errorf("%s: %d compressed, the largest has %d bytes", name, n.Compressed, n.Largest)
		}
	}
}
