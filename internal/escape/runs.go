package escape

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// What is mostly harmless is copied eight bytes at a time, and looked at while it is in
// a register: byte by byte, escaping took more time than all else that is done for a
// line of JSON.

const (
	ones   = 0x0101010101010101
	spaces = 0x20 * ones
	quotes = '"' * ones
	slants = '\\' * ones
	tops   = 0x80 * ones
)

// suspects has the top bit set of each byte of w that may not stand for itself. Above
// the first of them others may be wrong.
func (f *form) suspects(w uint64) uint64 {
	m := w | (w + ones) | (w - spaces) // not ASCII, DEL, C0
	if f.json {
		m |= ((w ^ quotes) - ones) | ((w ^ slants) - ones)
	}
	return m & tops
}

// harmless appends the beginning of s, up to what takes an escape that is not a
// backslash alone, and returns the rest.
func (f *form) harmless(b, s []byte) (to, rest []byte) {
	b = slices.Grow(b, 2*len(s)+8) // if each takes a backslash
	buf := b[:cap(b)]
	d, i := len(b), 0
	for i+8 <= len(s) {
		w := binary.LittleEndian.Uint64(s[i : i+8 : i+8])
		binary.LittleEndian.PutUint64(buf[d:d+8:d+8], w)
		m := f.suspects(w)
		if m == 0 {
			d += 8
			i += 8
			continue
		}
		n := bits.TrailingZeros64(m) / 8
		d += n
		i += n
		switch c := s[i]; {
		case c == '"' || c == '\\': // never a suspect in text
			buf[d], buf[d+1] = '\\', c
			d += 2
			i++
		case c >= utf8.RuneSelf:
			n := letters(s[i:])
			if n == 0 {
				return buf[:d], s[i:]
			}
			d += copy(buf[d:], s[i:i+n])
			i += n
		default:
			return buf[:d], s[i:]
		}
	}
	start := i
	for i < len(s) && f.plain[s[i]] {
		i++
	}
	return append(buf[:d], s[start:i]...), s[i:]
}

// letters returns how many bytes the characters have that s begins with and that are
// neither ASCII nor harmful.
func letters(s []byte) (n int) {
	for n < len(s) && s[n] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(s[n:])
		if size == 1 || Unsafe(r) {
			break
		}
		n += size
	}
	return n
}
