package http2

import "encoding/binary"

// More types of frames (RFC 9113, section 6; RFC 7838, 8336 and 9218).
const (
	typePriority       = 0x2
	typeGoAway         = 0x7
	typeAltSvc         = 0xa
	typeOrigin         = 0xc
	typePriorityUpdate = 0x10
)

// maxFrame is the longest frame that is believed: peers agree on 16 KiB, Go's on
// up to 1 MiB.
const maxFrame = 1 << 20

// Bits of evidence, each halving the chance that it is none, that what looks like
// frames in both directions, or in one, is HTTP/2.
const (
	enoughBoth = 90
	enoughOne  = 120
)

// A Sniffer looks at a direction of a connection whose beginning was not seen, and
// gathers evidence that frames stand in it. The zero Sniffer is where a segment
// begins.
type Sniffer struct {
	head  [headerLen]byte
	nhead int
	left  int // of the frame in progress
	bits  int
}

// MaybeFrame says whether b can begin with the header of a frame.
func MaybeFrame(b []byte) bool {
	if len(b) < headerLen {
		return false
	}
	h := [headerLen]byte(b)
	_, ok := evidence(&h)
	return ok
}

// Add looks at the next bytes. It returns false where they cannot be frames.
func (s *Sniffer) Add(b []byte) bool {
	for len(b) > 0 {
		if s.left > 0 {
			n := min(s.left, len(b))
			s.left -= n
			b = b[n:]
			continue
		}
		n := copy(s.head[s.nhead:], b)
		b = b[n:]
		if s.nhead += n; s.nhead < headerLen {
			return int(s.head[0]) <= maxFrame>>16
		}
		bits, ok := evidence(&s.head)
		if !ok {
			return false
		}
		s.bits += bits
		s.left = frameLength(&s.head)
		s.nhead = 0
	}
	return true
}

// Enough says whether both directions' evidence is. nil: there is none of one.
func Enough(sniffers [2]*Sniffer) bool {
	var bits [2]int
	for dir, s := range sniffers {
		if s != nil {
			bits[dir] = s.bits
		}
	}
	return min(bits[0], bits[1]) > 0 && bits[0]+bits[1] >= enoughBoth || max(bits[0], bits[1]) >= enoughOne
}

func frameLength(h *[headerLen]byte) int { return int(h[0])<<16 | int(h[1])<<8 | int(h[2]) }

// evidence says how much a frame header speaks for itself, or that it can be none.
func evidence(h *[headerLen]byte) (bits int, ok bool) {
	n, flags, id := frameLength(h), h[4], binary.BigEndian.Uint32(h[5:])
	if n > maxFrame || id>>31 != 0 {
		return 0, false
	}
	known := byte(0) // the flags that the type has
	fits := id != 0
	switch h[3] {
	case typeData:
		known = flagEndStream | flagPadded
	case typeHeaders:
		known = flagEndStream | flagEndHeaders | flagPadded | flagPriority
		fits = id&1 != 0 && n > 0
	case typePriority:
		fits = fits && n == 5
	case typeReset:
		fits = fits && n == 4
	case typeSettings:
		known = flagAck
		fits = id == 0 && n%6 == 0 && n < 64*6 && (n == 0 || flags == 0)
	case typePush:
		known = flagEndHeaders | flagPadded
		fits = id&1 != 0 && n > 4
	case typePing:
		known = flagAck
		fits = id == 0 && n == 8
	case typeGoAway:
		fits = id == 0 && n >= 8
	case typeWindowUpdate:
		fits = n == 4
	case typeContinuation:
		known = flagEndHeaders
	case typeAltSvc, typeOrigin, typePriorityUpdate:
		return 0, n <= 1<<14
	default:
		return 0, false
	}
	if !fits || flags&^known != 0 {
		return 0, false
	}
	if n == 0 && flags == 0 {
		return 4, true // little but zeroes
	}
	if bits = 10; n <= 1<<14 {
		bits += 8
	}
	if id < 1<<16 {
		bits += 14
	}
	return bits, true
}

// refind says whether b, a segment, begins with a frame.
func (c *Conn) refind(b []byte) bool {
	if len(b) < headerLen {
		return false
	}
	h := [headerLen]byte(b)
	n, typ, id := frameLength(&h), h[3], binary.BigEndian.Uint32(h[5:])
	if _, ok := evidence(&h); !ok || n > 1<<14 {
		return false
	}
	switch {
	case c.streams[id] != nil:
		return typ == typeData || typ == typeHeaders || typ == typeWindowUpdate || typ == typeReset
	case id == 0:
		return typ == typePing || typ == typeWindowUpdate || typ == typeSettings
	case c.unseen(id):
		// Frames have to follow as far as b reaches.
		var s Sniffer
		return s.Add(b) && (s.left == 0 && s.nhead == 0 || s.bits >= enoughBoth)
	}
	return false
}
