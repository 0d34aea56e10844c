package inflate

// A capture that joins late, or loses bytes, has not the history that messages
// refer to. They are inflated all the same, with each byte known or not:
// literals are known, what is copied is known as far as its source is. A stream
// that repeats itself becomes readable, and once a Window's length of known bytes
// has gone by, nothing unknown can be referred to any more.

// A past is a history of which not all is known.
type past struct {
	buf  []byte // 0 where unknown
	miss []bool // where buf is unknown
	run  int    // known bytes at the end of buf
}

// Unknown returns how many bytes of the last message's output could not be known,
// and which: miss is as long as the output, and valid as long. It is nil where
// all are known.
func (d *Decoder) Unknown() (n int, miss []bool) { return d.unknown, d.miss }

// partial is Message for a Window that has lost its history.
func (d *Decoder) partial(src []byte, w *Window, limit int) ([]byte, error) {
	p := w.past
	if p == nil {
		p = &past{}
		w.past = p
	}
	p.trim(w.max())
	base := len(p.buf)
	d.load(src)
	d.past, d.most = p, base+limit
	err := d.blocks()
	d.in, d.past = nil, nil

	out, miss := p.buf[base:], p.miss[base:]
	if len(out) > limit {
		out, miss = out[:limit], miss[:limit]
	}
	last := -1
	for i, m := range miss {
		if m {
			d.unknown++
			last = i
		}
	}
	if d.unknown > 0 {
		d.miss = miss
	}
	switch {
	case err != nil:
		w.Forget()
		return out, err
	case last < 0:
		p.run += len(out)
	default:
		p.run = len(out) - 1 - last
	}
	if n := w.max(); p.run >= n {
		w.buf = append(w.buf[:0], p.buf[len(p.buf)-n:]...)
		w.known, w.lost, w.past = n, false, nil
	} else if cap(p.buf) > 3*n { // a large message's, too much to keep
		from := max(0, len(p.buf)-n)
		p.buf = append([]byte(nil), p.buf[from:]...)
		p.miss = append([]bool(nil), p.miss[from:]...)
	}
	return out, nil
}

// trim leaves the last n bytes if there are many more.
func (p *past) trim(n int) {
	if over := len(p.buf) - n; over > n/2 {
		p.buf = p.buf[:copy(p.buf, p.buf[over:])]
		p.miss = p.miss[:copy(p.miss, p.miss[over:])]
	}
}

// size returns the bytes of memory held; p may be nil.
func (p *past) size() int {
	if p == nil {
		return 0
	}
	return cap(p.buf) + cap(p.miss)
}

func (p *past) add(b byte, miss bool) {
	p.buf = append(p.buf, b)
	p.miss = append(p.miss, miss)
}

// partialStored copies n bytes of an uncompressed block, from ip on.
func (d *Decoder) partialStored(ip, n int) error {
	d.ip = ip + n
	if n == 0 {
		return nil
	}
	for _, b := range d.in[min(ip, d.real):min(ip+n, d.real)] {
		d.past.add(b, false)
	}
	switch {
	case ip+n > d.real:
		return ErrShort
	case len(d.past.buf) > d.most:
		return ErrLimit
	}
	return nil
}

// partialSymbols is symbols, slow and plain.
func (d *Decoder) partialSymbols(t *tables) error {
	p := d.past
	for {
		e := d.entry(&t.lit)
		if d.ip*8-int(d.n) > d.real*8 {
			return ErrShort
		}
		switch {
		case int32(e) < 0:
			p.add(byte(e>>16), false)
			if len(p.buf) > d.most {
				return ErrLimit
			}
			continue
		case e&special != 0 && e&endBlock != 0:
			return nil
		case e&special != 0:
			return ErrCorrupt
		}
		length := d.value
		e = d.entry(&t.dist)
		switch {
		case d.ip*8-int(d.n) > d.real*8:
			return ErrShort
		case e&special != 0:
			return ErrCorrupt
		}
		for s := len(p.buf) - d.value; length > 0; length-- {
			if s < 0 {
				p.add(0, true)
			} else {
				p.add(p.buf[s], p.miss[s])
			}
			s++
		}
		if len(p.buf) > d.most {
			return ErrLimit
		}
	}
}

// entry takes the next codeword and the extra bits that follow it, and sets value
// to the length or distance that they make.
func (d *Decoder) entry(h *huffman) uint32 {
	d.refill()
	e := h.at(d.bits)
	if int32(e) >= 0 && e&special != 0 && e&sub != 0 {
		d.take(uint(e & 63))
		e = h.in(e, d.bits)
	}
	if int32(e) >= 0 && e&special != 0 && e&endBlock == 0 {
		return e
	}
	v := d.take(uint(e & 63))
	d.value = int(e>>16&0x7fff) + int(v>>(e>>8&15))
	return e
}
