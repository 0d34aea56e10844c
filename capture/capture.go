// Package capture reads frames: live ones from the kernel's AF_PACKET ring
// (Listen, Linux only), and those of files in package pcapfile, behind one
// interface, Source.
package capture

import (
	"time"

	"github.com/wstap/wstap/decode"
)

// A Source yields frames. Next must not be called from two goroutines at once;
// Stats and Close may be called from any.
type Source interface {
	// Next fills in the next frame, whose Data is borrowed until the next call
	// to Next or Close. It returns io.EOF at the end and an error that matches
	// net.ErrClosed after Close.
	Next(*Frame) error
	// LinkType is the type of the frames, or of the first interface where
	// frames differ; Frame.Link is each frame's own.
	LinkType() decode.LinkType
	// Stats returns the counters since the Source was opened.
	Stats() (Stats, error)
	// Close releases the Source and unblocks Next at once. Closing twice is no
	// error.
	Close() error
}

// A Batched source gives out several frames at once, which costs less than one
// by one.
type Batched interface {
	Source
	// NextBatch fills in the next frames, at most len(fs), and returns how many:
	// at least one, unless there is an error, which is Next's, or fs is empty. It
	// waits for the first alone, and so returns fewer where the others are not
	// there yet. Their Data is borrowed until the next call to NextBatch, Next or
	// Close. Calls of Next and NextBatch may alternate.
	NextBatch(fs []Frame) (int, error)
}

// NextBatch is NextBatch of src, or Next where it has none.
func NextBatch(src Source, fs []Frame) (int, error) {
	if b, ok := src.(Batched); ok {
		return b.NextBatch(fs)
	}
	return batchOfOne(src.Next, fs)
}

// batchOfOne is NextBatch of what has only next.
func batchOfOne(next func(*Frame) error, fs []Frame) (int, error) {
	if len(fs) == 0 {
		return 0, nil
	}
	if err := next(&fs[0]); err != nil {
		return 0, err
	}
	return 1, nil
}

// A Sharded source can be read as several Sources at once, one goroutine each:
// all packets of a connection come from the same one, in order. Next of the
// whole merges them. The shards share the whole's Stats and Close.
type Sharded interface {
	Source
	// Shards returns at least one Source. After the call Next of the whole
	// must no longer be used.
	Shards() []Source
}

// A Direction says which way a frame passed the capturing machine.
type Direction uint8

// The directions of a Frame.
const (
	Unknown  Direction = iota // not told by the source
	Incoming                  // to this machine, also as broadcast or multicast
	Outgoing                  // sent by this machine
	Passing                   // between others, seen promiscuously
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

// Timestamps says who takes the time of a frame.
type Timestamps uint8

// The sources of time.
const (
	Software Timestamps = iota // the kernel, when it receives or sends the frame
	Hardware                   // the adapter, when it receives the frame
)

// A Frame is one captured frame.
type Frame struct {
	Data      []byte          // borrowed from the Source until its next Next or Close
	Length    int             // bytes on the wire; len(Data) is less where the frame was cut
	Time      time.Time       // when it was captured
	Link      decode.LinkType // how Data begins
	Interface int             // interface index (live) or number of the interface in the file
	Direction Direction
	Checksum  Checksum
	Clock     Timestamps // who took Time
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
	Skipped  uint64 // of those, frames that were in the ring when SetFilter changed its mind about them
	Freezes  uint64 // times that a ring was full and stopped receiving

	// FirstDrop is the time of the last frame before the first drop; zero
	// while there was none.
	FirstDrop time.Time
}
