package inflate

import "encoding/binary"

// The entries of the code length code's symbols: in bits 16..23 how often a length is
// at least meant, from 28 on which.
var lenSymbols = func() (t entries) {
	for i := range 16 {
		t[i] = uint32(i)<<28 | 1<<16
	}
	t[16] = special | repeat | 3<<16 | 2
	t[17] = 3<<16 | 3
	t[18] = 11<<16 | 7
	return t
}()

const (
	repeat = 1 << 15 // special: the length before is meant

	lenBits = 7 // most bits of a codeword of the code length code
)

// lenOrder is the order in which the lengths of the code length code come (RFC
// 1951, section 3.2.7).
var lenOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic reads the code lengths of a dynamic block and builds its tables.
//
// Nothing asks whether the block can end: if not, it fails with the input's end.
func (d *Decoder) dynamic() error {
	d.refill()
	nlit, ndist, nlen := int(d.take(5)+257), int(d.take(5)+1), d.take(4)+4
	if nlit > 286 || ndist > 30 {
		return ErrCorrupt
	}
	d.refill() // 56 bits or more; the lengths take 57 at most
	var lens [19]uint8
	for i := range min(nlen, 18) {
		lens[lenOrder[i]] = uint8(d.bits >> (3 * i) & 7)
	}
	d.take(3 * min(nlen, 18))
	if nlen == 19 {
		d.refill()
		lens[lenOrder[18]] = uint8(d.take(3))
	}
	d.codes[0].reset()
	for s, l := range lens[:] {
		d.codes[0].add(uint(l), uint16(s))
	}
	if !d.lens.build(&d.codes[0], &lenSymbols, lenBits) {
		return ErrCorrupt
	}
	d.lens.widen(lenBits)
	if err := d.lengths(nlit, ndist); err != nil {
		return err
	}
	if !d.dyn.lit.build(&d.codes[0], &litSymbols, litBits) || !d.dyn.dist.build(&d.codes[1], &distSymbols, distBits) {
		return ErrCorrupt
	}
	return nil
}

// lengths reads the lengths of nlit and ndist codewords.
//
// Of some 300 symbols a short message uses 40. So these are put in the order
// that the tables need as they come. No branch asks what kind of length comes
// next, for that cannot be predicted. The table always takes an index of lenBits:
// each length has to wait for the one before, and a variable mask is one step
// more on that way.
func (d *Decoder) lengths(nlit, ndist int) error {
	d.codes[0].reset()
	d.codes[1].reset()
	in, bits, n := d.in[d.ip:], d.bits, uint8(d.n)
	table := &d.lens.table
	c := &d.codes[0]
	end := nlit
	last := uint32(16) // the length before; 16 for none
	i := 0
	for {
		for i < end {
			if len(in) <= Pad-12 { // eight bytes beyond the tail
				return ErrShort
			}
			bits |= binary.LittleEndian.Uint64(in) << (n & 63)
			in = in[(63-n)>>3&7:]
			n |= 56
			for n >= lenBits+7 && i < end { // a codeword, and extra bits
				e := table[bits&(1<<lenBits-1)]
				rep := int(e>>16&0xff + uint32(bits&(1<<(e&63)-1)>>(e>>8&63)))
				bits >>= e & 63
				n -= uint8(e)
				if e&special == 0 {
					last = e >> 28
					k := c.next[last] // as code.add does
					c.symbols[k%(16*perLen)] = uint16(i)
					c.next[last] = k + 1
					i += rep
					continue
				}
				if e&repeat == 0 || last == 16 {
					return ErrCorrupt
				}
				for ; rep > 0; rep-- {
					if i < end {
						c.add(uint(last), uint16(i))
					} else { // if not beyond the distances, too
						d.codes[1].add(uint(last), uint16(i-end))
					}
					i++
				}
			}
		}
		i -= end
		if c == &d.codes[1] {
			break
		}
		c, end = &d.codes[1], ndist
	}
	if i > 0 {
		return ErrCorrupt
	}
	d.ip, d.bits, d.n = len(d.in)-len(in), bits, uint(n)
	return nil
}
