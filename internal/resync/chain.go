package resync

import (
	"math"
	"math/bits"

	"github.com/wstap/wstap/internal/frame"
)

// A chain is a run of frames, supposed to begin at from. Its places are counted
// from the first byte that the Search was given.
type chain struct {
	from, next int64 // where the first and the next header are
	pend       int64 // where the frame at next ends; 0: its header is not whole
	last       int64 // where the frame before next begins; -1: there is none
	bits       int
	payload    int   // the part of bits that payloads gave
	length     int64 // of the frame before next, and its first byte
	first      byte
	ahead      int // what the header at next says for itself
	frames     int // with a payload
	empty      int
	zeros      int // short frames that begin with a zero
	tries      int // places of its kind looked at up to from
	masked     bool
	inside     bool // begins inside of a segment
	fragmented bool // a message is in progress
	orphan     bool // that began before the chain
}

// maxEmpty bounds the frames of messages without a payload in a chain: more are
// rather zeros.
const maxEmpty = 8

// tiny is a payload with which many frames fit into a few bytes: where these look
// like headers, chains are met easily.
const tiny = 16

// follow goes along a chain as far as the bytes reach, and reports whether it
// can be one.
func (s *Search) follow(k *chain, target *Target, tester *Tester) bool {
	for k.next < s.end() {
		if k.pend > s.end() {
			return true
		}
		var f frame.Header
		b := s.buf[k.next-s.base:]
		if !frame.Plausible(b[0]) {
			return false
		}
		n := f.Parse(b)
		if n == 0 {
			return true
		}
		if k.pend == 0 {
			if !s.continues(k, &f, target) {
				return false
			}
			if !f.Control() {
				k.orphan = k.orphan && f.Opcode() == frame.Continuation
				k.fragmented = !f.Fin()
			}
			k.ahead = 0
			if k.pend = math.MaxInt64; f.Length < math.MaxInt64-k.next-int64(n) {
				k.pend = k.next + int64(n) + f.Length
			}
			if f.Length >= 1<<16 {
				if k.ahead = s.lengthAhead(k, &f, target); k.ahead < 16 && k.inside {
					return false
				}
			}
			if k.pend > s.end() {
				return true
			}
		}
		payload := b[n : n+int(f.Length)]
		if f.Masked && repeatsItself(b[:n+int(f.Length)]) {
			return false
		}
		if !s.weigh(k, &f, payload, target, tester) {
			return false
		}
		k.last, k.next, k.pend, k.ahead = k.next, k.pend, 0, 0
	}
	return true
}

// continues says whether a header can be the next one of a chain.
func (s *Search) continues(k *chain, f *frame.Header, target *Target) bool {
	first := k.last < 0
	switch {
	case first && f.First == 0 && f.Length == 0:
		return false // nothing, then zeros
	case first:
		k.masked = f.Masked
		k.fragmented = f.Opcode() == frame.Continuation
		k.orphan = k.fragmented
		if !target.Unknown && f.Masked != target.Masked {
			return false
		}
	case f.Masked != k.masked:
		return false
	}
	if !f.Legal() || f.RSV() != 0 && !target.Unknown && !target.Deflate {
		return false
	}
	return f.Control() || first || (f.Opcode() == frame.Continuation) == k.fragmented
}

// lengthAhead says how much the header of a long frame says for itself before its
// end is seen: most of its eight bytes of length are zero.
func (s *Search) lengthAhead(k *chain, f *frame.Header, target *Target) int {
	if f.First == 0 && k.orphan {
		return 0
	}
	zeros := bits.LeadingZeros64(uint64(f.Length)) // those of a byte that is not zero count half
	return headerBits(f, target.Usual) + 4 + zeros - (zeros&7+1)/2
}

// weigh adds the evidence that the frame at next gives to its chain; false: it
// cannot be one.
func (s *Search) weigh(k *chain, f *frame.Header, payload []byte, target *Target, tester *Tester) bool {
	s.work += stepWork + int64(len(payload))
	found := 0
	if f.RSV() == 0 || !s.tired() {
		var ok bool
		var work int
		found, work, ok = tester.evidence(f, payload)
		s.work += int64(work)
		if !ok {
			return false
		}
	}
	if f.Length == 0 && !f.Control() {
		if k.empty++; k.empty > maxEmpty {
			return false
		}
	}
	starts := s.boundary(k.next)
	fills := starts && s.boundary(k.pend)
	repeats := k.last >= 0 && found == 0 && f.First == k.first && f.Length == k.length
	k.first, k.length = f.First, f.Length
	switch {
	case target.Unknown && !f.Masked && subscribes(f, payload): // MQTT may do without WebSockets
	case f.First == 0 && found == 0 && f.Length < 126: // zeros are everywhere
		if !k.orphan && k.zeros < 4 && s.boundary(k.pend) {
			k.zeros++
			k.bits += 2
		}
	case f.Length == 0 && !(f.Control() && fills):
		if k.empty <= 2 && !f.Control() {
			k.bits += 3
		}
	case repeats && fills:
		k.bits += 7
		k.frames++
	case repeats: // as tables and pixels do
	default:
		k.frames++
		k.payload += found
		k.bits += found + headerBits(f, target.Usual)
		switch {
		case f.Length == 0: // a segment of its own
			k.bits++
		case f.Length < tiny && !starts && found < sense:
			k.bits -= 3
		}
		if s.boundary(k.pend) {
			k.bits += lengthBits(f.Length)
		}
	}
	return true
}

// repeatsItself says that what looks like a masked frame is four bytes over and over,
// header and key included. So do runs of one byte look behind a mask, and they point
// from each such frame to the next one.
func repeatsItself(b []byte) bool {
	const look = 64
	b = b[:min(len(b), look)]
	return string(b[4:]) == string(b[:len(b)-4])
}

// lengthBits says how much it speaks for a frame that a segment ends where it does.
func lengthBits(length int64) int {
	switch {
	case length < 126:
		return 6
	case length < 1<<16:
		return 12
	}
	return 24
}

// begin returns where in a chain frames can be trusted, and the evidence that
// is left from there on. A place in the payload before the first real header
// that by chance points to that header makes a longer chain: so the first
// frames have to speak for themselves, the more the more places there are.
func (s *Search) begin(k *chain, target *Target, tester *Tester) (from int64, bits int) {
	from, bits = k.from, k.bits+k.ahead
	need := 11
	for range 3 {
		var f frame.Header
		if from >= k.next { // what follows was judged by its header
			break
		}
		n := f.Parse(s.buf[from-s.base:])
		end := from + int64(n) + f.Length
		own, _, _ := tester.evidence(&f, s.buf[from-s.base:][n:n+int(f.Length)])
		own += headerBits(&f, target.Usual)
		if s.boundary(from) {
			// The rest of a message may by chance be a control frame.
			if need = 6; s.boundary(end) && (!f.Control() || own > need || target.Usual == 0) {
				break
			}
		}
		if own >= need || end >= k.next && k.ahead == 0 {
			break
		}
		from, bits, need = end, bits-own, 6
	}
	return from, bits
}
