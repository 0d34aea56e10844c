package store

import (
	"math"
	"time"

	"github.com/wstap/wstap/websocket"
)

// A record is a message in the index: 64 bytes without a pointer, so that the garbage
// collector has nothing to look at in a million of them.
type record struct {
	sec, start, wire, trip int64  // start is in nanoseconds before the time
	nsec, conn, at, size   uint32 // conn and at are places in the block, size that of the whole payload
	kept, frames, unknown  uint32
	flags                  uint16
	head                   uint8 // opcode and RSV as in a frame's first byte
	violations             uint8
}

const recordSize = 64

// The bits of record.flags.
const (
	fromServer uint16 = 1 << iota
	compressed
	truncated
	undecoded
	conflict
	midstream
	invalidUTF8
	badMask
	copied
)

// flagsOf lists the flags of a message with their bits.
func flagsOf(m *websocket.Message) [8]struct {
	bit  uint16
	flag *bool
} {
	return [8]struct {
		bit  uint16
		flag *bool
	}{
		{compressed, &m.Compressed}, {truncated, &m.Truncated}, {undecoded, &m.Undecoded}, {conflict, &m.Conflict},
		{midstream, &m.Midstream}, {invalidUTF8, &m.InvalidUTF8}, {badMask, &m.BadMask}, {copied, &m.Copy},
	}
}

func limit32[T int | int64](n T) uint32 { return uint32(min(max(int64(n), 0), math.MaxUint32)) }

// pack fills in what the block has no part in.
func (r *record) pack(m *websocket.Message) {
	r.sec, r.nsec = m.Time.Unix(), uint32(m.Time.Nanosecond())
	r.start, r.wire, r.trip = int64(m.Time.Sub(m.Start)), m.WireLength, int64(m.RoundTrip)
	r.size, r.frames, r.unknown = limit32(len(m.Payload)), limit32(m.Frames), limit32(m.Unknown)
	r.head, r.violations = uint8(m.Opcode&15)|m.RSV&0x70, uint8(m.Violations)
	if m.From == websocket.FromServer {
		r.flags = fromServer
	}
	for _, f := range flagsOf(m) {
		if *f.flag {
			r.flags |= f.bit
		}
	}
}

// unpack fills in m, all of it but the connection.
func (r *record) unpack(m *websocket.Message, payload []byte) {
	t := r.time()
	*m = websocket.Message{
		Payload: payload, Start: t.Add(-time.Duration(r.start)), Time: t, WireLength: r.wire, RoundTrip: time.Duration(r.trip),
		Frames: int(r.frames), Unknown: int(r.unknown), From: websocket.FromClient,
		Opcode: websocket.Opcode(r.head & 15), RSV: r.head & 0x70, Violations: websocket.Violations(r.violations),
	}
	if r.flags&fromServer != 0 {
		m.From = websocket.FromServer
	}
	for _, f := range flagsOf(m) {
		*f.flag = r.flags&f.bit != 0
	}
}

func (r *record) time() time.Time { return time.Unix(r.sec, int64(r.nsec)).UTC() }

// nanos is the time as a number, the nearest one where it is out of range.
func (r *record) nanos() int64 { return nanosOf(r.sec, int64(r.nsec)) }

const second = 1_000_000_000 // nanoseconds

func nanosOf(sec, nsec int64) int64 {
	switch {
	case sec >= math.MaxInt64/second:
		return math.MaxInt64
	case sec <= math.MinInt64/second:
		return math.MinInt64
	}
	return sec*second + nsec
}
