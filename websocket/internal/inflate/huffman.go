package inflate

import "math/bits"

// A huffman table is looked up by the next bits of the input, first code bit
// lowest. Entries are
//
//	 0..3   code bits to take
//	 8..11  extra bits that follow; in an entry that leads to a subtable the
//	        number of bits that index it
//	16..    literal byte, base of the length or distance, or start of the subtable
//
// and the flags below, which lie in the bits between.
type huffman struct {
	bits  uint // that index the primary table
	table [litSize]uint32
}

const (
	literal  = 1 << 4 // the entry is a literal byte
	special  = 1 << 5 // the entry is none of literal, length, distance
	sub      = 1 << 6 // special: go on in a subtable
	endBlock = 1 << 7 // special: end of block

	invalid = special // no code begins like this

	// litBits is a compromise: a wide table is quicker to use, a narrow one
	// quicker to build, and messages are short.
	litBits  = 10
	distBits = 8

	// litSize is room for the primary table and all subtables of 288 symbols
	// with codes of up to 15 bits: every subtable is at most twice the size that
	// its codes need, and they share 288 symbols; 1334 entries for 10 and 15
	// bits (zlib's enough.c), rounded up so that an index can be masked.
	litSize = 2048
)

// litSymbols and distSymbols are the entries, without code length, of each symbol.
var litSymbols = func() (t [288]uint32) {
	for i := range 256 {
		t[i] = uint32(i)<<16 | literal
	}
	t[256] = special | endBlock
	base, extra := 3, 0
	for i := 257; i < 285; i++ {
		if i >= 265 && (i-265)%4 == 0 {
			extra++
		}
		t[i] = uint32(base)<<16 | uint32(extra)<<8
		base += 1 << extra
	}
	t[285] = 258 << 16
	t[286], t[287] = invalid, invalid
	return t
}()

var distSymbols = func() (t [32]uint32) {
	base, extra := 1, 0
	for i := range 30 {
		if i >= 4 && i%2 == 0 {
			extra++
		}
		t[i] = uint32(base)<<16 | uint32(extra)<<8
		base += 1 << extra
	}
	t[30], t[31] = invalid, invalid
	return t
}()

// build fills the table for the code lengths of the symbols. It reports whether
// the code is complete, or so empty that it is allowed all the same: at most one
// code, of one bit (RFC 1951, section 3.2.7).
func (h *huffman) build(lens []uint8, symbols []uint32, tableBits uint) bool {
	var count [16]int
	for _, l := range lens {
		count[l&15]++
	}
	count[0] = 0
	maxLen := uint(15)
	for maxLen > 0 && count[maxLen] == 0 {
		maxLen--
	}
	if maxLen <= 1 && count[1] < 2 { // incomplete, but allowed
		h.bits = 1
		h.table[0], h.table[1] = invalid, invalid
		if maxLen == 1 {
			for s, l := range lens {
				if l == 1 {
					h.table[0] = symbols[s] | 1
				}
			}
		}
		return true
	}
	var offset [17]int
	for l := 1; l <= 15; l++ {
		offset[l+1] = offset[l] + count[l]
	}
	left := 1
	for l := 1; l <= 15; l++ {
		left = left<<1 - count[l]
		if left < 0 {
			return false
		}
	}
	if left != 0 {
		return false
	}

	var sorted [288]uint16 // symbols by length of code, then by value
	pos := offset
	for s, l := range lens {
		if l != 0 {
			sorted[pos[l]] = uint16(s)
			pos[l]++
		}
	}

	// Codes in order: the reversed code counts up in its high bits. The table
	// doubles with each bit of length: what is there stays and is copied.
	tableBits = min(tableBits, maxLen)
	h.bits = tableBits
	code, i := uint(0), 0
	size := 1
	for l := uint(1); l <= tableBits; l++ {
		// Only entries of shorter codes matter; the others are overwritten.
		copy(h.table[size:2*size], h.table[:size])
		size *= 2
		for range count[l] {
			h.table[reverse(code, l)] = symbols[sorted[i]] | uint32(l)
			code++
			i++
		}
		code <<= 1
	}
	// Longer codes in subtables, one for each value of their first bits.
	next := 1 << tableBits
	prefix := ^uint(0)
	var start, subBits uint
	for l := tableBits + 1; l <= maxLen; l++ {
		for n := count[l]; n > 0; n-- {
			r := reverse(code, l)
			if p := r & (1<<tableBits - 1); p != prefix {
				prefix = p
				// As many bits as the codes with this prefix need.
				subBits = l - tableBits
				room := 1<<subBits - n
				for k := l + 1; room > 0 && k <= maxLen; k++ {
					subBits++
					room = room<<1 - count[k]
				}
				start = uint(next)
				next += 1 << subBits
				if next > litSize {
					return false
				}
				h.table[p] = uint32(start)<<16 | uint32(subBits)<<8 | special | sub
			}
			e := symbols[sorted[i]] | uint32(l-tableBits)
			for j := r >> tableBits; j < 1<<subBits; j += 1 << (l - tableBits) {
				h.table[start+j] = e
			}
			code++
			i++
		}
		code <<= 1
	}
	return true
}

func reverse(code, n uint) uint { return uint(bits.Reverse16(uint16(code)) >> (16 - n)) }

// buildPre fills the table of the code length code: symbol<<3 | code bits.
func buildPre(t *[128]uint8, lens *[19]uint8) bool {
	var count [8]int
	for _, l := range lens {
		count[l]++
	}
	count[0] = 0
	var next [8]uint
	code, left := uint(0), 1
	for l := 1; l <= 7; l++ {
		code = (code + uint(count[l-1])) << 1
		next[l] = code
		left = left<<1 - count[l]
		if left < 0 {
			return false
		}
	}
	if left != 0 && (count[1] != 1 || left != 64) {
		return false
	}
	for s, l := range lens {
		if l == 0 {
			continue
		}
		r := reverse(next[l], uint(l))
		next[l]++
		for ; r < 128; r += 1 << l {
			t[r] = uint8(s)<<3 | l
		}
	}
	return true
}
