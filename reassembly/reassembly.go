// Package reassembly puts IP fragments and TCP segments back together: a flow
// table and, for each flow, two in-order byte streams with their holes told.
package reassembly

import (
	"net/netip"
	"time"

	"github.com/wstap/wstap/decode"
)

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
	Reused                // a new SYN on the same pair of ports
	EOF                   // Close was called
)

// A Consumer receives the two byte streams of one flow. Calls come in the order
// of the packets and from the goroutine that calls Assembler.Packet.
type Consumer interface {
	// Data delivers the next bytes of one direction, captured at t. b is
	// borrowed until Data returns.
	Data(dir Direction, b []byte, t time.Time)
	// Gap says that n bytes of one direction were lost to the capture.
	Gap(dir Direction, n int64, t time.Time)
	// Conflict says that n bytes from offset on (in the direction's stream;
	// the first byte is 0, gaps count) were seen again with other contents.
	// They may or may not have been delivered already; the first copy wins.
	Conflict(dir Direction, offset, n int64, t time.Time)
	// Closed is the last call.
	Closed(reason Reason, t time.Time)
}

// A Flow is one TCP connection.
type Flow struct{}

// Client returns the side that opened the connection; where the opening was not
// seen, the one that the evidence speaks for.
func (f *Flow) Client() netip.AddrPort { return netip.AddrPort{} }

// Server returns the other side.
func (f *Flow) Server() netip.AddrPort { return netip.AddrPort{} }

// Midstream says that the opening of the connection was not seen.
func (f *Flow) Midstream() bool { return false }

// Ignore says that the Consumer wants no more of this flow: nothing is queued
// or delivered any more, and Closed is not called.
func (f *Flow) Ignore() {}

// Config configures an Assembler; nil means the defaults.
type Config struct{}

// An Assembler rebuilds flows. It is not safe for concurrent use: one worker,
// one Assembler.
type Assembler struct{}

// New returns an Assembler. When the first byte or gap of a flow is about to be
// delivered accept is called once for it; the Consumer that it returns receives
// the flow, nil ignores it.
func New(cfg *Config, accept func(*Flow) Consumer) *Assembler { return &Assembler{} }

// Packet takes one decoded packet, captured at t. It borrows p and what p
// points to until it returns.
func (a *Assembler) Packet(p *decode.Packet, t time.Time) {}

// Close tells what is left: queued data behind holes, then Closed(EOF) for
// every flow.
func (a *Assembler) Close() {}
