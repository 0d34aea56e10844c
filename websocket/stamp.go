package websocket

import "time"

// stamps are when the first and the last of some messages ended. Two [time.Time] would
// take 24 bytes more in each direction of many idle connections, and have pointers.
type stamps struct {
	firstSec, lastSec   int64 // seconds since the zero Time, so that it is what no message has
	firstNsec, lastNsec uint32
}

// zeroTime is the zero [time.Time] in seconds since 1970.
const zeroTime = -62135596800

// add notes a message that ended at t.
func (s *stamps) add(t time.Time) { s.set(t.Unix()-zeroTime, uint32(t.Nanosecond())) }

func (s *stamps) set(sec int64, nsec uint32) {
	s.lastSec, s.lastNsec = sec, nsec
	if s.firstSec|int64(s.firstNsec) == 0 {
		s.firstSec, s.firstNsec = sec, nsec
	}
}

// first and last return the times, zero where there was no message.
func (s *stamps) first() time.Time { return at(s.firstSec, s.firstNsec) }
func (s *stamps) last() time.Time  { return at(s.lastSec, s.lastNsec) }

func at(sec int64, nsec uint32) time.Time { return time.Unix(sec+zeroTime, int64(nsec)).UTC() }
