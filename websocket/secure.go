package websocket

import (
	"context"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/reassembly"
)

// TLS says what a wss connection is.
type TLS = decrypt.Info

// newTLS makes the Consumer of a TLS connection, which gives what it opens to a
// new front. late says that the handshake was not seen.
func (p *pipeline) newTLS(late bool) func(*origin) reassembly.Consumer {
	return func(outer *origin) reassembly.Consumer {
		from := *outer // which is not there any more when TLS begins
		return p.opener.Conn(from.place, late, func(c *decrypt.Conn, midstream bool) reassembly.Consumer {
			info := c.Info()
			inner := from
			inner.place, inner.midstream, inner.tls, inner.offsets = c, midstream, &info, [2]int64{}
			return p.newFront(&inner)
		})
	}
}

// toTLS hands over to what opens TLS where a connection that was joined late turns
// out to be. b are the next bytes of a direction.
func (o *opening) toTLS(dir Direction, b []byte, t time.Time) {
	o.p.carries(&o.origin, ProtocolTLS)
	o.p.endRefused(&o.origin, t)
	r := relayAt(o.p, o.place)
	outer := o.origin
	outer.place = r
	other := dir.Reverse()
	held := o.takeHeld(other)
	for side := range o.sides {
		o.sides[side].search.drop(o.p)
	}
	client, server := b, held.bytes
	if dir == FromServer {
		client, server = server, client
	}
	begins := looksLikeHello(client)
	o.leaveTo(r, o.p.newTLS(!begins && !looksLikeServerHello(server))(&outer))
	if !begins && looksLikeServerHello(server) {
		r.Gap(FromClient, max(1, o.sides[FromClient].lost), t) // the ClientHello
	}
	held.replay(other, r.Data, r.Gap)
	r.Data(dir, b, t)
}

// endRefused tells the end of a handshake that was refused before the connection
// became something else.
func (p *pipeline) endRefused(o *origin, t time.Time) {
	if o.refused != nil {
		p.tellEnd(o.refused, CauseRefused, t)
		o.refused = nil
	}
}

// looksTLS says whether b, a segment of a connection that was joined late, begins
// with a TLS record. Behind the first segments more has to speak for it.
func (o *opening) looksTLS(s *openingSide, b []byte) bool {
	if !o.midstream && !o.lossy || o.tls != nil || !looksTLS(b) {
		return false
	}
	return s.search == nil || s.search.Seen() == 0 || o.p.tap.cfg.Keys != nil && b[0] == 23 && b[1] == 3 && b[2] == 3
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

// Lost is as opening's, of what no front holds.
func (f *front) Lost(dir Direction, n int64, t time.Time) { f.Gap(dir, n, t) }

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
		var due <-chan time.Time
		if wait := p.retryTLS(); wait > 0 {
			changed, due = nil, time.After(wait)
		}
		if p.stopped {
			p.src.Close() // the Read would go on
		}
		select {
		case r := <-done:
			return r.n, r.err
		case <-changed:
		case <-due:
		}
	}
}

// retryTLS opens what waited for secrets that are there now, unless it returns for
// how long that has to wait.
func (p *pipeline) retryTLS() (wait time.Duration) {
	wait = p.opener.Retry()
	p.publish()
	if len(p.sending) > 0 {
		p.flush()
	}
	return wait
}

// finishTLS gives up the connections that wait for secrets. It waits for what another
// pipeline may learn of a session that is resumed here, and for the end of a key log
// that comes through a pipe, unless the tap is to end.
func (p *pipeline) finishTLS(ctx context.Context) {
	p.wasRead()
	if !p.opener.Waiting() {
		return
	}
	if !p.stopped {
		others := make(chan struct{})
		go func() {
			p.tap.reading.Wait()
			close(others)
		}()
		select {
		case <-others:
		case <-ctx.Done():
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.stopped {
		cancel()
	}
	defer context.AfterFunc(p.tap.stopping, cancel)()
	p.opener.Finish(ctx, p.last)
}
