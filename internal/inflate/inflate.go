// Package inflate decodes the DEFLATE data (RFC 1951) of WebSocket messages
// compressed by permessage-deflate (RFC 7692).
//
// It differs from compress/flate in what a message stream needs: a Decoder
// holds no stream, only tables, so that one serves every connection of a
// worker; a message is at hand whole and is decoded in one go; and history is
// kept in a Window of the size that was really used, only by those streams that
// need it. A message is decoded right behind its history, so that a reference
// into either is the same, and nothing is copied afterwards (see output.go).
package inflate

import (
	"encoding/binary"
	"errors"
	"math"
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

// A Decoder decodes messages of any number of streams, one after the other.
// The zero value is ready for use. It must not be copied.
type Decoder struct {
	src []byte // scratch: the padded input
	bitReader
	output

	dyn, fix tables // of the current dynamic block, of fixed blocks
	fixed    bool   // fix is built

	lens  huffman // of the code length code
	codes [2]code // scratch: of literals and lengths, of distances

	// Of a message whose history is not known whole, see partial.go.
	past    *past // nil for all others
	most    int   // bytes of past.buf
	value   int   // of the last entry
	unknown int
	miss    []bool
}

// Message inflates one message: src is its payload, without the four bytes 00
// 00 ff ff that RFC 7692 makes senders take off. w is the direction's history,
// nil where there is none; it is brought up to date. The output, of which at
// most limit bytes are kept, is valid until the next call with this Decoder or
// Window, and must not be written to: it may be part of the history.
//
// With ErrLimit the output is cut; the Window is still good unless the message
// is a bomb, much longer than the limit. With any other error the output up to
// there is returned, perhaps without its last few bytes, and the Window has
// forgotten all.
//
// With a Window that has forgotten, bytes of the output may be unknown: they are 0,
// and [Decoder.Unknown] tells which. ErrLimit makes it forget, too.
// Message may write into Pad bytes of the capacity of src.
func (d *Decoder) Message(src []byte, w *Window, limit int) ([]byte, error) {
	d.unknown, d.miss = 0, nil
	if w != nil && w.lost {
		return d.partial(src, w, min(limit, math.MaxInt/8))
	}
	d.load(src)
	d.begin(w, min(2*len(src), 1<<16), min(limit, math.MaxInt/8))
	err := d.blocks()
	d.in = nil
	return d.finish(err)
}

// load sets the input: src, the tail that senders take off, and padding that
// lets a refill read eight bytes at any place.
func (d *Decoder) load(src []byte) {
	real := len(src)
	if cap(src)-real < Pad {
		d.src = append(d.src[:0], src...)
		src = d.src
	}
	d.bitReader = bitReader{in: append(src, tail[:]...), real: real, end: real + 4}
	if cap(src)-real < Pad {
		d.src = d.in
	}
}

var tail = [Pad]byte{0, 0, 0xff, 0xff}

// A bitReader reads the input, the lowest bit of a byte first.
type bitReader struct {
	in   []byte // padded
	real int    // end of the caller's input
	end  int    // end of the tail behind it
	ip   int    // next byte of in to load
	bits uint64 // loaded; beyond n valid ones there may be more, of in[ip]
	n    uint
}

func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8]) }

// refill makes at least 56 bits valid. Beyond the end they are zero.
func (d *bitReader) refill() {
	if d.ip+8 <= len(d.in) {
		d.bits |= load64(d.in, d.ip) << d.n
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

func (d *bitReader) take(n uint) uint {
	v := uint(d.bits & (1<<n - 1))
	d.bits >>= n
	d.n -= n
	return v
}

// left is how many bits of the input and its tail remain; negative beyond.
func (d *bitReader) left() int { return (d.end-d.ip)*8 + int(d.n) }

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
			d.take(d.n & 7)
			d.refill()
			if d.left() < 32 {
				// Only part of the tail is left: the sender kept its own, or
				// ended the message without an empty block.
				return nil
			}
			err = d.stored()
		case 1:
			if !d.fixed {
				d.buildFixed()
			}
			err = d.symbolsOf(&d.fix)
		case 2:
			if err = d.dynamic(); err == nil {
				err = d.symbolsOf(&d.dyn)
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

// symbolsOf decodes a block of Huffman codes.
func (d *Decoder) symbolsOf(t *tables) error {
	if d.past != nil {
		return d.partialSymbols(t)
	}
	return d.symbols(t)
}

// stored copies an uncompressed block; its lengths come next.
func (d *Decoder) stored() error {
	n := int(d.take(16))
	if n != int(d.take(16)^0xffff) {
		return ErrCorrupt
	}
	// Back to whole bytes.
	ip := d.ip - int(d.n)/8
	d.bits, d.n = 0, 0
	if d.past != nil {
		return d.partialStored(ip, n)
	}
	for n > 0 {
		if ip >= d.real {
			d.ip = ip
			return ErrShort
		}
		if len(d.buf)-d.o < slack {
			if err := d.more(n); err != nil {
				return err
			}
		}
		c := copy(d.buf[d.o:], d.in[ip:min(ip+n, d.real)])
		d.o += c
		ip += c
		n -= c
	}
	d.ip = ip
	return nil
}

func (d *Decoder) buildFixed() {
	d.codes[0].reset()
	d.codes[1].reset()
	for s := range uint16(288) {
		l := uint(8)
		switch {
		case s >= 144 && s < 256:
			l = 9
		case s >= 256 && s < 280:
			l = 7
		}
		d.codes[0].add(l, s)
	}
	for s := range uint16(32) {
		d.codes[1].add(5, s)
	}
	d.fix.lit.build(&d.codes[0], &litSymbols, litBits)
	d.fix.dist.build(&d.codes[1], &distSymbols, distBits)
	d.fixed = true
}
