// Package reassembly puts IP fragments and TCP segments back together: a flow
// table and, for each flow, two in-order byte streams with their holes told.
//
// It reads no clock: every time-out runs on the time of the packets, and on what
// [Assembler.Advance] is given.
package reassembly

import "time"

// A Direction says which side of a connection sent something.
type Direction uint8

// The directions of a Flow.
const (
	FromClient Direction = iota
	FromServer
)

// String returns "client" or "server".
func (d Direction) String() string {
	if d == FromServer {
		return "server"
	}
	return "client"
}

// Reverse returns the other direction.
func (d Direction) Reverse() Direction { return d ^ 1 }

// A Reason says how a flow ended.
type Reason uint8

// The reasons. EOF: the source ended first.
const (
	FIN     Reason = iota // both sides closed
	RST                   // a reset in the window
	Idle                  // nothing seen for Config's time-out, in packet time
	Evicted               // given up for a budget
	Reused                // a new connection on the same pair of ports
	EOF                   // Close was called
	reasons = iota
)

// String returns "fin", "rst", "idle", "evicted", "reused" or "eof".
func (r Reason) String() string {
	if int(r) >= reasons {
		return "unknown"
	}
	return [reasons]string{"fin", "rst", "idle", "evicted", "reused", "eof"}[r]
}

// A Consumer receives the two byte streams of one flow. Calls come in the order
// of the packets and from the goroutine that calls Assembler.Packet. What a side sent
// after it had acknowledged data that were not captured comes after these, or after
// their gap.
type Consumer interface {
	// Data delivers the next bytes of one direction, captured at t. b is
	// borrowed until Data returns.
	Data(dir Direction, b []byte, t time.Time)
	// Gap says that n bytes of one direction were lost to the capture. t is when
	// what follows was captured, where anything was.
	Gap(dir Direction, n int64, t time.Time)
	// Conflict says that n bytes from offset on (in the direction's stream;
	// the first byte is 0, gaps count) were seen again with other contents.
	// They may or may not have been delivered already; one copy was chosen as
	// Linux chooses, and delivered bytes stay.
	Conflict(dir Direction, offset, n int64, t time.Time)
	// Closed is the last call.
	Closed(reason Reason, t time.Time)
}
