package inflate

import "math/bits"

// A bitWriter writes DEFLATE streams by hand.
type bitWriter struct {
	b []byte
	n uint // bits in all
}

// put writes the low bits of v, the lowest first.
func (w *bitWriter) put(v, n uint) *bitWriter {
	for range n {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v&1) << (w.n % 8)
		v >>= 1
		w.n++
	}
	return w
}

// align goes on at a whole byte.
func (w *bitWriter) align() *bitWriter { return w.put(0, -w.n%8) }

// raw writes whole bytes.
func (w *bitWriter) raw(b ...byte) *bitWriter {
	w.align()
	w.b = append(w.b, b...)
	w.n += 8 * uint(len(b))
	return w
}

// sync ends a message: the header of an empty stored block.
func (w *bitWriter) sync() []byte { return w.put(0, 3).align().b }

// A huffmanCode says how symbols are written.
type huffmanCode struct {
	lens  []uint8
	codes []uint
}

// canonical assigns the codes (RFC 1951, section 3.2.2), sensible or not.
func canonical(lens []uint8) huffmanCode {
	var count, next [17]uint
	for _, l := range lens {
		count[l]++
	}
	count[0] = 0
	for l := 1; l < 16; l++ {
		next[l+1] = (next[l] + count[l]) << 1
	}
	c := huffmanCode{lens, make([]uint, len(lens))}
	for s, l := range lens {
		c.codes[s] = next[l]
		next[l]++
	}
	return c
}

func (w *bitWriter) symbol(c huffmanCode, s int) *bitWriter {
	l := uint(c.lens[s])
	return w.put(uint(bits.Reverse16(uint16(c.codes[s]))>>(16-l)), l)
}

// fixedCodes are those of a fixed block.
func fixedCodes() (lit, dist huffmanCode) {
	l := make([]uint8, 288)
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
	d := make([]uint8, 32)
	for i := range d {
		d[i] = 5
	}
	return canonical(l), canonical(d)
}

// length writes the symbol of a match's length and its extra bits.
func (w *bitWriter) length(c huffmanCode, n int) *bitWriter {
	for s := 285; ; s-- {
		e := litSymbols[s]
		if base := int(e >> 16); base <= n {
			return w.symbol(c, s).put(uint(n-base), uint(e&0xff))
		}
	}
}

// distance writes the symbol of a match's distance and its extra bits.
func (w *bitWriter) distance(c huffmanCode, n int) *bitWriter {
	for s := 29; ; s-- {
		e := distSymbols[s]
		if base := int(e >> 16); base <= n {
			return w.symbol(c, s).put(uint(n-base), uint(e&0xff))
		}
	}
}

// header writes that of a dynamic block, every length in four bits.
func (w *bitWriter) header(lit, dist []uint8) *bitWriter {
	w.put(0, 1).put(2, 2).put(uint(len(lit)-257), 5).put(uint(len(dist)-1), 5).put(19-4, 4)
	pre := make([]uint8, 19)
	for _, s := range lenOrder {
		if s < 16 {
			pre[s] = 4
		}
		w.put(uint(pre[s]), 3)
	}
	c := canonical(pre)
	for _, l := range append(append([]uint8{}, lit...), dist...) {
		w.symbol(c, int(l))
	}
	return w
}
