package reassembly

import (
	"encoding/binary"
	"net/netip"

	"github.com/wstap/wstap/internal/flowhash"
)

// A state is the part of a connection's life that a Flow is in.
type state uint8

const (
	free        state = iota
	halfOpen          // a SYN was seen, the handshake is not finished
	fresh             // one packet of a connection whose handshake was not seen
	established       // the handshake is finished, or there were more packets
	closing           // one side has closed
	unwanted          // nobody wants the data; followed to know its end
	closed            // told to the Consumer; remembered so that late packets make no new flow
	states
)

// Flags of a Flow.
const (
	midstream  uint16 = 1 << iota // the handshake was not seen
	clientIsB                     // side 1 is the client
	accepted                      // accept was called
	ignored                       // no Consumer, or it wants no more
	reopening                     // a SYN on the same ports waits for its answer
	reopeningB                    // it came from side 1
	legs                          // others have the same addresses and ports: see leg
	multi                         // the data of an MPTCP connection
	mpSubflow                     // a subflow of one
	waiting                       // a side has a queue, or is mute
	mute                          // nothing was captured of side 0 since a gap
	muteB                         // of side 1
	answered                      // half-open, and the SYN was answered twice: reopen is the second answer's number
)

// A Flow is one TCP connection. It is valid until Closed returns; a flow that
// was ignored, until Ignore returns.
//
// Among many flows each packet's has to come from memory, in lines of 64 bytes. What
// nearly all packets need stands in two, the first with all up to half: TestFlowLayout.
type Flow struct {
	lo       [2]uint64 // of the key, as space
	space    uint32
	flags    uint16
	state    state
	first    uint8 // the end of the key that is side 0: it sent the first packet
	last     int64 // time of the last packet, by the clock
	since    int64 // when it entered its list
	consumer Consumer
	rest     *rest   // nil where nothing is odd
	half     [2]half // what each side sends
}

// Flags of a half.
const (
	seen    uint8 = 1 << iota // next is known, from the side itself or from an acknowledgment
	synced                    // the side's SYN was seen
	acks                      // ack and edge are known
	urgent                    // mark is the number of an urgent byte to come
	strange                   // fin is the end of the last segment outside of the window
	fin                       // fin is the number of the FIN
	finDone                   // everything before fin is delivered
	lossy                     // there was a gap, or a beginning that was not seen
)

// A half is one side of a connection: the stream that it sends, and what it says
// of the other side's.
type half struct {
	next   uint32 // sequence number of the next byte to deliver
	isn    uint32 // of the SYN
	ack    uint32 // highest number of the other side that it has acknowledged
	edge   uint32 // right edge of the window that it offers
	record uint32 // the newest of recent; 0: none
	scale  uint8  // shift of the windows that it offers
	flags  uint8
	reset  bool  // it sent a reset that may be forged, or was captured too early
	closes uint8 // 1: its FIN was the first, 2: the second; 3: its reset counted
	offset int64 // bytes told, gaps among them
}

// begin makes next the first number of the stream.
func (h *half) begin(next uint32) {
	h.flags |= seen
	h.next = next
	h.isn = next - 1
}

// mutes returns the flag mute of a side.
func mutes(side int) uint16 { return mute << side }

// reach returns the number behind what has come of side without a hole.
func (f *Flow) reach(side int) uint32 {
	if q := f.queue(side); q != nil && q.ready() {
		return q.units.first().end
	}
	return f.half[side].next
}

// usual says that f is in use, and nothing about it needs care.
func (f *Flow) usual() bool {
	return f.state == established && f.flags&(legs|reopening|ignored|mpSubflow) == 0
}

// Client returns the side that opened the connection; where the handshake was not
// seen, the one that the evidence speaks for.
func (f *Flow) Client() netip.AddrPort { return f.addr(f.clientSide()) }

// Server returns the other side.
func (f *Flow) Server() netip.AddrPort { return f.addr(f.clientSide() ^ 1) }

// Midstream says that the connection's handshake was not seen.
func (f *Flow) Midstream() bool { return f.flags&midstream != 0 }

// Multipath says that this is a Multipath TCP connection (RFC 8684). Client and
// Server are those of its first subflow.
func (f *Flow) Multipath() bool { return f.flags&multi != 0 }

// The values of half.closes.
const (
	closesFirst uint8 = 1 + iota
	closesSecond
	closesByReset
)

// Closers returns the sides that have closed the connection so far, in the order of
// their FINs, or the one that reset it. It must not be changed.
func (f *Flow) Closers() []Direction {
	for side := range f.half {
		if f.half[side].closes == closesByReset {
			return closers[f.direction(side)][:1:1]
		}
	}
	for side := range f.half {
		if f.half[side].closes == closesFirst {
			n := 1
			if f.half[side^1].closes == closesSecond {
				n = 2
			}
			return closers[f.direction(side)][:n:n]
		}
	}
	return nil
}

// closers are both sides, by the first.
var closers = [2][2]Direction{{FromClient, FromServer}, {FromServer, FromClient}}

// Numbers returns the initial sequence numbers, by [Direction]; false where one was
// not seen.
func (f *Flow) Numbers() (isn [2]uint32, ok bool) {
	c := f.clientSide()
	client, server := &f.half[c], &f.half[c^1]
	return [2]uint32{client.isn, server.isn}, client.flags&server.flags&synced != 0
}

// Firsts returns the sequence numbers of the first bytes of the two streams, by
// [Direction]; false where one is not known yet.
func (f *Flow) Firsts() (numbers [2]uint32, ok bool) {
	c := f.clientSide()
	client, server := &f.half[c], &f.half[c^1]
	return [2]uint32{client.isn + 1, server.isn + 1}, client.flags&server.flags&seen != 0
}

// Ignore says that the Consumer wants no more of this flow: nothing is queued
// or delivered any more, and Closed is not called.
func (f *Flow) Ignore() {
	f.flags |= ignored
	f.consumer = nil
}

// SetConsumer hands what follows of the flow to another Consumer. A Consumer
// calls it, while it is being called: so chains are made in which one reads a
// beginning and another one what comes behind. The offsets of Conflict go on.
func (f *Flow) SetConsumer(c Consumer) {
	if f.flags&ignored == 0 {
		f.consumer = c
	}
}

// key returns the key that f is found by.
func (f *Flow) key() key {
	k := key{lo: f.lo, space: f.space}
	if f.rest != nil {
		k.hi, k.ports = f.rest.hi, f.rest.ports
	}
	return k
}

// equal says that f is found by k. A flow that is not in use has no rest, and the key
// of no packet.
func (f *Flow) equal(k *key) bool {
	return (f.lo[0]^k.lo[0])|(f.lo[1]^k.lo[1])|uint64(f.space^k.space) == 0 &&
		(k.space&1 == 0 || f.rest.hi == k.hi && f.rest.ports == k.ports)
}

// end returns the end of the key that is a side.
func (f *Flow) end(side int) uint8 { return f.first ^ uint8(side&1) }

// endpoint is a hash of a side's address and port.
func (f *Flow) endpoint(side int, seed *flowhash.Seed) uint32 {
	end, hi, more := f.end(side), uint64(0), uint64(f.space)
	if f.space&1 != 0 {
		hi, more = f.rest.hi[end], more|uint64(f.rest.ports[end])<<32
	}
	return seed.End(hi, f.lo[end], more)
}

// addr returns the address and port of a side.
func (f *Flow) addr(side int) netip.AddrPort {
	var b [16]byte
	end := f.end(side)
	if f.space&1 == 0 {
		binary.BigEndian.PutUint64(b[:], f.lo[end])
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[2:])), uint16(f.lo[end]))
	}
	binary.BigEndian.PutUint64(b[:], f.rest.hi[end])
	binary.BigEndian.PutUint64(b[8:], f.lo[end])
	return netip.AddrPortFrom(netip.AddrFrom16(b), f.rest.ports[end])
}

func (f *Flow) clientSide() int {
	if f.flags&clientIsB != 0 {
		return 1
	}
	return 0
}

func (f *Flow) direction(side int) Direction { return Direction(side ^ f.clientSide()) }
