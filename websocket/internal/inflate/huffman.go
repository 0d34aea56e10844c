package inflate

import "math/bits"

// A huffman table is looked up by the next bits of the input, first code bit
// lowest. Entries are
//
//	 0..7   bits to take: of the code and the extra bits that follow it
//	 8..11  of these, bits of the code; in an entry that leads to a subtable
//	        the number of bits that index it
//	12..15  flags, see below
//	16..30  base of the length or distance, literal byte, start of the subtable
//	31      the entry is a literal byte
type huffman struct {
	bits   uint   // that index the primary table
	mask   uint64 // as many ones
	table  [tableSize]uint32
	sorted [288]uint32 // scratch: entries by length of code, then by symbol
}

// The tables of a block.
type tables struct{ lit, dist huffman }

const (
	literal  = 1 << 31
	special  = 1 << 12 // none of literal, length, distance
	sub      = 1 << 13 // special: go on in a subtable
	endBlock = 1 << 14 // special: end of block

	invalid = special // no code begins like this

	// perBit adds a bit of code to an entry.
	perBit = 1<<8 | 1

	// litBits is a compromise: a wide table is quicker to use, a narrow one
	// quicker to build, and messages are short.
	litBits  = 10
	distBits = 8

	// tableSize is room for the primary table and all subtables of 288 symbols
	// with codes of up to 15 bits: every subtable is at most twice the size that
	// its codes need, and they share 288 symbols; 1334 entries for 10 and 15
	// bits (zlib's enough.c).
	tableSize = 1334
)

// The entries of each symbol, without the length of its code.
var (
	litSymbols  = makeLitSymbols()
	distSymbols = makeDistSymbols()
)

func makeLitSymbols() (t [288]uint32) {
	for i := range 256 {
		t[i] = uint32(i)<<16 | literal
	}
	t[256] = special | endBlock
	base, extra := 3, 0
	for i := 257; i < 285; i++ {
		if i >= 265 && (i-265)%4 == 0 {
			extra++
		}
		t[i] = uint32(base)<<16 | uint32(extra)
		base += 1 << extra
	}
	t[285] = 258 << 16
	t[286], t[287] = invalid, invalid
	return t
}

func makeDistSymbols() (t [32]uint32) {
	base, extra := 1, 0
	for i := range 30 {
		if i >= 4 && i%2 == 0 {
			extra++
		}
		t[i] = uint32(base)<<16 | uint32(extra)
		base += 1 << extra
	}
	t[30], t[31] = invalid, invalid
	return t
}

// A coded symbol is symbol<<4 | length of its code.
type coded uint16

// build fills the table for the coded symbols, which are in order and begin at
// first; symbols has their entries. count tells how many have codes of each
// length. It reports whether the code is complete, or so empty that it is
// allowed all the same: at most one code, of one bit (RFC 1951, section 3.2.7).
func (h *huffman) build(codes []coded, first uint, count *[16]uint16, symbols []uint32, tableBits uint) bool {
	var pos [16]uint16
	n, used, maxLen := uint16(0), uint(0), uint(0)
	for l := uint(1); l < 16; l++ {
		c := count[l]
		pos[l] = n
		n += c
		used += uint(c) << (15 - l)
		if c != 0 {
			maxLen = l
		}
	}
	if used != 1<<15 {
		h.bits, h.mask = 1, 1
		h.table[0], h.table[1] = invalid, invalid
		if n == 1 && maxLen == 1 {
			h.table[0] = symbols[uint(codes[0]>>4)-first] + perBit
		}
		return n == 0 || n == 1 && maxLen == 1
	}
	for _, c := range codes {
		l := c & 15
		p := pos[l]
		pos[l]++
		h.sorted[p] = symbols[uint(c>>4)-first] + uint32(l)*perBit
	}

	// Codes in order. The table doubles with each bit of length: what is there
	// stays and is copied. Places of longer codes hold rubbish meanwhile.
	tableBits = min(tableBits, maxLen)
	h.bits, h.mask = tableBits, 1<<tableBits-1
	code, sorted := uint(0), h.sorted[:n]
	l := uint(1)
	for count[l] == 0 {
		l++
	}
	for size := uint(1) << l; ; size *= 2 {
		c := count[l]
		for _, e := range sorted[:c] {
			h.table[reverse(code, l)] = e
			code++
		}
		sorted = sorted[c:]
		if l == tableBits {
			break
		}
		l++
		code <<= 1
		copy(h.table[size:2*size], h.table[:size])
	}
	if len(sorted) > 0 {
		h.subtables(sorted, code<<1, count)
	}
	return true
}

// subtables places the codes that are longer than the primary table's index, in
// tables of their own, one for each value of their first bits. code is the first.
func (h *huffman) subtables(sorted []uint32, code uint, count *[16]uint16) {
	next := uint(1) << h.bits
	prefix := ^uint(0)
	var start, subBits uint
	for l := h.bits + 1; l < 16; l++ {
		for n := int(count[l]); n > 0; n-- {
			r := reverse(code, l)
			if p := r & (1<<h.bits - 1); p != prefix {
				prefix = p
				// As many bits as the codes with this prefix need.
				subBits = l - h.bits
				for room := 1<<subBits - n; room > 0; {
					subBits++
					room = room<<1 - int(count[h.bits+subBits])
				}
				start = next
				next += 1 << subBits
				h.table[p] = uint32(start)<<16 | uint32(subBits)<<8 | uint32(h.bits) | special | sub
			}
			e := sorted[0] - uint32(h.bits)*perBit
			sorted = sorted[1:]
			for j := r >> h.bits; j < 1<<subBits; j += 1 << (l - h.bits) {
				h.table[start+j] = e
			}
			code++
		}
		code <<= 1
	}
}

func reverse(code, n uint) uint { return uint(bits.Reverse16(uint16(code)) >> ((16 - n) & 15)) }
