package inflate

import "encoding/binary"

// symbols decodes a block of Huffman codes.
func (d *Decoder) symbols(t *tables) error {
	for {
		if len(d.buf)-d.o < slack {
			if err := d.more(0); err != nil {
				return err
			}
		}
		ip, bits, n, o := d.ip, d.bits, d.n, d.o
		ended, err := d.rounds(t, d.real+8)
		if d.inTail() {
			d.ip, d.bits, d.n, d.o = ip, bits, n, o
			return d.short(t)
		}
		if ended || err != nil {
			return err
		}
	}
}

// inTail says that not only bits of the message were taken, but of the tail behind it.
func (d *Decoder) inTail() bool { return d.left() < 32 }

// short decodes the symbols of a block that the message does not hold whole, again: it
// leaves off what would be made of the tail.
func (d *Decoder) short(t *tables) error {
	for {
		o := d.o
		_, err := d.rounds(t, d.ip+1)
		if d.inTail() {
			if err == nil {
				d.o, err = o, ErrShort
			}
			return err
		}
	}
}

// rounds decodes symbols until the block has ended, or input before stop or room for
// output runs short.
//
// This is where the time goes. The loop waits for a chain of bits, table entry,
// bits, table entry; so an entry says in one number by how far to shift, extra
// bits included, and their value is worked out beside the chain. All else, the
// copying and its checks too, has time to spare as long as branches are
// predicted: matches are nearly always up to 16 bytes long, so these are copied
// without asking for the length. Input is padded and output has slack, so that
// one check of each is enough for a round. What is seldom needed is left to symbols,
// so that registers suffice for the rest.
func (d *Decoder) rounds(t *tables, stop int) (ended bool, err error) {
	in, ip, bits, n := d.in, d.ip, d.bits, d.n
	out, o, start := d.buf[:len(d.buf):len(d.buf)], d.o, d.start
rounds:
	for ip < stop && o <= len(out)-slack {
		// It is at most seven bytes beyond stop at the second refill.
		bits |= load64(in, ip) << (n & 63)
		ip += int((63 - n) >> 3 & 7)
		n |= 56

		e := t.lit.at(bits)
		if int32(e) < 0 {
			// Three literals take at most 45 of the 56 bits.
			bits >>= e & 63
			n -= uint(e)
			out[o] = byte(e >> 16)
			o++
			e = t.lit.at(bits)
			if int32(e) < 0 {
				bits >>= e & 63
				n -= uint(e)
				out[o] = byte(e >> 16)
				o++
				e = t.lit.at(bits)
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
				e = t.lit.in(e, bits)
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
					ended = true
				} else {
					err = ErrCorrupt
				}
				break rounds
			}
		}

		// A length: at most 15+5 bits, and 15+13 for its distance.
		saved := bits
		bits >>= e & 63
		n -= uint(e)
		length := int(e>>16) + int(saved&(1<<(e&63)-1)>>(e>>8&63))

		e = t.dist.at(bits)
		if e&special != 0 {
			if e&sub != 0 {
				bits >>= e & 63
				n -= uint(e)
				e = t.dist.in(e, bits)
			}
			if e&special != 0 {
				err = ErrCorrupt
				break rounds
			}
		}
		saved = bits
		bits >>= e & 63
		n -= uint(e)
		back := int(e>>16) + int(saved&(1<<(e&63)-1)>>(e>>8&63))

		s := o - back
		if s < start {
			err = ErrHistory
			break rounds
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
	d.ip, d.bits, d.n, d.o = ip, bits&(1<<(n&63)-1), n&63, o
	return ended, err
}

// multiple is the least multiple of a distance that is 8 or more.
var multiple = [8]uint8{0, 8, 8, 9, 8, 10, 12, 14}

// copy16 copies 16 bytes of b, the first eight first.
func copy16(b []byte, to, from int) {
	d, s := b[to:to+16:to+16], b[from:from+16:from+16]
	binary.LittleEndian.PutUint64(d, binary.LittleEndian.Uint64(s))
	binary.LittleEndian.PutUint64(d[8:], binary.LittleEndian.Uint64(s[8:]))
}
