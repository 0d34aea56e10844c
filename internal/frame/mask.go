package frame

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Mask writes src XORed with the masking key (RFC 6455, section 5.3) to dst,
// which is at least as long and may be src itself. The key's bytes stand in
// memory order in key, from the one for src[0] on. It says whether all that it
// wrote is ASCII, which is UTF-8 without a second look.
func Mask(dst, src []byte, key uint32) (ascii bool) {
	n := len(src)
	dst = dst[:n]
	o, k := binary.LittleEndian, uint64(key)|uint64(key)<<32
	if n < 8 {
		var all byte
		for i, c := range src {
			c ^= byte(k)
			k >>= 8
			dst[i] = c
			all |= c
		}
		return all < utf8.RuneSelf
	}
	// The last bytes are read first, for dst may be src, and written last, over
	// some that were written before.
	last := o.Uint64(src[n-8:]) ^ bits.RotateLeft64(k, -8*(n&3))
	all := last
	s, d := src, dst
	for len(s) >= 32 && len(d) >= 32 {
		a, b, c, e := o.Uint64(s)^k, o.Uint64(s[8:])^k, o.Uint64(s[16:])^k, o.Uint64(s[24:])^k
		o.PutUint64(d, a)
		o.PutUint64(d[8:], b)
		o.PutUint64(d[16:], c)
		o.PutUint64(d[24:], e)
		all |= a | b | c | e
		s, d = s[32:], d[32:]
	}
	for len(s) > 8 && len(d) > 8 {
		a := o.Uint64(s) ^ k
		o.PutUint64(d, a)
		all |= a
		s, d = s[8:], d[8:]
	}
	o.PutUint64(dst[n-8:], last)
	return all&highBits == 0
}

// ASCII says what Mask does, without writing.
func ASCII(src []byte, key uint32) bool {
	n := len(src)
	o, k := binary.LittleEndian, uint64(key)|uint64(key)<<32
	last := bits.RotateLeft64(k, -8*(n&3)) // for the last 4, 8, ... bytes
	switch {
	case n >= 32: // some bytes are looked at twice: that is quicker than what fits
		all := or32((*[32]byte)(src[n-32:]), last)
		for ; len(src) > 32; src = src[32:] {
			all |= or32((*[32]byte)(src), k)
		}
		return all&highBits == 0
	case n >= 8:
		all := o.Uint64(src[n-8:]) ^ last
		for ; len(src) > 8; src = src[8:] {
			all |= o.Uint64(src) ^ k
		}
		return all&highBits == 0
	}
	var all byte
	for _, c := range src {
		all |= c ^ byte(k)
		k >>= 8
	}
	return all < utf8.RuneSelf
}

func or32(b *[32]byte, k uint64) uint64 {
	o := binary.LittleEndian
	return (o.Uint64(b[:]) ^ k) | (o.Uint64(b[8:]) ^ k) | (o.Uint64(b[16:]) ^ k) | (o.Uint64(b[24:]) ^ k)
}

// highBits are those that no byte of ASCII has.
const highBits = 0x8080808080808080

// Rotate returns the key for the byte n places further on.
func Rotate(key uint32, n int64) uint32 {
	s := uint(n&3) * 8
	return key>>s | key<<(32-s)
}
