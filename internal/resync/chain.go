package resync

import "github.com/wstap/wstap/internal/frame"

// A chain is a run of frames, supposed to begin at from.
type chain struct {
	from, next int // in buf
	bits       int
	payload    int // the part of bits that payloads gave
	frames     int // with a payload
	empty      int
	masked     bool
	inside     bool // begins inside of a segment
	fragmented bool // a message is in progress
	last       int  // where the frame before next begins; -1: there is none
}

// follow goes along a chain as far as the bytes reach, and reports whether it
// can be one.
func (s *Search) follow(k *chain, target *Target, tester *Tester) bool {
	for k.next < len(s.buf) {
		var f frame.Header
		b := s.buf[k.next:]
		if !frame.Plausible(b[0]) {
			return false
		}
		n := f.Parse(b)
		if n == 0 {
			return true
		}
		if !s.continues(k, &f, target) {
			return false
		}
		end := k.next + n + int(f.Length)
		if end > len(s.buf) {
			return true
		}
		if !f.Control() {
			k.fragmented = !f.Fin()
		}
		if !s.weigh(k, &f, b[n:n+int(f.Length)], end, target, tester) {
			return false
		}
		k.last = k.next
		k.next = end
	}
	return true
}

// continues says whether a header can be the next one of a chain.
func (s *Search) continues(k *chain, f *frame.Header, target *Target) bool {
	first := k.last < 0
	switch {
	case first && (f.Opcode() == frame.Continuation || target.Unknown && !f.Fin()):
		return false
	case first:
		k.masked = f.Masked
		if !target.Unknown && f.Masked != target.Masked {
			return false
		}
	case f.Masked != k.masked:
		return false
	}
	if !f.Legal() || f.RSV() != 0 && !target.Unknown && !target.Deflate || f.Length > window/2 {
		return false
	}
	return f.Control() || first || (f.Opcode() == frame.Continuation) == k.fragmented
}

// weigh adds the evidence that a frame gives to its chain; false: it cannot be one.
func (s *Search) weigh(k *chain, f *frame.Header, payload []byte, end int, target *Target, tester *Tester) bool {
	s.work += stepWork + int64(len(payload))
	bits := 0
	if f.RSV() == 0 || !s.tired() {
		var ok bool
		var work int
		bits, work, ok = tester.evidence(f, payload)
		s.work += int64(work)
		if !ok {
			return false
		}
	}
	filled := end == len(s.buf) || s.boundary(end)
	b := s.buf[k.next:]
	switch {
	case f.Length == 0:
		if k.empty++; k.empty > 2 {
			bits = 0
		} else {
			bits = 3
		}
	case k.last >= 0 && bits == 0 && b[0] == s.buf[k.last] && b[1] == s.buf[k.last+1]:
		// Repetition is what tables and pixels have too, unless each item
		// comes in a segment of its own.
		if s.boundary(k.next) && filled {
			bits = 3
			k.frames++
		}
	default:
		k.frames++
		k.payload += bits
		bits += headerBits(f, target.Usual)
		if filled {
			bits += lengthBits(f.Length)
		}
	}
	k.bits += bits
	return true
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
func (s *Search) begin(k *chain, target *Target, tester *Tester) (from, bits int) {
	from, bits = k.from, k.bits
	need := 11
	for range 3 {
		var f frame.Header
		n := f.Parse(s.buf[from:])
		end := from + n + int(f.Length)
		own, _, _ := tester.evidence(&f, s.buf[from+n:end])
		own += headerBits(&f, target.Usual)
		if s.boundary(from) {
			if need = 6; end == len(s.buf) || s.boundary(end) {
				break
			}
		}
		if own >= need || end >= k.next {
			break
		}
		from, bits, need = end, bits-own, 6
	}
	return from, bits
}
