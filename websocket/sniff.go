package websocket

import (
	"time"

	"github.com/wstap/wstap/internal/http2"
)

// maxSniffed bounds what is held of a direction while it may be HTTP/2.
const maxSniffed = 128 << 10

// sniff says whether b goes on, or begins, what may be HTTP/2 in a direction of
// which the beginning was not seen. Then b is held, until there is enough of it to
// be sure; where it turns out not to be, frames are looked for in what was held.
func (o *opening) sniff(dir Direction, b []byte, t time.Time) bool {
	s := &o.sides[dir]
	if s.sniffer != nil && (!s.sniffer.Add(b) || len(s.held)+len(b) > maxSniffed) {
		o.unsniff(dir)
		if o.next != nil || o.void {
			o.data(dir, b, t)
			return true
		}
	}
	if s.sniffer == nil {
		n := new(http2.Sniffer)
		if len(b) > maxSniffed || !http2.MaybeFrame(b) || !n.Add(b) {
			return false
		}
		s.sniffer = n
	}
	s.offset += int64(len(b))
	s.marks = append(s.marks, mark{offset: len(s.held), t: t})
	s.held = append(s.held, b...)
	o.p.counts.HeldBytes += uint64(len(b))
	switch {
	case http2.Enough([2]*http2.Sniffer{o.sides[0].sniffer, o.sides[1].sniffer}):
		o.joinHTTP2()
	case len(s.marks) > maxSniffed/16 || !o.fits():
		o.unsniff(dir)
	}
	return true
}

// unsniff looks for frames in what was held as HTTP/2.
func (o *opening) unsniff(dir Direction) {
	if o.sides[dir].sniffer == nil {
		return
	}
	o.sides[dir].sniffer = nil
	held := o.takeHeld(dir)
	held.replay(dir, func(dir Direction, b []byte, t time.Time) {
		if o.next != nil || o.void {
			o.data(dir, b, t)
		} else {
			o.search(dir, b, t)
		}
	}, o.gap)
}

// joinHTTP2 hands over to a reader of HTTP/2, at the beginning of what is held.
func (o *opening) joinHTTP2() {
	var inPlace [2]bool
	var held [2]heldBytes
	for dir := range Direction(2) {
		s := &o.sides[dir]
		inPlace[dir] = s.sniffer != nil
		s.sniffer = nil
		s.search.drop(o.p)
		held[dir] = o.takeHeld(dir)
	}
	o.leave(joinMultiplex(o, inPlace))
	replayBoth(held, o.data, o.gap)
}
