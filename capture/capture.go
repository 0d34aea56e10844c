// Package capture reads frames behind one interface, [Source]: live ones from
// the kernel's AF_PACKET ring ([Listen], Linux only), and those of files in
// package pcapfile. [Select] and [Observe] wrap any Source.
package capture

import (
	"time"

	"github.com/wstap/wstap/decode"
)

// A Direction says which way a frame passed the capturing machine.
type Direction uint8

// The directions of a Frame.
const (
	DirectionUnknown Direction = iota // the source does not say
	Incoming                          // to this machine, also as broadcast or multicast
	Outgoing                          // sent by this machine
	Passing                           // between others, seen promiscuously
)

// String returns "unknown", "in", "out" or "passing".
func (d Direction) String() string {
	switch d {
	case Incoming:
		return "in"
	case Outgoing:
		return "out"
	case Passing:
		return "passing"
	}
	return "unknown"
}

// Checksum says what is known of a frame's transport checksum.
type Checksum uint8

// The states of a Frame's checksum.
const (
	ChecksumUnknown  Checksum = iota // nobody looked
	ChecksumValid                    // verified by the adapter or the kernel
	ChecksumNotReady                 // left for the adapter to fill in: wrong in Data, as always on lo
)

// A Clock says who takes the time of a frame.
type Clock uint8

// The clocks of a Frame.
const (
	ClockSoftware Clock = iota // the kernel's, when it receives or sends the frame
	ClockHardware              // the adapter's, when it receives the frame
)

// A Frame is one captured frame.
type Frame struct {
	Data      []byte          // borrowed from the Source until its next Read or Close
	Length    int             // bytes on the wire; len(Data) is less where the frame was cut
	Time      time.Time       // when it was captured
	Link      decode.LinkType // how Data begins
	Interface int             // interface index (live) or number of the interface in the file
	Direction Direction
	Checksum  Checksum
	Clock     Clock // who took Time
}

// Stats counts frames since a Source was opened:
//
//	Received = Captured + Dropped + Skipped + what is still in the rings
//
// At io.EOF the rings are empty. What was there when the Source was closed
// earlier is not given out.
type Stats struct {
	Captured uint64 // frames given out
	Received uint64 // frames that passed the filter, as the kernel or the file counts them
	Dropped  uint64 // of those, frames that found no room in the ring
	Skipped  uint64 // of those, frames that were left out later: by a new filter while they were in the ring, or by Select
	Freezes  uint64 // times that a ring was full and stopped receiving

	// FirstDrop is the time of the last frame before the first drop; zero
	// while there was none.
	FirstDrop time.Time
}
