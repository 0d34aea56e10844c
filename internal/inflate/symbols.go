package inflate

import "encoding/binary"

// symbols decodes a block of Huffman codes.
//
// This is where the time goes. The loop waits for a chain of bits, table entry,
// bits, table entry; so an entry says in one number by how far to shift, extra
// bits included, and their value is worked out beside the chain. All else, the
// copying and its checks too, has time to spare as long as branches are
// predicted: matches are nearly always up to 16 bytes long, so these are copied
// without asking for the length. Input is padded and output has slack, so that
// one check of each is enough for a round.
func (d *Decoder) symbols(t *tables) error {
	in, ip, bits, n := d.in, d.ip, d.bits, d.n
	near := d.real - roundBytes
	out, o, start := d.buf, d.o, d.start
	limit := len(out) - slack
	safe := o // end of the output that is surely not made from padding
	var err error
	for {
		if ip >= near {
			if ip*8-int(n&63) > (near+roundBytes)*8 {
				break
			}
			safe = o
		}
		if o > limit {
			d.o = o
			if err = d.more(0); err != nil {
				break
			}
			out, o, start = d.buf, d.o, d.start
			limit = len(out) - slack
			safe = o
		}
		// What was taken ends at most at real, so ip is at most seven bytes
		// beyond it, and fourteen at the second refill of this round.
		bits |= load64(in, ip) << (n & 63)
		ip += int((63 - n) >> 3 & 7)
		n |= 56

		e := t.lit.table[bits&t.lit.mask]
		if int32(e) < 0 {
			// Three literals take at most 45 of the 56 bits.
			bits >>= e & 63
			n -= uint(e)
			out[o] = byte(e >> 16)
			o++
			e = t.lit.table[bits&t.lit.mask]
			if int32(e) < 0 {
				bits >>= e & 63
				n -= uint(e)
				out[o] = byte(e >> 16)
				o++
				e = t.lit.table[bits&t.lit.mask]
				if int32(e) < 0 {
					bits >>= e & 63
					n -= uint(e)
					out[o] = byte(e >> 16)
					o++
					continue
				}
			}
			bits |= load64(in, ip) << (n & 63)
			ip += int((63 - n) >> 3 & 7)
			n |= 56
		}
		if e&special != 0 {
			if e&sub != 0 {
				bits >>= e & 63
				n -= uint(e)
				e = t.lit.table[uint64(e>>16)+bits&(1<<(e>>8&15)-1)]
				if int32(e) < 0 {
					bits >>= e & 63
					n -= uint(e)
					out[o] = byte(e >> 16)
					o++
					continue
				}
			}
			if e&special != 0 {
				if e&endBlock != 0 {
					bits >>= e & 63
					n -= uint(e)
				} else {
					err = ErrCorrupt
				}
				break
			}
		}

		// A length: at most 15+5 bits, and 15+13 for its distance.
		saved := bits
		bits >>= e & 63
		n -= uint(e)
		length := int(e>>16) + int(saved&(1<<(e&63)-1)>>(e>>8&63))

		e = t.dist.table[bits&t.dist.mask]
		if e&special != 0 {
			if e&sub != 0 {
				bits >>= e & 63
				n -= uint(e)
				e = t.dist.table[uint64(e>>16)+bits&(1<<(e>>8&15)-1)]
			}
			if e&special != 0 {
				err = ErrCorrupt
				break
			}
		}
		saved = bits
		bits >>= e & 63
		n -= uint(e)
		back := int(e>>16) + int(saved&(1<<(e&63)-1)>>(e>>8&63))

		s := o - back
		if s < start {
			err = ErrHistory
			break
		}
		end := o + length
		if back < 8 {
			// The first eight bytes repeat the pattern; from then on it repeats
			// at a multiple of its length, too.
			for i := range 8 {
				out[o+i] = out[s+i]
			}
			o += 8
			s = o - int(multiple[back&7])
		}
		copy16(out, o, s)
		for o+16 < end {
			o += 16
			s += 16
			copy16(out, o, s)
		}
		o = end
	}
	if err == nil && ip*8-int(n&63) > d.real*8 {
		o, err = safe, ErrShort
	}
	d.ip, d.bits, d.n, d.o = ip, bits&(1<<(n&63)-1), n&63, o
	return err
}

// roundBytes is more than a round takes of the input: at most three literals of
// 15 bits and a match of 48.
const roundBytes = (3*15+48)/8 + 1

// multiple is the least multiple of a distance that is 8 or more.
var multiple = [8]uint8{0, 8, 8, 9, 8, 10, 12, 14}

// copy16 copies 16 bytes of b, the first eight first.
func copy16(b []byte, to, from int) {
	d, s := b[to:to+16], b[from:from+16]
	binary.LittleEndian.PutUint64(d, binary.LittleEndian.Uint64(s))
	binary.LittleEndian.PutUint64(d[8:], binary.LittleEndian.Uint64(s[8:]))
}
