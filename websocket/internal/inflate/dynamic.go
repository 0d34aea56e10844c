package inflate

// The entries of the code length code's symbols: in bits 16..19 the length that
// is meant, from 20 on how often it is at least repeated.
var lenSymbols = func() (t [19]uint32) {
	for i := range 16 {
		t[i] = uint32(i)<<16 | 1<<20 | used
	}
	t[0] &^= used
	t[16] = special | repeat | 3<<20 | 2
	t[17] = 3<<20 | 3
	t[18] = 11<<20 | 7
	return t
}()

const (
	used   = 1 << 31 // the length is not 0
	repeat = 1 << 15 // special: the length before is meant
)

// lenOrder is the order in which the lengths of the code length code come (RFC
// 1951, section 3.2.7).
var lenOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic reads the code lengths of a dynamic block and builds its tables.
//
// Of some 300 symbols a short message uses 40. So only these are listed, and
// counted, at once; and no branch asks what kind of length comes next, for
// that cannot be predicted. Nothing asks whether the block can end, either: if
// not, it fails with the input's end.
func (d *Decoder) dynamic() error {
	d.refill()
	nlit, ndist, nlen := d.take(5)+257, d.take(5)+1, d.take(4)+4
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
	count := &d.count
	*count = [2][16]uint16{}
	codes := &d.codes
	k := 0
	for s, l := range lens {
		codes[k] = coded(s<<4) | coded(l)
		k += int(l+15) >> 4
		count[0][l&15]++
	}
	if !d.lens.build(codes[:k], 0, &count[0], lenSymbols[:], 7) {
		return ErrCorrupt
	}

	*count = [2][16]uint16{}
	in, ip, bits, n := d.in, d.ip, d.bits, d.n
	table, mask := d.lens.table[:d.lens.mask+1], d.lens.mask
	last := uint(16) // the length before; 16 for none
	k = 0
	ends := [2]uint{nlit, nlit + ndist}
	i := uint(0)
	for kind, end := range ends {
		count := &count[kind]
		for i < end {
			if ip >= d.end+8 {
				return ErrShort
			}
			bits |= load64(in, ip) << (n & 63)
			ip += int((63 - n) >> 3 & 7)
			n |= 56
			// Four lengths take at most 4*(7+7) bits.
			for j := 0; j < 4 && i < end; j++ {
				e := table[bits&mask]
				taken := bits & (1<<(e&63) - 1)
				bits >>= e & 63
				n -= uint(e)
				rep := uint(e>>20&15) + uint(taken>>(e>>8&15))
				if e&special == 0 {
					last = uint(e >> 16 & 15)
					codes[k&511] = coded(i<<4 | last)
					k += int(e >> 31)
					count[last&15]++
					i += rep
					continue
				}
				if e&repeat == 0 || last == 16 {
					return ErrCorrupt
				}
				for ; rep > 0; rep-- { // perhaps beyond the literals
					codes[k&511] = coded(i<<4 | last)
					k += int(last+15) >> 4
					if i < end {
						count[last&15]++
					} else {
						d.count[1][last&15]++
					}
					i++
				}
			}
		}
	}
	d.ip, d.bits, d.n = ip, bits, n&63
	if i > nlit+ndist {
		return ErrCorrupt
	}
	nk := uint(0)
	for l := 1; l < 16; l++ {
		nk += uint(d.count[0][l])
	}
	if !d.dyn.lit.build(codes[:nk], 0, &count[0], litSymbols[:], litBits) || !d.dyn.dist.build(codes[nk:k], nlit, &count[1], distSymbols[:], distBits) {
		return ErrCorrupt
	}
	return nil
}
