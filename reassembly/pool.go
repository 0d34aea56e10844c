package reassembly

import "math/bits"

// A pool hands out the memory of queues and takes it back.
type pool struct {
	classes [17][][]byte // free buffers by the logarithm of their size
	idle    int          // bytes in classes
	units   []*unit
	queues  []*queue
}

const (
	smallest  = 6       // 64 bytes
	maxIdle   = 8 << 20 // bytes kept; beyond it they go to the garbage collector
	maxSpares = 1 << 12 // units and queues kept
)

func class(n int) int { return max(smallest, bits.Len(uint(n-1))) }

// copy returns a copy of b, nil if b is empty.
func (p *pool) copy(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	c := class(len(b))
	if c >= len(p.classes) {
		return append([]byte(nil), b...) // a jumbogram
	}
	free := p.classes[c]
	if len(free) == 0 {
		return append(make([]byte, 0, 1<<c), b...)
	}
	p.classes[c] = free[:len(free)-1]
	p.idle -= 1 << c
	return append(free[len(free)-1], b...)
}

func (p *pool) free(b []byte) {
	n := cap(b)
	if n == 0 || p.idle+n > maxIdle {
		return
	}
	if c := class(n); c < len(p.classes) && n == 1<<c {
		p.classes[c] = append(p.classes[c], b[:0])
		p.idle += n
	}
}

func (p *pool) unit() *unit {
	if n := len(p.units); n > 0 {
		u := p.units[n-1]
		p.units = p.units[:n-1]
		return u
	}
	return new(unit)
}

func (p *pool) freeUnit(u *unit) {
	if len(p.units) < maxSpares {
		*u = unit{}
		p.units = append(p.units, u)
	}
}

func (p *pool) queue() *queue {
	if n := len(p.queues); n > 0 {
		q := p.queues[n-1]
		p.queues = p.queues[:n-1]
		return q
	}
	return new(queue)
}

func (p *pool) freeQueue(q *queue) {
	if len(p.queues) < maxSpares {
		*q = queue{}
		p.queues = append(p.queues, q)
	}
}
