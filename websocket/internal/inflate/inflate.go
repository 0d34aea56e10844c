// Package inflate decodes the DEFLATE data (RFC 1951) of WebSocket messages
// compressed by permessage-deflate (RFC 7692).
//
// It differs from compress/flate in what a message stream needs: a Decoder
// holds no stream, only tables, so that one serves every connection of a
// worker; a message is at hand whole and is decoded in one go straight into the
// caller's buffer; history is kept apart, in a Window of the size that was
// really used, and only by those streams that need it.
package inflate

import (
	"encoding/binary"
	"errors"
)

// Errors of Message. They are preallocated.
var (
	// ErrCorrupt: the data is not DEFLATE.
	ErrCorrupt = errors.New("inflate: corrupt data")
	// ErrHistory: the data refers to bytes before those that the Window knows.
	ErrHistory = errors.New("inflate: reference to unknown history")
	// ErrShort: the data ends inside a block.
	ErrShort = errors.New("inflate: unexpected end of data")
	// ErrLimit: the output is longer than the limit.
	ErrLimit = errors.New("inflate: output beyond the limit")
)

// Pad is the spare capacity behind src that saves Message a copy.
const Pad = 4 + 24

const (
	maxDist = 1 << 15
	// slack is the room for one match, copied in steps of eight bytes.
	slack = 258 + 16
	// discard is the room behind the limit in which output goes on unseen.
	discard = 3 * maxDist
)

// A Decoder decodes messages of any number of streams, one after the other.
// The zero value is ready for use. It must not be copied.
type Decoder struct {
	src []byte // scratch for the padded input

	lit, dist         huffman // of the current dynamic block
	fixedLit, fixDist huffman
	fixed             bool // the fixed tables are built
	lens              [286 + 30 + 14]uint8

	in   []byte // padded input
	real int    // end of the caller's input
	end  int    // end of the tail behind it
	ip   int    // next byte of in to load
	bits uint64
	n    uint // valid bits
	win  *Window
	out  []byte
	max  int // len(out) at which output must move
	keep int // the caller's limit, relative to out
	base int // where this message's output begins in out
	over int // bytes of output discarded
}

// Message inflates one message: src is its payload, without the four bytes 00
// 00 ff ff that RFC 7692 makes senders take off. The output is appended to dst
// and at most limit bytes of it are kept. w is the direction's history, nil
// where there is none; it is brought up to date.
//
// With ErrLimit the output is cut; the Window is still good unless the message
// is a bomb, much longer than the limit. With any other error the output up to
// there is returned, and the Window has forgotten all.
// Message may write into Pad bytes of the capacity of src.
func (d *Decoder) Message(dst, src []byte, w *Window, limit int) ([]byte, error) {
	d.load(src)
	d.win, d.out = w, dst
	d.base, d.keep, d.over = len(dst), len(dst)+limit, 0
	err := d.blocks()
	out := d.out
	d.in, d.out, d.win = nil, nil, nil
	if w != nil {
		if err == nil {
			w.add(out[d.base:], len(out)-d.base+d.over)
		} else {
			w.Forget()
		}
	}
	if len(out) > d.keep {
		out = out[:d.keep]
		if err == nil {
			err = ErrLimit
		}
	}
	return out, err
}

// load sets the input: src, the tail that senders take off, and padding that
// lets a refill read eight bytes at any place.
func (d *Decoder) load(src []byte) {
	d.real, d.end = len(src), len(src)+4
	if cap(src)-len(src) < Pad {
		d.src = append(d.src[:0], src...)
		d.src = append(d.src, tail[:]...)
		src = d.src
	} else {
		src = append(src, tail[:]...)
	}
	d.in, d.ip, d.bits, d.n = src, 0, 0, 0
}

var tail = [Pad]byte{0, 0, 0xff, 0xff}

// refill makes at least 56 bits valid. Beyond the end they are zero.
func (d *Decoder) refill() {
	if d.ip+8 <= len(d.in) {
		d.bits |= binary.LittleEndian.Uint64(d.in[d.ip:]) << d.n
		d.ip += int(63-d.n) >> 3
		d.n |= 56
		return
	}
	for d.n < 56 {
		if d.ip < len(d.in) {
			d.bits |= uint64(d.in[d.ip]) << d.n
		}
		d.ip++
		d.n += 8
	}
}

func (d *Decoder) take(n uint) uint {
	v := uint(d.bits & (1<<n - 1))
	d.bits >>= n
	d.n -= n
	return v
}

// left is how many bits of the real input remain; negative beyond its end.
func (d *Decoder) left() int { return (d.end-d.ip)*8 + int(d.n) }

// blocks decodes until the input ends.
func (d *Decoder) blocks() error {
	for {
		d.refill()
		if d.left() < 8 { // at most padding of the last block
			return nil
		}
		final := d.take(1)
		var err error
		switch d.take(2) {
		case 0:
			err = d.stored()
			if err == ErrShort && d.left() < 40 {
				// Nothing but the tail was left: a sender that kept its own
				// or that ended the stream without an empty block.
				return nil
			}
		case 1:
			if !d.fixed {
				d.buildFixed()
			}
			err = d.codes(&d.fixedLit, &d.fixDist)
		case 2:
			if err = d.dynamic(); err == nil {
				err = d.codes(&d.lit, &d.dist)
			}
		default:
			err = ErrCorrupt
		}
		if err != nil {
			return err
		}
		if final != 0 {
			// The stream ends, at a byte's end; the connection does not.
			d.take(d.n & 7)
			d.refill()
			if d.left() <= 32 {
				return nil
			}
		}
	}
}

// stored copies an uncompressed block.
func (d *Decoder) stored() error {
	d.take(d.n & 7)
	d.refill()
	if d.left() < 32 {
		return ErrShort
	}
	n := int(d.take(16))
	if n != int(d.take(16)^0xffff) {
		return ErrCorrupt
	}
	// Back to whole bytes.
	ip := d.ip - int(d.n)/8
	d.bits, d.n = 0, 0
	for n > 0 {
		if ip >= d.real {
			d.ip = ip
			return ErrShort
		}
		room, err := d.room()
		if err != nil {
			return err
		}
		c := min(n, room, d.real-ip)
		d.out = append(d.out, d.in[ip:ip+c]...)
		ip += c
		n -= c
	}
	d.ip = ip
	return nil
}

// room returns for how many more bytes d.out has capacity: at least slack. It
// grows d.out up to the limit; beyond that it moves the newest output, which
// the next matches need, over older output that nobody will see.
func (d *Decoder) room() (int, error) {
	if n := min(cap(d.out), d.keep+discard) - len(d.out); n >= slack {
		return n, nil
	}
	if len(d.out)+slack > d.keep+discard {
		if d.over > 4*(d.keep-d.base)+1<<25 {
			return 0, ErrLimit
		}
		tail := d.out[len(d.out)-maxDist:]
		d.over += len(d.out) - maxDist - d.keep
		d.out = append(d.out[:d.keep], tail...)
	} else {
		c := min(max(2*cap(d.out), 512, len(d.out)+slack), d.keep+discard)
		out := make([]byte, len(d.out), c)
		copy(out, d.out)
		d.out = out
	}
	return min(cap(d.out), d.keep+discard) - len(d.out), nil
}

// codes decodes a block of Huffman codes.
func (d *Decoder) codes(lit, dist *huffman) error {
	in, ip, bits, n := d.in, d.ip, d.bits, d.n
	litMask, distMask := uint64(1)<<lit.bits-1, uint64(1)<<dist.bits-1
	litTab, distTab := &lit.table, &dist.table
	var err error
	out := d.out
	o := len(out)
	out = out[:cap(out)]
	limit := min(cap(out), d.keep+discard) - slack
	safe := o // output that is surely not made from padding
	for {
		if ip >= d.real {
			if ip*8-int(n) > d.real*8 {
				break
			}
			safe = o
		}
		if o > limit {
			d.out = out[:o]
			if _, err = d.room(); err != nil {
				break
			}
			o = len(d.out)
			out = d.out[:cap(d.out)]
			limit = min(cap(out), d.keep+discard) - slack
		}
		// in is padded: what was taken ends at most at d.real, so ip is at most
		// seven bytes beyond, and fourteen at the second refill of this round.
		bits |= binary.LittleEndian.Uint64(in[ip:]) << n
		ip += int(63-n) >> 3
		n |= 56

		e := litTab[bits&litMask&(litSize-1)]
		if e&literal != 0 {
			// Three literals take at most 45 of the 56 bits.
			bits >>= e & 15
			n -= uint(e & 15)
			out[o] = byte(e >> 16)
			o++
			e = litTab[bits&litMask&(litSize-1)]
			if e&literal != 0 {
				bits >>= e & 15
				n -= uint(e & 15)
				out[o] = byte(e >> 16)
				o++
				e = litTab[bits&litMask&(litSize-1)]
				if e&literal != 0 {
					bits >>= e & 15
					n -= uint(e & 15)
					out[o] = byte(e >> 16)
					o++
					continue
				}
			}
			bits |= binary.LittleEndian.Uint64(in[ip:]) << n
			ip += int(63-n) >> 3
			n |= 56
		}
		if e&special != 0 {
			if e&sub != 0 {
				bits >>= lit.bits
				n -= lit.bits
				e = litTab[(e>>16+uint32(bits)&(1<<(e>>8&15)-1))&(litSize-1)]
			}
			if e&literal != 0 {
				bits >>= e & 15
				n -= uint(e & 15)
				out[o] = byte(e >> 16)
				o++
				continue
			}
			if e&special != 0 {
				if e&endBlock != 0 {
					bits >>= e & 15
					n -= uint(e & 15)
					break
				}
				err = ErrCorrupt
				break
			}
		}
		// A length: at most 15+5 bits, and 15+13 for its distance.
		bits >>= e & 15
		n -= uint(e & 15)
		x := e >> 8 & 15
		length := int(e>>16) + int(bits&(1<<x-1))
		bits >>= x
		n -= uint(x)

		e = distTab[bits&distMask&(litSize-1)]
		if e&special != 0 {
			if e&sub == 0 {
				err = ErrCorrupt
				break
			}
			bits >>= dist.bits
			n -= dist.bits
			e = distTab[(e>>16+uint32(bits)&(1<<(e>>8&15)-1))&(litSize-1)]
			if e&special != 0 {
				err = ErrCorrupt
				break
			}
		}
		bits >>= e & 15
		n -= uint(e & 15)
		x = e >> 8 & 15
		back := int(e>>16) + int(bits&(1<<x-1))
		bits >>= x
		n -= uint(x)

		if s := o - back; s >= d.base {
			if back >= 8 {
				for end := o + length; ; {
					binary.LittleEndian.PutUint64(out[o:], binary.LittleEndian.Uint64(out[s:]))
					o += 8
					s += 8
					if o >= end {
						o = end
						break
					}
				}
			} else {
				for end := o + length; o < end; {
					out[o] = out[s]
					o++
					s++
				}
			}
			continue
		}
		// The match begins in the history, and may go on in this message.
		fromWindow := d.base - (o - back)
		if d.win == nil || fromWindow > d.win.known {
			err = ErrHistory
			break
		}
		c := min(length, fromWindow)
		d.win.copyTo(out[o:o+c], fromWindow)
		o += c
		for s, end := d.base, o+length-c; o < end; {
			out[o] = out[s]
			o++
			s++
		}
	}
	if err == nil && ip*8-int(n) > d.real*8 {
		o, err = safe, ErrShort
	}
	d.ip, d.bits, d.n, d.out = ip, bits&(1<<n-1), n, out[:o]
	return err
}

// dynamic reads the code lengths of a dynamic block and builds its tables.
func (d *Decoder) dynamic() error {
	d.refill()
	nlit, ndist, nclen := int(d.take(5))+257, int(d.take(5))+1, int(d.take(4))+4
	if nlit > 286 || ndist > 30 {
		return ErrCorrupt
	}
	var clen [19]uint8
	for i := range nclen {
		if d.n < 3 {
			d.refill()
		}
		clen[clenOrder[i]] = uint8(d.take(3))
	}
	var pre [128]uint8
	if !buildPre(&pre, &clen) {
		return ErrCorrupt
	}
	for i := 0; i < nlit+ndist; {
		if d.n < 14 {
			d.refill()
			if d.left() < 0 {
				return ErrShort
			}
		}
		e := pre[d.bits&127]
		d.take(uint(e & 7))
		sym := e >> 3
		if e&7 == 0 {
			return ErrCorrupt
		}
		if sym < 16 {
			d.lens[i] = sym
			i++
			continue
		}
		var v uint8
		var rep int
		switch sym {
		case 16:
			if i == 0 {
				return ErrCorrupt
			}
			v, rep = d.lens[i-1], 3+int(d.take(2))
		case 17:
			rep = 3 + int(d.take(3))
		default:
			rep = 11 + int(d.take(7))
		}
		if i+rep > nlit+ndist {
			return ErrCorrupt
		}
		for range rep {
			d.lens[i] = v
			i++
		}
	}
	if d.lens[256] == 0 {
		return ErrCorrupt // a block that cannot end
	}
	if !d.lit.build(d.lens[:nlit], litSymbols[:], litBits) || !d.dist.build(d.lens[nlit:nlit+ndist], distSymbols[:], distBits) {
		return ErrCorrupt
	}
	return nil
}

// The order in which the lengths of the code length code come (RFC 1951, 3.2.7).
var clenOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (d *Decoder) buildFixed() {
	var l [288]uint8
	for i := range l {
		switch {
		case i < 144:
			l[i] = 8
		case i < 256:
			l[i] = 9
		case i < 280:
			l[i] = 7
		default:
			l[i] = 8
		}
	}
	d.fixedLit.build(l[:], litSymbols[:], litBits)
	var t [32]uint8
	for i := range t {
		t[i] = 5
	}
	d.fixDist.build(t[:], distSymbols[:], distBits)
	d.fixed = true
}
