package websocket

import (
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/reassembly"
)

// TLS says what a wss connection is.
type TLS = decrypt.Info

// toTLS hands over to a Consumer that opens TLS and gives what it finds to a new
// opening. b are the next bytes of a direction.
func (o *opening) toTLS(dir Direction, b []byte, t time.Time) {
	o.p.carries(&o.origin, ProtocolTLS)
	other := dir.Reverse()
	held := o.takeHeld(other)
	o.sides[other].search.drop(o.p)
	next := o.p.newTLS(o.origin, o.midstream && !isClientHello(b), o.refused)
	o.leave(next)
	held.replay(other, next.Data, next.Gap)
	next.Data(dir, b, t)
}

// newTLS returns the Consumer of a TLS connection at a place. refused is a
// handshake before it, whose end is still to be told.
func (p *pipeline) newTLS(outer origin, midstream bool, refused *socket) *decrypt.Conn {
	return p.opener.Conn(outer.place, midstream, func(c *decrypt.Conn, midstream bool) reassembly.Consumer {
		info := c.Info()
		inner := outer
		inner.place, inner.midstream, inner.tls, inner.offsets = c, midstream, &info, [2]int64{}
		next := p.newOpening(inner)
		next.refused = refused
		return next
	})
}

// beginsTLS says whether b, the first bytes of a direction, can be TLS.
func (o *opening) beginsTLS(dir Direction, b []byte) bool {
	return o.sides[dir].offset == o.offsets[dir] && decrypt.MaybeHello(b)
}

// isClientHello says whether b begins with the record of a ClientHello.
func isClientHello(b []byte) bool { return decrypt.MaybeHello(b) && len(b) > 5 && b[5] == 1 }

// looksTLS says whether b, a segment of a connection that was joined late, begins
// with a TLS record. Behind the first segments more has to speak for it.
func (o *opening) looksTLS(s *openingSide, b []byte) bool {
	if !o.midstream || !decrypt.MaybeRecord(b) {
		return false
	}
	return s.search.Seen() == 0 || o.p.tap.cfg.Keys != nil && b[0] == 23 && b[1] == 3 && b[2] == 3
}

// Lost takes a loss whose length is not known: nothing goes on behind it.
func (o *opening) Lost(dir Direction, n int64, t time.Time) {
	if o.next != nil {
		passLoss(o.next, dir, n, t)
		return
	}
	if s := &o.sides[dir]; s.http.InBody() {
		s.http.Abandon()
	}
	o.Gap(dir, n, t)
}

// Lost is as opening's.
func (x *multiplex) Lost(dir Direction, n int64, t time.Time) {
	if !x.void {
		x.conn.Lost(dir, n, t)
	}
}

// passLoss tells a Consumer of a loss whose length is not known.
func passLoss(c reassembly.Consumer, dir Direction, n int64, t time.Time) {
	if l, ok := c.(interface {
		Lost(Direction, int64, time.Time)
	}); ok {
		l.Lost(dir, n, t)
	} else {
		c.Gap(dir, n, t)
	}
}

// read reads frames. While connections wait for the secrets of TLS, what comes
// into the key log is seen also where no frames come.
func (p *pipeline) read(fs []capture.Frame) (int, error) {
	if !p.opener.Waiting() {
		return p.src.Read(fs)
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := p.src.Read(fs)
		done <- result{n, err}
	}()
	for {
		changed := p.opener.Changed()
		p.retryTLS()
		if p.stopped {
			p.src.Close() // the Read would go on
		}
		select {
		case r := <-done:
			return r.n, r.err
		case <-changed:
		}
	}
}

// retryTLS opens what waited for secrets that are there now.
func (p *pipeline) retryTLS() {
	p.opener.Retry()
	p.publish()
	if len(p.sending) > 0 {
		p.flush()
	}
}
