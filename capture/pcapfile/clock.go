package pcapfile

import "math/bits"

// A clock turns the 64-bit time stamps of a pcapng interface to times.
type clock struct {
	binary bool
	exp    uint8  // units of 10^-exp or 2^-exp seconds
	unit   uint64 // units in a second; 0: more than a time stamp can hold
	mul    uint64 // decimal: nanoseconds of a unit, or 0
	div    uint64 // decimal: units of a nanosecond, if mul is 0; 0: too many to matter
	offset int64  // seconds
}

// newClock takes if_tsresol and if_tsoffset.
func newClock(resolution uint8, offset int64) clock {
	c := clock{binary: resolution&0x80 != 0, exp: resolution & 0x7f, offset: offset}
	switch {
	case c.binary && c.exp < 64:
		c.unit = 1 << c.exp
	case c.binary:
	case c.exp <= 9:
		c.unit, c.mul = pow10(c.exp), pow10(9-c.exp)
	default:
		c.unit, c.div = pow10(c.exp), pow10(c.exp-9)
	}
	return c
}

// pow10 returns 10^n, or 0 if that is beyond 64 bits.
func pow10(n uint8) uint64 {
	if n > 19 {
		return 0
	}
	v := uint64(1)
	for range n {
		v *= 10
	}
	return v
}

// time returns the Unix time of a time stamp, rounded down to nanoseconds.
func (c *clock) time(t uint64) (sec, nsec int64) {
	whole := uint64(0)
	if c.unit != 0 {
		whole = t / c.unit
		t -= whole * c.unit
	}
	switch {
	case c.mul != 0:
		t *= c.mul
	case c.div != 0:
		t /= c.div
	case !c.binary:
		t = 0
	default:
		hi, lo := bits.Mul64(t, 1e9)
		if c.exp < 64 {
			t = hi<<(64-c.exp) | lo>>c.exp
		} else {
			t = hi >> (c.exp - 64)
		}
	}
	return int64(whole) + c.offset, int64(t)
}
