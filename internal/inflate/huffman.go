package inflate

import "math/bits"

// A huffman table is looked up by the next bits of the input, first code bit
// lowest. Entries are
//
//	 0..7   bits to take: of the code and the extra bits that follow it
//	 8..11  of these, bits of the code; in an entry that leads to a subtable
//	        the number of bits that index it
//	14..15  flags, see below
//	16..30  base of the length or distance, literal byte, start of the subtable
//	31      the entry is a literal byte
type huffman struct {
	bits  uint   // that index the primary table
	mask  uint64 // as many ones
	table [tableSize]uint32
}

// at returns the entry of the next bits.
func (h *huffman) at(bits uint64) uint32 { return h.table[bits&h.mask] }

// in returns the entry of the next bits in the subtable that e leads to.
func (h *huffman) in(e uint32, bits uint64) uint32 {
	return h.table[uint64(e>>16)+bits&(1<<(e>>8&15)-1)]
}

// The tables of a block.
type tables struct{ lit, dist huffman }

const (
	literal  = 1 << 31
	special  = 1 << 14 // none of literal, length, distance
	sub      = 1 << 15 // special: go on in a subtable
	endBlock = 1 << 16 // special: end of block

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

// entries are those of the symbols of a code, as many as make an index that needs no
// check.
type entries [perLen]uint32

func makeLitSymbols() (t entries) {
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

func makeDistSymbols() (t entries) {
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

// A code is a canonical Huffman code: its symbols, in order, by the length of
// their codewords. That is all that a decoder needs to know of it. Symbols of
// length 0, which have no codeword, may be added as well, and are not looked at.
type code struct {
	next    [16]uint16          // in symbols, by length: where the next one goes
	symbols [16 * perLen]uint16 // those of length l begin at l*perLen
}

// perLen is more than the symbols that there can be.
const perLen = 512

func (c *code) reset() { c.next = noSymbols }

var noSymbols = func() (next [16]uint16) {
	for l := range next {
		next[l] = uint16(l * perLen)
	}
	return next
}()

func (c *code) add(length uint, symbol uint16) {
	n := c.next[length&15]
	c.symbols[n%(16*perLen)] = symbol
	c.next[length&15] = n + 1
}

// count returns the number of symbols of a length.
func (c *code) count(length uint) uint { return uint(c.next[length&15]) - length&15*perLen }

// of returns the symbols of a length.
func (c *code) of(length uint) []uint16 { return c.symbols[length&15*perLen : c.next[length&15]] }

// build fills the table for a code; symbols has the entries of all symbols. It
// reports whether the code is complete, or so empty that it is allowed all the
// same: at most one codeword, of one bit (RFC 1951, section 3.2.7).
func (h *huffman) build(c *code, symbols *entries, width uint) bool {
	last := 15
	for last > 0 && c.next[last] == noSymbols[last] {
		last--
	}
	space := 1
	for l := 1; l <= last; l++ {
		space = space*2 - (int(c.next[l]) - l*perLen)
	}
	if space != 0 {
		h.bits, h.mask = 1, 1
		h.table[0], h.table[1] = invalid, invalid
		one := last == 1 && c.count(1) == 1
		if one {
			h.table[0] = symbols[c.of(1)[0]] + perBit
		}
		return last == 0 || one
	}
	width = min(width, uint(last))
	h.bits, h.mask = width, 1<<width-1

	first := uint(1)
	for c.count(first) == 0 {
		first++
	}

	// The table doubles with each bit of length: what is there stays and is
	// copied. Places of longer codewords hold rubbish meanwhile.
	word := uint(0) // the next codeword, behind which zeros make litBits
	step := uint(1) << (litBits - first)
	size := uint(1) << first
	for l := first; ; l++ {
		add := uint32(l) * perBit
		for _, s := range c.of(l) {
			h.table[reversed[word%(1<<litBits)]%(1<<litBits)] = symbols[s%perLen] + add
			word += step
		}
		if l == width {
			break
		}
		copy(h.table[size:2*size], h.table[:size])
		size *= 2
		step /= 2
	}
	if word < 1<<litBits { // there are longer ones
		h.subtables(c, symbols, word>>(litBits-width)*2)
	}
	return true
}

// widen has the primary table indexed by at least n bits.
func (h *huffman) widen(n uint) {
	for ; h.bits < n; h.bits++ {
		copy(h.table[1<<h.bits:2<<h.bits], h.table[:1<<h.bits])
	}
	h.mask = 1<<h.bits - 1
}

// subtables places the codewords that are longer than the primary table's index,
// in tables of their own, one for each value of their first bits. word is the
// first.
func (h *huffman) subtables(c *code, symbols *entries, word uint) {
	next := uint(1) << h.bits
	prefix := ^uint(0)
	var start, subBits uint
	for l := h.bits + 1; l < 16; l++ {
		for i, s := range c.of(l) {
			r := uint(bits.Reverse16(uint16(word)) >> (16 - l))
			if p := r & (1<<h.bits - 1); p != prefix {
				prefix = p
				// As many bits as the codewords with this prefix need.
				subBits = l - h.bits
				for room := 1<<subBits - (int(c.count(l)) - i); room > 0; {
					subBits++
					room = room<<1 - int(c.count(h.bits+subBits))
				}
				start = next
				next += 1 << subBits
				h.table[p] = uint32(start)<<16 | uint32(subBits)<<8 | uint32(h.bits) | special | sub
			}
			e := symbols[s] + uint32(l-h.bits)*perBit
			for j := r >> h.bits; j < 1<<subBits; j += 1 << (l - h.bits) {
				h.table[start+j] = e
			}
			word++
		}
		word <<= 1
	}
}

// reversed has the bits of an index of the primary table in reverse order.
var reversed = func() (t [1 << litBits]uint16) {
	for i := range t {
		t[i] = bits.Reverse16(uint16(i)) >> (16 - litBits)
	}
	return t
}()
